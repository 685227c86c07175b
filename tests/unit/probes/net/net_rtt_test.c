#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probes/net/net.h"
#include "tests/unit/probes/net/loop.h"

enum {
    RTT,
    IPDV,
    LOSS,
    GAP,
    OFFSET,
    ROWS
};

/* What the runner gives a probe. */
struct bench {
    struct reflector reflector;
    pthread_t thread;
    volatile sig_atomic_t stop_reflector;
    volatile sig_atomic_t stop;
    struct hist hists[ROWS];
    double values[ROWS];
    uint64_t observed_ns[ROWS];
    struct result result;
    struct probe_run run;
    char peer[PEER_NAME_BYTES];
    _Alignas(max_align_t) char conf[64];
};

static void *serve(void *arg)
{
    struct bench *b = arg;
    struct err e = { 0 };
    (void)reflector_run(&b->reflector, UINT64_MAX, &b->stop_reflector, &e);
    return NULL;
}

static void open_bench(struct bench *b)
{
    struct err e = { 0 };
    memset(b, 0, sizeof *b);
    loop_reflector(&b->reflector, "127.0.0.1");
    (void)peer_name(&b->reflector.at, b->peer);
    assert_true(net_rtt.conf_size <= sizeof b->conf);
    assert_int_equal(opt_defaults(net_rtt.opts, b->conf, net_rtt.conf_size, &e), 0);
    assert_int_equal(opt_set(net_rtt.opts, b->conf, "peer", b->peer, &e), 0);
    assert_int_equal(opt_set(net_rtt.opts, b->conf, "interval", "1ms", &e), 0);
    assert_int_equal(result_open(&b->result, net_rtt.name, net_rtt.title, net_rtt.metrics, &e), 0);
    assert_int_equal(hist_open(&b->hists[RTT], UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    assert_int_equal(hist_open(&b->hists[IPDV], UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    for (int i = 0; i < ROWS; i++)
        b->values[i] = NAN;
    b->run = (struct probe_run){ .conf = b->conf,
                                 .seed = 1,
                                 .stopping = &b->stop,
                                 .hists = b->hists,
                                 .values = b->values,
                                 .observed_ns = b->observed_ns,
                                 .result = &b->result };
}

static void close_bench(struct bench *b)
{
    net_rtt.teardown(&b->run);
    net_rtt.teardown(&b->run);
    hist_release(&b->hists[RTT]);
    hist_release(&b->hists[IPDV]);
    result_release(&b->result);
    reflector_release(&b->reflector);
}

static void one_repetition_fills_every_metric(void **state)
{
    (void)state;
    struct bench b;
    struct err e = { 0 };
    open_bench(&b);
    assert_int_equal(pthread_create(&b.thread, NULL, serve, &b), 0);
    int failed = net_rtt.setup(&b.run, &e);
    b.run.slot_end_ns = b.run.until_ns = clk_now_ns() + 50 * (uint64_t)CLK_NS_PER_MS;
    failed = failed || net_rtt.measure(&b.run, &e);
    b.stop_reflector = 1;
    (void)pthread_join(b.thread, NULL);
    assert_int_equal(failed, 0);
    net_rtt.judge(&b.run);
    assert_true(b.hists[RTT].total > 0);
    assert_true(b.hists[IPDV].total > 0);
    const struct result_metric *loss = result_metric_find(&b.result, "net.loss");
    assert_int_equal(loss->block_count, 1);
    assert_true(loss->blocks[0].value >= 0 && loss->blocks[0].value <= 1);
    assert_true(loss->blocks[0].n > 0);
    assert_true(b.values[GAP] > 0);
    assert_true(b.values[OFFSET] >= 0);
    assert_true(b.result.note_count >= 3);
    assert_non_null(strstr(b.result.notes[0], b.peer));
    close_bench(&b);
}

static void closed_port_is_a_sentence_with_the_remedy(void **state)
{
    (void)state;
    struct bench b;
    struct err e = { 0 };
    open_bench(&b);
    reflector_release(&b.reflector);
    assert_int_equal(net_rtt.setup(&b.run, &e), -1);
    assert_int_equal(e.kind, ERR_PEER);
    assert_non_null(strstr(e.msg, b.peer));
    assert_non_null(strstr(e.msg, "plimsoll reflect"));
    close_bench(&b);
}

static void interrupted_it_does_not_wait_for_the_peer(void **state)
{
    (void)state;
    struct bench b;
    struct err e = { 0 };
    open_bench(&b);
    b.stop = 1;
    assert_int_equal(net_rtt.setup(&b.run, &e), -1);
    assert_int_equal(e.kind, ERR_INTERRUPTED);
    close_bench(&b);
}

static void without_a_peer_it_says_how_to_have_one(void **state)
{
    (void)state;
    _Alignas(max_align_t) char conf[64];
    struct err e = { 0 };
    assert_int_equal(opt_defaults(net_rtt.opts, conf, net_rtt.conf_size, &e), 0);
    assert_int_equal(net_rtt.supported(NULL, conf, &e), -1);
    assert_string_equal(e.msg, "not measured: no --peer; run 'plimsoll reflect' on the other node "
                               "and add --peer HOST");
    assert_int_equal(opt_set(net_rtt.opts, conf, "peer", "192.0.2.7:0", &e), 0);
    assert_int_equal(net_rtt.supported(NULL, conf, &e), -1);
    assert_int_equal(opt_set(net_rtt.opts, conf, "peer", "192.0.2.7", &e), 0);
    assert_int_equal(net_rtt.supported(NULL, conf, &e), 0);
}

static void cost_is_a_packet_each_interval(void **state)
{
    (void)state;
    _Alignas(max_align_t) char conf[64];
    struct err e = { 0 };
    struct probe_cost cost = { 0 };
    assert_int_equal(opt_defaults(net_rtt.opts, conf, net_rtt.conf_size, &e), 0);
    assert_int_equal(net_rtt.estimate(NULL, conf, 6 * (uint64_t)CLK_NS_PER_S, &cost, &e), 0);
    assert_in_range(cost.packets, 600, 700);
    assert_int_equal(cost.write_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_repetition_fills_every_metric),
        cmocka_unit_test(closed_port_is_a_sentence_with_the_remedy),
        cmocka_unit_test(interrupted_it_does_not_wait_for_the_peer),
        cmocka_unit_test(without_a_peer_it_says_how_to_have_one),
        cmocka_unit_test(cost_is_a_packet_each_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
