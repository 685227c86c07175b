#include "probes/disk/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "probes/disk/unnamed.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    WAL_PAGE_BYTES = 4096, /* of bolt's B+tree, on x86 and most of arm */
    WAL_BOLT_PAGES = 4     /* a leaf, its branch, the bucket's root and the list of free pages */
};

/*
 * Not among them: k3s with SQLite (kine), for it syncs no commit. It opens SQLite's WAL through
 * mattn/go-sqlite3, built with SQLITE_DEFAULT_WAL_SYNCHRONOUS=1 (NORMAL): only checkpoints sync.
 * SOURCE: k3s-io/kine pkg/drivers/sqlite/sqlite.go (_journal=WAL, no _synchronous), go-sqlite3
 * sqlite3.go (cgo CFLAGS).
 */
const struct wal_kind wal_kinds[WAL_KINDS] = {
    [WAL_ETCD] = {.name = "etcd",
                  .who = "etcd, k3s with embedded etcd, swarmkit, hashicorp/raft-wal",
                  .record_bytes = WAL_RECORD_BYTES,
                  .segment_bytes = WAL_SEGMENT_BYTES,
                  .space = WAL_ALLOCATED,
                  .source = "etcd server/storage/wal/wal.go (SegmentSizeBytes, fileutil."
                             "Preallocate with extend), the same package in swarmkit manager/state/"
                             "raft/storage, and its Preallocate in hashicorp/raft-wal fs/fs.go; "
                             "record: the fio recipe of etcd's documentation (--bs=2300)" },
    [WAL_8K] = { .name = "8k",
                  .who = "etcd as OpenShift checks its disk",
                  .record_bytes = 8000,
                  .segment_bytes = WAL_SEGMENT_BYTES,
                  .space = WAL_ALLOCATED,
                  .source = "OpenShift 4.20, recommended etcd practices: 50 sequential writes a "
                           "second of 8000 bytes with fdatasync, 500 under heavy load"    },
 /* The record is etcd's, so that only the way space is made differs. */
    [WAL_ZOOKEEPER] = { .name = "zookeeper",
                  .who = "ZooKeeper",
                  .record_bytes = WAL_RECORD_BYTES,
                  .segment_bytes = 64 << 20,
                  .space = WAL_SPARSE,
                  .source = "ZooKeeper FilePadding.java (preAllocSize 65536 KiB, one byte "
                                  "written at its end) and FileTxnLog.java (force(false))"},
 /* 4 MiB, well below the 10,240 entries that raft keeps: pages once written come back. */
    [WAL_BOLT] = { .name = "bolt",
                  .who = "Nomad and Consul (hashicorp/raft-boltdb)",
                  .record_bytes = WAL_BOLT_PAGES * WAL_PAGE_BYTES,
                  .meta_bytes = WAL_PAGE_BYTES,
                  .segment_bytes = 4 << 20,
                  .space = WAL_REUSED,
                  .source = "bbolt tx.go (Commit writes the dirty pages, fdatasync, writes one of "
                             "two meta pages, fdatasync); hashicorp/raft-boltdb bolt_store.go "
                             "(one commit for each StoreLogs)" },
    [WAL_LEVELDB] = { .name = "leveldb",
                  .who = "Mesos masters (the replicated log)",
                  .record_bytes = WAL_RECORD_BYTES,
                  .segment_bytes = 4 << 20,
                  .space = WAL_GROWING,
                  .source = "Mesos src/log/leveldb.cpp (WriteOptions.sync); LevelDB "
                                "util/env_posix.cc (write at the end, fdatasync), options.h "
                                "(write_buffer_size 4 MiB: a new log each)"                                                    },
};

const char *const wal_spaces[WAL_SPACES] = {
    [WAL_ALLOCATED] = "blocks allocated beforehand",
    [WAL_SPARSE] = "a hole to be filled",
    [WAL_GROWING] = "a file that grows",
    [WAL_REUSED] = "blocks written before",
};

uint64_t wal_fill_bytes(const struct wal_kind *kind)
{
    return kind->space == WAL_REUSED ? kind->segment_bytes : 0;
}

uint64_t wal_append_bytes(const struct wal *w)
{
    return (uint64_t)w->record_bytes + w->meta_bytes;
}

static int wal_write(struct wal *w, uint64_t offset, uint32_t bytes, struct err *e)
{
    uint32_t done = 0;
    while (done < bytes) {
        ssize_t n =
            pwrite(w->fd, (const char *)w->record + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, err_kind_of(n < 0 ? errno : ENOSPC), n < 0 ? errno : ENOSPC,
                           "write %" PRIu32 " bytes at offset %" PRIu64 " of the log", bytes,
                           offset);
        done += (uint32_t)n;
    }
    w->written_bytes += bytes;
    return 0;
}

static int wal_make_allocated(struct wal *w, struct err *e)
{
    return unnamed_allocate(w->fd, w->segment_bytes, e);
}

static int wal_make_sparse(struct wal *w, struct err *e)
{
    if (ftruncate(w->fd, (off_t)w->segment_bytes))
        return err_set(e, err_kind_of(errno), errno, "size a log to %" PRIu64 " bytes",
                       w->segment_bytes);
    return 0;
}

static int wal_make_growing(struct wal *w, struct err *e)
{
    (void)w;
    (void)e;
    return 0;
}

static int wal_make_reused(struct wal *w, struct err *e)
{
    if (unnamed_allocate(w->fd, w->segment_bytes, e))
        return -1;
    uint64_t at = 0;
    while (at < w->segment_bytes) {
        uint64_t left = w->segment_bytes - at;
        uint32_t bytes = left < w->record_bytes ? (uint32_t)left : w->record_bytes;
        prng_fill(&w->prng, w->record, bytes);
        if (wal_write(w, at, bytes, e))
            return -1;
        at += bytes;
    }
    return 0;
}

/* The start of what records are written to: behind the places of the second write. */
static uint64_t wal_first(const struct wal *w)
{
    return 2 * (uint64_t)w->meta_bytes;
}

static int wal_segment(struct wal *w, struct err *e)
{
    static int (*const make[WAL_SPACES])(struct wal *, struct err *) = {
        [WAL_ALLOCATED] = wal_make_allocated,
        [WAL_SPARSE] = wal_make_sparse,
        [WAL_GROWING] = wal_make_growing,
        [WAL_REUSED] = wal_make_reused,
    };

    w->offset = wal_first(w);
    if (w->fd >= 0 && w->space == WAL_REUSED)
        return 0;
    auto_close_fd(&w->fd);
    w->fd = unnamed_open(w->dir_fd, 0, e);
    if (w->fd < 0 || make[w->space](w, e))
        return err_wrap(e, "a log segment");
    /* The others leave it to the first record's sync. */
    bool settled = w->space == WAL_ALLOCATED || w->space == WAL_REUSED;
    if (settled && fsync(w->fd))
        return err_set(e, err_kind_of(errno), errno, "sync a fresh log segment");
    return 0;
}

int wal_open_kind(struct wal *w, int dirfd, const struct wal_kind *kind, uint64_t seed,
                  struct err *e)
{
    *w = (struct wal){ .fd = -1,
                       .dir_fd = -1,
                       .record_bytes = kind->record_bytes,
                       .meta_bytes = kind->meta_bytes,
                       .segment_bytes = kind->segment_bytes,
                       .space = kind->space };
    if (w->record_bytes == 0 || wal_first(w) + w->record_bytes > w->segment_bytes ||
        w->meta_bytes > w->record_bytes)
        return err_set(e, ERR_USAGE, 0,
                       "a record of %" PRIu32 " bytes does not fit a segment of %" PRIu64 " bytes",
                       w->record_bytes, w->segment_bytes);
    prng_init_named(&w->prng, seed, "wal");
    w->dir_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (w->dir_fd < 0)
        return err_set(e, err_kind_of(errno), errno, "keep the directory of a log");
    w->record = malloc(w->record_bytes);
    if (!w->record)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a record of %" PRIu32 " bytes",
                       w->record_bytes);
    return wal_segment(w, e);
}

int wal_open(struct wal *w, int dirfd, uint32_t record_bytes, uint64_t segment_bytes, uint64_t seed,
             struct err *e)
{
    struct wal_kind kind = wal_kinds[WAL_ETCD];
    kind.record_bytes = record_bytes;
    kind.segment_bytes = segment_bytes;
    return wal_open_kind(w, dirfd, &kind, seed, e);
}

struct wal_took {
    uint64_t sync_ns; /* in all syncs so far */
    uint64_t ended_ns;
};

static int wal_put(struct wal *w, uint64_t offset, uint32_t bytes, struct wal_took *took,
                   struct err *e)
{
    if (wal_write(w, offset, bytes, e))
        return -1;
    uint64_t written_ns = clk_now_ns();
    if (fdatasync(w->fd))
        return err_set(e, err_kind_of(errno), errno, "fdatasync at offset %" PRIu64 " of the log",
                       offset);
    took->ended_ns = clk_now_ns();
    took->sync_ns += took->ended_ns - written_ns;
    return 0;
}

int wal_append(struct wal *w, uint64_t *latency_ns, uint64_t *sync_ns, struct err *e)
{
    struct wal_took took = { 0 };
    if (w->segment_bytes - w->offset < w->record_bytes && wal_segment(w, e))
        return -1;
    prng_fill(&w->prng, w->record, w->record_bytes);
    uint64_t began_ns = clk_now_ns();
    if (wal_put(w, w->offset, w->record_bytes, &took, e))
        return -1;
    uint64_t place = (uint64_t)w->turn * w->meta_bytes;
    if (w->meta_bytes > 0 && wal_put(w, place, w->meta_bytes, &took, e))
        return -1;
    w->turn ^= 1;
    w->offset += w->record_bytes;
    *latency_ns = took.ended_ns - began_ns;
    *sync_ns = took.sync_ns;
    return 0;
}

void wal_release(struct wal *w)
{
    if (w->record_bytes == 0) /* never opened */
        return;
    auto_close_fd(&w->fd);
    auto_close_fd(&w->dir_fd);
    free(w->record);
    *w = (struct wal)WAL_CLOSED;
}
