#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "probes/image/flush.h"
#include "probes/image/image.h"
#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/clk.h"

enum {
    IMAGE_RATE,
    IMAGE_FILES,
    IMAGE_SECONDS,
    IMAGE_SYNC,
    IMAGE_DURABLE,
    IMAGE_LAYERS,
    IMAGE_DELETE,
    IMAGE_REF,
    IMAGE_MEASURED,
    IMAGE_MODELLED
};

static const struct metric image_runtime_metrics[] = {
    [IMAGE_RATE] = {"image.rate",            UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                    "Bytes of the layers' tars that containerd would unpack a second, without the "
                     "final sync."                                                           },
    [IMAGE_FILES] = { "image.files",          UNIT_PER_S,       METRIC_HIGHER, METRIC_MEAN, "value",
                    "Entries a second: files, directories, links, whiteouts."                },
    [IMAGE_SECONDS] = { "image.seconds",        UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "Time to unpacked: what containerd would take for the image, without the "
                        "final sync; image.measured and image.modelled are its parts."       },
    [IMAGE_SYNC] = { "image.sync",           UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "The sync of the filesystem after it: what unpacking left to be written."},
    [IMAGE_DURABLE] = { "image.durable",        UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "Time to durable: unpacked, and the final sync."                         },
    [IMAGE_LAYERS] = { "image.durable.layers", UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "Time to durable with a sync after each layer, as containerd's "
                       "image_pull_with_sync_fs asks for."                                   },
    [IMAGE_DELETE] = { "image.delete",         UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "Removing what one unpacking made, one layer after the other, as the "
                       "runtime's garbage collection does."                                  },
    [IMAGE_REF] = { "image.reference",      UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "value",
                    "Time to durable of the reference image, 500 MB: exact when it was "
                    "unpacked, else scaled by bytes."                                        },
    [IMAGE_MEASURED] = { "image.measured",       UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "Of image.seconds: containerd's system calls, hash and decoder, made and "
                         "timed here."                                                       },
    [IMAGE_MODELLED] = { "image.modelled",       UNIT_NS,          METRIC_LOWER,  METRIC_MEAN, "",
                    "Of image.seconds: CPU time spent in place of containerd's own code, as "
                         "modelled."                                                         },
    METRIC_END,
};

/* In the order of enum runtime_decoder. */
static const struct fact_word image_runtime_words[RUNTIME_DECODERS] = {
    [RUNTIME_IGZIP] = {.word = "igzip",
                       .what =
                            "ISA-L's igzip, which containerd since 2.0 runs where it is found."},
    [RUNTIME_UNPIGZ] = { .word = "unpigz",
                       .what = "The program unpigz, found, and igzip is not used."             },
    [RUNTIME_OWN] = { .word = "own",
                       .what =
                          "The decoder of its own: no program was found, or they are disabled."},
};

static bool image_runtime_word(unsigned index, struct fact_word *word)
{
    if (index >= RUNTIME_DECODERS)
        return false;
    *word = image_runtime_words[index];
    return true;
}

static const struct fact_row image_runtime_facts[] = {
    {.name = "image.runtime.decoder",
     .kind = FACT_TEXT,
     .what = "What containerd would decompress gzip layers with, by this process's environment.",
     .word = image_runtime_word                                                            },
    { .name = "image.runtime.part",
     .kind = FACT_NUMBER,
     .unit = UNIT_RATIO,
     .what = "How much of the image the figures are of: 1 when it was unpacked to the end."},
    FACT_END,
};

/* SOURCE: the reference of the criteria: 500 MB unpacked is a middling application image. */
#define IMAGE_REFERENCE_BYTES 500e6
/* The first round's sync may take so much longer than the slot: a slow disk is to be measured too.
 */
#define IMAGE_SYNC_GRACE_NS (5 * (uint64_t)CLK_NS_PER_S)
/* And so much the removal at the end. */
#define IMAGE_DELETE_GRACE_NS (2 * (uint64_t)CLK_NS_PER_S)
/* CPU of one entry without decoding and model; 60 us is usual, and ten times that the kernel's
 * search for inodes that were not recently deleted (ext4 without a journal). */
#define IMAGE_ENTRY_CPU_NS (300 * (double)CLK_NS_PER_US)

enum {
    /* Of the slot that the first round may take; then comes the sync. */
    IMAGE_FIRST_PULL_PERCENT = 60,
    /* Of the slot that writing what others left may take. */
    IMAGE_BEFORE_PERCENT = 30,
    /* The least of an image that stands for the rest. */
    IMAGE_PART_BYTES = 4000000,
    IMAGE_RISE = 2, /* from round to round, of the CPU time of one entry */
    /* After so many rounds one with a sync after each layer. */
    IMAGE_ROUNDS_BEFORE_LAYERS = 2
};

struct image_runtime_state {
    struct image_bench bench;
    struct flush flush;
    double entry_cpu_ns[PULL_MAX]; /* of each round, without what was modelled */
    unsigned rounds;
    bool has_layers;         /* the round with a sync after each layer was made */
    bool is_begun_late;      /* what others left was still being written */
    bool is_part;            /* no round was finished: the figures are of a part */
    double part_ratio;       /* how much of it was */
    uint64_t sync_waited_ns; /* given up after */
    uint64_t beside_ns;      /* modelled in another thread, in the last round */
};

static int image_runtime_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    return image_check(site, 0, e);
}

static int image_runtime_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                                  struct probe_cost *cost, struct err *e)
{
    (void)conf;
    return image_estimate(site, slot_ns, cost, e);
}

/* What others left unwritten is written before, so that the final sync is ours alone. */
static int image_runtime_settle(struct probe_run *run, struct err *e)
{
    struct image_runtime_state *s = run->state;
    uint64_t took_ns = 0;
    uint64_t until_ns = clk_now_ns() + run->slot_ns / 100 * IMAGE_BEFORE_PERCENT;
    until_ns = until_ns < run->slot_end_ns ? until_ns : run->slot_end_ns;
    if (flush_run(&s->flush, until_ns, run->stopping, &took_ns, e) == 0)
        return 0;
    s->is_begun_late = e->kind == ERR_TIMEOUT;
    return s->is_begun_late ? 0 : -1;
}

static int image_runtime_setup(struct probe_run *run, struct err *e)
{
    struct image_runtime_state *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack an image");
    if (image_bench_open(run, run->write_budget_bytes, run->stopping, &s->bench, e) ||
        flush_open(&s->flush, run->scratch_fd, e)) {
        return -1;
    }
    return image_runtime_settle(run, e);
}

/* Over in time or stopped: no failure, there is only nothing more to report. */
static bool image_runtime_is_over(const struct err *e)
{
    return e->kind == ERR_TIMEOUT || e->kind == ERR_INTERRUPTED;
}

static void image_runtime_keep(struct probe_run *run, const struct pull_took *took,
                               uint64_t sync_ns)
{
    struct image_runtime_state *s = run->state;
    double bytes = (double)took->stream_bytes;
    double share = bytes / (double)s->bench.image.tar_bytes;
    double wall_ns = (double)took->wall_ns;
    double durable_ns = wall_ns + (double)sync_ns;
    bool is_reference = image_is_reference(run->site) && !s->is_part;
    run->values[IMAGE_RATE] = bytes * CLK_NS_PER_S / wall_ns;
    run->values[IMAGE_FILES] = (double)took->entries * CLK_NS_PER_S / wall_ns;
    run->values[IMAGE_SECONDS] = wall_ns / share;
    run->values[IMAGE_SYNC] = (double)sync_ns / share;
    run->values[IMAGE_DURABLE] = durable_ns / share;
    run->values[IMAGE_REF] = is_reference ? durable_ns : durable_ns * IMAGE_REFERENCE_BYTES / bytes;
    run->values[IMAGE_MODELLED] = (double)took->modelled_ns / share;
    run->values[IMAGE_MEASURED] = (wall_ns - (double)took->modelled_ns) / share;
    run->observed_ns[IMAGE_RATE] = took->wall_ns;
    run->observed_ns[IMAGE_FILES] = took->wall_ns;
    s->beside_ns = took->beside_ns;
    s->entry_cpu_ns[s->rounds++] =
        (double)(took->cpu_ns - took->modelled_ns) / (double)(took->entries ? took->entries : 1);
}

/* 0 with run->done when the slot ended before the image did: *has_figures when enough was done. */
static int image_runtime_pull(struct probe_run *run, struct pull_took *took, bool *has_figures,
                              struct err *e)
{
    struct image_runtime_state *s = run->state;
    bool is_first = run->repetition == 0;
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = run->until_ns > now_ns ? run->until_ns - now_ns : 0;
    uint64_t until_ns =
        is_first ? now_ns + left_ns / 100 * IMAGE_FIRST_PULL_PERCENT : run->until_ns;
    *has_figures = pull_once(&s->bench.pull, until_ns, took, e) == 0;
    if (*has_figures)
        return 0;
    run->done = true;
    if (!image_runtime_is_over(e))
        return -1;
    s->is_part = is_first && e->kind == ERR_TIMEOUT && took->stream_bytes >= IMAGE_PART_BYTES;
    s->part_ratio = (double)took->stream_bytes / (double)s->bench.image.tar_bytes;
    *has_figures = s->is_part;
    return 0;
}

static int image_runtime_sync(struct probe_run *run, uint64_t *sync_ns, struct err *e)
{
    struct image_runtime_state *s = run->state;
    bool is_first = run->repetition == 0;
    uint64_t until_ns = run->until_ns + (is_first ? IMAGE_SYNC_GRACE_NS : 0);
    if (flush_run(&s->flush, until_ns, run->stopping, sync_ns, e) == 0)
        return 1;
    run->done = true;
    if (e->kind != ERR_TIMEOUT || !is_first)
        return image_runtime_is_over(e) ? 0 : -1;
    s->sync_waited_ns = *sync_ns;
    return 1;
}

/* One unpacking and its sync. */
static int image_runtime_round(struct probe_run *run, struct err *e)
{
    struct image_runtime_state *s = run->state;
    struct pull_took took;
    uint64_t sync_ns = 0;
    bool has_figures = false;
    s->bench.pull.is_durable = s->rounds == IMAGE_ROUNDS_BEFORE_LAYERS && !s->has_layers;
    if (image_runtime_pull(run, &took, &has_figures, e))
        return -1;
    int synced = has_figures ? image_runtime_sync(run, &sync_ns, e) : 0;
    if (synced <= 0)
        return synced;
    if (s->bench.pull.is_durable) {
        run->values[IMAGE_LAYERS] = (double)(took.wall_ns + sync_ns);
        s->has_layers = true;
    } else {
        image_runtime_keep(run, &took, sync_ns);
    }
    return 0;
}

/* At the very end: nothing is created after it. */
static int image_runtime_delete(struct probe_run *run, struct err *e)
{
    struct image_runtime_state *s = run->state;
    uint64_t took_ns = 0;
    if (s->bench.pull.whole == 0 || *run->stopping)
        return 0;
    if (pull_remove_last(&s->bench.pull, run->until_ns + IMAGE_DELETE_GRACE_NS, &took_ns, e))
        return image_runtime_is_over(e) ? 0 : -1;
    run->values[IMAGE_DELETE] = (double)took_ns;
    return 0;
}

static int image_runtime_measure(struct probe_run *run, struct err *e)
{
    struct image_runtime_state *s = run->state;
    uint64_t began_ns = clk_now_ns();
    if (image_runtime_round(run, e))
        return err_wrap(e, "'%s'", run->site->dir);
    uint64_t now_ns = clk_now_ns();
    uint64_t next_ns = (now_ns - began_ns) * 3 / 2; /* the next takes longer, and a removal comes */
    run->done = run->done || !pull_may(&s->bench.pull) || now_ns + next_ns > run->until_ns;
    run->result->written_bytes = image_bench_written_bytes(&s->bench);
    return run->done ? image_runtime_delete(run, e) : 0;
}

/* Creating files costs more from round to round, or far too much from the start: the kernel's. */
static void image_runtime_doubt_cost(struct probe_run *run)
{
    const struct image_runtime_state *s = run->state;
    const struct place *p = run->site->place;
    bool forgets = p && strcmp(p->fs, "ext4") == 0 && strcmp(p->journal, "none") == 0;
    double first = s->rounds ? s->entry_cpu_ns[0] : 0;
    double last = s->rounds ? s->entry_cpu_ns[s->rounds - 1] : 0;
    double bytes = (double)s->bench.image.tar_bytes;
    double entries = (double)s->bench.image.entries + 1;
    /* An image of few large files spends it on their bytes: 4 ns each, decoding included. */
    double usual = IMAGE_ENTRY_CPU_NS + 4 * bytes / entries;
    if (s->rounds > 1 && last > IMAGE_RISE * first) {
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the CPU time of one entry rose from %.0f to %.0f us over %u rounds, "
                          "which is the filesystem's book-keeping and not its speed; measure again "
                          "later, or name a --dir on another filesystem",
                          first / CLK_NS_PER_US, last / CLK_NS_PER_US, s->rounds);
    } else if (forgets && last > usual) {
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "one entry costs %.0f us of CPU: ext4 without a journal creates files "
                          "slowly for minutes after many were deleted; measure again after ten "
                          "minutes, or name a --dir on another filesystem",
                          last / CLK_NS_PER_US);
    }
}

static void image_runtime_note_model(struct probe_run *run)
{
    const struct image_runtime_state *s = run->state;
    const struct result_metric *modelled = result_metric_find(run->result, "image.modelled");
    const struct result_block *block =
        modelled && modelled->block_count ? &modelled->blocks[modelled->block_count - 1] : NULL;
    if (block)
        result_note(run->result,
                    "Modelled: %.2f s of CPU time in the unpacking thread, %.2f s in another "
                    "beside it, spent where containerd's Go code would be: tar reader, names, "
                    "garbage collection, hash and decoders beside ours.",
                    block->value / CLK_NS_PER_S, (double)s->beside_ns / CLK_NS_PER_S);
}

static void image_runtime_note_error(struct probe_run *run, enum costs_way way)
{
    AUTO(buf) struct buf text = { 0 };
    const struct costs_check *check = costs_check(way, 0);
    for (unsigned i = 0; check; check = costs_check(way, ++i))
        buf_addf(&text, "%s%s %.2f (%.2f to %.2f, %u runs)", i ? ", " : "", check->images,
                 check->median_ratio, check->low_ratio, check->high_ratio, check->runs);
    if (text.size > 0)
        result_note(run->result,
                    "How far the model is off with %s, seconds said by seconds taken by %s: %s. "
                    "Other versions were not compared.",
                    costs_way_name(way), COSTS_CHECKED, buf_text(&text));
    else
        result_note(run->result,
                    "How far the model is off with %s is not known: it was never compared with "
                    "containerd.",
                    costs_way_name(way));
}

/* For each form that a layer has. */
static void image_runtime_note_errors(struct probe_run *run)
{
    static const enum costs_way ways[RUNTIME_DECODERS] = {
        [RUNTIME_IGZIP] = COSTS_GZIP_IGZIP,
        [RUNTIME_UNPIGZ] = COSTS_GZIP_UNPIGZ,
        [RUNTIME_OWN] = COSTS_GZIP_OWN,
    };

    const struct image_runtime_state *s = run->state;
    bool has_gzip = false;
    bool has_zstd = false;
    for (unsigned i = 0; i < s->bench.image.count; i++) {
        enum stream_form form = s->bench.image.layers[i].source.form;
        has_gzip = has_gzip || form == STREAM_GZIP;
        has_zstd = has_zstd || form == STREAM_ZSTD;
    }
    if (has_gzip)
        image_runtime_note_error(run, ways[s->bench.runtime.decoder]);
    if (has_zstd)
        image_runtime_note_error(run, COSTS_ZSTD);
}

static void image_runtime_tell_facts(struct probe_run *run)
{
    const struct image_runtime_state *s = run->state;
    const struct runtime *r = &s->bench.runtime;
    struct facts *facts = &run->result->facts;
    (void)facts_set_text(facts, "image.runtime.decoder", image_runtime_words[r->decoder].word,
                         r->program[0] ? r->program : NULL);
    if (s->rounds)
        (void)facts_set_number(facts, "image.runtime.part", s->is_part ? s->part_ratio : 1,
                               UNIT_RATIO, NULL);
    else
        (void)facts_set_unknown(facts, "image.runtime.part", "nothing was unpacked");
}

static void image_runtime_judge(struct probe_run *run)
{
    const struct image_runtime_state *s = run->state;
    image_bench_note(run, &s->bench);
    image_runtime_tell_facts(run);
    image_runtime_note_model(run);
    image_runtime_note_errors(run);
    if (!image_is_reference(run->site))
        result_note(run->result,
                    "image.reference is scaled: (unpacking + final sync) of %.0f MB to 500 MB.",
                    (double)s->bench.image.tar_bytes / 1e6);
    if (s->is_part)
        result_note(run->result,
                    "The slot ended when %.0f %% of the image were unpacked: the figures are of "
                    "that part, scaled to the image.",
                    100 * s->part_ratio);
    if (s->is_begun_late)
        result_note(run->result,
                    "What others had written before was still being written when unpacking began: "
                    "it is in the sync, and in what that makes of image.durable.");
    if (s->rounds == 0 && !*run->stopping)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the slot was too short: less than %d MB of the image were unpacked; "
                          "give a longer --budget or a smaller --image",
                          IMAGE_PART_BYTES / 1000000);
    if (s->sync_waited_ns)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the final sync of one round did not end within %.1f s and was given up: "
                          "image.sync, image.durable and image.reference are at least what is "
                          "said; give a longer --budget",
                          (double)s->sync_waited_ns / CLK_NS_PER_S);
    image_runtime_doubt_cost(run);
}

/* The trees go first: what is not yet written then need not be, and a sync that goes on ends. */
static void image_runtime_teardown(struct probe_run *run)
{
    struct image_runtime_state *s = run->state;
    if (!s)
        return;
    image_bench_close(run, &s->bench);
    flush_release(&s->flush);
    free(s);
    run->state = NULL;
}

const struct probe image_runtime = {
    .name = "image.runtime",
    .title = "Unpacking of a container image by containerd",
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
        3600 * (uint64_t)CLK_NS_PER_S, /* an image takes what it takes: the slot ends it */
    .metrics = image_runtime_metrics,
    .facts = image_runtime_facts,
    .supported = image_runtime_supported,
    .estimate = image_runtime_estimate,
    .setup = image_runtime_setup,
    .measure = image_runtime_measure,
    .judge = image_runtime_judge,
    .teardown = image_runtime_teardown,
};
