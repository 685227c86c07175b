#include <math.h>
#include <string.h>

#include "probes/image/image.h"
#include "probes/kit/clk.h"
#include "probes/kit/stats.h"

static const char *const image_gap_from[] = { "image.runtime", "image.limit", NULL };

static const struct fact_row image_gap_facts[] = {
    {.name = "image.gap",
     .kind = FACT_NUMBER,
     .unit = UNIT_NONE,
     .what = "How many times as long the container runtime takes for the image as this host "
              "needs: image.seconds by image.limit."},
    FACT_END,
};

/* What one probe found. */
struct image_gap_figure {
    const char *probe, *part; /* its name, and the fact that tells how much it unpacked */
    const struct result *from;
    double seconds; /* NAN when there is none */
    unsigned count; /* of unpackings */
};

/* The median of the repetitions; NAN when there are none. */
static double image_gap_seconds(const struct result *from, const char *id, unsigned *count)
{
    double values[LIMITS_BLOCKS];
    const struct result_metric *m = from ? result_metric_find(from, id) : NULL;
    *count = 0;
    for (; m && *count < m->block_count && *count < LIMITS_BLOCKS; (*count)++)
        values[*count] = m->blocks[*count].value / CLK_NS_PER_S;
    return *count ? stats_median(values, *count) : NAN;
}

static struct image_gap_figure image_gap_find(const struct probe_run *run, const char *probe,
                                              const char *id, const char *part)
{
    struct image_gap_figure f = { .probe = probe, .part = part };
    f.from = probe_earlier(run, probe);
    f.seconds = image_gap_seconds(f.from, id, &f.count);
    return f;
}

static int image_gap_measure(struct probe_run *run, struct err *e)
{
    (void)run;
    (void)e;
    return 0;
}

static void image_gap_note_counts(struct result *r, const struct image_gap_figure *runtime,
                                  const struct image_gap_figure *limit)
{
    unsigned count = 0;
    double modelled = image_gap_seconds(runtime->from, "image.modelled", &count);
    result_note(r,
                "Behind them: unpackings by image.runtime: %u, whose time is by %.0f %% modelled "
                "and not measured; by image.limit: %u.",
                runtime->count, isnan(modelled) ? 0 : 100 * modelled / runtime->seconds,
                limit->count);
}

/* What is wrong with a figure is wrong with the conclusion. */
static void image_gap_doubt(struct result *r, const struct image_gap_figure *f)
{
    const struct fact *part = f->from ? facts_find(&f->from->facts, f->part) : NULL;
    if (part && part->kind == FACT_NUMBER && part->number < 1)
        result_note(r,
                    "%s unpacked %.0f %% of the image in its slot, and its figure is scaled to the "
                    "whole; give a longer --budget.",
                    f->probe, 100 * part->number);
    if (f->from && f->from->status == STATUS_UNTRUSTED)
        result_set_status(r, STATUS_UNTRUSTED, "%s is untrusted: %.400s", f->probe,
                          f->from->reason);
}

static void image_gap_conclude(struct result *r, const struct image_gap_figure *runtime,
                               const struct image_gap_figure *limit)
{
    double gap = runtime->seconds / limit->seconds;
    (void)facts_set_number(&r->facts, "image.gap", gap, UNIT_NONE, NULL);
    result_note(r,
                "A container runtime takes %.2f s for this image, and this host can do it in %.2f "
                "s: the runtime leaves a factor of %.1f on the table.",
                runtime->seconds, limit->seconds, gap);
    image_gap_note_counts(r, runtime, limit);
    image_gap_doubt(r, runtime);
    image_gap_doubt(r, limit);
}

static void image_gap_judge(struct probe_run *run)
{
    struct result *r = run->result;
    const struct image_gap_figure runtime =
        image_gap_find(run, "image.runtime", "image.seconds", "image.runtime.part");
    const struct image_gap_figure limit =
        image_gap_find(run, "image.limit", "image.limit", "image.limit.part");
    if (runtime.seconds > 0 && limit.seconds > 0) {
        image_gap_conclude(r, &runtime, &limit);
        return;
    }
    (void)facts_set_unknown(&r->facts, "image.gap", "one of the two figures is missing");
    result_note(r, "Not concluded: %s has no figure; give a longer --budget.",
                runtime.seconds > 0 ? limit.probe : runtime.probe);
}

const struct probe image_gap = {
    .name = "image.gap",
    .title = "What the runtime leaves of this host's unpacking",
    .why = "Where the runtime is far from the host's limit, a faster disk or more CPUs will not "
           "make pulls faster; a faster decoder or layers unpacked in parallel will.",
    .source = "containerd docs (igzip and unpigz are preferred to its own decoder; "
              "max_concurrent_unpacks, 2.2)",
    .place = "images",
    .concludes_from = image_gap_from,
    .facts = image_gap_facts,
    .measure = image_gap_measure,
    .judge = image_gap_judge,
};
