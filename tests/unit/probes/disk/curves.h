/*
 * curves: recorded and made-up curves of random I/O over queue depths.
 *
 * The recorded ones are what disk.read and disk.write measured on a virtio disk with busy
 * neighbours, free and under blkio throttles (cgroup v1), in slots of 8 and of 30 s.
 */
#ifndef TESTS_UNIT_PROBES_DISK_CURVES_H
#define TESTS_UNIT_PROBES_DISK_CURVES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "probes/disk/cap.h"
#include "probes/kit/prng.h"

enum {
    CURVES_BLOCKS = 512
};

struct curves {
    struct cap_block blocks[CURVES_BLOCKS];
    double work[CURVES_BLOCKS];
    struct cap_curve curve;
};

/* False when the file is missing. */
static inline bool curves_read(struct curves *c, const char *name)
{
    char path[128];
    char line[128];
    size_t n = 0;
    memset(c, 0, sizeof *c);
    (void)snprintf(path, sizeof path, "tests/unit/probes/disk/fixtures/curves/%s", name);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        struct cap_block b;
        struct cap_depth d;
        if (sscanf(line, "B %u %lf %lf", &b.depth, &b.rate, &b.count) == 3 && n < CURVES_BLOCKS)
            c->blocks[n++] = b;
        if (sscanf(line, "D %u %lf %lf %lf", &d.depth, &d.p50_ns, &d.p99_ns, &d.mean_ns) == 4)
            c->curve.depths[c->curve.depth_count++] = d;
    }
    c->curve.blocks = c->blocks;
    c->curve.block_count = n;
    return f && fclose(f) == 0 && n > 0;
}

/* A disk made up: every depth answers so many a second, noisy from repetition to repetition. */
struct curves_model {
    double base_ns;     /* one at a time */
    double rate_most;   /* of the whole disk */
    double tail;        /* p99 over p50 */
    double noise_ratio; /* of a repetition */
    double soft;        /* 0: stops at once; 1: comes near step by step */
    unsigned rounds;
};

static inline double curves_rate(const struct curves_model *m, unsigned depth)
{
    double could = depth * 1e9 / m->base_ns;
    double hard = could < m->rate_most ? could : m->rate_most;
    double soft = could * m->rate_most / (could + m->rate_most);
    return m->soft * soft + (1 - m->soft) * hard;
}

static inline void curves_make(struct curves *c, const struct curves_model *m, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    memset(c, 0, sizeof *c);
    c->curve.blocks = c->blocks;
    for (unsigned round = 0; round < m->rounds; round++) {
        for (unsigned i = 0; i < CAP_DEPTHS; i++) {
            double noise = 1 + m->noise_ratio * 3.46 * (prng_unit(&prng) - 0.5);
            c->blocks[c->curve.block_count++] = (struct cap_block){
                .depth = 1U << i,
                .rate = curves_rate(m, 1U << i) * noise,
                .count = curves_rate(m, 1U << i) * noise / 4,
            };
        }
    }
    for (unsigned i = 0; i < CAP_DEPTHS; i++) {
        double mean_ns = (1U << i) * 1e9 / curves_rate(m, 1U << i);
        c->curve.depths[i] =
            (struct cap_depth){ 1U << i, mean_ns * 0.97, mean_ns * 0.97 * m->tail, mean_ns };
    }
    c->curve.depth_count = CAP_DEPTHS;
}

#endif
