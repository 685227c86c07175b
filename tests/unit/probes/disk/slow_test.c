#include "probes/disk/slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

#define MS UINT64_C(1000000)

static void slow_is_a_heartbeat_or_ten_times_the_tail(void **state)
{
    (void)state;
    struct err e;
    AUTO(hist) struct hist h = { 0 };
    assert_int_equal(hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    hist_record_n(&h, 1 * MS, 999);
    assert_int_equal(slow_from_ns(&h), 100 * MS);
    hist_record(&h, 1 * MS);
    uint64_t from_ns = slow_from_ns(&h);
    assert_true(from_ns >= 10 * MS && from_ns < 10 * MS + MS / 10);
    hist_record_n(&h, 50 * MS, 1000);
    assert_int_equal(slow_from_ns(&h), 100 * MS);
}

static void the_longest_become_events_by_time(void **state)
{
    (void)state;
    struct err e;
    struct slow s = { 0 };
    AUTO(result) struct result r = { 0 };
    assert_int_equal(result_open(&r, "disk.wal", "Title", NULL, &e), 0);
    for (unsigned i = 0; i < SLOW_MOST + 2; i++) {
        uint64_t latency_ns = (i == 0 ? 500 : 10 + i) * MS;
        const struct slow_append append = { .ended_ns = (90000 - 1000 * i) * MS,
                                            .latency_ns = latency_ns,
                                            .sync_ns = i == 0 ? latency_ns : MS };
        slow_keep(&s, &append);
    }
    slow_tell(&s, 1000 * MS, &r);
    assert_int_equal(r.event_count, SLOW_MOST);
    for (unsigned i = 1; i < r.event_count; i++)
        assert_true(r.events[i - 1].at_ns < r.events[i].at_ns);
    assert_string_equal(r.events[r.event_count - 1].what, "fdatasync 500 ms");
    assert_int_equal(r.events[r.event_count - 1].at_ns, 88500 * MS);
    assert_int_equal(r.events[r.event_count - 1].duration_ns, 500 * MS);
    assert_string_equal(r.events[0].what, "write 42 ms");
    assert_string_equal(r.notes[0], "34 appends were slow; the 32 longest are listed as events.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_is_a_heartbeat_or_ten_times_the_tail),
        cmocka_unit_test(the_longest_become_events_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
