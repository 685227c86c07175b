/*
 * rig: a probe of this family over peers, with a reflector on the loopback that a thread serves.
 */
#ifndef TESTS_UNIT_PROBES_NET_RIG_H
#define TESTS_UNIT_PROBES_NET_RIG_H

#include <pthread.h>

#include "tests/unit/probes/net/locked.h"
#include "tests/unit/probes/net/loop.h"
#include "tests/unit/probes/split.h"

struct rig {
    struct reflector reflector;
    pthread_t thread;
    volatile sig_atomic_t stop_reflector;
    volatile sig_atomic_t stop;
    struct split split;
    char peer[PEER_NAME_BYTES]; /* the reflector's */
    void *conf;
};

static void *rig_serve(void *arg)
{
    struct rig *rig = arg;
    struct err e = { 0 };
    (void)reflector_run(&rig->reflector, UINT64_MAX, &rig->stop_reflector, &e);
    return NULL;
}

/* With a key the reflector answers nothing else. */
static inline void rig_open_locked(struct rig *rig, const struct probe *probe, struct locked *l)
{
    struct err e = { 0 };
    memset(rig, 0, sizeof *rig);
    loop_reflector(&rig->reflector, "127.0.0.1");
    if (l)
        locked_govern(l, &rig->reflector);
    (void)peer_name(&rig->reflector.at, rig->peer);
    rig->conf = calloc(1, probe->conf_size);
    assert_int_equal(opt_defaults(probe->opts, rig->conf, probe->conf_size, &e), 0);
    assert_int_equal(split_open(&rig->split, probe, &e), 0);
    rig->split.run.conf = rig->conf;
    rig->split.run.seed = 1;
    rig->split.run.stopping = &rig->stop;
    assert_int_equal(pthread_create(&rig->thread, NULL, rig_serve, rig), 0);
}

static inline void rig_open(struct rig *rig, const struct probe *probe)
{
    rig_open_locked(rig, probe, NULL);
}

static inline void rig_set(struct rig *rig, const char *option, const char *value)
{
    struct err e = { 0 };
    assert_int_equal(opt_set(rig->split.probe->opts, rig->conf, option, value, &e), 0);
}

/* The whole life of a probe, one repetition of so many ns long; what setup or measure said. */
static inline int rig_run(struct rig *rig, uint64_t slot_ns, struct err *e)
{
    const struct probe *p = rig->split.probe;
    struct probe_run *run = &rig->split.run;
    run->slot_ns = slot_ns;
    run->slot_end_ns = run->until_ns = clk_now_ns() + slot_ns;
    int failed = p->setup(run, e);
    if (!failed)
        failed = p->measure(run, e);
    if (!failed)
        p->judge(run);
    return failed;
}

static inline void rig_close(struct rig *rig)
{
    rig->stop_reflector = 1;
    (void)pthread_join(rig->thread, NULL);
    rig->split.probe->teardown(&rig->split.run);
    rig->split.probe->teardown(&rig->split.run);
    split_release(&rig->split);
    reflector_release(&rig->reflector);
    free(rig->conf);
}

/* Whether a note holds the words. */
static inline int rig_noted(const struct rig *rig, unsigned part, const char *words)
{
    const struct result *r = rig->split.parts[part].result;
    int noted = 0;
    for (unsigned i = 0; i < r->note_count; i++)
        noted = noted || strstr(r->notes[i], words);
    return noted;
}

static inline struct result *rig_result(const struct rig *rig, unsigned part)
{
    return rig->split.parts[part].result;
}

#endif
