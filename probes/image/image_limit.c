#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probes/disk/terms.h"
#include "probes/image/bottleneck.h"
#include "probes/image/creation.h"
#include "probes/image/flush.h"
#include "probes/image/image.h"
#include "probes/image/pipeline.h"
#include "probes/image/removal.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    LIMIT_SECONDS,
    LIMIT_RATE,
    LIMIT_DURABLE,
    LIMIT_DURABLE_LAYERS,
    LIMIT_CPU,
    LIMIT_PARALLEL, /* 1, 2, 4, ... layers at a time */
    LIMIT_PARALLELS = 6,
    LIMIT_SHARE = LIMIT_PARALLEL + LIMIT_PARALLELS, /* of each enum lane_part */
    LIMIT_METRICS = LIMIT_SHARE + LANE_PARTS
};

#define LIMIT_PARALLEL_METRIC(id, layers)                                                          \
    {                                                                                              \
        id, UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "",                                      \
            "Unpacked bytes a second with " layers " at a time."                                   \
    }
#define LIMIT_SHARE_METRIC(id, of)                                                                 \
    {                                                                                              \
        id, UNIT_RATIO, METRIC_NEITHER, METRIC_MEAN, "",                                           \
            "Share of the threads' time, final sync included, that went into " of "."              \
    }

/* In the order of the names above; shares in that of enum lane_part. */
/* clang-format off */
static const struct metric image_limit_metrics[] = {
    { "image.limit", UNIT_NS, METRIC_LOWER, METRIC_MEAN, "value",
      "Unpacking the whole image as fast as this host can, digests checked, without the final "
      "sync." },
    { "image.limit.rate", UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
      "Unpacked bytes a second: the layers' tar streams into directories." },
    { "image.limit.durable", UNIT_NS, METRIC_LOWER, METRIC_MEAN, "value",
      "The same until a sync of the filesystem after it has ended." },
    { "image.limit.durable.layers", UNIT_NS, METRIC_LOWER, METRIC_MEAN, "",
      "The same with a sync of the filesystem after each layer." },
    { "image.limit.cpu", UNIT_NS, METRIC_LOWER, METRIC_MEAN, "",
      "CPU time of all threads for unpacking the image." },
    LIMIT_PARALLEL_METRIC("image.limit.parallel1", "one layer"),
    LIMIT_PARALLEL_METRIC("image.limit.parallel2", "two layers"),
    LIMIT_PARALLEL_METRIC("image.limit.parallel4", "four layers"),
    LIMIT_PARALLEL_METRIC("image.limit.parallel8", "eight layers"),
    LIMIT_PARALLEL_METRIC("image.limit.parallel16", "sixteen layers"),
    LIMIT_PARALLEL_METRIC("image.limit.parallel32", "thirty-two layers"),
    LIMIT_SHARE_METRIC("image.share.read", "reading the layers and their SHA-256"),
    LIMIT_SHARE_METRIC("image.share.inflate", "inflating"),
    LIMIT_SHARE_METRIC("image.share.hash", "the SHA-256 of the tar streams"),
    LIMIT_SHARE_METRIC("image.share.parse", "parsing the tar"),
    LIMIT_SHARE_METRIC("image.share.metadata", "creating, stamping and closing files"),
    LIMIT_SHARE_METRIC("image.share.data", "writing content"),
    LIMIT_SHARE_METRIC("image.share.sync", "the final sync"),
    METRIC_END,
};
/* clang-format on */

_Static_assert(sizeof image_limit_metrics / sizeof *image_limit_metrics == LIMIT_METRICS + 1,
               "a row a metric");

static const struct fact_row image_limit_facts[] = {
    {.name = "image.limit.by",
     .kind = FACT_TEXT,
     .what = "What bounds the unpacking of this image on this host."                       },
    { .name = "image.limit.part",
     .kind = FACT_NUMBER,
     .unit = UNIT_RATIO,
     .what = "How much of the image the figures are of: 1 when it was unpacked to the end." },
    FACT_END,
};

/* The first image's sync may take so much longer than the slot: a slow disk is to be measured too.
 */
#define LIMIT_SYNC_GRACE_NS (5 * (uint64_t)CLK_NS_PER_S)

enum {
    LIMIT_NAME_BYTES = 32,
    LIMIT_STEPS = LIMIT_PARALLELS + 2,
    LIMIT_RACE = PULL_MAX,    /* the number of its directory: no unpacking has it */
    LIMIT_FIRST_PERCENT = 60, /* of the slot for the first image; then comes the sync */
    LIMIT_RISE = 2            /* from round to round, of the time of one entry in metadata */
};

/* One way to unpack the image. */
struct limit_step {
    unsigned lanes;
    int metric; /* of its rate; -1 for none */
    bool is_whole, syncs;
};

struct image_limit_state {
    struct oci_image image;
    struct pipeline pipeline;
    struct creation creation;
    struct flush flush;
    struct limit_step steps[LIMIT_STEPS];
    unsigned step_count, begun;
    uint64_t made_bytes, written_bytes;
    struct bottleneck_sums sums; /* of the whole steps */
    struct rules_count count;    /* of the last */
    double entry_ns[PULL_MAX];   /* CPU time in metadata, of each whole step */
    unsigned whole;
    bool is_part;
    double part_ratio;
    uint64_t sync_waited_ns; /* given up after */
};

static int image_limit_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    return image_check(site, 0, e);
}

static int image_limit_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                                struct probe_cost *cost, struct err *e)
{
    (void)conf;
    return image_estimate(site, slot_ns, cost, e);
}

/* All CPUs, then fewer layers at a time, then synced layer by layer; and from the beginning. */
static void image_limit_plan(struct image_limit_state *s, unsigned cpus)
{
    unsigned most = s->image.count < cpus ? s->image.count : cpus;
    unsigned n = 0;
    s->steps[n++] = (struct limit_step){ .lanes = cpus, .metric = -1, .is_whole = true };
    for (int i = 0; i < LIMIT_PARALLELS && 1U << i <= most; i++) {
        if (1U << i == most)
            s->steps[0].metric = LIMIT_PARALLEL + i;
        else
            s->steps[n++] = (struct limit_step){ .lanes = 1U << i, .metric = LIMIT_PARALLEL + i };
    }
    s->steps[n++] = (struct limit_step){ .lanes = cpus, .metric = -1, .syncs = true };
    s->step_count = n;
}

static int image_limit_make_dir(int dir_fd, unsigned number, struct err *e)
{
    char name[LIMIT_NAME_BYTES];
    (void)snprintf(name, sizeof name, "limit-%u", number);
    if (mkdirat(dir_fd, name, 0755))
        return err_set(e, err_kind_of(errno), errno, "create the directory '%s'", name);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : err_set(e, err_kind_of(errno), errno, "open '%s'", name);
}

/* Over in time or stopped: no failure, there is only nothing more to report. */
static bool image_limit_is_over(const struct err *e)
{
    return e->kind == ERR_TIMEOUT || e->kind == ERR_INTERRUPTED;
}

/* False: there is no more time. */
static bool image_limit_remove_dir(struct probe_run *run, const struct removal_conf *conf,
                                   unsigned number)
{
    char name[LIMIT_NAME_BYTES];
    struct removal_count count;
    struct err e;
    (void)snprintf(name, sizeof name, "limit-%u", number);
    if (removal_run(conf, run->scratch_fd, name, &count, &e) == 0)
        return true;
    if (image_limit_is_over(&e))
        return false;
    result_note(run->result, "Not everything could be removed: %s.", e.msg);
    return true;
}

/* By calls or through io_uring, whichever wins here. The files of that are removed at once; they
 * are few beside the trees that other probes have removed here before. */
static int image_limit_choose(struct probe_run *run, struct err *e)
{
    struct image_limit_state *s = run->state;
    struct creation *c = &s->creation;
    const struct rules_limits limits = { .until_ns = run->slot_end_ns, .stopping = run->stopping };
    if (s->made_bytes + CREATION_BYTES + s->image.file_bytes > run->write_budget_bytes)
        return 0;
    AUTO_CLOSE int fd = image_limit_make_dir(run->scratch_fd, LIMIT_RACE, e);
    if (fd < 0 || creation_race(c, fd, &limits, e))
        return -1;
    const struct removal_conf removal = { .threads = s->pipeline.thread_count,
                                          .until_ns = run->slot_end_ns,
                                          .stopping = run->stopping };
    (void)image_limit_remove_dir(run, &removal, LIMIT_RACE);
    s->made_bytes += c->written_bytes;
    run->result->written_bytes += c->written_bytes;
    if (c->is_batched && pipeline_open_batches(&s->pipeline, &c->refusal))
        c->is_batched = false;
    return 0;
}

/* What others left unwritten is written before, so that the final sync is ours alone. */
static int image_limit_setup(struct probe_run *run, struct err *e)
{
    struct image_limit_state *s = calloc(1, sizeof *s);
    uint64_t before_bytes = run->result->written_bytes;
    uint64_t took_ns = 0;
    unsigned cpus = run->site->cpus ? run->site->cpus : 1;
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack an image");
    int failed = supply_open(run, &s->image, e);
    s->made_bytes = run->result->written_bytes - before_bytes;
    if (failed || image_fits(run, &s->image, s->image.file_bytes, run->write_budget_bytes, e))
        return -1;
    image_limit_plan(s, cpus);
    if (pipeline_open(&s->pipeline, cpus, cpus, e) || flush_open(&s->flush, run->scratch_fd, e))
        return -1;
    if (image_limit_choose(run, e))
        return -1;
    s->sums.threads = s->pipeline.thread_count;
    return flush_run(&s->flush, run->slot_end_ns, run->stopping, &took_ns, e);
}

static int image_limit_unpack(struct probe_run *run, const struct limit_step *step,
                              uint64_t until_ns, struct pipeline_took *took, struct err *e)
{
    struct image_limit_state *s = run->state;
    *took = (struct pipeline_took){ 0 };
    AUTO_CLOSE int fd = image_limit_make_dir(run->scratch_fd, s->begun, e);
    if (fd < 0)
        return -1;
    s->begun++;
    const struct pipeline_job job = {
        .image = &s->image,
        .dir_fd = fd,
        .lanes = step->lanes,
        .syncs = step->syncs,
        .is_batched = s->creation.is_batched,
        .limits = {.until_ns = until_ns, .stopping = run->stopping},
    };
    int failed = pipeline_run(&s->pipeline, &job, took, e);
    s->written_bytes += took->count.written_bytes;
    run->result->written_bytes = s->made_bytes + s->written_bytes;
    return failed;
}

static void image_limit_add(struct image_limit_state *s, const struct pipeline_took *took,
                            uint64_t sync_ns)
{
    uint64_t entries = took->count.entries ? took->count.entries : 1;
    s->sums.wall_ns += took->wall_ns;
    s->sums.sync_ns += sync_ns;
    for (unsigned i = 0; i < LANE_PARTS; i++) {
        s->sums.parts[i].wall_ns += took->parts[i].wall_ns;
        s->sums.parts[i].cpu_ns += took->parts[i].cpu_ns;
    }
    s->count = took->count;
    s->entry_ns[s->whole++] = (double)took->parts[LANE_PART_METADATA].cpu_ns / (double)entries;
}

static void image_limit_share(struct probe_run *run, const struct pipeline_took *took,
                              uint64_t sync_ns)
{
    double sum = (double)sync_ns;
    for (unsigned i = 0; i < LANE_PARTS; i++)
        sum += (double)took->parts[i].wall_ns;
    for (unsigned i = 0; i < LANE_PARTS && sum > 0; i++)
        run->values[LIMIT_SHARE + i] = (double)took->parts[i].wall_ns / sum;
    run->values[LIMIT_SHARE + LANE_PART_SYNC] = (double)sync_ns / sum;
}

/* Scaled to the image when the slot ended before it was unpacked. */
static void image_limit_keep(struct probe_run *run, const struct limit_step *step,
                             const struct pipeline_took *took, uint64_t sync_ns)
{
    struct image_limit_state *s = run->state;
    double bytes = (double)took->count.stream_bytes;
    double share = bytes / (double)s->image.tar_bytes;
    double rate = bytes / ((double)took->wall_ns / CLK_NS_PER_S);
    if (step->metric >= 0 && !s->is_part)
        run->values[step->metric] = rate;
    if (step->syncs)
        run->values[LIMIT_DURABLE_LAYERS] = (double)took->wall_ns / share;
    if (!step->is_whole)
        return;
    run->values[LIMIT_SECONDS] = (double)took->wall_ns / share;
    run->values[LIMIT_RATE] = rate;
    run->values[LIMIT_DURABLE] = (double)(took->wall_ns + sync_ns) / share;
    run->values[LIMIT_CPU] = (double)took->cpu_ns / share;
    run->observed_ns[LIMIT_SECONDS] = took->wall_ns;
    run->observed_ns[LIMIT_RATE] = took->wall_ns;
    image_limit_share(run, took, sync_ns);
    image_limit_add(s, took, sync_ns);
}

/* One unpacking and the sync after it. 0 with run->done when the slot ended before it did. */
static int image_limit_step(struct probe_run *run, struct err *e)
{
    struct image_limit_state *s = run->state;
    const struct limit_step *step = &s->steps[run->repetition % s->step_count];
    bool is_first = run->repetition == 0;
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = run->until_ns > now_ns ? run->until_ns - now_ns : 0;
    uint64_t until_ns = is_first ? now_ns + left_ns / 100 * LIMIT_FIRST_PERCENT : run->until_ns;
    struct pipeline_took took;
    uint64_t sync_ns = 0;
    if (image_limit_unpack(run, step, until_ns, &took, e)) {
        run->done = true;
        if (!image_limit_is_over(e))
            return -1;
        s->is_part = is_first && e->kind == ERR_TIMEOUT && took.count.stream_bytes > 0;
        if (!s->is_part)
            return 0;
        s->part_ratio = (double)took.count.stream_bytes / (double)s->image.tar_bytes;
    }
    uint64_t sync_until_ns = run->until_ns + (is_first ? LIMIT_SYNC_GRACE_NS : 0);
    if (flush_run(&s->flush, sync_until_ns, run->stopping, &sync_ns, e)) {
        run->done = true;
        if (e->kind != ERR_TIMEOUT || !is_first)
            return image_limit_is_over(e) ? 0 : -1;
        s->sync_waited_ns = sync_ns;
    }
    image_limit_keep(run, step, &took, sync_ns);
    return 0;
}

static bool image_limit_may(const struct probe_run *run)
{
    const struct image_limit_state *s = run->state;
    return s->begun < PULL_MAX &&
           s->made_bytes + s->written_bytes + s->image.file_bytes <= run->write_budget_bytes;
}

static int image_limit_measure(struct probe_run *run, struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    if (image_limit_step(run, e))
        return err_wrap(e, "'%s'", run->site->dir);
    if (run->done)
        return 0;
    uint64_t now_ns = clk_now_ns();
    uint64_t next_ns = (now_ns - began_ns) * 3 / 2; /* fewer layers at a time take longer */
    run->done = !image_limit_may(run) || now_ns + next_ns > run->until_ns;
    return 0;
}

static void image_limit_tell_by(struct probe_run *run)
{
    const struct image_limit_state *s = run->state;
    struct facts *facts = &run->result->facts;
    if (s->whole == 0) {
        (void)facts_set_unknown(facts, "image.limit.by", "the image was not unpacked");
        (void)facts_set_unknown(facts, "image.limit.part", "nothing was unpacked");
        return;
    }
    const char *name = bottleneck_name(bottleneck_find(&s->sums));
    (void)facts_set_text(facts, "image.limit.by", name, NULL);
    (void)facts_set_number(facts, "image.limit.part", s->is_part ? s->part_ratio : 1, UNIT_RATIO,
                           NULL);
    result_note(run->result,
                "The limit is %s: %u threads were at work %.0f %% of the time, and one entry took "
                "%.0f us of CPU for metadata.",
                name, s->sums.threads, 100 * bottleneck_busy_ratio(&s->sums),
                s->entry_ns[s->whole - 1] / CLK_NS_PER_US);
}

/* Creating files costs more from round to round: the kernel's doing. */
static void image_limit_doubt(struct probe_run *run)
{
    const struct image_limit_state *s = run->state;
    double first_ns = s->entry_ns[0];
    double last_ns = s->whole ? s->entry_ns[s->whole - 1] : 0;
    if (s->whole > 1 && last_ns > LIMIT_RISE * first_ns) {
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the CPU time of one entry's metadata rose from %.0f to %.0f us over %u "
                          "unpackings, which is the filesystem's book-keeping and not its speed; "
                          "measure again later, or name a --dir on another filesystem",
                          first_ns / CLK_NS_PER_US, last_ns / CLK_NS_PER_US, s->whole);
    }
    if (s->whole == 0 && !*run->stopping)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the slot was too short to unpack anything; give a longer --budget or a "
                          "smaller --image");
    if (s->sync_waited_ns)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the final sync did not end within %.1f s and was given up: "
                          "image.limit.durable is at least what is said; give a longer --budget",
                          (double)s->sync_waited_ns / CLK_NS_PER_S);
}

static void image_limit_note_skips(const struct image_limit_state *s, struct result *r)
{
    for (unsigned i = 0; i < RULES_SKIPS; i++) {
        if (s->count.skipped[i])
            result_note(r, "Left out, for lack of privilege or of support: %s (%llu times).",
                        rules_skip_name((enum rules_skip)i),
                        (unsigned long long)s->count.skipped[i]);
    }
}

static void image_limit_judge(struct probe_run *run)
{
    const struct image_limit_state *s = run->state;
    supply_note(run, &s->image);
    result_note(run->result,
                "ISA-L inflates gzip; %u threads; up to %u layers at a time, the largest first; "
                "within a layer inflating, SHA-256 and writing beside one another; fresh "
                "directories, nothing is deleted before the end.",
                s->sums.threads, s->steps[0].lanes);
    creation_note(&s->creation, run->result);
    if (s->is_part)
        result_note(run->result,
                    "The slot ended when %.0f %% of the image were unpacked: the figures are of "
                    "that part, scaled to the image.",
                    100 * s->part_ratio);
    image_limit_note_skips(s, run->result);
    image_limit_tell_by(run);
    image_limit_doubt(run);
    terms_note(run);
}

static void image_limit_remove(struct probe_run *run, struct image_limit_state *s)
{
    const struct removal_conf conf = { .threads = s->pipeline.thread_count,
                                       .until_ns = image_clear_until_ns(run),
                                       .stopping = *run->stopping ? NULL : run->stopping };
    bool may = image_limit_remove_dir(run, &conf, LIMIT_RACE);
    for (; may && s->begun > 0 && clk_now_ns() < conf.until_ns; s->begun--)
        may = image_limit_remove_dir(run, &conf, s->begun - 1);
}

/* The trees go first: what is not yet written then need not be, and a sync that goes on ends. */
static void image_limit_teardown(struct probe_run *run)
{
    struct image_limit_state *s = run->state;
    if (!s)
        return;
    image_limit_remove(run, s);
    pipeline_release(&s->pipeline);
    flush_release(&s->flush);
    oci_close(&s->image);
    free(s);
    run->state = NULL;
}

const struct probe image_limit = {
    .name = "image.limit",
    .title = "Unpacking of container images as fast as this host can",
    .why = "The lower bound of a pull: the fastest way to unpack this image on this host that "
           "is known to this program, so what a pull takes beyond it is the runtime's and not the "
           "host's.",
    .source = "OCI image specification, layer.md; containerd pkg/archive (what a layer becomes)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET,
    .place = "images",
    .effects = PROBE_WRITES_DISK | PROBE_READS_DISK | PROBE_LOADS_CPU | PROBE_LEAVES_TRACES,
    .weight = 6,
    .repetition_ns =
        3600 * (uint64_t)CLK_NS_PER_S, /* an unpacking takes what it takes: the slot ends it */
    .metrics = image_limit_metrics,
    .facts = image_limit_facts,
    .supported = image_limit_supported,
    .estimate = image_limit_estimate,
    .setup = image_limit_setup,
    .measure = image_limit_measure,
    .judge = image_limit_judge,
    .teardown = image_limit_teardown,
};
