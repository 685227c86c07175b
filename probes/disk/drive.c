#include "probes/disk/drive.h"

#include "probes/kit/clk.h"

#define DRIVE_PATIENCE_NS (30 * (uint64_t)CLK_NS_PER_S)

static int drive_fail(const struct drive *d, uint32_t slot, int32_t result, struct err *e)
{
    const char *verb = d->write ? "write" : "read";
    if (result < 0)
        return err_set(e, err_kind_of(-result), -result, "%s %d bytes at offset %llu of '%s'", verb,
                       DRIVE_BLOCK_BYTES, (unsigned long long)d->offsets[slot], d->what);
    return err_set(e, ERR_IO, 0, "%s at offset %llu of '%s': %d of %d bytes", verb,
                   (unsigned long long)d->offsets[slot], d->what, (int)result, DRIVE_BLOCK_BYTES);
}

/* Hands over the slots of a list; their clocks start together, before the call. */
static int drive_hand_over(struct drive *d, const uint32_t *slots, unsigned count, struct err *e)
{
    struct engine_io ios[ENGINE_DEPTH_MAX];
    for (unsigned i = 0; i < count; i++) {
        uint32_t slot = slots[i];
        d->offsets[slot] = pattern_offset(d->pattern);
        ios[i] = (struct engine_io){
            .offset = d->offsets[slot], .bytes = DRIVE_BLOCK_BYTES, .slot = slot, .write = d->write
        };
        if (d->write)
            pattern_touch(d->pattern, d->engine->conf.buffers[slot], DRIVE_BLOCK_BYTES);
    }
    for (unsigned at = 0; at < count;) {
        uint64_t now = clk_now_ns();
        for (unsigned i = at; i < count; i++)
            d->started_ns[ios[i].slot] = now;
        int taken = d->engine->row->submit(d->engine, ios + at, count - at);
        if (taken <= 0)
            return err_set(e, ERR_IO, taken < 0 ? -taken : 0, "hand I/O on '%s' to %s", d->what,
                           d->engine->row->title);
        at += (unsigned)taken;
    }
    d->in_flight += count;
    return 0;
}

/* Waits for completions, records them, leaves their slots in *slots. */
static int drive_collect(struct drive *d, struct hist *into, uint32_t *slots, uint64_t *now_ns,
                         struct err *e)
{
    struct engine_done done[ENGINE_DEPTH_MAX];
    int count = d->engine->row->reap(d->engine, done, 1, d->in_flight, DRIVE_PATIENCE_NS);
    uint64_t now = clk_now_ns();
    if (count < 0)
        return err_set(e, ERR_IO, -count, "wait for I/O on '%s'", d->what);
    if (count == 0 && now - *now_ns >= DRIVE_PATIENCE_NS)
        return err_set(e, ERR_TIMEOUT, 0, "the disk of '%s' did not answer for 30 s", d->what);
    for (int i = 0; i < count; i++) {
        if (done[i].result != DRIVE_BLOCK_BYTES)
            return drive_fail(d, done[i].slot, done[i].result, e);
        hist_record(into, now - d->started_ns[done[i].slot]);
        slots[i] = done[i].slot;
    }
    d->in_flight -= (unsigned)count;
    if (count)
        *now_ns = now;
    return count;
}

/* How many of `wanted` may still be handed over. */
static unsigned drive_allowed(struct drive *d, unsigned wanted, uint64_t now_ns, uint64_t until_ns)
{
    if (now_ns >= until_ns || *d->stopping)
        return 0;
    if (!d->write)
        return wanted;
    uint64_t left = d->write_left_bytes / DRIVE_BLOCK_BYTES;
    unsigned allowed = left < wanted ? (unsigned)left : wanted;
    d->write_left_bytes -= (uint64_t)allowed * DRIVE_BLOCK_BYTES;
    return allowed;
}

int drive_run(struct drive *d, uint64_t until_ns, struct hist *into, uint64_t *elapsed_ns,
              struct err *e)
{
    uint32_t slots[ENGINE_DEPTH_MAX];
    uint64_t start = clk_now_ns();
    uint64_t now = start;
    d->in_flight = 0;
    for (uint32_t i = 0; i < d->depth; i++)
        slots[i] = i;
    unsigned allowed = drive_allowed(d, d->depth, now, until_ns);
    for (;;) {
        if (allowed && drive_hand_over(d, slots, allowed, e))
            return -1;
        if (d->in_flight == 0)
            break;
        int count = drive_collect(d, into, slots, &now, e);
        if (count < 0)
            return -1;
        allowed = drive_allowed(d, (unsigned)count, now, until_ns);
    }
    *elapsed_ns = now - start;
    return 0;
}
