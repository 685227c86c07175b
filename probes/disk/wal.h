/*
 * wal: write-ahead logs as the orchestrators' stores write them: one writer, appends, a sync after
 * each. Shared by disk.wal and image.wal.
 *
 * What a sync has to do beyond the record's own bytes depends on how space for them was made, so
 * logs differ in kind by that, and by how often they sync. One row a kind; systems whose logs are
 * of the same kind share a row.
 */
#ifndef PROBES_DISK_WAL_H
#define PROBES_DISK_WAL_H

#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/prng.h"

enum {
    WAL_SEGMENT_BYTES = 64 << 20, /* etcd's */
    WAL_RECORD_BYTES = 2300
};

enum wal_space {
    WAL_ALLOCATED, /* blocks are there, unwritten: a sync marks them written */
    WAL_SPARSE,    /* only the size is there: a sync allocates blocks */
    WAL_GROWING,   /* neither: a sync allocates blocks and records a new size */
    WAL_REUSED,    /* blocks were written before: a sync changes no metadata that matters */
};

enum {
    WAL_SPACES = WAL_REUSED + 1
};

struct wal_kind {
    const char *name; /* "zookeeper" */
    const char *who;  /* whose logs are of this kind */
    uint32_t record_bytes;
    uint32_t meta_bytes;    /* of a second write with a sync of its own, in turns at the two places
                               at the file's start; 0: one sync a record */
    uint64_t segment_bytes; /* after so many a fresh file follows, or the file's start again */
    enum wal_space space;
    const char *source;
};

enum {
    WAL_ETCD,
    WAL_8K,
    WAL_ZOOKEEPER,
    WAL_BOLT,
    WAL_LEVELDB,
    WAL_KINDS
};

extern const struct wal_kind wal_kinds[WAL_KINDS];
/* "blocks allocated beforehand", by enum wal_space: what a record is written into. */
extern const char *const wal_spaces[WAL_SPACES];

struct wal {
    int fd;          /* -1 when closed; an unnamed file in the scratch directory */
    int dir_fd;      /* where the next segment is made; owned */
    uint64_t offset; /* of the next append */
    uint64_t segment_bytes;
    uint32_t record_bytes;
    uint32_t meta_bytes;
    enum wal_space space;
    unsigned turn; /* of the two places of the second write */
    void *record;  /* owned; new bytes from the seed for each append */
    struct prng prng;
    uint64_t written_bytes;
};

#define WAL_CLOSED                                                                                 \
    {                                                                                              \
        .fd = -1, .dir_fd = -1                                                                     \
    }

/* etcd's kind with a record and a segment of that size. *w need not be initialised. */
int wal_open(struct wal *w, int dirfd, uint32_t record_bytes, uint64_t segment_bytes, uint64_t seed,
             struct err *e);
/*
 * Makes the first segment as that kind does. A reused one is written once, which written_bytes
 * counts. Sizes must fit: both writes together are at most segment_bytes; meta_bytes at most
 * record_bytes. *w need not be initialised.
 */
int wal_open_kind(struct wal *w, int dirfd, const struct wal_kind *kind, uint64_t seed,
                  struct err *e);
/* What opening and one append write. */
uint64_t wal_fill_bytes(const struct wal_kind *kind);
uint64_t wal_append_bytes(const struct wal *w);
/*
 * Appends one record and syncs it. *latency_ns is the whole append (writes and fdatasyncs),
 * *sync_ns what the fdatasyncs took of it. At the segment's end it goes on in a fresh one, made
 * outside both times; the full segment is given back first, so that one segment of space is enough.
 * Failures say offset and errno: "write 2300 bytes at offset 4600 of the log: No space left on
 * device".
 */
int wal_append(struct wal *w, uint64_t *latency_ns, uint64_t *sync_ns, struct err *e);
void wal_release(struct wal *w); /* idempotent */

#endif
