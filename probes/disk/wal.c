#include "probes/disk/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "probes/disk/unnamed.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static int wal_segment(struct wal *w, struct err *e)
{
    auto_close_fd(&w->fd);
    w->offset = 0;
    w->fd = unnamed_open(w->dir_fd, 0, e);
    if (w->fd < 0 || unnamed_allocate(w->fd, w->segment_bytes, e))
        return err_wrap(e, "a log segment");
    if (fsync(w->fd))
        return err_set(e, err_kind_of(errno), errno, "sync a fresh log segment");
    return 0;
}

int wal_open(struct wal *w, int dirfd, uint32_t record_bytes, uint64_t segment_bytes, uint64_t seed,
             struct err *e)
{
    *w = (struct wal){
        .fd = -1, .dir_fd = -1, .record_bytes = record_bytes, .segment_bytes = segment_bytes
    };
    if (record_bytes == 0 || record_bytes > segment_bytes)
        return err_set(e, ERR_USAGE, 0,
                       "a record of %" PRIu32 " bytes does not fit a segment of %" PRIu64 " bytes",
                       record_bytes, segment_bytes);
    prng_init_named(&w->prng, seed, "wal");
    w->dir_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (w->dir_fd < 0)
        return err_set(e, err_kind_of(errno), errno, "keep the directory of a log");
    w->record = malloc(record_bytes);
    if (!w->record)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a record of %" PRIu32 " bytes",
                       record_bytes);
    return wal_segment(w, e);
}

static int wal_write(struct wal *w, struct err *e)
{
    uint32_t done = 0;
    while (done < w->record_bytes) {
        ssize_t n = pwrite(w->fd, (const char *)w->record + done, w->record_bytes - done,
                           (off_t)(w->offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, err_kind_of(n < 0 ? errno : ENOSPC), n < 0 ? errno : ENOSPC,
                           "write %" PRIu32 " bytes at offset %" PRIu64 " of the log",
                           w->record_bytes, w->offset);
        done += (uint32_t)n;
    }
    return 0;
}

int wal_append(struct wal *w, uint64_t *latency_ns, uint64_t *sync_ns, struct err *e)
{
    if (w->segment_bytes - w->offset < w->record_bytes && wal_segment(w, e))
        return -1;
    prng_fill(&w->prng, w->record, w->record_bytes);
    uint64_t began_ns = clk_now_ns();
    if (wal_write(w, e))
        return -1;
    uint64_t written_ns = clk_now_ns();
    w->written_bytes += w->record_bytes;
    if (fdatasync(w->fd))
        return err_set(e, err_kind_of(errno), errno, "fdatasync at offset %" PRIu64 " of the log",
                       w->offset);
    uint64_t ended_ns = clk_now_ns();
    w->offset += w->record_bytes;
    *latency_ns = ended_ns - began_ns;
    *sync_ns = ended_ns - written_ns;
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
