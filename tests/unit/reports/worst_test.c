#include "reports/worst.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/reports/made.h"

static int find(const struct document *d, unsigned most, struct worst found[WORST_MOST])
{
    struct err e = { 0 };
    return worst_find(d, most, found, &e);
}

static void says(const struct worst *w, const char *sentence)
{
    AUTO(buf) struct buf words = { 0 };
    worst_tell(w, &words);
    assert_string_equal(buf_text(&words), sentence);
}

static void a_document_without_events_has_no_worst(void **state)
{
    (void)state;
    struct worst found[WORST_MOST];
    AUTO(document) struct document d = { 0 };
    assert_int_equal(find(&d, WORST_MOST, found), 0);
    struct result *wal = made_probe(&d, "disk.wal", "");
    made_event(wal, 5, 0, "a point in time", "", -1);
    assert_int_equal(find(&d, WORST_MOST, found), 0);
}

static void each_probe_sends_its_longest_first(void **state)
{
    (void)state;
    struct worst found[WORST_MOST];
    AUTO(document) struct document d = { 0 };
    struct result *net = made_probe(&d, "net.rtt", "node-b");
    for (unsigned i = 0; i < 20; i++)
        made_event(net, i * MADE_S, (300 + i) * MADE_MS, "no answer", "", -1);
    struct result *wal = made_probe(&d, "disk.wal", "");
    made_event(wal, 7 * MADE_S, 15 * MADE_MS, "write 15 ms", "", -1);
    made_event(wal, 9 * MADE_S, 40 * MADE_MS, "fdatasync 40 ms", "", -1);
    assert_int_equal(find(&d, 2, found), 2);
    assert_string_equal(found[0].event->what, "no answer");
    assert_int_equal(found[0].event->duration_ns, 319 * MADE_MS);
    assert_string_equal(found[1].event->what, "fdatasync 40 ms");
    assert_int_equal(find(&d, WORST_MOST, found), WORST_MOST);
    assert_int_equal(found[7].event->duration_ns, 312 * MADE_MS);
    assert_string_equal(found[8].event->what, "fdatasync 40 ms");
    says(&found[9], "disk.wal: write 15 ms at 7 s, nobody watched");
}

static void the_same_stall_seen_by_two_is_one(void **state)
{
    (void)state;
    struct worst found[WORST_MOST];
    AUTO(document) struct document d = { 0 };
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_witness(&d);
    made_event(stall, 5000 * MADE_MS, 40 * MADE_MS, "stall of 40 ms on CPU 1", "hypervisor", 1);
    made_event(&d.witness, 5015 * MADE_MS, 25 * MADE_MS, "stall of 25 ms on CPU 1", "hypervisor",
               1);
    made_event(&d.witness, 5015 * MADE_MS, 24 * MADE_MS, "stall of 24 ms on CPU 0", "hypervisor",
               0);
    made_event(&d.witness, 5035 * MADE_MS, 20 * MADE_MS, "stall of 20 ms on CPU 1", "hypervisor",
               1);
    assert_int_equal(find(&d, WORST_MOST, found), 3);
    says(&found[0], "noise.stall: stall of 40 ms on CPU 1 at 5 s, a theft (hypervisor)");
    assert_string_equal(found[1].event->what, "stall of 24 ms on CPU 0");
    assert_string_equal(found[2].event->what, "stall of 20 ms on CPU 1");
}

static void the_longer_of_two_views_stays(void **state)
{
    (void)state;
    struct worst found[WORST_MOST];
    AUTO(document) struct document d = { 0 };
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_witness(&d);
    made_event(stall, 1 * MADE_S, 90 * MADE_MS, "stall of 90 ms", "quota", 0);
    made_event(stall, 2 * MADE_S, 30 * MADE_MS, "stall of 30 ms", "quota", 0);
    made_event(&d.witness, 3 * MADE_S, 50 * MADE_MS, "stall of 50 ms", "quota", 0);
    made_event(&d.witness, 2 * MADE_S, 40 * MADE_MS, "stall of 40 ms", "quota", 0);
    assert_int_equal(find(&d, WORST_MOST, found), 3);
    assert_string_equal(found[2].event->what, "stall of 40 ms");
    assert_string_equal(found[2].owner->probe, "witness");
}

static void one_silence_towards_several_peers_is_one(void **state)
{
    (void)state;
    struct worst found[WORST_MOST];
    AUTO(document) struct document d = { 0 };
    static const char *const peers[] = { "node-b", "node-c", "node-d" };
    for (unsigned i = 0; i < 3; i++) {
        struct result *net = made_probe(&d, "net.rtt", peers[i]);
        made_event(net, 9 * MADE_S + i * MADE_MS, (200 + i) * MADE_MS, "no answer", "", -1);
        made_event(net, (20 + i) * MADE_S, (100 + i) * MADE_MS, "no answer", "", -1);
    }
    made_witness(&d);
    assert_int_equal(find(&d, WORST_MOST, found), 4);
    says(&found[0], "net.rtt@node-d: no answer (2 more peers alike) at 9.00 s, nothing was seen "
                    "stolen, stalled or throttled meanwhile");
    assert_int_equal(found[1].peers, 0);
}

static void a_stall_that_is_said_beside_an_event_is_not_said_again(void **state)
{
    (void)state;
    struct worst found[WORST_MOST];
    AUTO(document) struct document d = { 0 };
    struct result *wal = made_probe(&d, "disk.wal", "");
    made_witness(&d);
    made_event(wal, 1 * MADE_S, 41 * MADE_MS, "fdatasync 41 ms", "", -1);
    made_event(wal, 2 * MADE_S, 40 * MADE_MS, "fdatasync 40 ms", "", -1);
    made_event(&d.witness, 1 * MADE_S, 39 * MADE_MS, "stall of 39 ms on CPU 1", "unreported", 1);
    made_event(&d.witness, 2 * MADE_S, 60 * MADE_MS, "stall of 60 ms on CPU 1", "unreported", 1);
    made_event(&d.witness, 2 * MADE_S, 30 * MADE_MS, "stall of 30 ms on CPU 0", "unreported", 0);
    made_event(&d.witness, 3 * MADE_S, 20 * MADE_MS, "stall of 20 ms on CPU 1", "unreported", 1);
    assert_int_equal(find(&d, WORST_MOST, found), 4);
    says(&found[0], "disk.wal: fdatasync 41 ms at 1 s, inside a 39-ms unreported theft on CPU 1 "
                    "(hypervisor)");
    says(&found[1], "disk.wal: fdatasync 40 ms at 2 s, inside a 60-ms unreported theft on CPU 1 "
                    "(hypervisor)");
    assert_string_equal(found[2].event->what, "stall of 30 ms on CPU 0");
    assert_string_equal(found[3].event->what, "stall of 20 ms on CPU 1");
}

static void own_load_is_no_worst_moment(void **state)
{
    (void)state;
    struct worst found[WORST_MOST];
    AUTO(document) struct document d = { 0 };
    made_witness(&d);
    made_event(&d.witness, 1 * MADE_S, 90 * MADE_MS, "stall of 90 ms on CPU 0", "own", 0);
    made_event(&d.witness, 2 * MADE_S, 30 * MADE_MS, "stall of 30 ms on CPU 0", "others", 0);
    assert_int_equal(find(&d, WORST_MOST, found), 1);
    says(&found[0], "witness: stall of 30 ms on CPU 0 at 2 s, a wait behind this guest's other "
                    "processes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_without_events_has_no_worst),
        cmocka_unit_test(each_probe_sends_its_longest_first),
        cmocka_unit_test(the_same_stall_seen_by_two_is_one),
        cmocka_unit_test(the_longer_of_two_views_stays),
        cmocka_unit_test(one_silence_towards_several_peers_is_one),
        cmocka_unit_test(a_stall_that_is_said_beside_an_event_is_not_said_again),
        cmocka_unit_test(own_load_is_no_worst_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
