#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "probes/image/flush.h"
#include "probes/image/image.h"
#include "probes/kit/clk.h"

enum {
    IMAGE_RATE,
    IMAGE_FILES,
    IMAGE_SECONDS,
    IMAGE_SYNC,
    IMAGE_INFLATE,
    IMAGE_REFERENCE
};

static const struct metric image_extract_metrics[] = {
    [IMAGE_RATE] = {"image.rate",       UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                    "Unpacked bytes a second: the layers' tar streams into directories, without "
                     "the final sync."                                                       },
    [IMAGE_FILES] = { "image.files",     UNIT_PER_S,       METRIC_HIGHER, METRIC_MEAN, "value",
                    "Entries a second: files, directories, links, whiteouts."                },
    [IMAGE_SECONDS] = { "image.seconds",   UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "Unpacking the whole set, without the final sync."                       },
    [IMAGE_SYNC] = { "image.sync",      UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "The sync of the filesystem after it: what unpacking left to be written."},
    [IMAGE_INFLATE] = { "image.inflate",   UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "Inflating the same layers without writing anything."                    },
    [IMAGE_REFERENCE] = { "image.reference", UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "value",
                    "A 500-MiB image at this rate, final sync included; scaled from the "
                          "set."                                                             },
    METRIC_END,
};

/* SOURCE: the reference of the criteria: 500 MiB unpacked is a middling application image. */
#define IMAGE_REFERENCE_BYTES (500.0 * (1 << 20))
/* The first set's sync may take so much longer than the slot: a slow disk is to be measured too. */
#define IMAGE_SYNC_GRACE_NS (5 * (uint64_t)CLK_NS_PER_S)
/* CPU of one entry without the inflating; 40 us is usual, and ten times that the kernel's search
 * for inodes that were not recently deleted (ext4 without a journal). */
#define IMAGE_ENTRY_CPU_NS (250 * (double)CLK_NS_PER_US)

enum {
    IMAGE_FIRST_PULL_PERCENT =
        60,        /* of the slot that the first set may take; then comes the sync */
    IMAGE_RISE = 2 /* from set to set, of the CPU time of one entry */
};

struct image_extract_state {
    struct image_bench bench;
    struct flush flush;
    double entry_cpu_ns[PULL_MAX]; /* of each set, inflating included */
    double inflate_entry_ns;       /* of that, the inflating */
    unsigned sets;
    bool is_part;            /* no set was finished: the figures are of a part */
    double part_ratio;       /* how much of it was */
    uint64_t sync_waited_ns; /* given up after */
};

static int image_extract_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    return image_check(site, 0, e);
}

static int image_extract_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                                  struct probe_cost *cost, struct err *e)
{
    (void)conf;
    return image_estimate(site, slot_ns, cost, e);
}

/* What others left unwritten is written before, so that the final sync is ours alone. */
static int image_extract_setup(struct probe_run *run, struct err *e)
{
    struct image_extract_state *s = calloc(1, sizeof *s);
    uint64_t took_ns = 0;
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack an image");
    if (image_bench_open(run, run->write_budget_bytes, run->stopping, &s->bench, e) ||
        flush_open(&s->flush, run->scratch_fd, e)) {
        return -1;
    }
    return flush_run(&s->flush, run->slot_end_ns, run->stopping, &took_ns, e);
}

static int image_extract_inflate(struct image_extract_state *s, uint64_t until_ns,
                                 const volatile sig_atomic_t *stopping, struct err *e)
{
    const struct apply_limits limits = { .until_ns = until_ns, .stopping = stopping };
    const struct oci_image *image = &s->bench.image;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < image->count; i++) {
        if (unpack_drop(&s->bench.pull.unpack, &image->layers[i].source, &limits, &bytes, e))
            return -1;
    }
    return 0;
}

/* Over in time or stopped: no failure, there is only nothing more to report. */
static bool image_extract_is_over(const struct err *e)
{
    return e->kind == ERR_TIMEOUT || e->kind == ERR_INTERRUPTED;
}

static void image_extract_keep(struct probe_run *run, const struct pull_took *took,
                               uint64_t sync_ns)
{
    struct image_extract_state *s = run->state;
    double bytes = (double)took->stream_bytes;
    double seconds = (double)took->wall_ns / CLK_NS_PER_S;
    double share = bytes / (double)s->bench.image.tar_bytes;
    run->values[IMAGE_RATE] = bytes / seconds;
    run->values[IMAGE_FILES] = (double)took->entries / seconds;
    run->values[IMAGE_SECONDS] = (double)took->wall_ns / share;
    run->values[IMAGE_SYNC] = (double)sync_ns / share;
    run->values[IMAGE_REFERENCE] =
        (double)(took->wall_ns + sync_ns) * IMAGE_REFERENCE_BYTES / bytes;
    run->observed_ns[IMAGE_RATE] = took->wall_ns;
    run->observed_ns[IMAGE_FILES] = took->wall_ns;
}

/* One set and its sync. 0 with run->done when the slot ended before the set did. */
static int image_extract_set(struct probe_run *run, struct err *e)
{
    struct image_extract_state *s = run->state;
    bool is_first = run->repetition == 0;
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = run->until_ns > now_ns ? run->until_ns - now_ns : 0;
    uint64_t pull_until_ns =
        is_first ? now_ns + left_ns / 100 * IMAGE_FIRST_PULL_PERCENT : run->until_ns;
    struct pull_took took;
    uint64_t sync_ns = 0;
    if (pull_once(&s->bench.pull, pull_until_ns, &took, e)) {
        run->done = true;
        if (!image_extract_is_over(e))
            return -1;
        s->is_part = is_first && e->kind == ERR_TIMEOUT && took.layers > 0;
        if (!s->is_part)
            return 0;
        s->part_ratio = (double)took.stream_bytes / (double)s->bench.image.tar_bytes;
    }
    uint64_t sync_until_ns = run->until_ns + (is_first ? IMAGE_SYNC_GRACE_NS : 0);
    if (flush_run(&s->flush, sync_until_ns, run->stopping, &sync_ns, e)) {
        run->done = true;
        if (e->kind != ERR_TIMEOUT || !is_first)
            return image_extract_is_over(e) ? 0 : -1;
        s->sync_waited_ns = sync_ns;
    }
    s->entry_cpu_ns[s->sets++] = (double)took.cpu_ns / (double)(took.entries ? took.entries : 1);
    image_extract_keep(run, &took, sync_ns);
    return 0;
}

static int image_extract_measure(struct probe_run *run, struct err *e)
{
    struct image_extract_state *s = run->state;
    uint64_t began_ns = clk_now_ns();
    if (image_extract_set(run, e))
        return err_wrap(e, "'%s'", run->site->dir);
    run->result->written_bytes = image_bench_written_bytes(&s->bench);
    if (run->done)
        return 0;
    uint64_t inflate_ns = clk_now_ns();
    if (image_extract_inflate(s, run->until_ns, run->stopping, e)) {
        run->done = true;
        return image_extract_is_over(e) ? 0 : -1;
    }
    inflate_ns = clk_now_ns() - inflate_ns;
    run->values[IMAGE_INFLATE] = (double)inflate_ns;
    s->inflate_entry_ns = (double)inflate_ns / (double)s->bench.image.entries;
    uint64_t now_ns = clk_now_ns();
    uint64_t next_ns = (now_ns - began_ns) * 5 / 4; /* the next one may take a little longer */
    run->done = !pull_may(&s->bench.pull) || now_ns + next_ns > run->until_ns;
    return 0;
}

/* Creating files costs more from set to set, or far too much from the start: the kernel's doing. */
static void image_extract_doubt_cost(struct probe_run *run)
{
    const struct image_extract_state *s = run->state;
    const struct place *p = run->site->place;
    bool forgets = p && strcmp(p->fs, "ext4") == 0 && strcmp(p->journal, "none") == 0;
    double first = s->sets ? s->entry_cpu_ns[0] : 0;
    double last = s->sets ? s->entry_cpu_ns[s->sets - 1] : 0;
    if (s->sets > 1 && last > IMAGE_RISE * first) {
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the CPU time of one entry rose from %.0f to %.0f us over %u sets, which "
                          "is the filesystem's book-keeping and not its speed; measure again "
                          "later, or name a --dir on another filesystem",
                          first / CLK_NS_PER_US, last / CLK_NS_PER_US, s->sets);
    } else if (forgets && last - s->inflate_entry_ns > IMAGE_ENTRY_CPU_NS) {
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "one entry costs %.0f us of CPU: ext4 without a journal creates files "
                          "slowly for minutes after many were deleted; measure again after ten "
                          "minutes, or name a --dir on another filesystem",
                          last / CLK_NS_PER_US);
    }
}

static void image_extract_judge(struct probe_run *run)
{
    const struct image_extract_state *s = run->state;
    image_bench_note(run, &s->bench);
    result_note(run->result,
                "image.reference is scaled: (unpacking + final sync) of %.0f MB to 500 MiB.",
                (double)s->bench.image.tar_bytes / 1e6);
    if (s->is_part)
        result_note(run->result,
                    "The slot ended when %.0f %% of the set were unpacked: the figures are of that "
                    "part, scaled to the set.",
                    100 * s->part_ratio);
    if (s->sets == 0 && !*run->stopping)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the slot was too short for one layer of %u; give a longer --budget or "
                          "a smaller --image",
                          s->bench.image.count);
    if (s->sync_waited_ns)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the final sync of one set did not end within %.1f s and was given up: "
                          "image.sync and image.reference are at least what is said; give a longer "
                          "--budget",
                          (double)s->sync_waited_ns / CLK_NS_PER_S);
    image_extract_doubt_cost(run);
}

/* The trees go first: what is not yet written then need not be, and a sync that goes on ends. */
static void image_extract_teardown(struct probe_run *run)
{
    struct image_extract_state *s = run->state;
    if (!s)
        return;
    image_bench_close(run, &s->bench);
    flush_release(&s->flush);
    free(s);
    run->state = NULL;
}

const struct probe image_extract = {
    .name = "image.extract",
    .title = "Unpacking of container images",
    .why = "A pull is what a node does when everything is on fire: Mesos kills a task whose image "
           "is not unpacked within its executor timeout, Nomad and containerd give up a pull that "
           "does not get on.",
    .source = "Mesos src/slave/slave.cpp (executor_registration_timeout 1 min); Nomad "
              "drivers/docker/config.go (image_pull_timeout 5 min); containerd "
              "internal/cri/config/config.go (image_pull_progress_timeout 5 min)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET,
    .place = "images",
    .effects = PROBE_WRITES_DISK | PROBE_READS_DISK | PROBE_LOADS_CPU | PROBE_LEAVES_TRACES,
    .weight = 9,
    .repetition_ns =
        3600 * (uint64_t)CLK_NS_PER_S, /* a set takes what it takes: the slot ends it */
    .metrics = image_extract_metrics,
    .supported = image_extract_supported,
    .estimate = image_extract_estimate,
    .setup = image_extract_setup,
    .measure = image_extract_measure,
    .judge = image_extract_judge,
    .teardown = image_extract_teardown,
};
