#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/net/net.h"
#include "tests/unit/probes/net/rig.h"

enum {
    LOADED,
    IDLE,
    INCREASE,
    LOSS,
    RATE
};

static const uint64_t slot_ns = 600 * (uint64_t)CLK_NS_PER_MS;

static void one_turn_fills_every_metric_within_the_bound(void **state)
{
    struct rig rig;
    struct err e = { 0 };
    (void)state;
    rig_open(&rig, &net_load);
    rig_set(&rig, "peer", rig.peer);
    rig_set(&rig, "rate", "40Mbit");
    rig_set(&rig, "most", "120000");
    assert_int_equal(rig_run(&rig, slot_ns, &e), 0);
    const struct probe_part *part = &rig.split.parts[0];
    assert_int_equal(part->result->status, STATUS_MEASURED);
    assert_true(part->hists[LOADED].total > 0 && part->hists[IDLE].total > 0);
    assert_true(part->values[INCREASE] >= 0);
    assert_true(part->values[LOSS] >= 0 && part->values[LOSS] < 1);
    assert_true(part->values[RATE] > 0);
    /* 120000 octets are 100 packets, and not one more. */
    assert_in_range(reflector_received(&rig.reflector), 100, 1000);
    assert_true(rig_noted(&rig, 0, "The stream: 100 packets of 1200 octets"));
    assert_non_null(facts_find(&part->result->facts, "net.load.bloat"));
    /* The bound is of the whole run: the next repetition has nothing to do. */
    assert_int_equal(net_load.measure(&rig.split.run, &e), 0);
    assert_true(rig.split.run.done);
    rig_close(&rig);
}

static void a_reflector_with_a_key_answers_packets_of_that_key(void **state)
{
    struct rig rig;
    struct locked l;
    struct err e = { 0 };
    (void)state;
    locked_open(&l, "a secret of the test");
    rig_open_locked(&rig, &net_load, &l);
    rig_set(&rig, "peer", rig.peer);
    rig_set(&rig, "key-file", l.path);
    rig_set(&rig, "most", "120000");
    assert_int_equal(rig_run(&rig, slot_ns, &e), 0);
    const struct probe_part *part = &rig.split.parts[0];
    assert_int_equal(part->result->status, STATUS_MEASURED);
    assert_true(part->hists[LOADED].total > 0 && part->hists[IDLE].total > 0);
    assert_true(part->values[RATE] > 0);
    assert_int_equal(rig.reflector.counts.by_kind[ANSWER_GIVEN],
                     reflector_received(&rig.reflector));
    rig_close(&rig);
    locked_close(&l);
}

static void a_peer_without_a_reflector_says_so(void **state)
{
    struct rig rig;
    struct err e = { 0 };
    (void)state;
    rig_open(&rig, &net_load);
    rig_set(&rig, "peer", "127.0.0.1:9");
    assert_int_equal(rig_run(&rig, slot_ns, &e), 0);
    assert_int_equal(rig_result(&rig, 0)->status, STATUS_FAILED);
    assert_non_null(strstr(rig_result(&rig, 0)->reason, "plimsoll reflect"));
    assert_null(facts_find(&rig_result(&rig, 0)->facts, "net.load.bloat"));
    rig_close(&rig);
}

static void cost_is_bounded_by_rate_and_most(void **state)
{
    struct err e = { 0 };
    struct probe_cost cost = { 0 };
    void *conf = calloc(1, net_load.conf_size);
    (void)state;
    assert_int_equal(opt_defaults(net_load.opts, conf, net_load.conf_size, &e), 0);
    assert_int_equal(opt_set(net_load.opts, conf, "peer", "a", &e), 0);
    assert_int_equal(net_load.estimate(NULL, conf, CLK_NS_PER_S, &cost, &e), 0);
    assert_in_range(cost.packets, 791, 1000); /* 2.5 MB/s for 0.38 s, and 200 small ones */
    uint64_t hour_ns = 3600 * (uint64_t)CLK_NS_PER_S;
    assert_int_equal(net_load.estimate(NULL, conf, hour_ns, &cost, &e), 0);
    assert_in_range(cost.packets, 720000, 720000 + (32 << 20) / 1200 + 1);
    free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_turn_fills_every_metric_within_the_bound),
        cmocka_unit_test(a_reflector_with_a_key_answers_packets_of_that_key),
        cmocka_unit_test(a_peer_without_a_reflector_says_so),
        cmocka_unit_test(cost_is_bounded_by_rate_and_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
