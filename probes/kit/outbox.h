/*
 * outbox: episodes on their way from the thread that had them to the one that files them. One
 * writer, one reader, no lock, no allocation; what finds it full is counted and gone.
 */
#ifndef PROBES_KIT_OUTBOX_H
#define PROBES_KIT_OUTBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/cause.h"

enum {
    OUTBOX_EPISODES = 128 /* a power of two; a 1-ms sleeper has at most 50 in 100 ms */
};

struct outbox {
    _Atomic uint32_t put, taken; /* so many in all, modulo 2^32 */
    _Atomic uint64_t missed;
    struct episode episodes[OUTBOX_EPISODES];
};

/* By the writer: whether there was room. */
bool outbox_put(struct outbox *o, const struct episode *e);
/* By the reader: the oldest first; how many were written, at most `most`. */
unsigned outbox_take(struct outbox *o, struct episode *into, unsigned most);

#endif
