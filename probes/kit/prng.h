/*
 * prng: repeatable random numbers. xoshiro256** seeded by splitmix64.
 * SOURCE: Blackman, Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 2021.
 * Not for secrets. One generator per thread.
 */
#ifndef PROBES_KIT_PRNG_H
#define PROBES_KIT_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

/* 64 bits from the kernel, for seeds and run ids. */
uint64_t prng_entropy(void);
void prng_init(struct prng *p, uint64_t seed);
/* A generator of its own for a named part, so that adding a draw in one part moves no other. */
void prng_init_named(struct prng *p, uint64_t seed, const char *name);
uint64_t prng_next(struct prng *p);
/* Uniform in [0, bound) without modulo bias; bound must not be 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);
/* Uniform in [0, 1). */
double prng_unit(struct prng *p);
void prng_fill(struct prng *p, void *bytes, size_t size);

#endif
