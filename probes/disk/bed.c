#include "probes/disk/bed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "probes/disk/buffers.h"
#include "probes/disk/drive.h"
#include "probes/disk/engine.h"
#include "probes/disk/pattern.h"
#include "probes/disk/unnamed.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/units.h"

static int bed_write(struct bed *b, const struct bed_plan *plan, struct engine *en, struct err *e)
{
    struct pattern pattern;
    struct drive_count count;
    pattern_init(&pattern, PATTERN_SEQUENTIAL, plan->bytes, BED_CHUNK_BYTES, plan->seed);
    struct drive drive = {
        .engine = en,
        .pattern = &pattern,
        .depth = en->row->queues ? BED_DEPTH : 1,
        .write_percent = 100,
        .until_ns = plan->until_ns,
        .bytes_max = plan->bytes,
        .stopping = plan->stopping,
        .what = plan->what,
    };
    int status = drive_run(&drive, &count, e);
    b->bytes = count.bytes;
    return status;
}

static int bed_fill(struct bed *b, const struct bed_plan *plan, struct err *e)
{
    AUTO(buf) struct buf why = { 0 };
    struct buffers buffers = { 0 };
    struct engine engine = { 0 };
    if (buffers_open(&buffers, BED_DEPTH, BED_CHUNK_BYTES, plan->seed, e))
        return -1;
    struct engine_conf conf = {
        .fd = b->fd, .depth = BED_DEPTH, .buffers = buffers.items, .buffer_bytes = buffers.bytes
    };
    int status = engine_choose(&engine, plan->engine, &conf, &why, e);
    if (!status) {
        buffers_fill(&buffers, plan->seed); /* the choice read zeros into the first */
        status = bed_write(b, plan, &engine, e);
    }
    engine_close(&engine);
    if (!engine.abandoned) /* else the disk may still read from them */
        buffers_release(&buffers);
    return status;
}

static int bed_settle(const struct bed *b, const struct bed_plan *plan, uint64_t took_ns,
                      struct err *e)
{
    char took[UNITS_TEXT_BYTES];
    if (*plan->stopping)
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted while %s was prepared", plan->what);
    if (b->bytes < plan->least_bytes)
        return err_set(e, ERR_TIMEOUT, 0,
                       "in the %s that there were for %s, %" PRIu64 " MiB of it were written, and "
                       "%" PRIu64 " MiB are needed; give a longer --budget",
                       units_format((double)took_ns, UNIT_NS, took), plan->what, b->bytes >> 20,
                       plan->least_bytes >> 20);
    if (ftruncate(b->fd, (off_t)b->bytes) || fsync(b->fd))
        return err_set(e, err_kind_of(errno), errno, "sync %s", plan->what);
    /* ext2 fills holes through the page cache, O_DIRECT or not: that must not answer later. */
    (void)posix_fadvise(b->fd, 0, 0, POSIX_FADV_DONTNEED);
    return 0;
}

int bed_open(struct bed *b, int dirfd, const struct bed_plan *plan, struct err *e)
{
    *b = (struct bed){ .fd = -1 };
    if (plan->bytes < plan->least_bytes) /* nothing is written for nothing */
        return err_set(e, ERR_NO_RESOURCE, 0,
                       "the write budget leaves only %" PRIu64 " MiB for %s, less than the %" PRIu64
                       " MiB that are needed; give a longer --budget",
                       plan->bytes >> 20, plan->what, plan->least_bytes >> 20);
    uint64_t began_ns = clk_now_ns();
    *b = (struct bed){ .fd = unnamed_open(dirfd, O_DIRECT, e), .open = true };
    if (b->fd < 0 || unnamed_allocate(b->fd, plan->bytes, e) || bed_fill(b, plan, e))
        return err_wrap(e, "prepare %s", plan->what);
    return bed_settle(b, plan, clk_now_ns() - began_ns, e);
}

void bed_release(struct bed *b)
{
    if (b->open)
        auto_close_fd(&b->fd);
    *b = (struct bed){ .fd = -1 };
}
