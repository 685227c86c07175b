#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probes/net/net.h"
#include "probes/net/rtt_figures.h"
#include "tests/unit/probes/net/loop.h"
#include "tests/unit/probes/split.h"

/* What the runner gives a probe. */
struct bench {
    struct reflector reflector;
    pthread_t thread;
    volatile sig_atomic_t stop_reflector;
    volatile sig_atomic_t stop;
    struct split split;
    struct probe_run *run;
    char peer[PEER_NAME_BYTES];
    void *conf;
};

static void *serve(void *arg)
{
    struct bench *b = arg;
    struct err e = { 0 };
    (void)reflector_run(&b->reflector, UINT64_MAX, &b->stop_reflector, &e);
    return NULL;
}

static void set(struct bench *b, const char *option, const char *value)
{
    struct err e = { 0 };
    assert_int_equal(opt_set(net_rtt.opts, b->conf, option, value, &e), 0);
}

static void open_bench(struct bench *b)
{
    struct err e = { 0 };
    memset(b, 0, sizeof *b);
    loop_reflector(&b->reflector, "127.0.0.1");
    (void)peer_name(&b->reflector.at, b->peer);
    b->conf = calloc(1, net_rtt.conf_size);
    assert_int_equal(opt_defaults(net_rtt.opts, b->conf, net_rtt.conf_size, &e), 0);
    set(b, "peer", b->peer);
    set(b, "interval", "1ms");
    assert_int_equal(split_open(&b->split, &net_rtt, &e), 0);
    b->run = &b->split.run;
    b->run->conf = b->conf;
    b->run->seed = 1;
    b->run->slot_ns = CLK_NS_PER_S;
    b->run->stopping = &b->stop;
}

static void close_bench(struct bench *b)
{
    net_rtt.teardown(b->run);
    net_rtt.teardown(b->run);
    split_release(&b->split);
    reflector_release(&b->reflector);
    free(b->conf);
}

/* One repetition, and what is concluded. */
static void run_bench(struct bench *b)
{
    struct err e = { 0 };
    assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
    int failed = net_rtt.setup(b->run, &e);
    b->run->slot_end_ns = b->run->until_ns = clk_now_ns() + 50 * (uint64_t)CLK_NS_PER_MS;
    failed = failed || net_rtt.measure(b->run, &e);
    b->stop_reflector = 1;
    (void)pthread_join(b->thread, NULL);
    if (failed)
        print_message("%s\n", e.msg);
    assert_int_equal(failed, 0);
    net_rtt.judge(b->run);
}

static const struct result_metric *metric(const struct bench *b, unsigned part, unsigned row)
{
    return &b->split.parts[part].result->metrics[row];
}

static void assert_measured(const struct bench *b, unsigned part)
{
    static const unsigned hists[] = { RTT_WIRE,      RTT_FELT,    RTT_SEND,      RTT_WAKE,
                                      RTT_REFLECTOR, RTT_IPDV_UP, RTT_IPDV_DOWN, RTT_FLOOR };
    static const unsigned blocks[] = { RTT_LOSS,      RTT_LOSS_RUN, RTT_LOSS_SPAN, RTT_DUPLICATES,
                                       RTT_REORDERED, RTT_EXTENT,   RTT_PDV_UP,    RTT_PDV_DOWN };
    const struct probe_part *p = &b->split.parts[part];
    for (size_t i = 0; i < sizeof hists / sizeof hists[0]; i++)
        assert_true(p->hists[hists[i]].total > 0);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        assert_int_equal(metric(b, part, blocks[i])->block_count, 1);
        assert_true(metric(b, part, blocks[i])->blocks[0].n > 0);
    }
    const struct result_block *loss = &metric(b, part, RTT_LOSS)->blocks[0];
    assert_true(loss->value >= 0 && loss->value <= 1);
    assert_true(p->values[RTT_GAP] > 0);
    assert_true(p->values[RTT_OFFSET] >= 0);
    assert_true(p->values[RTT_OFFSET_ERROR] > 0);
    assert_true(p->hists[RTT_FELT].min >= p->hists[RTT_WIRE].min);
    assert_true(p->result->note_count >= 4);
    /* A stateless reflector. */
    assert_int_equal(metric(b, part, RTT_LOSS_UP)->block_count, 0);
}

static void one_repetition_fills_every_metric(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    run_bench(&b);
    assert_measured(&b, 0);
    assert_non_null(strstr(b.split.parts[0].result->notes[0], b.peer));
    assert_non_null(strstr(b.split.parts[0].result->notes[0], "unauthenticated, NTP"));
    close_bench(&b);
}

static void each_peer_has_a_result_and_a_dead_one_a_reason(void **state)
{
    (void)state;
    struct bench b;
    char name[PEER_NAME_BYTES];
    open_bench(&b);
    set(&b, "peer", "127.0.0.1:9");
    (void)snprintf(name, sizeof name, "localhost:%u", peer_sockaddr_port(&b.reflector.at));
    set(&b, "peer", name);
    set(&b, "peer", "no-such-name.invalid");
    run_bench(&b);
    assert_int_equal(b.split.count, 4);
    assert_measured(&b, 0);
    assert_measured(&b, 2);
    assert_int_equal(b.split.parts[1].result->status, STATUS_FAILED);
    assert_non_null(strstr(b.split.parts[1].result->reason, "127.0.0.1:9 refuses"));
    assert_int_equal(b.split.parts[3].result->status, STATUS_FAILED);
    assert_non_null(strstr(b.split.parts[3].result->reason, "no-such-name.invalid"));
    close_bench(&b);
}

static void assert_measured_but_offset(const struct bench *b)
{
    const struct probe_part *p = &b->split.parts[0];
    assert_true(p->hists[RTT_WIRE].total > 0);
    assert_true(p->hists[RTT_IPDV_UP].total > 0);
    assert_non_null(strstr(p->result->notes[0], "PTP timestamps, 200 octets"));
}

static void ptp_padding_and_marks_are_carried(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    set(&b, "format", "ptp");
    set(&b, "size", "200");
    set(&b, "dscp", "46");
    run_bench(&b);
    assert_measured_but_offset(&b);
    close_bench(&b);
}

static void closed_port_is_a_sentence_with_the_remedy(void **state)
{
    (void)state;
    struct bench b;
    struct err e = { 0 };
    open_bench(&b);
    reflector_release(&b.reflector);
    assert_int_equal(net_rtt.setup(b.run, &e), -1);
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
    assert_int_equal(net_rtt.setup(b.run, &e), -1);
    assert_int_equal(e.kind, ERR_INTERRUPTED);
    close_bench(&b);
}

static void key_file_that_cannot_be_read_fails_at_once(void **state)
{
    (void)state;
    struct bench b;
    struct err e = { 0 };
    open_bench(&b);
    set(&b, "key-file", "/nonexistent/key");
    assert_int_equal(net_rtt.setup(b.run, &e), -1);
    assert_non_null(strstr(e.msg, "/nonexistent/key"));
    assert_int_equal(net_rtt.supported(NULL, b.conf, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    close_bench(&b);
}

static void without_a_peer_it_says_how_to_have_one(void **state)
{
    (void)state;
    static _Alignas(max_align_t) char conf[1 << 14];
    assert_true(net_rtt.conf_size <= sizeof conf);
    struct err e = { 0 };
    assert_int_equal(opt_defaults(net_rtt.opts, conf, net_rtt.conf_size, &e), 0);
    assert_int_equal(net_rtt.supported(NULL, conf, &e), -1);
    assert_string_equal(e.msg, "not measured: no --peer; run 'plimsoll reflect' on the other node "
                               "and add --peer HOST");
    assert_int_equal(opt_set(net_rtt.opts, conf, "peer", "192.0.2.7:0", &e), 0);
    assert_int_equal(net_rtt.supported(NULL, conf, &e), -1);
    assert_int_equal(opt_defaults(net_rtt.opts, conf, net_rtt.conf_size, &e), 0);
    assert_int_equal(opt_set(net_rtt.opts, conf, "peer", "192.0.2.7", &e), 0);
    assert_int_equal(net_rtt.supported(NULL, conf, &e), 0);
}

static void cost_is_a_packet_each_interval(void **state)
{
    (void)state;
    static _Alignas(max_align_t) char conf[1 << 14];
    assert_true(net_rtt.conf_size <= sizeof conf);
    struct err e = { 0 };
    struct probe_cost cost = { 0 };
    assert_int_equal(opt_defaults(net_rtt.opts, conf, net_rtt.conf_size, &e), 0);
    assert_int_equal(opt_set(net_rtt.opts, conf, "peer", "192.0.2.7", &e), 0);
    assert_int_equal(net_rtt.estimate(NULL, conf, 6 * (uint64_t)CLK_NS_PER_S, &cost, &e), 0);
    assert_in_range(cost.packets, 600, 700);
    assert_int_equal(cost.write_bytes, 0);
}

/* 500 peers at 10 ms would be 50,000 packets a second; the greeting is 30 to each. */
static void many_peers_together_are_sent_to_no_faster(void **state)
{
    (void)state;
    static _Alignas(max_align_t) char conf[1 << 14];
    char name[32];
    struct err e = { 0 };
    struct probe_cost cost = { 0 };
    assert_int_equal(opt_defaults(net_rtt.opts, conf, net_rtt.conf_size, &e), 0);
    for (unsigned i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "node-%u", i);
        assert_int_equal(opt_set(net_rtt.opts, conf, "peer", name, &e), 0);
    }
    assert_int_equal(net_rtt.estimate(NULL, conf, 6 * (uint64_t)CLK_NS_PER_S, &cost, &e), 0);
    assert_int_equal(cost.packets, 500 * 30 + 6 * 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_repetition_fills_every_metric),
        cmocka_unit_test(each_peer_has_a_result_and_a_dead_one_a_reason),
        cmocka_unit_test(ptp_padding_and_marks_are_carried),
        cmocka_unit_test(key_file_that_cannot_be_read_fails_at_once),
        cmocka_unit_test(closed_port_is_a_sentence_with_the_remedy),
        cmocka_unit_test(interrupted_it_does_not_wait_for_the_peer),
        cmocka_unit_test(without_a_peer_it_says_how_to_have_one),
        cmocka_unit_test(cost_is_a_packet_each_interval),
        cmocka_unit_test(many_peers_together_are_sent_to_no_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
