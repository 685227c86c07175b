#include "probes/disk/sweep.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "probes/disk/bed.h"
#include "probes/disk/buffers.h"
#include "probes/disk/doubt.h"
#include "probes/disk/drive.h"
#include "probes/disk/engine.h"
#include "probes/disk/pattern.h"
#include "probes/disk/terms.h"
#include "probes/disk/unnamed.h"
#include "probes/disk/workers.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

#define SWEEP_MIB UINT64_C(1048576)
/* A file below 16 MiB sits in the cache of any device; 1 GiB outgrows most and is written in 10 s
 * by a disk of 100 MB/s. */
#define SWEEP_FILE_LEAST (16 * SWEEP_MIB)
#define SWEEP_FILE_SMALL (256 * SWEEP_MIB)
#define SWEEP_FILE_LARGE (1024 * SWEEP_MIB)
/* What a slot may write for each of its seconds: a file as large as time allows, and 32,000
 * overwrites a second, after which the figures of a disk so fast are steady. */
#define SWEEP_FILL_RATE  (64 * SWEEP_MIB)
#define SWEEP_WRITE_RATE (128 * SWEEP_MIB)
#define SWEEP_WARM_NS    (100 * (uint64_t)CLK_NS_PER_MS) /* at most, for each depth */

enum {
    SWEEP_MEMORY_SHARE = 4, /* the file is a quarter of RAM, within the bounds above */
    SWEEP_ROOM_SHARE = 2,   /* and at most half of what may be written there */
    SWEEP_FILL_SHARE = 4,   /* a quarter of the slot goes to filling it */
    SWEEP_WARM_SHARE = 40,  /* and a fortieth to the warm-up of each depth */
};

static const unsigned sweep_depths[SWEEP_DEPTHS] = { 1, 32 };

static const char *const sweep_engines[] = { "auto", "uring", "aio", "sync", "null", NULL };

const struct opt sweep_opts[] = {
    OPT_CHOICE(struct sweep_conf, engine, .name = "engine", .arg = "NAME", .initial = "auto",
               .choices = sweep_engines,
               .help = "How I/O is handed to the kernel; auto takes the first of uring, aio and "
                       "sync that works, null touches no disk and shows our own cost."),
    OPT_BYTES(struct sweep_conf, file_bytes, .name = "file", .initial = "0",
              .max = UINT64_C(1) << 40,
              .help = "Size of the file; 0 chooses 256 MiB to 1 GiB by memory and time. Larger "
                      "where a cache below the disk answers."),
    OPT_END,
};

struct sweep {
    const struct metric *metrics;
    bool write;
    struct bed bed;
    struct buffers buffers;
    struct engine engine;
    struct pattern pattern;
    struct hist seen[SWEEP_DEPTHS]; /* all repetitions */
    uint64_t observed_ns[SWEEP_DEPTHS];
    uint64_t planned_bytes; /* of the file */
    uint64_t overwritten_bytes;
    bool exhausted;         /* the write budget is used up */
    struct workers workers; /* before measuring */
    struct buf why;         /* of the engine */
    char what[300];
};

static uint64_t sweep_within(uint64_t value, uint64_t least, uint64_t most)
{
    uint64_t raised = value > least ? value : least;
    return raised < most ? raised : most;
}

struct sweep_size sweep_size(const struct probe_site *site, const struct sweep_conf *conf,
                             uint64_t slot_ns, bool write)
{
    double seconds = (double)slot_ns / CLK_NS_PER_S;
    uint64_t by_memory =
        sweep_within(site->memory_bytes / SWEEP_MEMORY_SHARE, SWEEP_FILE_SMALL, SWEEP_FILE_LARGE);
    uint64_t by_time =
        sweep_within((uint64_t)(seconds * SWEEP_FILL_RATE), SWEEP_FILE_SMALL, SWEEP_FILE_LARGE);
    uint64_t wanted = conf->file_bytes;
    if (wanted == 0)
        wanted = by_memory < by_time ? by_memory : by_time;
    uint64_t room = place_writable_bytes(site->place) / SWEEP_ROOM_SHARE;
    uint64_t file = sweep_within(wanted, SWEEP_FILE_LEAST, room) / SWEEP_MIB * SWEEP_MIB;
    return (struct sweep_size){
        .file_bytes = file,
        .write_bytes = file + (write ? (uint64_t)(seconds * SWEEP_WRITE_RATE) : 0),
    };
}

int sweep_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    if (terms_check(site, SWEEP_ROOM_SHARE * SWEEP_FILE_LEAST, e))
        return -1;
    return unnamed_try(site->dir, O_DIRECT, e);
}

int sweep_estimate(const struct probe_site *site, const void *conf, bool write, uint64_t slot_ns,
                   struct probe_cost *cost)
{
    cost->write_bytes = sweep_size(site, conf, slot_ns, write).write_bytes;
    cost->setup_ns = slot_ns / SWEEP_FILL_SHARE;
    return 0;
}

static int sweep_prepare_bed(struct sweep *s, struct probe_run *run, struct err *e)
{
    const struct sweep_conf *conf = run->conf;
    struct sweep_size size = sweep_size(run->site, conf, run->slot_ns, s->write);
    s->planned_bytes = sweep_within(size.file_bytes, 0, run->write_budget_bytes);
    struct bed_plan plan = {
        .bytes = s->planned_bytes / BED_CHUNK_BYTES * BED_CHUNK_BYTES,
        .least_bytes = SWEEP_FILE_LEAST,
        .until_ns = clk_now_ns() + run->slot_ns / SWEEP_FILL_SHARE,
        .seed = run->seed,
        .engine = conf->engine,
        .what = s->what,
        .stopping = run->stopping,
    };
    return bed_open(&s->bed, run->scratch_fd, &plan, e);
}

static int sweep_prepare_engine(struct sweep *s, struct probe_run *run, struct err *e)
{
    const struct sweep_conf *conf = run->conf;
    unsigned most = sweep_depths[SWEEP_DEPTHS - 1];
    if (buffers_open(&s->buffers, most, SWEEP_BLOCK_BYTES, run->seed + run->repetition + 1, e))
        return -1;
    pattern_init(&s->pattern, PATTERN_RANDOM, s->bed.bytes, SWEEP_BLOCK_BYTES, run->seed);
    struct engine_conf engine = { .fd = s->bed.fd,
                                  .depth = most,
                                  .buffers = s->buffers.items,
                                  .buffer_bytes = SWEEP_BLOCK_BYTES };
    if (engine_choose(&s->engine, conf->engine, &engine, &s->why, e))
        return -1;
    for (unsigned i = 0; i < SWEEP_DEPTHS; i++) {
        if (hist_open(&s->seen[i], UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
            return -1;
    }
    return 0;
}

static uint64_t sweep_written(const struct sweep *s)
{
    return s->bed.bytes + s->overwritten_bytes;
}

/* One depth until a time; latency may be NULL. Written bytes are counted also when it fails. */
static int sweep_drive(struct sweep *s, struct probe_run *run, unsigned index,
                       struct drive_count *count, struct drive *d, struct err *e)
{
    d->engine = &s->engine;
    d->pattern = &s->pattern;
    d->depth = sweep_depths[index];
    d->write_percent = s->write ? 100 : 0;
    d->bytes_max = s->write ? run->write_budget_bytes - sweep_written(s) : UINT64_MAX;
    d->stopping = run->stopping;
    d->what = s->what;
    int status = drive_run(d, count, e);
    s->overwritten_bytes += s->write ? count->bytes : 0;
    run->result->written_bytes = sweep_written(s);
    return status;
}

static bool sweep_can(const struct sweep *s, unsigned index)
{
    return sweep_depths[index] == 1 || s->engine.row->queues;
}

static int sweep_warm(struct sweep *s, struct probe_run *run, struct err *e)
{
    uint64_t length_ns = sweep_within(run->slot_ns / SWEEP_WARM_SHARE, 0, SWEEP_WARM_NS);
    for (unsigned i = 0; i < SWEEP_DEPTHS; i++) {
        struct drive_count count;
        struct drive drive = { .until_ns = clk_now_ns() + length_ns };
        if (sweep_can(s, i) && sweep_drive(s, run, i, &count, &drive, e))
            return -1;
    }
    return 0;
}

int sweep_setup(struct probe_run *run, const struct metric *metrics, bool write, struct err *e)
{
    struct sweep *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of random I/O");
    s->metrics = metrics;
    s->write = write;
    (void)snprintf(s->what, sizeof s->what, "the scratch file below '%.256s'", run->site->dir);
    int status = sweep_prepare_bed(s, run, e);
    run->result->written_bytes = sweep_written(s);
    if (status || sweep_prepare_engine(s, run, e))
        return -1;
    workers_read(run->site->proc_fd, &s->workers);
    return sweep_warm(s, run, e);
}

int sweep_measure(struct probe_run *run, struct err *e)
{
    struct sweep *s = run->state;
    unsigned index = run->repetition % SWEEP_DEPTHS;
    if (!sweep_can(s, index))
        index = 0;
    size_t row = SWEEP_ROWS * (size_t)index;
    struct hist *latency = &run->hists[row];
    struct drive drive = { .until_ns = run->until_ns, .latency = latency };
    struct drive_count count;
    int status = sweep_drive(s, run, index, &count, &drive, e);
    uint64_t observed_ns = count.ended_ns - count.began_ns;
    if (latency->total > 0 && observed_ns > 0) {
        run->values[row + 1] = (double)count.completed * CLK_NS_PER_S / (double)observed_ns;
        run->observed_ns[row] = observed_ns;
        run->observed_ns[row + 1] = observed_ns;
        hist_merge(&s->seen[index], latency);
        s->observed_ns[index] += observed_ns;
    }
    if (s->write && run->write_budget_bytes - sweep_written(s) < SWEEP_BLOCK_BYTES) {
        s->exhausted = true;
        run->slot_end_ns = clk_now_ns(); /* done: the time goes to the other probes */
    }
    return status;
}

static void sweep_note_terms(const struct sweep *s, struct probe_run *run)
{
    const char *verb = s->write ? "writes" : "reads";
    struct result *r = run->result;
    result_note(r, "I/O by %s.", buf_text(&s->why));
    terms_note(run);
    result_note(r,
                "%d-byte random %s in a file of %" PRIu64 " MiB, O_DIRECT, closed loop, back to "
                "back: a disk that is asked now and then answers slower.",
                SWEEP_BLOCK_BYTES, verb, s->bed.bytes / SWEEP_MIB);
    if (s->bed.bytes < s->planned_bytes / BED_CHUNK_BYTES * BED_CHUNK_BYTES)
        result_note(r,
                    "The file was to be %" PRIu64 " MiB, but the disk took only %" PRIu64
                    " MiB in a quarter of the time; a cache below may hold all of it.",
                    s->planned_bytes / SWEEP_MIB, s->bed.bytes / SWEEP_MIB);
    if (s->exhausted)
        result_note(r, "Ended early: the write budget of %" PRIu64 " MiB was used up.",
                    run->write_budget_bytes / SWEEP_MIB);
    if (!s->engine.row->queues)
        result_note(r, "Depth 32 was not measured: %s has no queue.", s->engine.row->title);
}

static void sweep_note_workers(const struct sweep *s, struct probe_run *run)
{
    struct workers now;
    workers_read(run->site->proc_fd, &now);
    long hz = sysconf(_SC_CLK_TCK);
    if (hz <= 0 || now.count == 0 || now.cpu_ticks <= s->workers.cpu_ticks)
        return;
    result_note(run->result,
                "This target makes io_uring hand requests to kernel worker threads (%u iou-wrk "
                "threads, %.2f s of CPU): latencies include that detour; compare with --set "
                "%s.engine=aio.",
                now.count, (double)(now.cpu_ticks - s->workers.cpu_ticks) / (double)hz,
                run->result->probe);
}

/* What was chosen here stands beside what was asked for. */
static void sweep_tell_parameters(const struct sweep *s, struct result *r)
{
    if (!r->parameters)
        return;
    (void)json_object_set_new(r->parameters, "engine_used", json_string(s->engine.row->name));
    (void)json_object_set_new(r->parameters, "engine_reason", json_string(buf_text(&s->why)));
    (void)json_object_set_new(r->parameters, "file_used", json_integer((json_int_t)s->bed.bytes));
}

void sweep_judge(struct probe_run *run)
{
    struct sweep *s = run->state;
    struct result *r = run->result;
    uint64_t clock_ns = clk_cost_ns();
    sweep_tell_parameters(s, r);
    sweep_note_terms(s, run);
    sweep_note_workers(s, run);
    if (s->engine.row->by_name_only)
        result_set_status(r, STATUS_UNTRUSTED, "I/O by %s: these figures are our own cost",
                          s->engine.row->title);
    for (unsigned i = 0; i < SWEEP_DEPTHS; i++) {
        const char *id = s->metrics[SWEEP_ROWS * (size_t)i].id;
        if (!sweep_can(s, i))
            continue;
        doubt_few(r, id, &s->seen[i], s->observed_ns[i]);
        doubt_overhead(r, id, &s->seen[i], clock_ns);
        if (!s->write)
            doubt_memory(r, id, &s->seen[i], run->site->place);
    }
}

void sweep_teardown(struct probe_run *run)
{
    struct sweep *s = run->state;
    if (!s)
        return;
    engine_close(&s->engine);
    bed_release(&s->bed);
    buf_release(&s->why);
    for (unsigned i = 0; i < SWEEP_DEPTHS; i++)
        hist_release(&s->seen[i]);
    if (!s->engine.abandoned) /* else the disk may still write into them */
        buffers_release(&s->buffers);
    free(s);
    run->state = NULL;
}
