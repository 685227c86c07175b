/*
 * wal: a write-ahead log as etcd writes it: one writer, a preallocated 64-MiB segment, appends of
 * 2300 bytes, fdatasync after each. Shared by disk.wal and image.wal.
 * SOURCE: etcd server/storage/wal/wal.go (SegmentSizeBytes 64 MB, fileutil.Preallocate with
 * extend); record size: the fio recipe in etcd's documentation (--bs=2300 --fdatasync=1).
 */
#ifndef PROBES_DISK_WAL_H
#define PROBES_DISK_WAL_H

#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/prng.h"

enum {
    WAL_SEGMENT_BYTES = 64 << 20,
    WAL_RECORD_BYTES = 2300
};

struct wal {
    int fd;          /* -1 when closed; an unnamed file in the scratch directory */
    int dir_fd;      /* where the next segment is made; owned */
    uint64_t offset; /* of the next append */
    uint64_t segment_bytes;
    uint32_t record_bytes;
    void *record; /* owned; new bytes from the seed for each append */
    struct prng prng;
    uint64_t written_bytes;
};

#define WAL_CLOSED                                                                                 \
    {                                                                                              \
        .fd = -1, .dir_fd = -1                                                                     \
    }

/*
 * Preallocates as etcd does (fallocate that extends the size) and syncs that. record_bytes is 1 to
 * segment_bytes. *w need not be initialised.
 */
int wal_open(struct wal *w, int dirfd, uint32_t record_bytes, uint64_t segment_bytes, uint64_t seed,
             struct err *e);
/*
 * Appends one record and syncs it. *latency_ns is the whole append (write and fdatasync), *sync_ns
 * the fdatasync alone. At the segment's end it goes on in a fresh preallocated one, outside both
 * times; the full segment is given back first, so that one segment of space is enough. Failures say
 * offset and errno: "write 2300 bytes at offset 4600 of the log: No space left on device".
 */
int wal_append(struct wal *w, uint64_t *latency_ns, uint64_t *sync_ns, struct err *e);
void wal_release(struct wal *w); /* idempotent */

#endif
