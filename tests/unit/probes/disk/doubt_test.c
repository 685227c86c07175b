#include "probes/disk/doubt.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/clk.h"

static const struct metric no_metrics[] = { METRIC_END };

struct rig {
    struct hist seen;
    struct result result;
    struct place place;
};

static int setup(void **state)
{
    static struct rig r;
    struct err e;
    r = (struct rig){ 0 };
    *state = &r;
    (void)memcpy(r.place.device, "vda", 4);
    return hist_open(&r.seen, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e) ||
           result_open(&r.result, "disk.x", "X", no_metrics, &e);
}

static int teardown(void **state)
{
    struct rig *r = *state;
    hist_release(&r->seen);
    result_release(&r->result);
    return 0;
}

static void a_hundred_samples_are_enough_and_ninety_nine_are_not(void **state)
{
    struct rig *r = *state;
    hist_record_n(&r->seen, 50 * CLK_NS_PER_US, 100);
    doubt_few(&r->result, "disk.x", &r->seen, CLK_NS_PER_S);
    assert_int_equal(r->result.status, STATUS_MEASURED);
    hist_clear(&r->seen);
    hist_record_n(&r->seen, 50 * CLK_NS_PER_US, 99);
    doubt_few(&r->result, "disk.x", &r->seen, CLK_NS_PER_S);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_string_equal(r->result.reason, "disk.x: 99 samples in 1 s are too few, p99 needs "
                                          "100; give a longer --budget");
}

/* Else the slowest disks would be the only ones without a verdict. */
static void few_samples_of_a_slow_disk_are_believed(void **state)
{
    struct rig *r = *state;
    hist_record_n(&r->seen, 80 * CLK_NS_PER_MS, 40);
    doubt_few(&r->result, "disk.x", &r->seen, UINT64_C(3200000000));
    assert_int_equal(r->result.status, STATUS_MEASURED);
    assert_int_equal(r->result.note_count, 1);
    assert_non_null(strstr(r->result.notes[0], "only 40 samples fitted in 3.2"));
}

static void no_sample_at_all_is_untrusted(void **state)
{
    struct rig *r = *state;
    doubt_few(&r->result, "disk.x", &r->seen, CLK_NS_PER_S);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
}

static void reads_faster_than_any_medium_came_from_memory(void **state)
{
    struct rig *r = *state;
    hist_record_n(&r->seen, 6 * CLK_NS_PER_US, 1000);
    doubt_memory(&r->result, "disk.x", &r->seen, &r->place);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "answered from memory, not from the medium"));
    assert_non_null(strstr(r->result.reason, "--set disk.x.file=SIZE"));
}

static void reads_of_a_real_disk_are_believed(void **state)
{
    struct rig *r = *state;
    hist_record_n(&r->seen, 12 * CLK_NS_PER_US, 1000);
    hist_record_n(&r->seen, 2 * CLK_NS_PER_US, 900); /* some from a cache */
    doubt_memory(&r->result, "disk.x", &r->seen, &r->place);
    assert_int_equal(r->result.status, STATUS_MEASURED);
}

static void a_share_of_reads_from_memory_is_noted(void **state)
{
    struct rig *r = *state;
    hist_record_n(&r->seen, 60 * CLK_NS_PER_US, 980);
    hist_record_n(&r->seen, 4 * CLK_NS_PER_US, 20);
    doubt_memory(&r->result, "disk.x", &r->seen, &r->place);
    assert_int_equal(r->result.status, STATUS_MEASURED);
    assert_int_equal(r->result.note_count, 1);
    assert_string_equal(r->result.notes[0],
                        "disk.x: 2 % of the reads were answered within 10 us, faster than any "
                        "medium: a cache below holds a part of the file.");
}

static void less_than_one_in_a_hundred_is_not_worth_a_word(void **state)
{
    struct rig *r = *state;
    hist_record_n(&r->seen, 60 * CLK_NS_PER_US, 991);
    hist_record_n(&r->seen, 4 * CLK_NS_PER_US, 9);
    doubt_memory(&r->result, "disk.x", &r->seen, &r->place);
    assert_int_equal(r->result.note_count, 0);
}

static void a_file_in_the_page_cache_was_not_read_from_the_medium(void **state)
{
    struct rig *r = *state;
    doubt_cached(&r->result, 0);
    doubt_cached(&r->result, NAN);
    doubt_cached(&r->result, 0.009);
    assert_int_equal(r->result.status, STATUS_MEASURED);
    doubt_cached(&r->result, 0.25);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "25 % of the file was in this host's page cache"));
}

static void without_a_block_device_there_is_no_such_doubt(void **state)
{
    struct rig *r = *state;
    r->place.device[0] = '\0';
    hist_record_n(&r->seen, 6 * CLK_NS_PER_US, 1000);
    doubt_memory(&r->result, "disk.x", &r->seen, &r->place);
    assert_int_equal(r->result.status, STATUS_MEASURED);
}

static void a_slow_clock_spoils_a_fast_disk_only(void **state)
{
    struct rig *r = *state;
    hist_record_n(&r->seen, 50 * CLK_NS_PER_US, 1000);
    doubt_overhead(&r->result, "disk.x", &r->seen, 25);
    doubt_overhead(&r->result, "disk.x", &r->seen, 1250);
    assert_int_equal(r->result.status, STATUS_MEASURED);
    doubt_overhead(&r->result, "disk.x", &r->seen, 1300);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "more than 5 %"));
}

#define with_result(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_result(a_hundred_samples_are_enough_and_ninety_nine_are_not),
        with_result(few_samples_of_a_slow_disk_are_believed),
        with_result(no_sample_at_all_is_untrusted),
        with_result(reads_faster_than_any_medium_came_from_memory),
        with_result(reads_of_a_real_disk_are_believed),
        with_result(a_share_of_reads_from_memory_is_noted),
        with_result(less_than_one_in_a_hundred_is_not_worth_a_word),
        with_result(a_file_in_the_page_cache_was_not_read_from_the_medium),
        with_result(without_a_block_device_there_is_no_such_doubt),
        with_result(a_slow_clock_spoils_a_fast_disk_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
