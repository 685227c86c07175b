/*
 * distinct: how many different sources there were, about, in a fixed 8 KiB: one bit for each hash,
 * and from the share of bits still zero the number.
 * SOURCE: Whang, Vander-Zanden, Taylor, "A linear-time probabilistic counting algorithm for
 * database applications", 1990: n = -m ln(zero / m), within 1 % or so up to 100,000 here.
 */
#ifndef PROBES_NET_DISTINCT_H
#define PROBES_NET_DISTINCT_H

#include <stdint.h>

#include "probes/net/origin.h"

enum {
    DISTINCT_BITS = 65536,
    DISTINCT_MAX = 500000, /* beyond, too few zeros are left to say */
};

struct distinct {
    struct origin_seed seed;
    uint32_t set; /* bits that are not zero */
    uint64_t words[DISTINCT_BITS / 64];
};

void distinct_note(struct distinct *d, struct origin who);
/* At most DISTINCT_MAX, which means so many or more; exact for the first few. */
uint64_t distinct_count(const struct distinct *d);

#endif
