#include "probes/disk/doubt.h"

#include <inttypes.h>

#include "probes/kit/units.h"

void doubt_few(struct result *r, const char *metric, const struct hist *seen, uint64_t observed_ns)
{
    char time[UNITS_TEXT_BYTES];
    char median[UNITS_TEXT_BYTES];
    uint64_t p50_ns = hist_quantile(seen, 0.5);
    if (seen->total >= DOUBT_SAMPLES)
        return;
    (void)units_format((double)observed_ns, UNIT_NS, time);
    (void)units_format((double)p50_ns, UNIT_NS, median);
    if (seen->total > 0 && p50_ns >= DOUBT_SLOW_NS)
        result_note(r,
                    "%s: only %" PRIu64 " samples fitted in %s, because one took %s at the median; "
                    "what is rarer than 1 in %" PRIu64 " was not seen.",
                    metric, seen->total, time, median, seen->total);
    else
        result_set_status(r, STATUS_UNTRUSTED,
                          "%s: %" PRIu64 " samples in %s are too few, p99 needs %d; give a longer "
                          "--budget",
                          metric, seen->total, time, DOUBT_SAMPLES);
}

/* A mean or a median hides that some reads never saw the medium. */
static void doubt_some(struct result *r, const char *metric, const struct hist *seen)
{
    double share = 100.0 * (double)(seen->total - hist_count_above(seen, DOUBT_MEMORY_NS)) /
                   (double)seen->total;
    result_note(r,
                "%s: %.0f %% of the reads were answered within %d us, faster than any medium: a "
                "cache below holds a part of the file.",
                metric, share, DOUBT_MEMORY_NS / 1000);
}

void doubt_memory(struct result *r, const char *metric, const struct hist *seen,
                  const struct place *place)
{
    char median[UNITS_TEXT_BYTES];
    uint64_t p50_ns = hist_quantile(seen, 0.5);
    if (seen->total == 0 || place->device[0] == '\0')
        return;
    if (p50_ns < DOUBT_MEMORY_NS)
        result_set_status(r, STATUS_UNTRUSTED,
                          "%s: a median of %s was answered from memory, not from the medium; a "
                          "larger file (--set %s.file=SIZE) may outgrow that cache",
                          metric, units_format((double)p50_ns, UNIT_NS, median), r->probe);
    else if (hist_quantile(seen, DOUBT_TAIL) < DOUBT_MEMORY_NS)
        doubt_some(r, metric, seen);
}

void doubt_cached(struct result *r, double resident_ratio)
{
    if (resident_ratio * 100 >= DOUBT_CACHED_PERCENT) /* not so when NAN */
        result_set_status(r, STATUS_UNTRUSTED,
                          "%.0f %% of the file was in this host's page cache, though it was opened "
                          "with O_DIRECT: this filesystem does not obey it, and memory answered; "
                          "name another --dir",
                          resident_ratio * 100);
}

void doubt_overhead(struct result *r, const char *metric, const struct hist *seen,
                    uint64_t clock_cost_ns)
{
    char cost[UNITS_TEXT_BYTES];
    char median[UNITS_TEXT_BYTES];
    uint64_t p50_ns = hist_quantile(seen, 0.5);
    uint64_t own_ns = DOUBT_READINGS * clock_cost_ns;
    if (seen->total == 0 || own_ns * 100 <= p50_ns * DOUBT_OVERHEAD_PERCENT)
        return;
    result_set_status(r, STATUS_UNTRUSTED,
                      "%s: reading the clock twice takes %s of a median of %s, more than %d %%; "
                      "see the clocksource of this host",
                      metric, units_format((double)own_ns, UNIT_NS, cost),
                      units_format((double)p50_ns, UNIT_NS, median), DOUBT_OVERHEAD_PERCENT);
}
