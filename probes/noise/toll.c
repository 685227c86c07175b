#include "probes/noise/toll.h"

#include <inttypes.h>
#include <stdio.h>

#include "probes/kit/clk.h"
#include "probes/kit/stats.h"
#include "probes/kit/units.h"

#define TOLL_MS(ms) ((ms) * (uint64_t)CLK_NS_PER_MS)

const uint64_t toll_bounds_ns[TOLL_BOUNDS] = { TOLL_MS(1),   TOLL_MS(10),  TOLL_MS(100),
                                               TOLL_MS(200), TOLL_MS(500), TOLL_MS(900),
                                               TOLL_MS(1000) };

void toll_count(uint64_t counts[TOLL_BOUNDS], uint64_t length_ns)
{
    for (unsigned i = 0; i < TOLL_BOUNDS; i++)
        counts[i] += length_ns > toll_bounds_ns[i];
}

uint64_t toll_lost_ns(const struct inquest_blame *b)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < CAUSES; i++)
        sum += b->lost_ns[i];
    return sum;
}

uint64_t toll_stalls(const struct inquest_blame *b)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < CAUSES; i++)
        sum += b->count[i];
    return sum;
}

static void toll_tell_none(const struct toll *t, char text[TOLL_TEXT_BYTES])
{
    char window[UNITS_TEXT_BYTES];
    char bound[UNITS_TEXT_BYTES];
    (void)snprintf(text, TOLL_TEXT_BYTES,
                   "No stall of 1 ms or more in %s on %u CPU%s: at most %s an hour (95 %%).",
                   units_format((double)t->window_ns, UNIT_NS, window), t->cpus,
                   t->cpus == 1 ? "" : "s",
                   units_format(stats_rule_of_three_per_hour(t->window_ns), UNIT_NONE, bound));
}

/* Whose time it was: "CPU 1 was not ours for 2.10 % of the time". */
static void toll_tell_share(const struct toll *t, char *text, size_t size)
{
    char share[UNITS_TEXT_BYTES];
    unsigned cpus = t->cpu == TOLL_ALL && t->cpus > 1 ? t->cpus : 1;
    double ratio = (double)toll_lost_ns(t->blame) / ((double)t->window_ns * cpus);
    (void)units_format(ratio < 1 ? ratio : 1, UNIT_RATIO, share);
    if (t->cpu != TOLL_ALL)
        (void)snprintf(text, size, "CPU %d was not ours for %s of the time", (int)t->cpu, share);
    else
        (void)snprintf(text, size, "All %u CPUs together were not ours for %s of their time",
                       t->cpus, share);
}

void toll_tell(const struct toll *t, char text[TOLL_TEXT_BYTES])
{
    char share[80];
    char longest[UNITS_TEXT_BYTES];
    char causes[200];
    uint64_t stalls = toll_stalls(t->blame);
    if (stalls == 0 || t->window_ns == 0) {
        toll_tell_none(t, text);
        return;
    }
    toll_tell_share(t, share, sizeof share);
    inquest_tell(t->blame, causes, sizeof causes);
    (void)units_format((double)t->longest_ns, UNIT_NS, longest);
    (void)snprintf(text, TOLL_TEXT_BYTES, "%s, in %" PRIu64 " stall%s%s%s%s%s.", share, stalls,
                   stalls == 1 ? "" : "s", t->longest_ns ? (stalls == 1 ? " of " : " up to ") : "",
                   t->longest_ns ? longest : "", *causes ? ": " : "", causes);
}
