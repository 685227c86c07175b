/* The probe over a fixture, from its options to its sentences. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/clk.h"
#include "probes/net/net.h"

#define FIXTURE "tests/unit/probes/net/fixtures/loss.pcap"

enum {
    METRICS = 8
};

struct rig {
    void *conf;
    struct probe_run run;
    struct result result;
    struct hist hists[METRICS];
    double values[METRICS];
    uint64_t observed_ns[METRICS];
    volatile sig_atomic_t stopping;
    struct err e;
};

static void set(struct rig *r, const char *name, const char *text)
{
    assert_int_equal(opt_set(net_passive.opts, r->conf, name, text, &r->e), 0);
}

static int set_up(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    *state = r;
    r->conf = calloc(1, net_passive.conf_size);
    r->run = (struct probe_run){ .conf = r->conf,
                                 .until_ns = clk_now_ns() + 60 * (uint64_t)CLK_NS_PER_S,
                                 .stopping = &r->stopping,
                                 .hists = r->hists,
                                 .values = r->values,
                                 .observed_ns = r->observed_ns,
                                 .result = &r->result };
    if (opt_defaults(net_passive.opts, r->conf, net_passive.conf_size, &r->e) ||
        result_open(&r->result, net_passive.name, net_passive.title, net_passive.metrics, &r->e))
        return -1;
    for (unsigned i = 0; i < METRICS; i++) {
        r->values[i] = NAN;
        if (hist_open(&r->hists[i], UINT64_C(1) << HIST_TEN_MINUTES_BITS, &r->e))
            return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    net_passive.teardown(&r->run);
    result_release(&r->result);
    for (unsigned i = 0; i < METRICS; i++)
        hist_release(&r->hists[i]);
    free(r->conf);
    free(r);
    return 0;
}

static bool notes(const struct rig *r, const char *words)
{
    bool found = false;
    for (unsigned i = 0; i < r->result.note_count; i++)
        found = found || strstr(r->result.notes[i], words);
    return found;
}

static void without_its_options_it_says_which(void **state)
{
    struct rig *r = *state;
    assert_int_equal(net_passive.supported(NULL, r->conf, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(r->e.msg, "--passive IFACE nor --pcap FILE"));
}

static void what_cannot_be_is_refused_before_it_is_measured(void **state)
{
    struct rig *r = *state;
    set(r, "pcap", "Makefile");
    assert_int_equal(net_passive.supported(NULL, r->conf, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_USAGE);
    set(r, "pcap", FIXTURE);
    assert_int_equal(net_passive.supported(NULL, r->conf, &r->e), 0);
    set(r, "port", "x");
    assert_int_equal(net_passive.supported(NULL, r->conf, &r->e), -1);
    set(r, "port", "");
    set(r, "passive", "lo");
    assert_int_equal(net_passive.supported(NULL, r->conf, &r->e), -1);
    assert_non_null(strstr(r->e.msg, "exclude"));
    set(r, "pcap", "");
    set(r, "passive", "no-such-if");
    assert_int_equal(net_passive.supported(NULL, r->conf, &r->e), -1);
    assert_non_null(strstr(r->e.msg, "ip link"));
}

static void a_file_is_read_to_its_end_and_told(void **state)
{
    struct rig *r = *state;
    set(r, "pcap", FIXTURE);
    assert_int_equal(net_passive.setup(&r->run, &r->e), 0);
    assert_int_equal(net_passive.measure(&r->run, &r->e), 0);
    assert_true(r->run.done);
    assert_int_equal(r->hists[0].total, 12);
    assert_true(r->observed_ns[0] > 150 * CLK_NS_PER_MS && r->observed_ns[0] < CLK_NS_PER_S);
    net_passive.judge(&r->run);
    assert_int_equal(r->result.status, STATUS_MEASURED);
    const struct result_metric *again = result_metric_find(&r->result, "net.passive.retransmitted");
    assert_int_equal(again->blocks[0].n, 33);
    assert_true(fabs(again->blocks[0].value - 1.0 / 33) < 1e-9);
    assert_true(notes(r, "link layer RAW"));
    assert_true(notes(r, "10.98.0.2:2379"));
    assert_false(notes(r, "breaks off"));
}

static void a_file_without_those_ports_has_no_figure(void **state)
{
    struct rig *r = *state;
    set(r, "pcap", FIXTURE);
    set(r, "port", "6443");
    assert_int_equal(net_passive.setup(&r->run, &r->e), 0);
    assert_int_equal(net_passive.measure(&r->run, &r->e), 0);
    net_passive.judge(&r->run);
    assert_int_equal(r->result.status, STATUS_FAILED);
    assert_non_null(strstr(r->result.reason, "--port"));
}

static void told_to_stop_it_stops(void **state)
{
    struct rig *r = *state;
    set(r, "pcap", FIXTURE);
    r->stopping = 1;
    assert_int_equal(net_passive.setup(&r->run, &r->e), 0);
    assert_int_equal(net_passive.measure(&r->run, &r->e), 0);
    assert_int_equal(r->hists[0].total, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(without_its_options_it_says_which),
        T(what_cannot_be_is_refused_before_it_is_measured),
        T(a_file_is_read_to_its_end_and_told),
        T(a_file_without_those_ports_has_no_figure),
        T(told_to_stop_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
