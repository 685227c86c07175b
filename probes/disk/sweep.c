#include "probes/disk/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "probes/disk/bed.h"
#include "probes/disk/drive.h"
#include "probes/disk/engine.h"
#include "probes/disk/pattern.h"
#include "probes/disk/terms.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    SWEEP_DEPTH = 32,
    SWEEP_SAMPLES_MIN = 100,
    SWEEP_WARM_PERCENT = 4
};

#define SWEEP_LEAST_BYTES ((uint64_t)64 << 20) /* below, a device cache answers for the medium */
#define SWEEP_MEMORY_NS                                                                            \
    10000.0 /* no medium answers faster: facts of every NAND and network disk                      \
             */
#define SWEEP_WRITE_RATE                                                                           \
    ((uint64_t)600 << 20) /* bytes a second that the write budget allows for                       \
                           */

static const char *const sweep_engines[] = { "auto", "uring", "aio", "sync", "null", NULL };

const struct opt sweep_opts[] = {
    OPT_CHOICE(struct sweep_conf, engine, .name = "engine", .arg = "NAME", .initial = "auto",
               .choices = sweep_engines, .help = "How I/O is handed to the kernel."),
    OPT_BYTES(struct sweep_conf, file_bytes, .name = "file", .initial = "512MiB", .min = 64 << 20,
              .max = UINT64_C(1) << 40,
              .help = "Bytes of the file; larger than a device's or host's cache is better."),
    OPT_END,
};

struct sweep {
    struct bed bed;
    struct engine engine;
    struct pattern pattern;
    struct drive drive;
    void *memory; /* all buffers */
    void *buffers[SWEEP_DEPTH];
    bool write;
    struct buf why; /* of the engine */
};

int sweep_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    if (terms_check(site, 4 * SWEEP_LEAST_BYTES, e))
        return -1;
    return bed_check_direct(site->dir, e);
}

/* The file takes what is asked for, but at most a quarter of what may be written. */
static uint64_t sweep_file_bytes(const struct probe_site *site, const struct sweep_conf *c)
{
    uint64_t room = site->place ? place_writable_bytes(site->place) / 4 : c->file_bytes;
    uint64_t size = c->file_bytes < room ? c->file_bytes : room;
    return size / BED_CHUNK_BYTES * BED_CHUNK_BYTES;
}

int sweep_estimate_read(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                        struct probe_cost *cost, struct err *e)
{
    (void)e;
    cost->write_bytes = sweep_file_bytes(site, conf);
    cost->setup_ns = slot_ns / 4;
    return 0;
}

int sweep_estimate_write(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                         struct probe_cost *cost, struct err *e)
{
    if (sweep_estimate_read(site, conf, slot_ns, cost, e))
        return -1;
    cost->write_bytes += (uint64_t)((double)slot_ns / CLK_NS_PER_S * (double)SWEEP_WRITE_RATE);
    return 0;
}

static int sweep_make_buffers(struct sweep *s, uint64_t seed, struct err *e)
{
    size_t bytes = (size_t)SWEEP_DEPTH * DRIVE_BLOCK_BYTES;
    if (posix_memalign(&s->memory, BED_ALIGN_BYTES, bytes))
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for I/O buffers");
    for (unsigned i = 0; i < SWEEP_DEPTH; i++)
        s->buffers[i] = (char *)s->memory + (size_t)i * DRIVE_BLOCK_BYTES;
    pattern_init(&s->pattern, seed, s->bed.bytes, DRIVE_BLOCK_BYTES);
    pattern_fill(&s->pattern, s->memory, bytes);
    return 0;
}

static int sweep_setup(struct probe_run *run, bool write, struct err *e)
{
    const struct sweep_conf *c = run->conf;
    struct sweep *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the I/O state");
    s->bed.fd = -1;
    s->write = write;
    uint64_t deadline = clk_now_ns() + run->slot_ns / 4;
    if (bed_open(&s->bed, run->scratch_fd, sweep_file_bytes(run->site, c), SWEEP_LEAST_BYTES,
                 run->seed, deadline, run->stopping, e) ||
        sweep_make_buffers(s, run->seed, e))
        return -1;
    struct engine_conf conf = { .fd = s->bed.fd,
                                .depth = SWEEP_DEPTH,
                                .buffers = s->buffers,
                                .buffer_bytes = DRIVE_BLOCK_BYTES };
    if (engine_choose(&s->engine, c->engine, &conf, &s->why, e))
        return -1;
    uint64_t budget = run->write_budget_bytes;
    s->drive = (struct drive){ .engine = &s->engine,
                               .pattern = &s->pattern,
                               .write = write,
                               .write_left_bytes = budget - s->bed.bytes,
                               .stopping = run->stopping,
                               .what = run->site->dir };
    return 0;
}

int sweep_setup_read(struct probe_run *run, struct err *e)
{
    return sweep_setup(run, false, e);
}

int sweep_setup_write(struct probe_run *run, struct err *e)
{
    return sweep_setup(run, true, e);
}

/* Even repetitions at depth 1, odd ones at 32. The first moments of each are warm-up. */
int sweep_measure(struct probe_run *run, struct err *e)
{
    struct sweep *s = run->state;
    bool deep = run->repetition % 2 == 1;
    unsigned row = deep ? SWEEP_QD32 : SWEEP_QD1;
    uint64_t elapsed = 0;
    uint64_t now = clk_now_ns();
    if (deep && !s->engine.row->queues)
        return 0;
    s->drive.depth = deep ? SWEEP_DEPTH : 1;
    uint64_t warm =
        now + (run->until_ns > now ? run->until_ns - now : 0) / 100 * SWEEP_WARM_PERCENT;
    if (drive_run(&s->drive, warm, &run->hists[row], &elapsed, e))
        return -1;
    hist_clear(&run->hists[row]);
    if (drive_run(&s->drive, run->until_ns, &run->hists[row], &elapsed, e))
        return -1;
    if (run->hists[row].total && elapsed)
        run->values[row + 1] = (double)run->hists[row].total * CLK_NS_PER_S / (double)elapsed;
    run->observed_ns[row] = elapsed;
    return 0;
}

static void sweep_judge_source(struct probe_run *run, const struct result_metric *m, bool write)
{
    const struct result_statistic *p50 = result_statistic_find(m, "p50");
    if (!write && *run->site->place->device && p50 && p50->value < SWEEP_MEMORY_NS)
        result_set_status(
            run->result, STATUS_UNTRUSTED,
            "reads were answered from memory, not from the medium: a median of %.1f us "
            "is shorter than any disk's",
            p50->value / CLK_NS_PER_US);
}

void sweep_judge(struct probe_run *run)
{
    struct sweep *s = run->state;
    struct err ignored;
    (void)result_summarise(run->result, &ignored);
    const struct result_metric *m = &run->result->metrics[SWEEP_QD1];
    run->result->written_bytes =
        s->write ? run->write_budget_bytes - s->drive.write_left_bytes : s->bed.bytes;
    result_note(run->result, "%s.", buf_text(&s->why));
    terms_note(run);
    result_note(
        run->result,
        "4 KiB at random offsets of a file of %llu MiB, O_DIRECT, closed loop, back to back: "
        "an idle disk that is asked seldom answers later than this.",
        (unsigned long long)(s->bed.bytes >> 20));
    if (!s->engine.row->queues)
        result_note(run->result, "Depth 32 was not measured: %s holds one request at a time.",
                    s->engine.row->title);
    if (m->n < SWEEP_SAMPLES_MIN)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "only %llu requests were done: too few for a p99; give a longer --budget",
                          (unsigned long long)m->n);
    sweep_judge_source(run, m, s->write);
}

void sweep_teardown(struct probe_run *run)
{
    struct sweep *s = run->state;
    if (!s)
        return;
    engine_close(&s->engine);
    bed_release(&s->bed);
    buf_release(&s->why);
    free(s->memory);
    free(s);
    run->state = NULL;
}
