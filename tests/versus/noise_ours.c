/*
 * The busy loop of noise.gap, or the sleeper of noise.stall, on the one CPU that this process may
 * run on, for a comparison with other programs on the same CPU.
 * Usage: noise_ours gap|stall SECONDS
 * Prints one line, "NAME P99.99 MAX COUNT" in microseconds: for the loop of all its steps, as oslat
 * counts them, and how many were gaps above 10 us; for the sleeper of all its deadlines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/affinity.h"
#include "probes/kit/clk.h"
#include "probes/kit/sampler.h"
#include "probes/noise/hunt.h"

enum {
    GAP_NS = 10000
};

static volatile sig_atomic_t stop;

/* Every step that is no gap took the loop's own time, or was below the threshold. */
static int gap(uint64_t length_ns, struct err *e)
{
    struct hunt h;
    struct hunt_cpu c = { 0 };
    struct hunt_site site = { .proc_fd = -1, .sys_fd = -1, .stopping = &stop };
    if (affinity_cpus(&c.cpu, 1, e) < 1 || hunt_open(&h, &site, e))
        return -1;
    uint64_t start_ns = clk_now_ns();
    if (!hunt_turn(&h, &c, start_ns, start_ns + length_ns))
        return err_set(e, ERR_NO_RESOURCE, 0, "bind the loop to CPU %u", c.cpu);
    uint64_t ran_ns = clk_now_ns() - start_ns;
    uint64_t steps = (ran_ns > c.lost_ns ? ran_ns - c.lost_ns : 0) / h.spin.step_ns;
    uint64_t beyond = (uint64_t)((double)steps * 1e-4);
    uint64_t p9999_ns = h.spin.step_ns;
    if (h.gaps.total > beyond)
        p9999_ns += hist_value_at_rank(&h.gaps, h.gaps.total - beyond);
    printf("gap %.1f %.1f %llu\n", (double)p9999_ns / 1000,
           (double)(h.gaps.max + h.spin.step_ns) / 1000,
           (unsigned long long)hist_count_above(&h.gaps, GAP_NS));
    hunt_release(&h);
    return 0;
}

static void print(const char *name, const struct hist *h)
{
    printf("%s %.1f %.1f %llu\n", name, (double)hist_quantile(h, 0.9999) / 1000,
           (double)h->max / 1000, (unsigned long long)h->total);
}

static int stall(uint64_t length_ns, struct err *e)
{
    struct sampler_terms terms = { 0 };
    struct hist h = { 0 };
    struct sampler *s = sampler_open(&terms, e);
    if (!s || hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
        return -1;
    sampler_start(s);
    uint64_t until_ns = clk_now_ns() + length_ns;
    while (clk_now_ns() < until_ns)
        (void)clk_sleep_until(until_ns);
    sampler_stop(s);
    sampler_take(s, &h);
    print("stall", &h);
    hist_release(&h);
    sampler_free(s);
    return 0;
}

int main(int argc, char **argv)
{
    struct err e = { 0 };
    if (argc < 3) {
        fprintf(stderr, "usage: noise_ours gap|stall SECONDS\n");
        return 2;
    }
    uint64_t length_ns = strtoull(argv[2], NULL, 10) * CLK_NS_PER_S;
    bool spins = strcmp(argv[1], "gap") == 0;
    if (spins ? gap(length_ns, &e) : stall(length_ns, &e)) {
        fprintf(stderr, "noise_ours: %s\n", e.msg);
        return 1;
    }
    return 0;
}
