#include "probes/disk/plans.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GIB 1073741824.0
#define MIB 1048576.0

static struct buf out;

static bool match(enum plans_of of, double rate, double size_bytes)
{
    buf_release(&out);
    return plans_match(of, rate, size_bytes, &out);
}

static bool said(const char *words)
{
    return strstr(buf_text(&out), words) != NULL;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

static void every_rule_is_whole(void **state)
{
    (void)state;
    for (const struct plans_row *row = plans_rows; row->name; row++) {
        assert_true((row->of & (PLANS_READS | PLANS_WRITES | PLANS_BYTES)) != 0);
        assert_true((row->fixed > 0) != (row->per_gib > 0));
        assert_true(strlen(row->rule) > 5 && strlen(row->source) > 10);
    }
}

static void fixed_rates_match_within_2_percent(void **state)
{
    (void)state;
    assert_true(match(PLANS_READS, 3050, NAN));
    assert_true(said("AWS gp3 (3000 IOPS"));
    assert_true(said("AWS EBS documentation"));
    assert_false(match(PLANS_READS, 3070, NAN));
    assert_true(match(PLANS_WRITES, 1100, NAN));
    assert_true(said("Azure P15"));
    assert_false(match(PLANS_READS, 730, NAN));
    assert_true(match(PLANS_READS, 745, NAN));
    assert_true(said("Vultr HDD in burst"));
}

static void bytes_are_not_iops(void **state)
{
    (void)state;
    assert_true(match(PLANS_BYTES, 125 * MIB, NAN));
    assert_true(said("AWS gp3 (125 MiB/s"));
    assert_false(match(PLANS_BYTES, 3000, NAN));
    assert_false(match(PLANS_READS, 125 * MIB, NAN));
}

static void rules_by_size_need_the_size_to_fit(void **state)
{
    (void)state;
    assert_true(match(PLANS_READS, 600, 98.2 * GIB)); /* of a volume of 100 GiB */
    assert_true(said("GCP balanced (6 IOPS per GiB, a volume of 100 GiB"));
    assert_true(match(PLANS_READS, 1002, 330 * GIB));
    assert_true(said("AWS gp2 (3 IOPS per GiB, 100 to 16,000, a volume of 334 GiB"));
    assert_false(match(PLANS_READS, 1002, 200 * GIB));
    assert_false(match(PLANS_READS, 1002, NAN));
    assert_true(match(PLANS_READS, 75, 98.2 * GIB));
    assert_true(said("GCP standard (0.75 read IOPS"));
    assert_false(match(PLANS_WRITES, 75, 98.2 * GIB));
    assert_true(match(PLANS_WRITES, 150, 98.2 * GIB));
}

static void the_floor_of_a_rule_is_for_small_volumes(void **state)
{
    (void)state;
    assert_true(match(PLANS_READS, 100, 8 * GIB));
    assert_true(said("AWS gp2"));
    assert_false(match(PLANS_READS, 100, 200 * GIB));
}

static enum plans_cause burst(double before, double after, double since_s, const char *machine)
{
    struct plans_change c = { before, after, since_s, NAN, machine, 2 };
    buf_release(&out);
    return plans_burst(&c, &out);
}

static void gp2_credits_are_reckoned(void **state)
{
    (void)state;
    assert_true(burst(2996, 300, 2000, ""));
    assert_true(said("5.4e6/(3000-300) = 2000 s, so it was 100 % full"));
    assert_true(said("a volume of 100 GiB"));
    assert_true(burst(3000, 1002, 270, ""));
    assert_true(said("= 2703 s, so it was 10 % full"));
    assert_false(burst(3000, 300, 2300, "")); /* no bucket lasts so long */
    assert_false(burst(300, 3000, 60, ""));
    assert_false(burst(3000, 50, 60, ""));
}

static void gp2_credits_fit_the_size_of_the_volume(void **state)
{
    (void)state;
    struct plans_change c = { 3000, 900, 20, 295 * GIB, "", 2 };
    buf_release(&out);
    assert_true(plans_burst(&c, &out));
    c.size_bytes = 252 * GIB;
    assert_false(plans_burst(&c, &out));
    c.after = 100; /* the floor, up to 33 GiB */
    c.size_bytes = 8 * GIB;
    assert_true(plans_burst(&c, &out));
    c.size_bytes = 60 * GIB;
    assert_false(plans_burst(&c, &out));
}

static void azure_and_vultr_have_their_times(void **state)
{
    (void)state;
    assert_true(burst(3490, 500, 1795, ""));
    assert_true(said("Azure Premium SSD"));
    assert_false(burst(3490, 500, 2100, ""));
    assert_false(burst(3490, 800, 60, ""));
    assert_true(burst(15000, 10010, 61, ""));
    assert_true(said("Vultr"));
    assert_false(burst(15000, 10010, 600, ""));
    assert_false(burst(20000, 10010, 61, ""));
}

static void a_burstable_instance_is_known_by_name(void **state)
{
    (void)state;
    assert_int_equal(burst(50000, 9000, 600, "t3.micro"), PLANS_CAUSE_CPU);
    assert_true(said("160 minutes at most")); /* 288 / (2 * 0.9) */
    assert_false(burst(50000, 9000, 600, "m5.large"));
    assert_false(burst(9000, 50000, 600, "t3.micro"));
    assert_int_equal(burst(3000, 300, 600, "t3.micro"), PLANS_CAUSE_DISK);
    assert_int_equal(burst(3000, 300, 600, ""), PLANS_CAUSE_DISK);
    assert_int_equal(burst(3490, 500, 600, ""), PLANS_CAUSE_DISK);
    assert_int_equal(burst(15000, 10010, 60, ""), PLANS_CAUSE_DISK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_whole),
        cmocka_unit_test(fixed_rates_match_within_2_percent),
        cmocka_unit_test(bytes_are_not_iops),
        cmocka_unit_test(rules_by_size_need_the_size_to_fit),
        cmocka_unit_test(the_floor_of_a_rule_is_for_small_volumes),
        cmocka_unit_test(gp2_credits_are_reckoned),
        cmocka_unit_test(gp2_credits_fit_the_size_of_the_volume),
        cmocka_unit_test(azure_and_vultr_have_their_times),
        cmocka_unit_test(a_burstable_instance_is_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
