#include "probes/kit/headline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

/* A metric with one or three given figures; NAN is not measured. */
struct row {
    struct metric metric;
    double p50, p99, max; /* histograms; p50 is the value of others */
};

static void says(const char *probe, const struct row *rows, const char *expected)
{
    struct err e;
    struct metric metrics[8] = { 0 };
    AUTO(result) struct result r = { 0 };
    AUTO(buf) struct buf text = { 0 };
    for (unsigned i = 0; rows[i].metric.id; i++) {
        metrics[i] = rows[i].metric;
    }
    assert_int_equal(result_open(&r, probe, "Title", metrics, &e), 0);
    for (unsigned i = 0; i < r.metric_count; i++) {
        struct result_metric *m = &r.metrics[i];
        bool is_hist = m->kind == METRIC_HIST;
        const char *const names[] = { is_hist ? "p50" : "value", "p99", "max" };
        const double values[] = { rows[i].p50, rows[i].p99, rows[i].max };
        for (; m->statistic_count < (is_hist ? 3 : 1); m->statistic_count++) {
            struct result_statistic *s = &m->statistics[m->statistic_count];
            (void)snprintf(s->name, sizeof(s->name), "%s", names[m->statistic_count]);
            s->value = values[m->statistic_count];
            s->high = rows[i].max;
        }
    }
    headline_write(&r, &text);
    assert_string_equal(buf_text(&text), expected);
}

static const struct row end = { .metric = METRIC_END };

static void a_rate_belongs_to_the_nearest_of_several(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{ "disk.wal", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50", "" },                114e3, 1, 1},
        { { "disk.wal.rate", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value", "" },    5530,  0, 0},
        { { "disk.wal.8k", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50", "" },            150e3, 1, 1},
        { { "disk.wal.8k.rate", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value", "" }, 4100,  0, 0},
        end,
    };
    says("disk.wal", rows, "p50 114 us, 5530/s; 8k p50 150 us, 4100/s");
}

static void the_probes_own_figures_need_no_name(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{ "disk.wal", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99 max", "" },
         114e3,                                                                           237e3,
         7.86e6                                                                                   },
        { { "disk.wal.sync", UNIT_NS, METRIC_LOWER, METRIC_HIST, "", "" },          1,    2,     3},
        { { "disk.wal.rate", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value", "" }, 5530, 0,     0},
        end,
    };
    says("disk.wal", rows, "p50 114 us, p99 237 us, max 7.86 ms, 5530/s");
}

static void groups_are_told_apart(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{ "disk.read.qd1", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50", "" },              48.1e3, 0, 0},
        { { "disk.read.qd1.iops", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value", "" },
         14700,                                                                                   0,
         0                                                                                            },
        { { "disk.read.qd32", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50", "" },            449e3,  0, 0},
        { { "disk.read.qd32.iops", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value", "" },
         64000,                                                                                   0,
         0                                                                                            },
        end,
    };
    says("disk.read", rows, "qd1 p50 48.1 us, 14700/s; qd32 p50 449 us, 64000/s");
}

static void what_was_not_measured_is_left_out(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{ "disk.read.qd1", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99", "" }, 48.1e3, NAN, 0  },
        { { "disk.read.qd32", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50", "" },   NAN,    NAN, NAN},
        end,
    };
    says("disk.read", rows, "p50 48.1 us");
    says("disk.read", &rows[1], "");
    says("disk.read", &end, "");
}

static void other_families_are_named_by_what_differs(void **state)
{
    (void)state;
    const struct row image[] = {
        {{ "image.rate", UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value", "" },
         73.4e6,                                                                            0,
         0                                                                                      },
        { { "image.files", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value", "" },     2730, 0, 0},
        end,
    };
    says("image.runtime", image, "rate 73.4 MB/s; files 2730/s");
    const struct row noise[] = {
        {{ "noise.stall", UNIT_NS, METRIC_LOWER, METRIC_HIST, "max", "" },          0,      0, 4.1e6},
        { { "noise.steal", UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value", "" },    0.0011, 0, 0    },
        { { "noise.steal.cpu", UNIT_RATIO, METRIC_LOWER, METRIC_MAX, "value", "" }, 0.004,  0, 0    },
        end,
    };
    says("noise.stall", noise, "max 4.10 ms; steal 0.110 %; steal.cpu 0.400 %");
}

/* None seen is no proof of none. */
static void events_that_were_not_seen_are_bounded(void **state)
{
    (void)state;
    const struct row one[] = {
        {{ "noise.stall.over.1s", UNIT_PER_HOUR, METRIC_LOWER, METRIC_EVENTS, "value", "" },
         0, 0,
         186},
        end,
    };
    says("noise.stall", one, "none (< 186/h)");
}

static void a_name_that_only_begins_alike_is_another(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{ "disk.wal", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50", "" },         114e3, 0, 0},
        { { "disk.wall", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value", "" }, 7,     0, 0},
        end,
    };
    says("disk.wal", rows, "p50 114 us; wall 7/s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_belongs_to_the_nearest_of_several),
        cmocka_unit_test(the_probes_own_figures_need_no_name),
        cmocka_unit_test(groups_are_told_apart),
        cmocka_unit_test(what_was_not_measured_is_left_out),
        cmocka_unit_test(other_families_are_named_by_what_differs),
        cmocka_unit_test(events_that_were_not_seen_are_bounded),
        cmocka_unit_test(a_name_that_only_begins_alike_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
