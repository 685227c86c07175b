#include "bench/parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "tests/unit/bench/fakes.h"

static void one_part_has_no_name_and_empty_rows(void **state)
{
    (void)state;
    AUTO(parts) struct parts p;
    struct err e = { 0 };
    assert_int_equal(parts_open(&p, &fakes_good, &e), 0);
    parts_clear(&p, &fakes_good);
    assert_int_equal(p.count, 1);
    assert_string_equal(p.items[0].result->peer, "");
    assert_int_equal(p.items[0].hists[0].total, 0);
    assert_true(isnan(p.items[0].values[1]));
    assert_int_equal(parts_keep(&p, 5, 7, &e), 0);
    assert_int_equal(p.items[0].result->metrics[0].block_count, 0);
    parts_release(&p);
    parts_release(&p);
}

static void split_parts_begin_alike_and_are_named(void **state)
{
    (void)state;
    AUTO(parts) struct parts p;
    struct err e = { 0 };
    assert_int_equal(parts_open(&p, &fakes_good, &e), 0);
    p.items[0].result->seed = 11;
    p.items[0].result->started_ns = 12;
    p.items[0].result->parameters =
        json_pack("{s:[s,s,s],s:i}", "peer", "node-a", "node-b", "[fd99::3]:8620", "interval", 3);
    assert_int_equal(parts_split(&p, &fakes_good, fakes_peers, 3, &e), 0);
    assert_int_equal(p.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct result *r = p.items[i].result;
        const json_t *peers = json_object_get(r->parameters, "peer");
        assert_string_equal(r->peer, fakes_peers[i]);
        assert_int_equal(r->seed, 11);
        assert_int_equal(r->started_ns, 12);
        assert_int_equal(json_array_size(peers), 1);
        assert_string_equal(json_string_value(json_array_get(peers, 0)), fakes_peers[i]);
        assert_int_equal(json_integer_value(json_object_get(r->parameters, "interval")), 3);
    }
}

static void each_part_keeps_what_was_recorded_in_it(void **state)
{
    (void)state;
    AUTO(parts) struct parts p;
    struct err e = { 0 };
    assert_int_equal(parts_open(&p, &fakes_good, &e), 0);
    assert_int_equal(parts_split(&p, &fakes_good, fakes_peers, 3, &e), 0);
    parts_clear(&p, &fakes_good);
    hist_record(&p.items[1].hists[0], 41);
    p.items[2].values[1] = 42;
    p.items[2].observed_ns[1] = 9;
    assert_int_equal(parts_keep(&p, 5, 7, &e), 0);
    parts_clear(&p, &fakes_good);
    assert_int_equal(p.items[0].result->metrics[0].block_count, 0);
    assert_int_equal(p.items[1].result->metrics[0].block_count, 1);
    assert_int_equal(p.items[1].result->metrics[0].blocks[0].hist.max, 41);
    assert_int_equal(p.items[1].result->metrics[0].blocks[0].observed_ns, 7);
    assert_int_equal(p.items[1].result->metrics[1].block_count, 0);
    assert_true(p.items[2].result->metrics[1].blocks[0].value == 42);
    assert_int_equal(p.items[2].result->metrics[1].blocks[0].observed_ns, 9);
    assert_int_equal(p.items[2].result->metrics[1].blocks[0].at_ns, 5);
}

static void no_name_is_taken_that_cannot_be_told_apart(void **state)
{
    (void)state;
    static char endless[LIMITS_PEER_BYTES + 1];
    memset(endless, 'x', LIMITS_PEER_BYTES);
    const char *const twice[] = { "node-a", "node-a" };
    const char *const nameless[] = { "node-a", "" };
    const char *const longest[] = { endless };
    struct err e = { 0 };
    AUTO(parts) struct parts p;
    assert_int_equal(parts_open(&p, &fakes_good, &e), 0);
    assert_int_equal(parts_split(&p, &fakes_good, twice, 2, &e), -1);
    assert_string_equal(e.msg, "fake.good: peer 'node-a' is named twice");
    assert_int_equal(parts_split(&p, &fakes_good, nameless, 2, &e), -1);
    assert_int_equal(parts_split(&p, &fakes_good, longest, 1, &e), -1);
    assert_int_equal(parts_split(&p, &fakes_good, twice, 0, &e), -1);
    assert_int_equal(parts_split(&p, &fakes_good, twice, LIMITS_PEERS + 1, &e), -1);
    assert_int_equal(p.count, 1);
    assert_int_equal(parts_split(&p, &fakes_good, fakes_peers, 2, &e), 0);
    assert_int_equal(parts_split(&p, &fakes_good, fakes_peers, 2, &e), -1);
    assert_string_equal(e.msg, "fake.good: its peers were named already");
}

/* Blocks are memory: a thousand peers share what sixteen may have. */
static void many_peers_have_fewer_blocks_each(void **state)
{
    (void)state;
    static char text[LIMITS_PEERS][16];
    static const char *names[LIMITS_PEERS];
    struct err e = { 0 };
    AUTO(parts) struct parts p;
    for (unsigned i = 0; i < LIMITS_PEERS; i++) {
        (void)snprintf(text[i], sizeof text[i], "node-%u", i);
        names[i] = text[i];
    }
    assert_int_equal(parts_open(&p, &fakes_good, &e), 0);
    assert_int_equal(parts_split(&p, &fakes_good, names, LIMITS_PEERS, &e), 0);
    for (unsigned k = 0; k < 100; k++) {
        parts_clear(&p, &fakes_good);
        hist_record(&p.items[LIMITS_PEERS - 1].hists[0], k);
        assert_int_equal(parts_keep(&p, k, 1, &e), 0);
    }
    const struct result_metric *m = &p.items[LIMITS_PEERS - 1].result->metrics[0];
    assert_true(m->block_count == 1 || m->block_count == 2);
    assert_int_equal(result_summarise(p.items[LIMITS_PEERS - 1].result, &e), 0);
    assert_int_equal(m->n, 100);
    assert_int_equal(m->observed_ns, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_part_has_no_name_and_empty_rows),
        cmocka_unit_test(split_parts_begin_alike_and_are_named),
        cmocka_unit_test(each_part_keeps_what_was_recorded_in_it),
        cmocka_unit_test(no_name_is_taken_that_cannot_be_told_apart),
        cmocka_unit_test(many_peers_have_fewer_blocks_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
