#include "probes/kit/prng.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "probes/kit/clk.h"

static uint64_t prng_rotate(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

/* splitmix64: spreads a seed over the state, so that seeds 1 and 2 share nothing. */
static uint64_t prng_spread(uint64_t *x)
{
    *x += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *x;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t prng_entropy(void)
{
    uint64_t drawn = 0;
    if (getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != sizeof drawn)
        drawn = clk_realtime_ns() ^ (uint64_t)getpid() << 40; /* just after boot on an old kernel */
    return drawn;
}

void prng_init(struct prng *p, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        p->s[i] = prng_spread(&seed);
}

void prng_init_named(struct prng *p, uint64_t seed, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    prng_init(p, seed ^ hash);
}

uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->s;
    uint64_t result = prng_rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = prng_rotate(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *p, uint64_t bound)
{
    /* Draws below 2^64 mod bound would favour small numbers: drawn again. */
    uint64_t least = -bound % bound;
    uint64_t x = prng_next(p);
    while (x < least)
        x = prng_next(p);
    return x % bound;
}

double prng_unit(struct prng *p)
{
    return (double)(prng_next(p) >> 11) * 0x1.0p-53;
}

void prng_fill(struct prng *p, void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size > 0) {
        uint64_t x = prng_next(p);
        size_t part = size < sizeof x ? size : sizeof x;
        memcpy(at, &x, part);
        at += part;
        size -= part;
    }
}
