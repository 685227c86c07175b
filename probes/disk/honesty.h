/*
 * honesty: whether a flush is a flush, from what it costs. Pure.
 *
 * Four costs are compared: a direct 4 KiB write (the disk has it, perhaps only in its cache), the
 * fdatasync after it (nothing but the flush of that cache, for no page is dirty), the fdatasync of
 * a file that is clean already (a flush of nothing), and the fdatasync after HONESTY_BULK_BYTES of
 * direct writes. A flush that is carried out costs more when there is something to flush.
 *
 * Time cannot tell a host that acknowledges flushes from its memory from a drive whose cache is
 * protected against power loss: neither has anything to do. So the sentence names both. And where
 * the kernel sends no flush at all, there is nothing to judge.
 * SOURCE: Linux Documentation/block/writeback_cache_control.rst: with queue/write_cache "write
 * through" the block layer drops flushes; Documentation/admin-guide/iostats.rst: flush requests.
 */
#ifndef PROBES_DISK_HONESTY_H
#define PROBES_DISK_HONESTY_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/buf.h"

enum {
    HONESTY_BULK_BYTES = 1 << 20,
    HONESTY_SAMPLES = 30,    /* of each of the first three, for a verdict to rest on them */
    HONESTY_BULK_SAMPLES = 5 /* of the fourth, which is dear; with fewer one slow sync decides */
};

/* What a drive without protection takes at least to write its cache to flash: programming a page.
 * SOURCE: facts of consumer NVMe drives, fdatasync 0.5 ms to several ms (smalldatum, 2026). */
#define HONESTY_FLUSH_NS 500e3

struct honesty_case {
    double write_ns, sync_ns, clean_ns, bulk_ns; /* medians; NAN where there is none */
    uint64_t samples;                            /* of write, sync and clean sync, of each */
    uint64_t bulk_samples;
    /* All that the kernel sent to the disk, over the syncs that had a write before them; NAN: it
     * does not count them. A clean sync sends one on some filesystems (ext4) and need not on others
     * (btrfs): more than one says nothing. */
    uint64_t lost; /* blocks that were not there when read back after their sync */
    double flushes_per_sync;
    const char *write_cache; /* "write back", "write through", "" */
    bool barriers_off;       /* mounted so */
    const char *device;      /* "vda"; "" */
};

struct honesty_row {
    const char *name;  /* the fact: "honest" */
    const char *means; /* one sentence */
    bool (*fits)(const struct honesty_case *c);
};

extern const struct honesty_row
    honesty_rows[]; /* in order, the last one always fits; ended by no name */

/* The first row that fits, and in *why the figures that it rests on, as a sentence. */
const struct honesty_row *honesty_of(const struct honesty_case *c, struct buf *why);

#endif
