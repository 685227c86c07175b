#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/cause.h"
#include "probes/kit/clk.h"
#include "probes/noise/noise.h"
#include "probes/noise/toll.h"

enum {
    ROWS = LIMITS_METRICS
};

static void every_bound_and_every_cause_has_a_row(void **state)
{
    (void)state;
    char id[LIMITS_NAME_BYTES];
    for (unsigned i = 0; i < TOLL_BOUNDS; i++) {
        (void)snprintf(id, sizeof id, "noise.stall.over.%ums",
                       (unsigned)(toll_bounds_ns[i] / CLK_NS_PER_MS));
        const struct metric *m = metric_find(noise_stall.metrics, id);
        assert_non_null(m);
        assert_int_equal(m->kind, METRIC_EVENTS);
        assert_true(i == 0 || m == metric_find(noise_stall.metrics, "noise.stall.over.1ms") + i);
    }
    for (unsigned i = 0; i < CAUSES; i++) {
        (void)snprintf(id, sizeof id, "noise.stall.%s", cause_id((enum cause)i));
        const struct metric *m = metric_find(noise_stall.metrics, id);
        assert_non_null(m);
        assert_int_equal(m->unit, UNIT_RATIO);
        assert_true(m == metric_find(noise_stall.metrics, "noise.stall.hypervisor") + i);
    }
}

/* A run whose repetitions end at once. */
struct bench {
    struct probe_run run;
    struct probe_site site;
    struct result result;
    struct hist hists[1];
    double values[ROWS];
    uint64_t observed_ns[ROWS];
    volatile sig_atomic_t stopping;
};

static void bench_open(struct bench *b, int proc_fd)
{
    struct err e;
    *b = (struct bench){
        .site = {.proc_fd = proc_fd, .sys_fd = open("/sys", O_PATH), .cpus = 1}
    };
    assert_int_equal(result_open(&b->result, "noise.stall", "Title", noise_stall.metrics, &e), 0);
    assert_int_equal(hist_open(&b->hists[0], UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    for (unsigned i = 0; i < ROWS; i++)
        b->values[i] = NAN;
    b->run = (struct probe_run){ .site = &b->site,
                                 .stopping = &b->stopping,
                                 .hists = b->hists,
                                 .values = b->values,
                                 .observed_ns = b->observed_ns,
                                 .result = &b->result };
}

static void bench_release(struct bench *b)
{
    hist_release(&b->hists[0]);
    result_release(&b->result);
    auto_close_fd(&b->site.proc_fd);
    auto_close_fd(&b->site.sys_fd);
}

static void bench_measure(struct bench *b)
{
    struct err e;
    assert_int_equal(noise_stall.setup(&b->run, &e), 0);
    assert_int_equal(noise_stall.measure(&b->run, &e), 0);
    noise_stall.judge(&b->run);
    noise_stall.teardown(&b->run);
    noise_stall.teardown(&b->run);
}

static bool is_noted(const struct result *r, const char *what)
{
    bool found = false;
    for (unsigned i = 0; i < r->note_count; i++)
        found |= strstr(r->notes[i], what) != NULL;
    return found;
}

static void counts_and_shares_are_there_also_when_nothing_happened(void **state)
{
    (void)state;
    AUTO(bench) struct bench b;
    bench_open(&b, open("/proc", O_PATH));
    bench_measure(&b);
    unsigned first =
        (unsigned)(metric_find(noise_stall.metrics, "noise.stall.over.1ms") - noise_stall.metrics);
    for (unsigned i = 0; i < TOLL_BOUNDS; i++)
        assert_true(b.values[first + i] >= 0);
    double sum = 0;
    for (unsigned i = 0; i < CAUSES; i++) {
        const struct result_metric *m = &b.result.metrics[first + TOLL_BOUNDS + i];
        assert_int_equal(m->block_count, 1);
        assert_true(m->blocks[0].value >= 0);
        sum += m->blocks[0].value;
    }
    assert_true(isfinite(sum));
    assert_true(is_noted(&b.result, "tall"));
    assert_true(is_noted(&b.result, "One sleeper of 1 ms"));
}

/* No /proc at all: the sleepers go on, and what is not known is said. */
static void without_a_proc_the_stalls_remain(void **state)
{
    (void)state;
    AUTO(bench) struct bench b;
    bench_open(&b, open("/dev/null", O_PATH));
    bench_measure(&b);
    assert_true(isnan(b.values[1]));
    assert_true(is_noted(&b.result, "Steal is not known"));
    assert_true(is_noted(&b.result, "One sleeper of 1 ms"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bound_and_every_cause_has_a_row),
        cmocka_unit_test(counts_and_shares_are_there_also_when_nothing_happened),
        cmocka_unit_test(without_a_proc_the_stalls_remain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
