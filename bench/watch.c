#include "bench/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/frame.h"
#include "bench/limits.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/document.h"
#include "probes/kit/file.h"
#include "probes/kit/pressure.h"
#include "probes/kit/sampler.h"
#include "probes/kit/steal.h"
#include "probes/kit/throttle.h"

/* The counters of the host at one moment. */
struct watch_point {
    uint64_t at_ns;
    struct steal steal;
    struct pressure pressure;
    uint64_t throttled_ns;
    bool throttled_known;
};

enum {
    WATCH_CLOCK_TRIES = 5,
    WATCH_CLOCK_NARROW_NS =
        20 * CLK_NS_PER_US,       /* two readings take 0.1 us, and 5 us in a slow VM */
    WATCH_BLOCK_NS = CLK_NS_PER_S /* a run of a minute has 60, one of a day 256 */
};

enum {
    WATCH_STALL,
    WATCH_STEAL,
    WATCH_METRICS
};

static const struct metric watch_metrics[] = {
    [WATCH_STALL] = {.id = "witness.stall",
                     .unit = UNIT_NS,
                     .better = METRIC_LOWER,
                     .kind = METRIC_HIST,
                     .show = "p99 max",
                     .what = "How late a 1-ms sleeper woke on any CPU, during the whole run and "
                              "under the run's own load."},
    [WATCH_STEAL] = { .id = "witness.steal",
                     .unit = UNIT_RATIO,
                     .better = METRIC_LOWER,
                     .kind = METRIC_MEAN,
                     .show = "value",
                     .what = "Share of all CPU time that the hypervisor gave to others during the "
                              "whole run."               },
    METRIC_END,
};

struct watch {
    int fd;
    int proc_fd;
    uint64_t run_start_ns;
    struct sampler *sampler; /* NULL: could not be made */
    struct throttle throttle;
    struct watch_point last;  /* at the last mark */
    struct watch_point block; /* at the beginning of this block */
    int64_t offset_ns;        /* wall clock less monotonic clock, last seen */
    double step_ns;           /* largest jump since the last mark */
    struct hist stalls;
    struct result result;
};

const struct metric *watch_table(void)
{
    return watch_metrics;
}

static void watch_sample(struct watch *w, struct watch_point *p)
{
    struct err ignored;
    p->at_ns = clk_now_ns();
    if (steal_read(w->proc_fd, &p->steal, &ignored))
        p->steal.reported = false;
    pressure_read(w->proc_fd, &p->pressure);
    struct throttle_now throttle;
    p->throttled_known = throttle_read(&w->throttle, &throttle) == 0;
    p->throttled_ns = throttle.throttled_ns;
}

/*
 * Wall clock less monotonic clock, the two read together: what comes between two readings looks
 * like a step. The narrowest of a few tries counts.
 */
static int64_t watch_offset(void)
{
    uint64_t narrowest_ns = UINT64_MAX;
    int64_t offset = 0;
    for (unsigned i = 0; i < WATCH_CLOCK_TRIES && narrowest_ns > WATCH_CLOCK_NARROW_NS; i++) {
        uint64_t before_ns = clk_now_ns();
        uint64_t wall_ns = clk_realtime_ns();
        uint64_t width_ns = clk_now_ns() - before_ns;
        if (width_ns >= narrowest_ns)
            continue;
        narrowest_ns = width_ns;
        offset = (int64_t)wall_ns - (int64_t)(before_ns + width_ns / 2);
    }
    return offset;
}

static void watch_clock(struct watch *w)
{
    int64_t offset = watch_offset();
    w->step_ns = fmax(w->step_ns, fabs((double)(offset - w->offset_ns)));
    w->offset_ns = offset;
}

static double watch_share(uint64_t before, uint64_t after, double elapsed)
{
    return after < before || elapsed <= 0 ? NAN : (double)(after - before) / elapsed;
}

static double watch_pressure(const struct watch_point *a, const struct watch_point *b,
                             enum pressure_kind kind)
{
    if (!a->pressure.present[kind] || !b->pressure.present[kind])
        return NAN;
    double elapsed_us = (double)(b->at_ns - a->at_ns) / CLK_NS_PER_US;
    return watch_share(a->pressure.some_us[kind], b->pressure.some_us[kind], elapsed_us);
}

static struct witnessed watch_difference(const struct watch_point *a, const struct watch_point *b)
{
    bool steal = a->steal.reported && b->steal.reported;
    double elapsed = (double)(b->at_ns - a->at_ns);
    return (struct witnessed){
        .steal_ratio = steal ? steal_ratio(&a->steal.all, &b->steal.all) : NAN,
        .steal_worst_cpu_ratio = steal ? steal_worst_ratio(&a->steal, &b->steal, NULL) : NAN,
        .cpu_pressure_ratio = watch_pressure(a, b, PRESSURE_CPU),
        .io_pressure_ratio = watch_pressure(a, b, PRESSURE_IO),
        .memory_pressure_ratio = watch_pressure(a, b, PRESSURE_MEMORY),
        .throttled_ratio = a->throttled_known && b->throttled_known
                               ? watch_share(a->throttled_ns, b->throttled_ns, elapsed)
                               : NAN,
    };
}

/* What was seen since the last mark. */
static struct witnessed watch_mark(struct watch *w)
{
    struct watch_point now = { 0 };
    watch_sample(w, &now);
    watch_clock(w);
    struct witnessed seen = watch_difference(&w->last, &now);
    seen.clock_step_ns = w->step_ns;
    seen.stall_max_ns = w->sampler ? (double)sampler_take_max(w->sampler) : NAN;
    steal_release(&w->last.steal);
    w->last = now;
    w->step_ns = 0;
    return seen;
}

/*
 * The share of one block. Blocks are of one length, whatever the marks: the mean of shares of
 * unequal times would not be the share of the whole. A block that a stall made longer counts as
 * often as it should have been closed; the last one only when it is nearly whole, or the only one.
 */
static void watch_add_share(struct watch *w, struct result_block block)
{
    struct result_metric *m = &w->result.metrics[WATCH_STEAL];
    struct err ignored;
    uint64_t parts = (block.observed_ns + WATCH_BLOCK_NS / 10) / WATCH_BLOCK_NS;
    parts = parts ? parts : m->block_count == 0;
    for (uint64_t i = 0; i < parts && !isnan(block.value); i++) {
        struct result_block part = block;
        part.observed_ns = block.observed_ns / parts;
        part.at_ns += i * part.observed_ns;
        (void)result_add_block(m, &part, &ignored);
    }
}

/* Closes a block of each of our metrics. */
static void watch_close_block(struct watch *w)
{
    struct watch_point now = { 0 };
    struct err ignored;
    watch_sample(w, &now);
    struct witnessed seen = watch_difference(&w->block, &now);
    struct result_block block = { .at_ns = w->block.at_ns - w->run_start_ns,
                                  .observed_ns = now.at_ns - w->block.at_ns,
                                  .value = seen.steal_ratio };
    watch_add_share(w, block);
    if (w->sampler) {
        hist_clear(&w->stalls);
        sampler_take(w->sampler, &w->stalls);
        block.hist = w->stalls;
        (void)result_add_block(&w->result.metrics[WATCH_STALL], &block, &ignored);
    }
    steal_release(&w->block.steal);
    w->block = now;
}

static void watch_events(struct watch *w)
{
    struct sampler_worst worst[SAMPLER_WORST];
    unsigned count = w->sampler ? sampler_worst(w->sampler, worst) : 0;
    for (unsigned i = 0; i < count; i++) {
        if (worst[i].stall_ns < 10 * (uint64_t)CLK_NS_PER_MS || worst[i].at_ns < w->run_start_ns)
            continue;
        result_event(&w->result, worst[i].at_ns - w->run_start_ns, worst[i].stall_ns,
                     "stall of %.1f ms on CPU %u", (double)worst[i].stall_ns / CLK_NS_PER_MS,
                     worst[i].cpu);
    }
}

static int watch_report(struct watch *w, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    if (w->sampler)
        sampler_stop(w->sampler);
    watch_close_block(w);
    watch_events(w);
    w->result.duration_ns = clk_now_ns() - w->run_start_ns;
    if (!w->sampler)
        result_note(&w->result, "Stalls were not watched: the sampler threads could not be made.");
    if (result_summarise(&w->result, e) || document_write_fragment(&w->result, &text, e))
        return -1;
    return frame_write(w->fd, FRAME_RESULT, buf_text(&text), text.size, e);
}

/* Answers all whole messages; whether to go on. */
static bool watch_answer(struct watch *w, struct buf *in)
{
    enum frame_type type;
    AUTO(buf) struct buf payload = { 0 };
    struct err ignored;
    enum frame_state state = FRAME_WHOLE;
    while ((state = frame_take(in, &type, &payload)) == FRAME_WHOLE) {
        if (type == FRAME_FINISH) {
            (void)watch_report(w, &ignored);
            return false;
        }
        struct witnessed seen = watch_mark(w);
        if (type != FRAME_MARK || frame_write(w->fd, FRAME_SEEN, &seen, sizeof seen, &ignored))
            return false;
    }
    return state == FRAME_PARTIAL;
}

/* One wake-up; whether to go on. */
static bool watch_step(struct watch *w, struct buf *in)
{
    struct pollfd p = { .fd = w->fd, .events = POLLIN };
    int ready = poll(&p, 1, (int)(BENCH_WITNESS_TICK_NS / CLK_NS_PER_MS));
    watch_clock(w);
    if (clk_now_ns() - w->block.at_ns >= WATCH_BLOCK_NS)
        watch_close_block(w);
    if (ready <= 0)
        return true;
    char bytes[64];
    ssize_t n = read(w->fd, bytes, sizeof bytes);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    buf_add(in, bytes, (size_t)n);
    return watch_answer(w, in);
}

static void watch_release(struct watch *w)
{
    steal_release(&w->last.steal);
    steal_release(&w->block.steal);
    hist_release(&w->stalls);
    result_release(&w->result);
    throttle_release(&w->throttle);
    auto_close_fd(&w->proc_fd);
}

void watch_serve(int fd, uint64_t run_start_ns)
{
    struct watch w = { .fd = fd, .run_start_ns = run_start_ns };
    struct err e = { 0 };
    w.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w.proc_fd < 0 || hist_open(&w.stalls, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e) ||
        result_open(&w.result, "witness", "What the host did meanwhile", watch_metrics, &e)) {
        return;
    }
    (void)throttle_open(&w.throttle, w.proc_fd, -1, &e);
    w.sampler = sampler_open(&(struct sampler_terms){ 0 }, &e);
    if (w.sampler)
        sampler_start(w.sampler);
    w.offset_ns = watch_offset();
    watch_sample(&w, &w.last);
    watch_sample(&w, &w.block);

    AUTO(buf) struct buf in = { 0 };
    while (watch_step(&w, &in))
        continue;
    sampler_free(w.sampler);
    watch_release(&w);
}
