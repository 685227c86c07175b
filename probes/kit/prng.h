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

static inline uint64_t prng_rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->s;
    uint64_t drawn = prng_rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = prng_rotate_left(s[3], 45);
    return drawn;
}

/*
 * Uniform in [0, bound) without modulo bias; bound must not be 0. Draws above the last whole
 * multiple of bound are drawn again: they would favour small values.
 */
static inline uint64_t prng_below(struct prng *p, uint64_t bound)
{
    uint64_t drawn;
    uint64_t below;
    do {
        drawn = prng_next(p);
        below = drawn % bound;
    } while (drawn - below > -bound);
    return below;
}

/* Uniform in [0, 1). */
double prng_unit(struct prng *p);
void prng_fill(struct prng *p, void *bytes, size_t size);

#endif
