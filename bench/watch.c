#include "bench/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/crowd.h"
#include "bench/frame.h"
#include "bench/sight.h"
#include "bench/thrift.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/document.h"
#include "probes/kit/inquest.h"
#include "probes/kit/sampler.h"
#include "probes/kit/stealclock.h"

#define WATCH_EPISODE_NS CLK_NS_PER_MS                  /* a stall as long as that has a cause */
#define WATCH_EVENT_NS   (10 * (uint64_t)CLK_NS_PER_MS) /* and as long as that is told one by one */

enum {
    WATCH_CLOCK_TRIES = 5,
    WATCH_CLOCK_NARROW_NS =
        20 * CLK_NS_PER_US,       /* two readings take 0.1 us, and 5 us in a slow VM */
    WATCH_EPISODES = 64,          /* taken at once */
    WATCH_BLOCK_NS = CLK_NS_PER_S /* a run of a minute has 60, one of a day 256 */
};

enum {
    WATCH_STALL,
    WATCH_STEAL,
    WATCH_PRESSURE_CPU,
    WATCH_PRESSURE_IO,
    WATCH_PRESSURE_MEMORY,
    WATCH_THROTTLED,
    WATCH_OTHERS,
    WATCH_COST,
    WATCH_LOST, /* by cause */
    WATCH_METRICS = WATCH_LOST + CAUSES
};

/* All shares but the first have one value a second. */
#define WATCH_SHARE(name, better_, show_, sentence)                                                \
    {                                                                                              \
        .id = "witness." name, .unit = UNIT_RATIO, .better = (better_), .kind = METRIC_MEAN,       \
        .show = (show_), .what = (sentence)                                                        \
    }
#define WATCH_LOST_TO(name, whom)                                                                  \
    WATCH_SHARE("lost." name, METRIC_LOWER, "",                                                    \
                "Share of the sleepers' deadlines missed by 1 ms or more, under the run's own "    \
                "load: lost to " whom ".")

static const struct metric watch_metrics[] = {
    [WATCH_STALL] = {.id = "witness.stall",
                     .unit = UNIT_NS,
                     .better = METRIC_LOWER,
                     .kind = METRIC_HIST,
                     .show = "p99 max",
                     .what = "How late a sleeper of 10 ms to 50 ms woke on any CPU, during the "
                              "whole run and under the run's own load."},
    [WATCH_STEAL] = WATCH_SHARE("steal", METRIC_LOWER, "value",
                                "Share of all CPU time that the hypervisor gave to others during "
                                "the whole run."),
    [WATCH_PRESSURE_CPU] =
        WATCH_SHARE("pressure.cpu", METRIC_LOWER, "",
                    "Share of time in which some task waited for a CPU, by the kernel (PSI some)."),
    [WATCH_PRESSURE_IO] =
        WATCH_SHARE("pressure.io", METRIC_LOWER, "",
                    "Share of time in which some task waited for I/O, by the kernel (PSI some)."),
    [WATCH_PRESSURE_MEMORY] = WATCH_SHARE(
        "pressure.memory", METRIC_LOWER, "",
        "Share of time in which some task waited for memory, by the kernel (PSI some)."),
    [WATCH_THROTTLED] =
        WATCH_SHARE("throttled", METRIC_LOWER, "",
                    "Share of time in which CPU quotas held our control groups back."),
    [WATCH_OTHERS] =
        WATCH_SHARE("others", METRIC_LOWER, "",
                    "Share of all CPU time used by processes that are not this run's."),
    [WATCH_COST] =
        WATCH_SHARE("cost", METRIC_NEITHER, "", "What the witness itself used of one CPU."),
    [WATCH_LOST + CAUSE_HYPERVISOR] = WATCH_LOST_TO("hypervisor", "the hypervisor, as it reports"),
    [WATCH_LOST + CAUSE_UNREPORTED] =
        WATCH_LOST_TO("unreported", "the hypervisor, which did not report it"),
    [WATCH_LOST + CAUSE_OTHERS] = WATCH_LOST_TO("others", "other processes of this guest"),
    [WATCH_LOST + CAUSE_OWN] = WATCH_LOST_TO("own", "this run's own load"),
    [WATCH_LOST + CAUSE_QUOTA] = WATCH_LOST_TO("quota", "a CPU quota of our control group"),
    [WATCH_LOST + CAUSE_INTERRUPTS] = WATCH_LOST_TO("interrupts", "interrupts"),
    [WATCH_LOST + CAUSE_HALTED] = WATCH_LOST_TO("halted", "a stop signal, a freezer or suspend"),
    [WATCH_LOST + CAUSE_UNKNOWN] = WATCH_LOST_TO("unknown", "what could not be told"),
    METRIC_END,
};

struct watch {
    int fd;
    int proc_fd, sys_fd;
    uint64_t run_start_ns;
    struct thrift_sleepers sleepers;
    struct sampler *sampler; /* NULL: could not be made */
    struct inquest *inquest; /* NULL: the same */
    uint64_t next_look_ns;
    struct throttle throttle;
    struct crowd crowd;
    struct sight_eye eye;
    struct sight last;            /* at the last mark */
    struct sight block;           /* at the beginning of this block */
    struct inquest_blame blamed;  /* until then */
    double cost_ratio;            /* of the last block */
    uint64_t cost_ns;             /* CPU time until then */
    int64_t offset_ns;            /* wall clock less monotonic clock, last seen */
    double step_ns;               /* largest jump since the last mark */
    struct crowd_largest largest; /* of all marks */
    struct hist stalls;
    struct result result;
};

const struct metric *watch_table(void)
{
    return watch_metrics;
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

/* Episodes first, so that a look finds those that it closes. */
static void watch_look(struct watch *w)
{
    struct episode episodes[WATCH_EPISODES];
    unsigned count = w->sampler && w->inquest ? WATCH_EPISODES : 0;
    while (count == WATCH_EPISODES) {
        count = sampler_episodes(w->sampler, episodes, WATCH_EPISODES);
        for (unsigned i = 0; i < count; i++)
            inquest_add(w->inquest, &episodes[i]);
    }
    if (w->inquest)
        inquest_look(w->inquest);
}

/* The larger of two, by name. */
static void watch_remember(struct watch *w, const struct crowd_largest *largest, uint64_t now_ns)
{
    char why[LIMITS_TEXT_BYTES];
    if (!(largest->cpu_ratio > 0) || largest->cpu_ratio <= w->largest.cpu_ratio)
        return;
    w->largest = *largest;
    (void)snprintf(why, sizeof why, "%.0f %% of a CPU between two probes, at %.0f s",
                   largest->cpu_ratio * 100, (double)(now_ns - w->run_start_ns) / CLK_NS_PER_S);
    (void)facts_set_text(&w->result.facts, "witness.others.process", largest->name, why);
}

/* What was seen since the last mark. */
static struct witnessed watch_mark(struct watch *w)
{
    struct sight now = { 0 };
    struct crowd_largest largest;
    sight_take(&w->eye, true, &now);
    watch_clock(w);
    struct witnessed seen = sight_difference(&w->last, &now);
    crowd_scan(&w->crowd, now.at_ns, &largest);
    watch_remember(w, &largest, now.at_ns);
    seen.largest_other_cpu_ratio = largest.cpu_ratio;
    memcpy(seen.largest_other, largest.name, sizeof seen.largest_other);
    seen.clock_step_ns = w->step_ns;
    seen.stall_max_ns = w->sampler ? (double)sampler_take_max(w->sampler) : NAN;
    sight_release(&w->last);
    w->last = now;
    w->step_ns = 0;
    return seen;
}

/*
 * The share of one block. Blocks are of one length, whatever the marks: the mean of shares of
 * unequal times would not be the share of the whole. A block that a stall made longer counts as
 * often as it should have been closed; the last one only when it is nearly whole, or the only one.
 */
static void watch_add_share(struct result_metric *m, struct result_block block)
{
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

/* Missed deadlines of all that the sleepers had; their verdict comes up to half a second later. */
static void watch_lost(struct watch *w, double values[WATCH_METRICS])
{
    const struct inquest_blame none = { 0 };
    const struct inquest_blame *all = w->inquest ? inquest_blame(w->inquest, INQUEST_ALL) : &none;
    bool known = w->inquest && w->stalls.total > 0;
    for (unsigned i = 0; i < CAUSES; i++) {
        double missed = all->missed[i] - w->blamed.missed[i];
        values[WATCH_LOST + i] = known ? fmin(missed / (double)w->stalls.total, 1) : NAN;
    }
    if (known)
        w->blamed = *all;
}

/* Closes a block of each of our metrics. */
static void watch_close_block(struct watch *w)
{
    struct sight now = { 0 };
    struct err ignored;
    double values[WATCH_METRICS];
    sight_take(&w->eye, false, &now);
    struct witnessed seen = sight_difference(&w->block, &now);
    struct result_block block = { .at_ns = w->block.at_ns - w->run_start_ns,
                                  .observed_ns = now.at_ns - w->block.at_ns };
    uint64_t cost_ns = clk_process_cpu_ns();
    hist_clear(&w->stalls);
    if (w->sampler) {
        sampler_take(w->sampler, &w->stalls);
        sampler_turn(w->sampler);
    }
    values[WATCH_STALL] = NAN;
    values[WATCH_STEAL] = seen.steal_ratio;
    values[WATCH_PRESSURE_CPU] = seen.cpu_pressure_ratio;
    values[WATCH_PRESSURE_IO] = seen.io_pressure_ratio;
    values[WATCH_PRESSURE_MEMORY] = seen.memory_pressure_ratio;
    values[WATCH_THROTTLED] = seen.throttled_ratio;
    values[WATCH_OTHERS] = seen.others_cpu_ratio;
    w->cost_ratio = (double)(cost_ns - w->cost_ns) / (double)block.observed_ns;
    values[WATCH_COST] = w->cost_ratio;
    watch_lost(w, values);
    for (unsigned i = 0; i < WATCH_METRICS; i++) {
        block.value = values[i];
        watch_add_share(&w->result.metrics[i], block);
    }
    if (w->sampler) {
        block.hist = w->stalls;
        (void)result_add_block(&w->result.metrics[WATCH_STALL], &block, &ignored);
    }
    sight_release(&w->block);
    w->block = now;
    w->cost_ns = cost_ns;
}

static void watch_events(struct watch *w)
{
    struct inquest_case cases[INQUEST_CASES];
    unsigned count = w->inquest ? inquest_worst(w->inquest, cases, INQUEST_CASES) : 0;
    for (unsigned i = 0; i < count; i++) {
        const struct episode *e = &cases[i].episode;
        struct result_event event = { .duration_ns = e->length_ns, .cpu = (int32_t)e->cpu };
        if (e->length_ns < WATCH_EVENT_NS || e->at_ns < w->run_start_ns)
            continue;
        event.at_ns = e->at_ns - w->run_start_ns;
        (void)snprintf(event.what, sizeof event.what, "stall of %.1f ms on CPU %u",
                       (double)e->length_ns / CLK_NS_PER_MS, e->cpu);
        (void)snprintf(event.cause, sizeof event.cause, "%s", cause_id(cases[i].main));
        result_event_full(&w->result, &event);
    }
}

static void watch_notes(struct watch *w)
{
    struct result *r = &w->result;
    if (!w->sampler) {
        result_note(r, "Stalls were not watched: the sampler threads could not be made.");
        return;
    }
    result_note(r,
                "A sleeper of %.0f ms on each of %u CPUs at a time, of %u, so that watching costs "
                "less than 0.5 %% of one CPU; shorter stalls are seen as often as they meet one.",
                (double)w->sleepers.interval_ns / CLK_NS_PER_MS, sampler_cpus(w->sampler),
                sampler_allowed(w->sampler));
    if (sampler_unpinned(w->sampler))
        result_note(r, "%u sleepers could not be bound to a CPU of their own.",
                    sampler_unpinned(w->sampler));
    if (!w->inquest)
        result_note(r, "Nobody was asked for the causes of stalls: no memory.");
    if (w->block.ours_ns == UINT64_MAX)
        result_note(r, "This kernel does not list a process's children: our own load could not be "
                       "told from that of others.");
    if (!w->block.throttled_known)
        result_note(r, "Our CPU control group cannot be seen: a quota would be taken for "
                       "something else.");
    unsigned long long crowded = sampler_missed(w->sampler);
    crowded += w->inquest ? inquest_crowded(w->inquest) : 0;
    if (crowded > 0)
        result_note(r, "%llu stalls came faster than they could be judged.", crowded);
}

static int watch_report(struct watch *w, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    if (w->sampler)
        sampler_stop(w->sampler);
    watch_look(w);
    if (w->inquest)
        inquest_close(w->inquest);
    watch_close_block(w);
    watch_events(w);
    watch_notes(w);
    w->result.duration_ns = clk_now_ns() - w->run_start_ns;
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

/* What is due by the clock. */
static void watch_tend(struct watch *w)
{
    uint64_t now_ns = clk_now_ns();
    if (now_ns < w->next_look_ns)
        return;
    uint64_t before_ns = clk_thread_cpu_ns();
    watch_clock(w);
    watch_look(w);
    w->next_look_ns = now_ns + thrift_pause_ns(clk_thread_cpu_ns() - before_ns, w->cost_ratio);
    if (now_ns - w->block.at_ns >= WATCH_BLOCK_NS)
        watch_close_block(w);
}

/* One wake-up; whether to go on. */
static bool watch_step(struct watch *w, struct buf *in)
{
    struct pollfd p = { .fd = w->fd, .events = POLLIN };
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = w->next_look_ns > now_ns ? w->next_look_ns - now_ns : 0;
    int ready = poll(&p, 1, (int)((left_ns + CLK_NS_PER_MS - 1) / CLK_NS_PER_MS));
    watch_tend(w);
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
    sampler_free(w->sampler);
    inquest_free(w->inquest);
    sight_release(&w->last);
    sight_release(&w->block);
    hist_release(&w->stalls);
    result_release(&w->result);
    throttle_release(&w->throttle);
    crowd_release(&w->crowd);
    auto_close_fd(&w->proc_fd);
    auto_close_fd(&w->sys_fd);
}

static uint64_t watch_own_ns(void *arg)
{
    return crowd_family_ns(arg);
}

/* That may be slept on; more than a set holds are all that are online. */
static unsigned watch_cpus(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        return (unsigned)CPU_COUNT(&allowed);
    return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Sleepers and their inquest; the run goes on without what cannot be had. */
static void watch_open_sleepers(struct watch *w)
{
    struct err ignored;
    struct stealclock clock;
    struct cpuid cpuid = cpuid_read();
    stealclock_find(w->proc_fd, w->sys_fd, &cpuid, &clock);
    w->sleepers = thrift_sleepers(watch_cpus(), thrift_wake_ns());
    struct sampler_terms terms = { .interval_ns = w->sleepers.interval_ns,
                                   .episode_ns = WATCH_EPISODE_NS,
                                   .threads = w->sleepers.threads };
    struct inquest_site site = { .proc_fd = w->proc_fd,
                                 .sys_fd = w->sys_fd,
                                 .host = stealclock_host(&clock),
                                 .interval_ns = w->sleepers.interval_ns,
                                 .own_ns = watch_own_ns,
                                 .own_arg = &w->crowd };
    w->inquest = inquest_open(&site, &ignored);
    w->sampler = sampler_open(&terms, &ignored);
    if (w->sampler)
        sampler_start(w->sampler);
}

void watch_serve(int fd, uint64_t run_start_ns)
{
    struct watch w = { .fd = fd, .run_start_ns = run_start_ns };
    struct err e = { 0 };
    w.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w.sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w.proc_fd < 0 || hist_open(&w.stalls, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e) ||
        result_open(&w.result, "witness", "What the host did meanwhile", watch_metrics, &e) ||
        crowd_open(&w.crowd, w.proc_fd, getppid(), clk_now_ns(), &e)) {
        return;
    }
    (void)throttle_open(&w.throttle, w.proc_fd, w.sys_fd, &e);
    w.eye = (struct sight_eye){ w.proc_fd, &w.throttle, &w.crowd };
    watch_open_sleepers(&w);
    w.offset_ns = watch_offset();
    sight_take(&w.eye, true, &w.last);
    sight_take(&w.eye, false, &w.block);
    w.cost_ns = clk_process_cpu_ns();

    AUTO(buf) struct buf in = { 0 };
    while (watch_step(&w, &in))
        continue;
    watch_release(&w);
}
