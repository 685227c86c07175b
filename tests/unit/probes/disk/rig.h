/*
 * rig: runs a disk probe as the bench does, in a temporary directory, with a place made up.
 */
#ifndef TESTS_UNIT_PROBES_DISK_RIG_H
#define TESTS_UNIT_PROBES_DISK_RIG_H

#include <math.h>
#include <signal.h>

#include "probes/kit/clk.h"
#include "probes/probe.h"
#include "tests/unit/probes/disk/fake.h"

#define RIG_MIB UINT64_C(1048576)

enum {
    RIG_ROWS = LIMITS_METRICS
};

struct rig {
    const struct probe *probe;
    char path[64];
    char shared_path[64];
    char conf[256];
    struct place place;
    struct probe_site site;
    struct probe_run run;
    struct result result;
    struct hist hists[RIG_ROWS];
    double values[RIG_ROWS];
    uint64_t observed_ns[RIG_ROWS];
    volatile sig_atomic_t stopping;
    struct err e;
};

static inline struct place rig_place(void)
{
    return (struct place){ .fs = "ext4",
                           .journal = "ordered",
                           .device = "vda",
                           .driver = "virtio_blk",
                           .options = "rw,relatime",
                           .total_bytes = 100 * 1024 * RIG_MIB,
                           .free_bytes = 50 * 1024 * RIG_MIB };
}

static inline struct rig *rig_open(const struct probe *probe)
{
    struct rig *r = calloc(1, sizeof *r);
    r->probe = probe;
    r->place = rig_place();
    r->run.scratch_fd = fake_dir(r->path);
    r->run.home_fd = r->run.scratch_fd;
    r->run.shared_fd = fake_dir(r->shared_path);
    r->site = (struct probe_site){ .proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                   .sys_fd = -1,
                                   .dir = r->path,
                                   .place = &r->place,
                                   .memory_bytes = 2048 * RIG_MIB,
                                   .cpus = 2 };
    assert_true(probe->conf_size <= sizeof r->conf);
    if (probe->opts)
        assert_int_equal(opt_defaults(probe->opts, r->conf, probe->conf_size, &r->e), 0);
    assert_int_equal(result_open(&r->result, probe->name, probe->title, probe->metrics, &r->e), 0);
    for (unsigned i = 0; i < r->result.metric_count; i++)
        assert_int_equal(hist_open(&r->hists[i], UINT64_C(1) << HIST_TEN_MINUTES_BITS, &r->e), 0);
    r->run.conf = r->conf;
    r->run.site = &r->site;
    r->run.seed = 1;
    r->run.slot_ns = 8 * (uint64_t)CLK_NS_PER_S; /* time to fill the file; it is not used up */
    r->run.run_start_ns = clk_now_ns();
    r->run.slot_end_ns = r->run.run_start_ns + r->run.slot_ns;
    r->run.stopping = &r->stopping;
    r->run.hists = r->hists;
    r->run.values = r->values;
    r->run.observed_ns = r->observed_ns;
    r->run.result = &r->result;
    return r;
}

static inline void rig_set(struct rig *r, const char *name, const char *value)
{
    assert_int_equal(opt_set(r->probe->opts, r->conf, name, value, &r->e), 0);
}

static inline int rig_setup(struct rig *r)
{
    return r->probe->setup(&r->run, &r->e);
}

/* One repetition of that length; hists and values are left to look at. */
static inline int rig_measure(struct rig *r, uint64_t length_ns)
{
    for (unsigned i = 0; i < r->result.metric_count; i++) {
        hist_clear(&r->hists[i]);
        r->values[i] = NAN;
        r->observed_ns[i] = 0;
    }
    r->run.until_ns = clk_now_ns() + length_ns;
    int status = r->probe->measure(&r->run, &r->e);
    r->run.repetition++;
    return status;
}

static inline bool rig_noted(const struct rig *r, const char *words)
{
    for (unsigned i = 0; i < r->result.note_count; i++) {
        if (strstr(r->result.notes[i], words))
            return true;
    }
    return false;
}

static inline void rig_close(struct rig *r);

/* Of a probe that writes records one by one: the warm-up is 1 ms. */
static inline struct rig *rig_brief(const struct probe *probe)
{
    struct rig *r = rig_open(probe);
    r->run.slot_ns = 10 * (uint64_t)CLK_NS_PER_MS;
    r->run.write_budget_bytes = 64 * RIG_MIB;
    return r;
}

/* What all of these keep to; each closes the rig. */
static inline void rig_stop_ends_the_repetition(struct rig *r, unsigned latency, unsigned rate)
{
    r->run.write_budget_bytes = UINT64_MAX;
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    assert_int_equal(rig_measure(r, 60 * (uint64_t)CLK_NS_PER_S), 0);
    assert_int_equal(r->hists[latency].total, 0);
    assert_true(isnan(r->values[rate]));
    rig_close(r);
}

static inline void rig_budget_is_kept(struct rig *r, uint64_t budget_bytes, uint64_t written_bytes)
{
    r->run.write_budget_bytes = budget_bytes;
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 10000 && !r->run.done; i++)
        assert_int_equal(rig_measure(r, 60 * (uint64_t)CLK_NS_PER_S), 0);
    assert_int_equal(r->result.written_bytes, written_bytes);
    assert_true(r->run.done);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "write budget"));
    rig_close(r);
}

static inline void rig_missing_directory_is_named(struct rig *r)
{
    int scratch_fd = r->run.scratch_fd;
    r->run.scratch_fd = -1;
    assert_int_equal(rig_setup(r), -1);
    assert_non_null(strstr(r->e.msg, r->path));
    r->run.scratch_fd = scratch_fd;
    rig_close(r);
}

/* Leaves it open. */
static inline void rig_terms_are_noted(struct rig *r)
{
    assert_int_equal(rig_setup(r), 0);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "ext4 on vda (virtio_blk), journal: ordered."));
    assert_true(rig_noted(r, "closed loop, back to back"));
}

static inline void rig_close(struct rig *r)
{
    for (int i = 0; r->probe->teardown && i < 2; i++) /* may be called again */
        r->probe->teardown(&r->run);
    assert_int_equal(fake_names(r->path), 0);
    for (unsigned i = 0; i < r->result.metric_count; i++)
        hist_release(&r->hists[i]);
    result_release(&r->result);
    (void)close(r->site.proc_fd);
    fake_dir_remove(r->run.scratch_fd, r->path);
    fake_dir_remove(r->run.shared_fd, r->shared_path);
    free(r);
}

#endif
