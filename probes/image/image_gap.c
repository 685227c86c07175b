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

/* The median of the repetitions; NAN when there are none. */
static double image_gap_seconds(const struct probe_run *run, const char *probe, const char *id)
{
    double values[LIMITS_BLOCKS];
    unsigned count = 0;
    const struct result *from = probe_earlier(run, probe);
    const struct result_metric *m = from ? result_metric_find(from, id) : NULL;
    for (; m && count < m->block_count && count < LIMITS_BLOCKS; count++)
        values[count] = m->blocks[count].value / CLK_NS_PER_S;
    return count ? stats_median(values, count) : NAN;
}

static int image_gap_measure(struct probe_run *run, struct err *e)
{
    (void)run;
    (void)e;
    return 0;
}

static void image_gap_judge(struct probe_run *run)
{
    struct result *r = run->result;
    double runtime = image_gap_seconds(run, "image.runtime", "image.seconds");
    double limit = image_gap_seconds(run, "image.limit", "image.limit");
    if (isnan(runtime) || isnan(limit) || limit <= 0) {
        const char *missing = isnan(runtime) ? "image.runtime" : "image.limit";
        (void)facts_set_unknown(&r->facts, "image.gap", "one of the two figures is missing");
        result_note(r, "Not concluded: %s has no figure; give a longer --budget.", missing);
        return;
    }
    (void)facts_set_number(&r->facts, "image.gap", runtime / limit, UNIT_NONE, NULL);
    result_note(r,
                "A container runtime takes %.2f s for this image, and this host can do it in %.2f "
                "s: the runtime leaves a factor of %.1f on the table.",
                runtime, limit, runtime / limit);
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
