#include "probes/kit/prng.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "probes/kit/clk.h"

/* SOURCE: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* SOURCE: FNV-1a, 64 bits, draft-eastlake-fnv. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Just after boot the kernel may have none yet: then the clock must do. */
uint64_t prng_entropy(void)
{
    uint64_t drawn = 0;
    if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) == sizeof(drawn)) {
        return drawn;
    }
    drawn = clk_realtime_ns() ^ (uint64_t)getpid() << 40;
    return splitmix64(&drawn);
}

void prng_init(struct prng *p, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        p->s[i] = splitmix64(&seed);
    }
}

/* The seed is mixed before it meets the name, so that no two pairs cancel by a plain xor. */
void prng_init_named(struct prng *p, uint64_t seed, const char *name)
{
    prng_init(p, splitmix64(&seed) ^ hash_of(name));
}

double prng_unit(struct prng *p)
{
    return (double)(prng_next(p) >> 11) * 0x1p-53;
}

void prng_fill(struct prng *p, void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size > 0) {
        uint64_t word = htole64(prng_next(p));
        size_t part = size < sizeof(word) ? size : sizeof(word);
        memcpy(at, &word, part);
        at += part;
        size -= part;
    }
}
