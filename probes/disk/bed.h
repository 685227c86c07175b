/*
 * bed: a file of incompressible bytes to read from and write to, past the page cache.
 *
 * Unnamed, so that nothing is left whatever happens. Every byte is written once before anything is
 * measured on it: neither holes nor unwritten extents answer for the medium.
 */
#ifndef PROBES_DISK_BED_H
#define PROBES_DISK_BED_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    BED_CHUNK_BYTES = 1 << 20, /* of the preparing writes: few I/Os, below every device's limit */
    BED_DEPTH = 8              /* of them in flight: enough to keep a disk busy */
};

struct bed_plan {
    uint64_t bytes;       /* a multiple of BED_CHUNK_BYTES, within the write budget */
    uint64_t least_bytes; /* a shorter file is no use */
    uint64_t until_ns;    /* CLOCK_MONOTONIC: the file ends where it is then */
    uint64_t seed;
    const char *engine; /* as engine_choose takes it */
    const char *what;   /* for messages */
    const volatile sig_atomic_t *stopping;
};

struct bed {
    int fd;         /* O_DIRECT; -1 when closed */
    uint64_t bytes; /* written, and so its size */
    bool open;
};

/*
 * *b need not be initialised. ERR_UNSUPPORTED without O_DIRECT; ERR_NO_RESOURCE, and nothing is
 * written, when `bytes` is less than least_bytes; ERR_TIMEOUT when the disk took less in time;
 * ERR_INTERRUPTED when it was stopped before.
 */
int bed_open(struct bed *b, int dirfd, const struct bed_plan *plan, struct err *e);
void bed_release(struct bed *b); /* idempotent */

#endif
