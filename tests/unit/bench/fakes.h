/*
 * fakes: probes that behave, and probes that do not. They take some milliseconds and touch nothing
 * but their scratch.
 */
#ifndef TESTS_UNIT_BENCH_FAKES_H
#define TESTS_UNIT_BENCH_FAKES_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/patience.h"
#include "probes/kit/clk.h"
#include "probes/probe.h"

enum {
    FAKES_VALUE = 7,
    FAKES_SHORT_NS = 20 * CLK_NS_PER_MS /* of those that fill their slot */
};

/* A loaded machine may hold any process up: nothing that is expected to come is given up. */
#define FAKES_SLOT_NS (60 * (uint64_t)CLK_NS_PER_S)
#define FAKES_LONG_NS (30 * (uint64_t)CLK_NS_PER_S)

static const struct patience fakes_patience = { .grace_ns = FAKES_LONG_NS,
                                                .silence_ns = FAKES_LONG_NS,
                                                .stop_ns = FAKES_LONG_NS,
                                                .kill_ns = FAKES_LONG_NS,
                                                .stop_kill_ns = FAKES_LONG_NS,
                                                .ask_ns = FAKES_LONG_NS,
                                                .clear_ns = FAKES_LONG_NS };

/* For what never comes. */
static const struct patience fakes_hurry = { .grace_ns = 20 * CLK_NS_PER_MS,
                                             .silence_ns = FAKES_LONG_NS,
                                             .stop_ns = 20 * CLK_NS_PER_MS,
                                             .kill_ns = FAKES_LONG_NS,
                                             .stop_kill_ns = FAKES_LONG_NS,
                                             .ask_ns = FAKES_LONG_NS,
                                             .clear_ns = FAKES_LONG_NS };

/* For what comes when it is told to. */
static const struct patience fakes_firm = { .grace_ns = 20 * CLK_NS_PER_MS,
                                            .silence_ns = CLK_NS_PER_S,
                                            .stop_ns = FAKES_LONG_NS,
                                            .kill_ns = FAKES_LONG_NS,
                                            .stop_kill_ns = FAKES_LONG_NS,
                                            .ask_ns = FAKES_LONG_NS,
                                            .clear_ns = FAKES_LONG_NS };

static inline void fakes_nap(unsigned ms)
{
    (void)poll(NULL, 0, (int)ms);
}

/* One sample of FAKES_VALUE in each row. */
static inline int fakes_measure(struct probe_run *run, struct err *e)
{
    (void)e;
    fakes_nap(1);
    hist_record(&run->hists[0], FAKES_VALUE);
    run->values[1] = FAKES_VALUE;
    return 0;
}

/* Three peers, of which the second is not there. */
static const char *const fakes_peers[] = { "node-a", "node-b", "[fd99::3]:8620" };

static inline int fakes_meet(struct probe_run *run, struct err *e)
{
    if (run->split(run, fakes_peers, 3, e))
        return -1;
    result_set_status(run->parts[1].result, STATUS_FAILED, "nobody is at home");
    return 0;
}

/* FAKES_VALUE, and one more for each peer after the first. */
static inline int fakes_measure_peers(struct probe_run *run, struct err *e)
{
    (void)e;
    fakes_nap(1);
    for (unsigned i = 0; i < run->part_count; i++) {
        if (run->parts[i].result->status == STATUS_FAILED)
            continue;
        hist_record(&run->parts[i].hists[0], FAKES_VALUE + i);
        run->parts[i].values[1] = FAKES_VALUE + i;
    }
    run->done = run->repetition == 2;
    return 0;
}

static inline int fakes_measure_thrice(struct probe_run *run, struct err *e)
{
    run->done = run->repetition == 2;
    return fakes_measure(run, e);
}

static inline int fakes_refuse(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)site;
    (void)conf;
    return err_set(e, ERR_UNSUPPORTED, 0, "the moon is full; wait a day");
}

static inline int fakes_crash_asked(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)site;
    (void)conf;
    (void)e;
    abort();
}

static inline int fakes_fail(struct probe_run *run, struct err *e)
{
    (void)run;
    return err_set(e, ERR_IO, 0, "the fake is broken");
}

static inline int fakes_cannot(struct probe_run *run, struct err *e)
{
    (void)run;
    return err_set(e, ERR_UNSUPPORTED, 0, "the fake cannot do it");
}

static inline int fakes_fail_later(struct probe_run *run, struct err *e)
{
    return run->repetition == 2 ? fakes_fail(run, e) : fakes_measure(run, e);
}

static inline int fakes_crash(struct probe_run *run, struct err *e)
{
    (void)run;
    (void)e;
    (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer has its own handler */
    return raise(SIGSEGV);
}

static inline int fakes_vanish(struct probe_run *run, struct err *e)
{
    (void)run;
    (void)e;
    _exit(3);
}

static inline __attribute__((noreturn)) int fakes_hang(struct probe_run *run, struct err *e)
{
    (void)run;
    (void)e;
    for (;;)
        (void)pause();
}

/* Late, but it hears SIGTERM. */
static inline int fakes_dawdle(struct probe_run *run, struct err *e)
{
    while (!*run->stopping)
        fakes_nap(5);
    return fakes_measure(run, e);
}

static inline int fakes_see_nothing(struct probe_run *run, struct err *e)
{
    (void)run;
    (void)e;
    return 0;
}

/* Writes to every descriptor that may be the runner's pipe. */
static inline void fakes_spill(const void *bytes, size_t size)
{
    for (int fd = 3; fd < 64; fd++) {
        struct stat st;
        if (!fstat(fd, &st) && S_ISFIFO(st.st_mode) && write(fd, bytes, size) < 0)
            continue;
    }
}

static inline int fakes_send_garbage(struct probe_run *run, struct err *e)
{
    static const unsigned char garbage[] = { 'R', 0xff, 0xff, 0xff, 0xff, 'x' };
    fakes_spill(garbage, sizeof garbage);
    fakes_hang(run, e);
}

static inline int fakes_send_unknown(struct probe_run *run, struct err *e)
{
    static const unsigned char unknown[] = { '?', 1, 0, 0, 0, 'x' };
    fakes_spill(unknown, sizeof unknown);
    fakes_hang(run, e);
}

static inline int fakes_send_nonsense(struct probe_run *run, struct err *e)
{
    static const unsigned char nonsense[] = { 'R', 3, 0, 0, 0, '{', 'x', '}' };
    (void)run;
    (void)e;
    fakes_spill(nonsense, sizeof nonsense);
    _exit(0);
}

/* Dies, while a child of its own lives on and holds the pipe. */
static inline int fakes_leave_an_orphan(struct probe_run *run, struct err *e)
{
    if (fork() == 0)
        fakes_hang(run, e);
    _exit(3);
}

static inline int fakes_litter(struct probe_run *run, struct err *e)
{
    int fd = openat(run->scratch_fd, "litter", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || mkdirat(run->scratch_fd, "deep", 0700) ||
        mkdirat(run->scratch_fd, "deep/er", 0700)) {
        return err_set(e, ERR_IO, 0, "the room is not empty");
    }
    (void)close(fd);
    run->done = true;
    return fakes_measure(run, e);
}

static inline int fakes_litter_and_crash(struct probe_run *run, struct err *e)
{
    return fakes_litter(run, e) ? -1 : fakes_crash(run, e);
}

static inline void fakes_distrust(struct probe_run *run)
{
    result_set_status(run->result, STATUS_UNTRUSTED, "the fake is a liar");
}

static const struct metric fakes_metrics[] = {
    {.id = "fake.wait",
     .unit = UNIT_NS,
     .better = METRIC_LOWER,
     .kind = METRIC_HIST,
     .show = "p50",
     .what = "A wait."},
    { .id = "fake.rate",
     .unit = UNIT_PER_S,
     .better = METRIC_HIGHER,
     .kind = METRIC_MEAN,
     .show = "value",
     .what = "A rate."},
    METRIC_END,
};

#define FAKE_ONCE(row_name, ...)                                                                   \
    {                                                                                              \
        .name = row_name, .title = "A fake", .why = "None.", .source = "None.", .weight = 1,       \
        .metrics = fakes_metrics, __VA_ARGS__                                                      \
    }
#define FAKE(row_name, ...) FAKE_ONCE(row_name, .repetition_ns = 2 * CLK_NS_PER_MS, __VA_ARGS__)

static const struct probe fakes_good = FAKE("fake.good", .measure = fakes_measure_thrice);
static const struct probe fakes_several =
    FAKE("fake.several", .setup = fakes_meet, .measure = fakes_measure_peers);
static const struct probe fakes_refused =
    FAKE("fake.refused", .supported = fakes_refuse, .measure = fakes_measure);
static const struct probe fakes_crashed = FAKE("fake.crashed", .measure = fakes_crash);

#endif
