#include "probes/disk/drive.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>

#include "probes/kit/clk.h"

struct slot {
    uint64_t started_ns; /* closed loop: its place became free; open loop: due */
    uint64_t offset;
    bool write;
};

struct loop {
    const struct drive *drive;
    struct drive_count *count;
    struct tick *tick;
    unsigned in_flight;
    unsigned batch, least;
    unsigned idle_count, ready_count;
    bool ending;                        /* nothing more is issued */
    uint64_t left;                      /* I/Os that bytes_max still allows to prepare */
    uint64_t now_ns;                    /* the last reading */
    uint64_t due_ns;                    /* open loop: when the next I/O to prepare is due */
    uint64_t progress_ns;               /* last completion, or the start */
    uint64_t stopped_ns;                /* when *stopping was seen; 0: not yet */
    uint32_t idle[ENGINE_DEPTH_MAX];    /* slots with nothing to do; the last one in is the first
                                           out, for its buffer is still in the processor's cache */
    uint64_t free_ns[ENGINE_DEPTH_MAX]; /* a ring, closed loop: when as many places came free, */
    unsigned free_first;                /* which are filled in that order */
    struct engine_io ready[ENGINE_DEPTH_MAX]; /* prepared, not yet taken by the engine */
    struct slot slots[ENGINE_DEPTH_MAX];
    struct engine_done completed[ENGINE_DEPTH_MAX];
};

static int loop_fail(const struct loop *l, const struct engine_done *done, struct err *e)
{
    const struct slot *slot = &l->slots[done->slot];
    const char *verb = slot->write ? "write" : "read";
    uint32_t wanted = l->drive->pattern->block_bytes;
    if (done->result < 0)
        return err_set(e, err_kind_of(-done->result), -done->result,
                       "%s %" PRIu32 " bytes at offset %" PRIu64 " of %s", verb, wanted,
                       slot->offset, l->drive->what);
    return err_set(e, ERR_IO, 0,
                   "%s %" PRIu32 " bytes at offset %" PRIu64 " of %s: only %" PRId32 " bytes went",
                   verb, wanted, slot->offset, l->drive->what, done->result);
}

/* Nothing more is issued; the time of what counts for a rate is over. */
static void loop_end(struct loop *l)
{
    const struct drive *d = l->drive;
    uint64_t began_ns = l->count->began_ns;
    uint64_t from_ns = d->warm_until_ns > began_ns ? d->warm_until_ns : began_ns;
    uint64_t to_ns = l->now_ns < d->until_ns ? l->now_ns : d->until_ns;
    l->ending = true;
    l->count->timed_ns = to_ns > from_ns ? to_ns - from_ns : 0;
}

static void loop_look(struct loop *l)
{
    const struct drive *d = l->drive;
    if (*d->stopping && l->stopped_ns == 0)
        l->stopped_ns = l->now_ns;
    bool over = d->interval_ns ? l->due_ns >= d->until_ns : l->now_ns >= d->until_ns;
    if (l->stopped_ns || over || (l->left == 0 && l->ready_count == 0))
        loop_end(l);
}

/* How many I/Os that have no slot yet are due by now, of those due before the end. */
static uint64_t loop_due(const struct loop *l)
{
    const struct drive *d = l->drive;
    uint64_t end_ns = l->now_ns < d->until_ns ? l->now_ns + 1 : d->until_ns;
    return l->due_ns < end_ns ? (end_ns - 1 - l->due_ns) / d->interval_ns + 1 : 0;
}

/* How many more may be handed over now. */
static unsigned loop_room(const struct loop *l)
{
    uint64_t room = l->batch - l->ready_count;
    room = room < l->idle_count ? room : l->idle_count;
    room = room < l->left ? room : l->left;
    if (l->drive->interval_ns == 0)
        return (unsigned)room;
    uint64_t due = loop_due(l);
    return (unsigned)(due < room ? due : room);
}

static void loop_prepare(struct loop *l)
{
    const struct drive *d = l->drive;
    uint32_t bytes = d->pattern->block_bytes;
    unsigned room = loop_room(l);
    for (unsigned i = 0; i < room; i++) {
        uint32_t at = l->idle[--l->idle_count];
        struct slot *slot = &l->slots[at];
        slot->offset = pattern_next(d->pattern);
        slot->write = pattern_writes(d->pattern, d->write_percent);
        slot->started_ns =
            d->interval_ns ? l->due_ns : l->free_ns[l->free_first++ % ENGINE_DEPTH_MAX];
        l->due_ns += d->interval_ns;
        if (slot->write)
            pattern_stamp(d->pattern, d->engine->conf.buffers[at], bytes);
        l->ready[l->ready_count++] = (struct engine_io){
            .offset = slot->offset, .bytes = bytes, .slot = at, .write = slot->write
        };
    }
    l->left -= room;
}

static void loop_note_late(struct loop *l, unsigned taken)
{
    struct drive_count *c = l->count;
    l->now_ns = tick_now_ns(l->tick);
    for (unsigned i = 0; i < taken; i++) {
        uint64_t late_ns = l->now_ns - l->slots[l->ready[i].slot].started_ns;
        c->late_max_ns = late_ns > c->late_max_ns ? late_ns : c->late_max_ns;
    }
}

/* The engine took the first of those that are ready. */
static void loop_account(struct loop *l, unsigned taken)
{
    struct drive_count *c = l->count;
    const struct drive *d = l->drive;
    if (d->interval_ns)
        loop_note_late(l, taken);
    for (unsigned i = 0; d->write_percent > 0 && i < taken; i++)
        c->written_bytes += l->ready[i].write ? l->ready[i].bytes : 0;
    l->ready_count -= taken;
    if (l->ready_count > 0)
        memmove(l->ready, l->ready + taken, l->ready_count * sizeof l->ready[0]);
    l->in_flight += taken;
    c->bytes += (uint64_t)taken * d->pattern->block_bytes;
}

/* Hands over a batch of what is due; the rest waits for the next turn. */
static int loop_issue(struct loop *l, struct err *e)
{
    struct engine *en = l->drive->engine;
    loop_look(l);
    if (l->ending)
        return 0;
    loop_prepare(l);
    if (l->ready_count == 0)
        return 0;
    if (l->in_flight == 0)
        l->progress_ns = l->now_ns;
    int taken = en->row->submit(en, l->ready, l->ready_count);
    if (taken == -EAGAIN || taken == -EINTR)
        taken = 0;
    if (taken < 0 || (taken == 0 && l->in_flight == 0))
        return err_set(e, err_kind_of(-taken), -taken, "%s takes no I/O on %s", en->row->title,
                       l->drive->what);
    loop_account(l, (unsigned)taken);
    if (l->now_ns >= l->drive->until_ns) /* open loop: the free slots were given to the last due */
        loop_end(l);
    return 0;
}

static const char *loop_kind(const struct drive *d)
{
    if (d->write_percent == 0)
        return "reads";
    return d->write_percent == 100 ? "writes" : "I/Os";
}

static int loop_patience(struct loop *l, struct err *e)
{
    const struct drive *d = l->drive;
    uint64_t answer_ns = d->answer_ns ? d->answer_ns : DRIVE_ANSWER_NS;
    if (*d->stopping && l->stopped_ns == 0)
        l->stopped_ns = l->now_ns;
    bool stop = l->stopped_ns && l->now_ns - l->stopped_ns >= DRIVE_STOP_NS;
    if (!stop && l->now_ns - l->progress_ns < answer_ns)
        return 0;
    d->engine->abandoned = true;
    return err_set(e, stop ? ERR_INTERRUPTED : ERR_TIMEOUT, 0,
                   "the disk did not answer for %.1f s: %u %s of %s are still in flight",
                   (double)(l->now_ns - l->progress_ns) / CLK_NS_PER_S, l->in_flight, loop_kind(d),
                   d->what);
}

static void loop_record(const struct loop *l, uint64_t started_ns, bool write)
{
    const struct drive *d = l->drive;
    struct hist *latency = d->write_latency && write ? d->write_latency : d->latency;
    if (latency) /* never below 0, though two cores' counters may differ by a few ns */
        hist_record(latency, l->now_ns > started_ns ? l->now_ns - started_ns : 0);
}

static int loop_take(struct loop *l, unsigned n, struct err *e)
{
    const struct drive *d = l->drive;
    uint32_t wanted = d->pattern->block_bytes;
    bool warm = l->now_ns >= d->warm_until_ns;
    uint64_t before = l->count->completed;
    int status = 0;
    for (unsigned i = 0; i < n; i++) {
        const struct engine_done *done = &l->completed[i];
        const struct slot *slot = &l->slots[done->slot];
        l->free_ns[(l->free_first + l->idle_count) % ENGINE_DEPTH_MAX] = l->now_ns;
        l->idle[l->idle_count++] = done->slot;
        if ((uint32_t)done->result != wanted) {
            status = status ? status : loop_fail(l, done, e);
            continue;
        }
        l->count->completed++;
        if (warm)
            loop_record(l, slot->started_ns, slot->write);
    }
    if (warm && l->now_ns <= d->until_ns && !l->ending)
        l->count->timed_count += l->count->completed - before;
    l->in_flight -= n;
    l->progress_ns = l->now_ns;
    return status;
}

/* How long nothing can be handed over, but for a completion: at most DRIVE_TICK_NS. */
static uint64_t loop_pause_ns(const struct loop *l)
{
    const struct drive *d = l->drive;
    if (l->ending || l->idle_count == 0 || l->ready_count > 0)
        return DRIVE_TICK_NS;
    if (d->interval_ns == 0) /* a batch was handed over, and there is more */
        return 0;
    uint64_t next_ns = l->due_ns < d->until_ns ? l->due_ns : d->until_ns;
    uint64_t wake_ns = l->now_ns + DRIVE_EARLY_NS;
    uint64_t pause_ns = next_ns > wake_ns ? next_ns - wake_ns : 0;
    return pause_ns < DRIVE_TICK_NS ? pause_ns : DRIVE_TICK_NS;
}

static int loop_reap(struct loop *l, struct err *e)
{
    const struct drive *d = l->drive;
    struct engine *en = d->engine;
    uint64_t pause_ns = loop_pause_ns(l);
    unsigned least = l->least < l->in_flight ? l->least : l->in_flight;
    int n = en->row->reap(en, l->completed, pause_ns ? least : 0, d->depth, pause_ns);
    l->now_ns = tick_now_ns(l->tick);
    if (n < 0)
        return err_set(e, err_kind_of(-n), -n, "%s waits for %s", en->row->title, d->what);
    if (n > 0)
        return loop_take(l, (unsigned)n, e);
    return pause_ns ? loop_patience(l, e) : 0;
}

/* Nothing is in flight and the next I/O is not due yet. */
static void loop_idle(struct loop *l)
{
    uint64_t pause_ns = loop_pause_ns(l);
    if (pause_ns)
        (void)l->tick->sleep_until(l->now_ns + pause_ns);
    l->now_ns = tick_now_ns(l->tick);
}

/* After a failure: what is in flight must not touch the buffers later. */
static void loop_drain(struct loop *l)
{
    struct err ignored;
    if (!l->ending)
        loop_end(l);
    while (l->in_flight > 0 && !l->drive->engine->abandoned) {
        unsigned before = l->in_flight;
        if (loop_reap(l, &ignored) && l->in_flight == before)
            return;
    }
}

static int loop_run(struct loop *l, struct err *e)
{
    int status = 0;
    while (status == 0) {
        status = l->ending ? 0 : loop_issue(l, e);
        if (status || (l->ending && l->in_flight == 0))
            break;
        if (l->in_flight > 0)
            status = loop_reap(l, e);
        else
            loop_idle(l);
    }
    loop_drain(l);
    return status;
}

/* What was due and found no place. */
static void loop_record_unissued(struct loop *l)
{
    const struct drive *d = l->drive;
    if (d->interval_ns == 0)
        return;
    uint64_t due = loop_due(l);
    due = due < l->left ? due : l->left;
    l->count->unissued = due + l->ready_count;
    for (unsigned i = 0; i < l->ready_count; i++)
        loop_record(l, l->slots[l->ready[i].slot].started_ns, l->ready[i].write);
    for (; due > 0; due--, l->due_ns += d->interval_ns)
        loop_record(l, l->due_ns, pattern_writes(d->pattern, d->write_percent));
}

/* Timers that are not joined with later ones, while the open loop runs: it waits by them. */
static int drive_slack(int slack_ns)
{
    int before_ns = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    (void)prctl(PR_SET_TIMERSLACK, slack_ns, 0, 0, 0);
    return before_ns;
}

static int drive_open_loop(struct loop *l, struct err *e)
{
    int slack_ns = drive_slack(1);
    int status = loop_run(l, e);
    (void)drive_slack(slack_ns);
    if (status == 0)
        loop_record_unissued(l);
    return status;
}

static unsigned drive_batch(const struct drive *d)
{
    unsigned usual = d->interval_ns ? d->depth : DRIVE_BATCH;
    unsigned batch = d->batch ? d->batch : usual;
    return batch < d->depth ? batch : d->depth;
}

int drive_run(const struct drive *d, struct drive_count *count, struct err *e)
{
    struct tick clock = tick_clock;
    struct loop l = { .drive = d, .count = count, .idle_count = d->depth };
    l.tick = d->tick ? d->tick : &clock;
    tick_align(l.tick);
    l.now_ns = tick_now_ns(l.tick);
    *count = (struct drive_count){ .began_ns = l.now_ns };
    if (d->depth == 0 || d->depth > d->engine->conf.depth ||
        (d->depth > 1 && !d->engine->row->queues))
        return err_set(e, ERR_USAGE, 0, "%s cannot keep %u I/Os in flight", d->engine->row->title,
                       d->depth);
    l.progress_ns = l.due_ns = l.now_ns;
    l.left = d->bytes_max / d->pattern->block_bytes;
    l.batch = drive_batch(d);
    l.least = d->batch_least ? d->batch_least : 1;
    for (unsigned i = 0; i < d->depth; i++) {
        l.idle[i] = d->depth - 1 - i;
        l.free_ns[i] = l.now_ns;
    }
    int status = d->interval_ns ? drive_open_loop(&l, e) : loop_run(&l, e);
    count->ended_ns = l.now_ns = tick_now_ns(l.tick);
    tick_align(l.tick);
    return status;
}
