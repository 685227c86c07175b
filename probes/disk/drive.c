#include "probes/disk/drive.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "probes/kit/clk.h"

struct loop {
    const struct drive *drive;
    struct drive_count *count;
    unsigned in_flight;
    unsigned batch;
    unsigned idle_count, ready_count;
    bool ending;                              /* nothing more is issued */
    uint64_t progress_ns;                     /* last completion, or the start */
    uint64_t stopped_ns;                      /* when *stopping was seen; 0: not yet */
    uint32_t idle[ENGINE_DEPTH_MAX];          /* slots with nothing to do */
    struct engine_io ready[ENGINE_DEPTH_MAX]; /* prepared, not yet taken by the engine */
    uint64_t started_ns[ENGINE_DEPTH_MAX];    /* by slot */
    uint64_t offsets[ENGINE_DEPTH_MAX];       /* by slot */
    bool writes[ENGINE_DEPTH_MAX];            /* by slot */
    struct engine_done completed[ENGINE_DEPTH_MAX];
};

static int loop_fail(const struct loop *l, const struct engine_done *done, struct err *e)
{
    const char *verb = l->writes[done->slot] ? "write" : "read";
    uint32_t wanted = l->drive->pattern->block_bytes;
    uint64_t offset = l->offsets[done->slot];
    if (done->result < 0)
        return err_set(e, err_kind_of(-done->result), -done->result,
                       "%s %" PRIu32 " bytes at offset %" PRIu64 " of %s", verb, wanted, offset,
                       l->drive->what);
    return err_set(e, ERR_IO, 0,
                   "%s %" PRIu32 " bytes at offset %" PRIu64 " of %s: only %" PRId32 " bytes went",
                   verb, wanted, offset, l->drive->what, done->result);
}

/* Gives every idle slot an I/O, while bytes are left. */
static void loop_prepare(struct loop *l)
{
    const struct drive *d = l->drive;
    uint32_t bytes = d->pattern->block_bytes;
    while (l->idle_count > 0) {
        uint64_t promised = l->count->bytes + (uint64_t)l->ready_count * bytes;
        if (promised > d->bytes_max || d->bytes_max - promised < bytes)
            return;
        uint32_t slot = l->idle[--l->idle_count];
        l->offsets[slot] = pattern_next(d->pattern);
        bool write = pattern_writes(d->pattern, d->write_percent);
        if (write)
            pattern_stamp(d->pattern, d->engine->conf.buffers[slot], bytes);
        l->writes[slot] = write;
        l->ready[l->ready_count++] = (struct engine_io){
            .offset = l->offsets[slot], .bytes = bytes, .slot = slot, .write = write
        };
    }
}

static void loop_look(struct loop *l, uint64_t now_ns)
{
    if (*l->drive->stopping && l->stopped_ns == 0)
        l->stopped_ns = now_ns;
    bool exhausted = l->ready_count == 0 && l->idle_count > 0;
    if (l->stopped_ns || now_ns >= l->drive->until_ns || exhausted)
        l->ending = true;
}

/* Hands over a batch of what is ready; the rest waits for the next turn. */
static int loop_issue(struct loop *l, struct err *e)
{
    struct engine *en = l->drive->engine;
    loop_prepare(l);
    uint64_t now_ns = clk_now_ns();
    loop_look(l, now_ns);
    if (l->ending || l->ready_count == 0)
        return 0;
    unsigned count = l->ready_count < l->batch ? l->ready_count : l->batch;
    for (unsigned i = 0; i < count; i++)
        l->started_ns[l->ready[i].slot] = now_ns;
    int taken = en->row->submit(en, l->ready, count);
    if (taken == -EAGAIN || taken == -EINTR)
        taken = 0;
    if (taken < 0 || (taken == 0 && l->in_flight == 0))
        return err_set(e, err_kind_of(-taken), -taken, "%s takes no I/O on %s", en->row->title,
                       l->drive->what);
    for (int i = 0; i < taken; i++)
        l->count->written_bytes += l->ready[i].write ? l->ready[i].bytes : 0;
    l->ready_count -= (unsigned)taken;
    if (l->ready_count > 0)
        memmove(l->ready, l->ready + taken, l->ready_count * sizeof l->ready[0]);
    l->in_flight += (unsigned)taken;
    l->count->bytes += (uint64_t)taken * l->drive->pattern->block_bytes;
    if (l->in_flight > l->count->depth_max)
        l->count->depth_max = l->in_flight;
    return 0;
}

static const char *loop_kind(const struct drive *d)
{
    if (d->write_percent == 0)
        return "reads";
    return d->write_percent == 100 ? "writes" : "I/Os";
}

static int loop_patience(struct loop *l, uint64_t now_ns, struct err *e)
{
    const struct drive *d = l->drive;
    uint64_t answer_ns = d->answer_ns ? d->answer_ns : DRIVE_ANSWER_NS;
    if (*d->stopping && l->stopped_ns == 0)
        l->stopped_ns = now_ns;
    bool stop = l->stopped_ns && now_ns - l->stopped_ns >= DRIVE_STOP_NS;
    if (!stop && now_ns - l->progress_ns < answer_ns)
        return 0;
    d->engine->abandoned = true;
    return err_set(e, stop ? ERR_INTERRUPTED : ERR_TIMEOUT, 0,
                   "the disk did not answer for %.1f s: %u %s of %s are still in flight",
                   (double)(now_ns - l->progress_ns) / CLK_NS_PER_S, l->in_flight, loop_kind(d),
                   d->what);
}

static int loop_take(struct loop *l, unsigned n, uint64_t now_ns, struct err *e)
{
    const struct drive *d = l->drive;
    int status = 0;
    for (unsigned i = 0; i < n; i++) {
        const struct engine_done *done = &l->completed[i];
        l->idle[l->idle_count++] = done->slot;
        if ((uint32_t)done->result != d->pattern->block_bytes) {
            status = status ? status : loop_fail(l, done, e);
            continue;
        }
        l->count->completed++;
        struct hist *latency =
            d->write_latency && l->writes[done->slot] ? d->write_latency : d->latency;
        if (latency)
            hist_record(latency, now_ns - l->started_ns[done->slot]);
    }
    l->in_flight -= n;
    l->progress_ns = now_ns;
    return status;
}

static int loop_reap(struct loop *l, struct err *e)
{
    struct engine *en = l->drive->engine;
    unsigned least = l->ready_count > 0 && !l->ending ? 0 : 1;
    int n = en->row->reap(en, l->completed, least, l->drive->depth, DRIVE_TICK_NS);
    uint64_t now_ns = clk_now_ns();
    if (n < 0)
        return err_set(e, err_kind_of(-n), -n, "%s waits for %s", en->row->title, l->drive->what);
    if (n > 0)
        return loop_take(l, (unsigned)n, now_ns, e);
    return least == 0 ? 0 : loop_patience(l, now_ns, e);
}

/* After a failure: what is in flight must not touch the buffers later. */
static void loop_drain(struct loop *l)
{
    struct err ignored;
    while (l->in_flight > 0 && !l->drive->engine->abandoned) {
        unsigned before = l->in_flight;
        if (loop_reap(l, &ignored) && l->in_flight == before)
            return;
    }
}

int drive_run(const struct drive *d, struct drive_count *count, struct err *e)
{
    struct loop l = { .drive = d, .count = count, .idle_count = d->depth };
    *count = (struct drive_count){ .began_ns = clk_now_ns() };
    if (d->depth == 0 || d->depth > d->engine->conf.depth ||
        (d->depth > 1 && !d->engine->row->queues))
        return err_set(e, ERR_USAGE, 0, "%s cannot keep %u I/Os in flight", d->engine->row->title,
                       d->depth);
    l.progress_ns = count->began_ns;
    l.batch = d->batch ? d->batch : (d->depth + DRIVE_BATCH_SHARE - 1) / DRIVE_BATCH_SHARE;
    for (unsigned i = 0; i < d->depth; i++)
        l.idle[i] = d->depth - 1 - i;
    int status = 0;
    while (status == 0) {
        status = l.ending ? 0 : loop_issue(&l, e);
        if (status || l.in_flight == 0)
            break;
        status = loop_reap(&l, e);
    }
    loop_drain(&l);
    count->ended_ns = clk_now_ns();
    return status;
}
