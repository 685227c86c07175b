#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/disk/bed.h"
#include "probes/disk/buffers.h"
#include "probes/disk/disk.h"
#include "probes/disk/doubt.h"
#include "probes/disk/honesty.h"
#include "probes/disk/pattern.h"
#include "probes/disk/terms.h"
#include "probes/disk/unnamed.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

/*
 * Direct overwrites of a file that is written already: the write ends when the disk has the data,
 * the file's page cache and its extents stay clean, and the fdatasync after it is the flush of the
 * disk's cache and nothing else. A buffered write would put the data's way to the disk into the
 * sync.
 */

enum {
    DISK_FLUSH_WRITE,
    DISK_FLUSH_SYNC,
    DISK_FLUSH_CLEAN,
    DISK_FLUSH_BULK,
    DISK_FLUSH_ROWS
};

static const struct metric disk_flush_metrics[] = {
    [DISK_FLUSH_WRITE] = {"disk.flush.write",  UNIT_NS, METRIC_LOWER,   METRIC_HIST, "p50",
                          "How long a direct 4 KiB overwrite takes, before any sync."},
    [DISK_FLUSH_SYNC] = { "disk.flush.sync",  UNIT_NS, METRIC_LOWER,   METRIC_HIST, "p50",
                          "How long the fdatasync after it takes: the flush alone."  },
    [DISK_FLUSH_CLEAN] = { "disk.flush.clean", UNIT_NS, METRIC_NEITHER, METRIC_HIST, "p50",
                          "How long an fdatasync takes when all is flushed already." },
    [DISK_FLUSH_BULK] = { "disk.flush.bulk",  UNIT_NS, METRIC_NEITHER, METRIC_HIST, "",
                          "How long an fdatasync takes after 1 MiB of direct writes."},
    METRIC_END,
};

static bool disk_flush_word(unsigned index, struct fact_word *word)
{
    const struct honesty_row *row = &honesty_rows[index];
    *word = (struct fact_word){ .word = row->name, .what = row->means };
    return row->name != NULL;
}

static const struct fact_row disk_flush_facts[] = {
    {.name = "disk.flush",
     .kind = FACT_TEXT,
     .what = "Whether a flush reaches the medium.",
     .word = disk_flush_word},
    FACT_END,
};

enum {
    DISK_FLUSH_BLOCK_BYTES = 4096,
    DISK_FLUSH_FILE_BYTES = 4 << 20,   /* small, for a slot of a second on a slow disk */
    DISK_FLUSH_FILL_SHARE = 2,         /* half of the slot, at most, for the file */
    DISK_FLUSH_BUDGET_RATE = 32 << 20, /* bytes a second of the slot that may be written */
    DISK_FLUSH_FIELD = 16,             /* of the device's stat: flush requests done */
    DISK_FLUSH_BULK_EVERY = 32         /* rounds of write, sync and clean sync for one of 1 MiB */
};

struct disk_flush {
    struct bed bed;
    struct buffers small, bulk;
    struct buffers back; /* what a block holds after its sync */
    uint64_t offset;     /* of the last write */
    uint64_t lost;       /* blocks that held other bytes */
    struct pattern blocks, chunks;
    struct hist seen[DISK_FLUSH_ROWS]; /* all repetitions */
    uint64_t observed_ns;
    uint64_t overwritten_bytes;
    uint64_t rounds;
    uint64_t syncs;   /* after a write: a clean one need not send a flush */
    uint64_t flushes; /* of the device, before measuring; UINT64_MAX: it does not count them */
    bool exhausted;
};

static int disk_flush_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    if (terms_check(site, (uint64_t)2 * DISK_FLUSH_FILE_BYTES, e))
        return -1;
    return unnamed_try(site->dir, O_DIRECT, e);
}

static int disk_flush_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                               struct probe_cost *cost, struct err *e)
{
    (void)site;
    (void)conf;
    (void)e;
    cost->write_bytes =
        DISK_FLUSH_FILE_BYTES + (uint64_t)((double)slot_ns / CLK_NS_PER_S * DISK_FLUSH_BUDGET_RATE);
    cost->setup_ns = slot_ns / DISK_FLUSH_FILL_SHARE;
    return 0;
}

/*
 * UINT64_MAX where the kernel does not count them; 0 is such a case too, for device mapper and
 * other devices without a request queue send flushes on and count none.
 * SOURCE: Linux Documentation/block/stat.rst, field 16: flush I/Os processed (5.5 and later).
 */
static uint64_t disk_flush_count(const struct probe_site *site)
{
    char path[96];
    char line[512];
    struct err ignored;
    (void)snprintf(path, sizeof path, "block/%s/stat", site->place->device);
    if (site->sys_fd < 0 || site->place->device[0] == '\0' ||
        file_line_at(site->sys_fd, path, line, sizeof line, &ignored)) {
        return UINT64_MAX;
    }
    const char *at = line;
    for (unsigned field = 1; field < DISK_FLUSH_FIELD; field++) {
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    at += strspn(at, " ");
    uint64_t count = *at ? strtoull(at, NULL, 10) : 0;
    return count > 0 ? count : UINT64_MAX;
}

static int disk_flush_prepare(struct disk_flush *s, struct probe_run *run, struct err *e)
{
    struct bed_plan plan = {
        .bytes = DISK_FLUSH_FILE_BYTES,
        .least_bytes = UINT64_C(2) * BED_CHUNK_BYTES,
        .until_ns = clk_now_ns() + run->slot_ns / DISK_FLUSH_FILL_SHARE,
        .seed = run->seed,
        .engine = "auto",
        .what = "the scratch file for flushes",
        .stopping = run->stopping,
    };
    int status = bed_open(&s->bed, run->scratch_fd, &plan, e);
    run->result->written_bytes = s->bed.bytes;
    if (status || buffers_open(&s->small, 1, DISK_FLUSH_BLOCK_BYTES, run->seed + 1, e) ||
        buffers_open(&s->bulk, 1, HONESTY_BULK_BYTES, run->seed + 2, e) ||
        buffers_open(&s->back, 1, DISK_FLUSH_BLOCK_BYTES, run->seed + 3, e)) {
        return err_wrap(e, "'%s'", run->site->dir);
    }
    pattern_init(&s->blocks, PATTERN_RANDOM, s->bed.bytes, DISK_FLUSH_BLOCK_BYTES, run->seed);
    pattern_init(&s->chunks, PATTERN_RANDOM, s->bed.bytes, HONESTY_BULK_BYTES, run->seed);
    for (unsigned i = 0; i < DISK_FLUSH_ROWS; i++) {
        if (hist_open(&s->seen[i], UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
            return -1;
    }
    s->flushes = disk_flush_count(run->site);
    return 0;
}

static int disk_flush_setup(struct probe_run *run, struct err *e)
{
    struct disk_flush *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of flushes");
    return disk_flush_prepare(s, run, e);
}

static int disk_flush_write(struct disk_flush *s, struct probe_run *run, struct pattern *p,
                            struct buffers *b, struct err *e)
{
    s->offset = pattern_next(p);
    pattern_stamp(p, b->items[0], b->bytes);
    ssize_t n = pwrite(s->bed.fd, b->items[0], b->bytes, (off_t)s->offset);
    s->overwritten_bytes += n > 0 ? (uint64_t)n : 0;
    run->result->written_bytes = s->bed.bytes + s->overwritten_bytes;
    if (n != (ssize_t)b->bytes)
        return err_set(e, n < 0 ? err_kind_of(errno) : ERR_IO, n < 0 ? errno : 0,
                       "'%s': write %zu bytes at offset %" PRIu64 " of the scratch file",
                       run->site->dir, b->bytes, s->offset);
    return 0;
}

/* Past the page cache, after the sync: what is not there now was acknowledged and lost. */
static int disk_flush_read_back(struct disk_flush *s, const struct probe_run *run, struct err *e)
{
    ssize_t n = pread(s->bed.fd, s->back.items[0], DISK_FLUSH_BLOCK_BYTES, (off_t)s->offset);
    if (n != DISK_FLUSH_BLOCK_BYTES)
        return err_set(e, n < 0 ? err_kind_of(errno) : ERR_IO, n < 0 ? errno : 0,
                       "'%s': read %d bytes at offset %" PRIu64 " of the scratch file back",
                       run->site->dir, DISK_FLUSH_BLOCK_BYTES, s->offset);
    s->lost += memcmp(s->back.items[0], s->small.items[0], DISK_FLUSH_BLOCK_BYTES) != 0;
    return 0;
}

static int disk_flush_sync(struct disk_flush *s, struct probe_run *run, unsigned row, struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    if (fdatasync(s->bed.fd))
        return err_set(e, err_kind_of(errno), errno, "'%s': fdatasync of the scratch file",
                       run->site->dir);
    hist_record(&run->hists[row], clk_now_ns() - began_ns);
    s->syncs += row != DISK_FLUSH_CLEAN;
    return 0;
}

static int disk_flush_round(struct disk_flush *s, struct probe_run *run, struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    if (disk_flush_write(s, run, &s->blocks, &s->small, e))
        return -1;
    hist_record(&run->hists[DISK_FLUSH_WRITE], clk_now_ns() - began_ns);
    if (disk_flush_sync(s, run, DISK_FLUSH_SYNC, e) ||
        disk_flush_sync(s, run, DISK_FLUSH_CLEAN, e) || disk_flush_read_back(s, run, e))
        return -1;
    if (s->rounds++ % DISK_FLUSH_BULK_EVERY)
        return 0;
    if (disk_flush_write(s, run, &s->chunks, &s->bulk, e))
        return -1;
    return disk_flush_sync(s, run, DISK_FLUSH_BULK, e);
}

static int disk_flush_measure(struct probe_run *run, struct err *e)
{
    struct disk_flush *s = run->state;
    uint64_t began_ns = clk_now_ns();
    uint64_t now_ns = began_ns;
    int status = 0;
    do {
        uint64_t left = run->write_budget_bytes - s->bed.bytes - s->overwritten_bytes;
        if (run->write_budget_bytes < s->bed.bytes + s->overwritten_bytes ||
            left < HONESTY_BULK_BYTES + DISK_FLUSH_BLOCK_BYTES) {
            s->exhausted = true;
            run->done = true;
            break;
        }
        status = disk_flush_round(s, run, e);
        now_ns = clk_now_ns();
    } while (!status && now_ns < run->until_ns && !*run->stopping);
    for (unsigned i = 0; i < DISK_FLUSH_ROWS; i++)
        hist_merge(&s->seen[i], &run->hists[i]);
    s->observed_ns += now_ns - began_ns;
    return status;
}

static double disk_flush_median(const struct hist *h)
{
    return h->total > 0 ? (double)hist_quantile(h, 0.5) : NAN;
}

static void disk_flush_judge(struct probe_run *run)
{
    AUTO(buf) struct buf why = { 0 };
    struct disk_flush *s = run->state;
    const struct place *place = run->site->place;
    uint64_t flushes = disk_flush_count(run->site);
    bool counted = s->flushes != UINT64_MAX && flushes != UINT64_MAX && s->syncs > 0;
    struct honesty_case c = {
        .write_ns = disk_flush_median(&s->seen[DISK_FLUSH_WRITE]),
        .sync_ns = disk_flush_median(&s->seen[DISK_FLUSH_SYNC]),
        .clean_ns = disk_flush_median(&s->seen[DISK_FLUSH_CLEAN]),
        .bulk_ns = disk_flush_median(&s->seen[DISK_FLUSH_BULK]),
        .samples = s->seen[DISK_FLUSH_CLEAN].total,
        .lost = s->lost,
        .bulk_samples = s->seen[DISK_FLUSH_BULK].total,
        .flushes_per_sync = counted ? (double)(flushes - s->flushes) / (double)s->syncs : NAN,
        .write_cache = place->write_cache,
        .barriers_off = terms_barriers_off(place),
        .device = place->device,
    };
    const struct honesty_row *row = honesty_of(&c, &why);
    terms_note(run);
    result_note(run->result,
                "Direct 4 KiB overwrites of a written file of %" PRIu64
                " MiB, one at a time, each with an fdatasync and another one, and read back; in "
                "one round of %d also 1 MiB with its fdatasync.",
                s->bed.bytes >> 20, DISK_FLUSH_BULK_EVERY);
    result_note(run->result, "%s %s", row->means, buf_text(&why));
    if (s->exhausted)
        result_note(run->result, "Ended early: the write budget of %" PRIu64 " MiB was used up.",
                    run->write_budget_bytes >> 20);
    (void)facts_set_text(&run->result->facts, "disk.flush", row->name, row->means);
    doubt_few(run->result, "disk.flush.sync", &s->seen[DISK_FLUSH_SYNC], s->observed_ns);
}

static void disk_flush_teardown(struct probe_run *run)
{
    struct disk_flush *s = run->state;
    if (!s)
        return;
    bed_release(&s->bed);
    buffers_release(&s->small);
    buffers_release(&s->bulk);
    buffers_release(&s->back);
    for (unsigned i = 0; i < DISK_FLUSH_ROWS; i++)
        hist_release(&s->seen[i]);
    free(s);
    run->state = NULL;
}

const struct probe disk_flush = {
    .name = "disk.flush",
    .title = "Whether a flush is a flush",
    .why = "A log that was acknowledged and is gone after a power cut makes etcd, ZooKeeper or a "
           "database refuse to start, or two halves of a cluster disagree.",
    .source = "etcd FAQ (fsync of the WAL); Linux Documentation/block/writeback_cache_control.rst",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET | PROBE_NEEDS_EACH,
    .effects = PROBE_WRITES_DISK,
    .weight = 2,
    .repetition_ns = 250 * (uint64_t)CLK_NS_PER_MS,
    .metrics = disk_flush_metrics,
    .facts = disk_flush_facts,
    .supported = disk_flush_supported,
    .estimate = disk_flush_estimate,
    .setup = disk_flush_setup,
    .measure = disk_flush_measure,
    .judge = disk_flush_judge,
    .teardown = disk_flush_teardown,
};
