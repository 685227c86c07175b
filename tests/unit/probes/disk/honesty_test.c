#include "probes/disk/honesty.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define US 1e3
#define MS 1e6

static struct buf why;

static int teardown(void **state)
{
    (void)state;
    buf_release(&why);
    return 0;
}

static struct honesty_case timed(double write_ns, double sync_ns, double clean_ns, double bulk_ns)
{
    return (struct honesty_case){ .write_ns = write_ns,
                                  .sync_ns = sync_ns,
                                  .clean_ns = clean_ns,
                                  .bulk_ns = bulk_ns,
                                  .samples = 1000,
                                  .bulk_samples = 30,
                                  .flushes_per_sync = NAN,
                                  .write_cache = "write back",
                                  .device = "vda" };
}

static const struct honesty_row *judge(const struct honesty_case *c)
{
    buf_release(&why);
    return honesty_of(c, &why);
}

static void check(const struct honesty_case *c, const char *name)
{
    assert_string_equal(judge(c)->name, name);
}

static void a_flush_that_works_is_honest(void **state)
{
    (void)state;
    struct honesty_case rotating = timed(0.2 * MS, 8.3 * MS, 0.1 * MS, 18 * MS);
    struct honesty_case consumer = timed(30 * US, 891 * US, 400 * US, 2 * MS);
    struct honesty_case always_slow = timed(60 * US, 3 * MS, 2.9 * MS, 3 * MS); /* a host's fsync */
    struct honesty_case bulk = timed(50 * US, 70 * US, 60 * US, 600 * US);
    check(&rotating, "honest");
    check(&consumer, "honest");
    check(&always_slow, "honest");
    check(&bulk, "honest");
    assert_string_equal(buf_text(&why),
                        "At the median a direct 4 KiB write takes 50 us, the fdatasync after it "
                        "70 us, one of a clean file 60 us, one after 1 MiB 600 us.");
}

static void a_flush_that_costs_nothing_is_from_memory_or_protected(void **state)
{
    (void)state;
    struct honesty_case c = timed(60 * US, 55 * US, 50 * US, 58 * US);
    check(&c, "from-memory");
    assert_non_null(strstr(judge(&c)->means, "The host acknowledges flushes from memory: a power "
                                             "cut there loses acknowledged data."));
    assert_non_null(strstr(judge(&c)->means, "protected against power loss"));
}

/* Not accused: without a write cache there is nothing that a flush could have to do. */
static void a_cache_that_writes_through_is_another_finding(void **state)
{
    (void)state;
    struct honesty_case c = timed(60 * US, 2 * US, 1 * US, 2 * US);
    c.write_cache = "write through";
    check(&c, "not-sent");
    c.write_cache = "";
    check(&c, "unknown");
}

static void barriers_off_come_first(void **state)
{
    (void)state;
    struct honesty_case c = timed(60 * US, 2 * US, 1 * US, 2 * US);
    c.barriers_off = true;
    check(&c, "not-flushed");
    assert_non_null(strstr(judge(&c)->means, "without barriers"));
}

static void flushes_that_the_kernel_did_not_send_are_counted(void **state)
{
    (void)state;
    struct honesty_case c = timed(60 * US, 2 * US, 1 * US, 2 * US);
    c.flushes_per_sync = 0.01;
    check(&c, "not-flushed");
    assert_non_null(
        strstr(buf_text(&why), "The kernel sent vda 0.01 flushes for each sync after a write."));
    c.flushes_per_sync = 1.0; /* btrfs: none for a clean sync */
    check(&c, "from-memory");
    c.flushes_per_sync = 1.98; /* ext4: one for that, too */
    check(&c, "from-memory");
}

static void between_the_two_it_is_unknown(void **state)
{
    (void)state;
    struct honesty_case c = timed(60 * US, 180 * US, 170 * US, 200 * US);
    check(&c, "unknown");
    assert_non_null(strstr(judge(&c)->means, "more than nothing"));
}

static void few_or_missing_samples_are_unknown(void **state)
{
    (void)state;
    struct honesty_case c = timed(60 * US, 55 * US, 50 * US, NAN);
    c.samples = HONESTY_SAMPLES - 1;
    check(&c, "unknown");
    c.samples = HONESTY_SAMPLES;
    check(&c, "from-memory"); /* the bulk is evidence only */
    assert_null(strstr(buf_text(&why), "1 MiB"));
    c = timed(NAN, NAN, NAN, NAN);
    check(&c, "unknown");
    assert_string_equal(buf_text(&why), "");
}

/* Three of 1 MiB, one of them slow, are no proof of a flush that works. */
static void few_samples_of_the_bulk_decide_nothing(void **state)
{
    (void)state;
    struct honesty_case c = timed(60 * US, 55 * US, 50 * US, 900 * US);
    c.bulk_samples = HONESTY_BULK_SAMPLES - 1;
    check(&c, "from-memory");
    assert_null(strstr(buf_text(&why), "1 MiB"));
    c.bulk_samples = HONESTY_BULK_SAMPLES;
    check(&c, "honest");
    assert_non_null(strstr(buf_text(&why), "one after 1 MiB 900 us"));
}

static void acknowledged_and_gone_is_worse_than_any_cost(void **state)
{
    (void)state;
    struct honesty_case c = timed(60 * US, 900 * US, 60 * US, 900 * US); /* honest by its costs */
    check(&c, "honest");
    c.lost = 1;
    c.samples = 400;
    check(&c, "lost");
    assert_non_null(strstr(buf_text(&why), "1 of 400 blocks held other bytes."));
}

static void every_row_has_a_sentence(void **state)
{
    (void)state;
    size_t rows = 0;
    struct honesty_case c = timed(60 * US, 180 * US, 170 * US, 200 * US);
    for (const struct honesty_row *row = honesty_rows;; row++) {
        size_t n = strlen(row->means);
        assert_true(n > 20 && row->means[n - 1] == '.');
        rows++;
        if (row == judge(&c))
            break;
    }
    assert_int_equal(rows, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flush_that_works_is_honest),
        cmocka_unit_test(a_flush_that_costs_nothing_is_from_memory_or_protected),
        cmocka_unit_test(a_cache_that_writes_through_is_another_finding),
        cmocka_unit_test(barriers_off_come_first),
        cmocka_unit_test(flushes_that_the_kernel_did_not_send_are_counted),
        cmocka_unit_test(between_the_two_it_is_unknown),
        cmocka_unit_test(few_or_missing_samples_are_unknown),
        cmocka_unit_test(few_samples_of_the_bulk_decide_nothing),
        cmocka_unit_test(acknowledged_and_gone_is_worse_than_any_cost),
        cmocka_unit_test(every_row_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
