#include "probes/disk/ground.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "probes/disk/race.h"
#include "probes/disk/terms.h"
#include "probes/disk/unnamed.h"
#include "probes/kit/clk.h"

#define GROUND_MIB UINT64_C(1048576)
/* The least is one round of 1-MiB blocks at depth 8; beyond the most a longer file shows nothing
 * new at these depths, and is written for nothing. */
#define GROUND_FILE_LEAST (8 * GROUND_MIB)
#define GROUND_FILE_SMALL (16 * GROUND_MIB)
#define GROUND_FILE_LARGE (512 * GROUND_MIB)
#define GROUND_FILL_RATE  (64 * GROUND_MIB) /* a second of the slot */
/* A disk that stalls while it is prepared is still measured, be it beyond the end of a short slot.
 */
#define GROUND_PATIENCE_NS (2 * (uint64_t)CLK_NS_PER_S)
/* Engines are not compared in a shorter slot: it is for what is measured. */
#define GROUND_RACE_SLOT_NS (2 * (uint64_t)CLK_NS_PER_S)

enum {
    GROUND_MEMORY_SHARE = 8, /* the file is an eighth of RAM, within the bounds above */
    GROUND_ROOM_SHARE = 2,   /* and at most half of what may be written there */
    GROUND_FILL_SHARE = 4,   /* a quarter of the slot goes to filling it, by plan */
    GROUND_RACE_SHARE = 15,  /* a fifteenth to choosing an engine, where none is named */
    GROUND_RACE_LAPS = 25    /* of which there are so many, at most */
};

const struct opt ground_opts[] = {
    GROUND_OPTIONS("16 to 512 MiB"),
    OPT_END,
};

uint64_t ground_file_bytes(const struct probe_site *site, const struct ground_conf *conf,
                           uint64_t slot_ns)
{
    uint64_t by_memory = ground_within(site->memory_bytes / GROUND_MEMORY_SHARE, GROUND_FILE_SMALL,
                                       GROUND_FILE_LARGE);
    uint64_t by_time = (uint64_t)((double)slot_ns / CLK_NS_PER_S * (double)GROUND_FILL_RATE);
    by_time = ground_within(by_time, GROUND_FILE_SMALL, GROUND_FILE_LARGE);
    uint64_t wanted = conf->file_bytes;
    if (wanted == 0)
        wanted = by_memory < by_time ? by_memory : by_time;
    uint64_t room = place_writable_bytes(site->place) / GROUND_ROOM_SHARE;
    return ground_within(wanted, GROUND_FILE_LEAST, room) / GROUND_MIB * GROUND_MIB;
}

uint64_t ground_fill_ns(uint64_t slot_ns)
{
    return slot_ns / GROUND_FILL_SHARE;
}

uint64_t ground_race_ns(const char *engine, uint64_t slot_ns, uint64_t race_slot_ns)
{
    bool races = strcmp(engine, "auto") == 0 && slot_ns >= race_slot_ns;
    return races ? slot_ns / GROUND_RACE_SHARE : 0;
}

uint64_t ground_setup_ns(const struct ground_conf *conf, uint64_t slot_ns)
{
    return ground_fill_ns(slot_ns) + ground_race_ns(conf->engine, slot_ns, GROUND_RACE_SLOT_NS);
}

int ground_check(const struct probe_site *site, uint64_t least_bytes, struct err *e)
{
    return terms_check(site, least_bytes, e) ? -1 : unnamed_try(site->dir, O_DIRECT, e);
}

int ground_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    return ground_check(site, GROUND_ROOM_SHARE * GROUND_FILE_LEAST, e);
}

struct ground_plan ground_usual(const struct probe_run *run, uint32_t block_bytes, unsigned depth)
{
    const struct ground_conf *conf = run->conf;
    return (struct ground_plan){
        .engine = conf->engine,
        .without = conf->without,
        .file_bytes = ground_file_bytes(run->site, conf, run->slot_ns),
        .least_bytes = GROUND_FILE_LEAST,
        .fill_ns = ground_within(ground_fill_ns(run->slot_ns), GROUND_PATIENCE_NS, UINT64_MAX),
        .block_bytes = block_bytes,
        .depth = depth,
        .race_slot_ns = GROUND_RACE_SLOT_NS,
    };
}

static int ground_fill(struct ground *g, struct probe_run *run, const struct ground_plan *plan,
                       struct err *e)
{
    g->planned_bytes = ground_within(plan->file_bytes, 0, run->write_budget_bytes) /
                       BED_CHUNK_BYTES * BED_CHUNK_BYTES;
    struct bed_plan bed = {
        .bytes = g->planned_bytes,
        .least_bytes = plan->least_bytes,
        .until_ns = clk_now_ns() + plan->fill_ns,
        .seed = run->seed,
        .engine = plan->engine,
        .what = g->what,
        .stopping = run->stopping,
    };
    int status = bed_open(&g->bed, run->scratch_fd, &bed, e);
    run->result->written_bytes = ground_written(g);
    return status;
}

static int ground_choose(struct ground *g, const struct probe_run *run,
                         const struct ground_plan *plan, struct err *e)
{
    struct race race;
    struct pattern trial; /* what is measured starts at the same offsets each time */
    uint64_t share_ns = ground_race_ns(plan->engine, run->slot_ns, plan->race_slot_ns);
    struct race_plan laps = {
        .conf = {.fd = g->bed.fd,
                 .depth = plan->depth,
                 .buffers = g->buffers.items,
                 .buffer_bytes = plan->block_bytes,
                 .without = plan->without},
        .pattern = &trial,
        .lap_ns = ground_within(share_ns / GROUND_RACE_LAPS, 0, RACE_LAP_NS),
        .limit_ns = share_ns,
        .tick = &g->tick,
        .proc_fd = run->site->proc_fd,
        .stopping = run->stopping,
        .what = g->what,
    };
    if (share_ns == 0)
        return engine_choose(&g->engine, plan->engine, &laps.conf, &g->why, e);
    pattern_init(&trial, PATTERN_RANDOM, g->bed.bytes, plan->block_bytes, run->seed);
    return race_engines(&g->engine, &laps, &race, &g->why, e);
}

int ground_open(struct ground *g, struct probe_run *run, const struct ground_plan *plan,
                struct err *e)
{
    *g = (struct ground){ .block_bytes = plan->block_bytes };
    (void)snprintf(g->what, sizeof g->what, "the scratch file below '%.256s'", run->site->dir);
    if (ground_fill(g, run, plan, e) ||
        buffers_open(&g->buffers, plan->depth, plan->block_bytes, run->seed + 1, e))
        return -1;
    tick_open(&g->tick, run->site->sys_fd);
    if (ground_choose(g, run, plan, e))
        return -1;
    buffers_fill(&g->buffers, run->seed + 1); /* they hold what was read meanwhile */
    workers_read(run->site->proc_fd, &g->workers);
    return 0;
}

uint64_t ground_written(const struct ground *g)
{
    return g->bed.bytes + g->overwritten_bytes;
}

uint64_t ground_left(const struct ground *g, const struct probe_run *run)
{
    uint64_t written = ground_written(g);
    return run->write_budget_bytes > written ? run->write_budget_bytes - written : 0;
}

unsigned ground_depth(const struct ground *g, unsigned wanted)
{
    return g->engine.row->queues ? wanted : 1;
}

int ground_drive(struct ground *g, struct probe_run *run, struct drive *d,
                 struct drive_count *count, struct err *e)
{
    d->engine = &g->engine;
    d->tick = &g->tick;
    d->stopping = run->stopping;
    d->what = g->what;
    int status = drive_run(d, count, e);
    g->overwritten_bytes += count->written_bytes;
    run->result->written_bytes = ground_written(g);
    return status;
}

void ground_tell_parameters(const struct ground *g, struct result *r)
{
    if (!r->parameters)
        return;
    (void)json_object_set_new(r->parameters, "engine_used", json_string(g->engine.row->name));
    (void)json_object_set_new(r->parameters, "engine_reason", json_string(buf_text(&g->why)));
    (void)json_object_set_new(r->parameters, "file_used", json_integer((json_int_t)g->bed.bytes));
}

void ground_tell_doubts(const struct ground *g, struct probe_run *run)
{
    struct result *r = run->result;
    workers_tell(&g->workers, run);
    tick_tell(&g->tick, r);
    if (g->engine.row->by_name_only)
        result_set_status(r, STATUS_UNTRUSTED, "I/O by %s: these figures are our own cost",
                          g->engine.row->title);
}

void ground_tell(const struct ground *g, struct probe_run *run)
{
    struct result *r = run->result;
    ground_tell_parameters(g, r);
    result_note(r, "I/O by %s.", buf_text(&g->why));
    terms_note(run);
    if (g->bed.bytes < g->planned_bytes)
        result_note(r,
                    "The file was to be %" PRIu64 " MiB, but the disk took only %" PRIu64
                    " MiB in the time for it; a cache below may hold all of it.",
                    g->planned_bytes / GROUND_MIB, g->bed.bytes / GROUND_MIB);
    ground_tell_doubts(g, run);
}

void ground_release(struct ground *g)
{
    engine_close(&g->engine);
    bed_release(&g->bed);
    buf_release(&g->why);
    if (!g->engine.abandoned) /* else the disk may still write into them */
        buffers_release(&g->buffers);
}
