#include "probes/disk/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "probes/disk/bed.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/prng.h"

/* A fresh preallocated segment in w->fd, the old one gone. */
static int wal_next_segment(struct wal *w, int dirfd, struct err *e)
{
    AUTO_CLOSE int fd = bed_unnamed_file(dirfd, 0, e);
    if (fd < 0)
        return -1;
    if (fallocate(fd, 0, 0, (off_t)w->segment_bytes) &&
        (errno != EOPNOTSUPP || ftruncate(fd, (off_t)w->segment_bytes)))
        return err_set(e, err_kind_of(errno), errno, "preallocate %llu bytes for a log segment",
                       (unsigned long long)w->segment_bytes);
    if (fsync(fd))
        return err_set(e, err_kind_of(errno), errno, "sync a fresh log segment");
    auto_close_fd(&w->fd);
    w->fd = fd;
    fd = -1;
    w->offset = 0;
    return 0;
}

int wal_open(struct wal *w, int dirfd, uint32_t record_bytes, uint64_t segment_bytes, uint64_t seed,
             struct err *e)
{
    struct prng prng;
    *w = (struct wal){
        .fd = -1, .dir_fd = -1, .record_bytes = record_bytes, .segment_bytes = segment_bytes
    };
    w->record = malloc(record_bytes);
    w->dir_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (!w->record || w->dir_fd < 0)
        return err_set(e, ERR_NO_RESOURCE, w->record ? errno : 0, "open a log");
    prng_init_named(&prng, seed, "wal");
    prng_fill(&prng, w->record, record_bytes);
    return wal_next_segment(w, dirfd, e);
}

static int wal_fail(const struct wal *w, const char *verb, ssize_t n, int sys, struct err *e)
{
    if (n >= 0)
        return err_set(e, ERR_IO, 0, "%s at offset %llu of the log: %zd of %u bytes", verb,
                       (unsigned long long)w->offset, n, w->record_bytes);
    return err_set(e, err_kind_of(sys), sys, "%s at offset %llu of the log", verb,
                   (unsigned long long)w->offset);
}

int wal_append(struct wal *w, uint64_t *latency_ns, uint64_t *sync_ns, struct err *e)
{
    if (w->offset + w->record_bytes > w->segment_bytes && wal_next_segment(w, w->dir_fd, e))
        return -1;
    uint64_t start = clk_now_ns();
    ssize_t n = pwrite(w->fd, w->record, w->record_bytes, (off_t)w->offset);
    if (n != (ssize_t)w->record_bytes)
        return wal_fail(w, "write", n, errno, e);
    uint64_t written = clk_now_ns();
    if (fdatasync(w->fd))
        return wal_fail(w, "fdatasync", -1, errno, e);
    uint64_t synced = clk_now_ns();
    *latency_ns = synced - start;
    *sync_ns = synced - written;
    w->offset += w->record_bytes;
    w->written_bytes += w->record_bytes;
    return 0;
}

void wal_release(struct wal *w)
{
    if (!w->record) /* never opened */
        return;
    auto_close_fd(&w->fd);
    auto_close_fd(&w->dir_fd);
    free(w->record);
    *w = (struct wal){ .fd = -1, .dir_fd = -1 };
}
