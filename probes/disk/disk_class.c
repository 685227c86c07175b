#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/disk/curve.h"
#include "probes/disk/disk.h"
#include "probes/disk/medium.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"
#include "probes/kit/stats.h"

static const char *const disk_class_from[] = { "disk.read",   "disk.write", "disk.wal",
                                               "disk.stream", "disk.flush", "disk.burst",
                                               NULL };

static bool disk_class_word(unsigned index, struct fact_word *word)
{
    const struct medium_class *k = medium_classes[index];
    if (k)
        *word = (struct fact_word){
            .word = k->name, .what = k->means, .rule = k->rule, .source = k->source
        };
    return k != NULL;
}

static const struct fact_row disk_class_facts[] = {
    {.name = "disk.class",
     .kind = FACT_TEXT,
     .what = "What the disk behaves like.",
     .word = disk_class_word },
    { .name = "disk.class.claim",                                                                            .kind = FACT_TEXT,                                                   .what = "What the driver says it is."},
    { .name = "disk.class.cap",
     .kind = FACT_NUMBER,
     .unit = UNIT_PER_S,
     .what = "The rate at which a limiter holds it, in I/Os or in bytes a second." },
    { .name = "disk.class.plan",
     .kind = FACT_TEXT,
     .what = "The published rule that this rate fits, with its source."                 },
    FACT_END,
};

enum {
    DISK_CLASS_DEPTHS = 8 /* 1, 2, 4 ... 128 */
};

/* What both directions are worked out in; owned. */
struct disk_class_room {
    struct cap_block *blocks;
    double *work;
    size_t count, room;
};

static void disk_class_room_release(struct disk_class_room *r)
{
    free(r->blocks);
    free(r->work);
    *r = (struct disk_class_room){ 0 };
}

static int disk_class_room_open(struct disk_class_room *r, const struct result *from)
{
    for (unsigned i = 0; i < from->metric_count; i++)
        r->room += from->metrics[i].block_count;
    r->blocks = calloc(r->room + 1, sizeof *r->blocks);
    r->work = calloc(r->room + 1, sizeof *r->work);
    return r->blocks && r->work ? 0 : -1;
}

static double disk_class_statistic(const struct result *from, const char *id, const char *name)
{
    const struct result_metric *m = from ? result_metric_find(from, id) : NULL;
    const struct result_statistic *s = m && m->n > 0 ? result_statistic_find(m, name) : NULL;
    return s ? s->value : NAN;
}

static double disk_class_fast_ratio(const struct result *from, const char *id)
{
    const struct result_metric *m = result_metric_find(from, id);
    if (!m || !m->total.counts || m->total.total == 0)
        return NAN;
    return 1 - (double)hist_count_above(&m->total, MEDIUM_CACHE_NS) / (double)m->total.total;
}

static struct cap_block disk_class_block(unsigned depth, const struct result_block *from)
{
    double seconds = (double)from->observed_ns / CLK_NS_PER_S;
    return (
        struct cap_block){ .depth = depth, .rate = from->value, .count = from->value * seconds };
}

static void disk_class_depth(const struct result *from, unsigned depth, struct cap_curve *curve,
                             struct disk_class_room *room, struct medium_io *io)
{
    char latency[LIMITS_NAME_BYTES];
    char rate[LIMITS_NAME_BYTES];
    (void)snprintf(latency, sizeof latency, "%s.qd%u", from->probe, depth);
    (void)snprintf(rate, sizeof rate, "%s.qd%u.iops", from->probe, depth);
    const struct result_metric *m = result_metric_find(from, rate);
    double iops = disk_class_statistic(from, rate, "value");
    if (!m || isnan(iops))
        return;
    for (unsigned i = 0; i < m->block_count && room->count < room->room; i++)
        room->blocks[room->count++] = disk_class_block(depth, &m->blocks[i]);
    curve->depths[curve->depth_count++] = (struct cap_depth){
        .depth = depth,
        .p50_ns = disk_class_statistic(from, latency, "p50"),
        .p99_ns = disk_class_statistic(from, latency, "p99"),
        .mean_ns = disk_class_statistic(from, latency, "mean"),
    };
    io->qd1_iops = depth == 1 ? iops : io->qd1_iops;
    io->qd32_iops = depth == 32 ? iops : io->qd32_iops;
    io->deep_iops = depth > 32 ? fmax(io->deep_iops, iops) : io->deep_iops;
    io->best_iops = fmax(io->best_iops, iops);
}

/* Best rate below depth 32; NAN where none was measured. */
static double disk_class_shallow(const struct result *from)
{
    char id[LIMITS_NAME_BYTES];
    double best = NAN;
    for (unsigned depth = 1; depth < 32; depth *= 2) {
        (void)snprintf(id, sizeof id, "%s.qd%u.iops", from->probe, depth);
        best = fmax(best, disk_class_statistic(from, id, "value"));
    }
    return best;
}

/* The sweep goes beyond 32 only where 32 still gains, and while there is time: short of time it
 * measured nothing there. */
static double disk_class_deep(const struct result *from, const struct medium_io *io)
{
    double gain = 1 + CURVE_GAIN_PERCENT / 100.0;
    bool stopped = io->qd32_iops < gain * disk_class_shallow(from);
    return isnan(io->deep_iops) && stopped ? io->qd32_iops : io->deep_iops;
}

/* One direction: its figures, and whether a limiter holds it. */
static void disk_class_io(const struct result *from, struct medium_io *io)
{
    char id[LIMITS_NAME_BYTES];
    AUTO(disk_class_room) struct disk_class_room room = { 0 };
    struct cap_curve curve = { 0 };
    if (!from || disk_class_room_open(&room, from))
        return;
    for (unsigned i = 0; i < DISK_CLASS_DEPTHS; i++)
        disk_class_depth(from, 1U << i, &curve, &room, io);
    io->deep_iops = disk_class_deep(from, io);
    curve.blocks = room.blocks;
    curve.block_count = room.count;
    io->cap = cap_find(&curve, room.work);
    (void)snprintf(id, sizeof id, "%s.qd1", from->probe);
    io->qd1_p50_ns = disk_class_statistic(from, id, "p50");
    io->fast_ratio = disk_class_fast_ratio(from, id);
}

static void disk_class_stream(const struct result *from, const char *id, struct medium_stream *s)
{
    double values[LIMITS_BLOCKS];
    const struct result_metric *m = from ? result_metric_find(from, id) : NULL;
    for (unsigned i = 0; m && i < m->block_count && i < LIMITS_BLOCKS; i++)
        values[s->count++] = m->blocks[i].value;
    if (s->count == 0)
        return;
    s->cv = stats_stddev(values, s->count) / stats_mean(values, s->count);
    s->bytes_per_s = stats_median(values, s->count);
}

static void disk_class_gather(const struct probe_run *run, struct medium_curve *c, char machine[64])
{
    const struct result *wal = probe_earlier(run, "disk.wal");
    const struct result *flush = probe_earlier(run, "disk.flush");
    const struct result *stream = probe_earlier(run, "disk.stream");
    const struct result *burst = probe_earlier(run, "disk.burst");
    struct err ignored;
    *c = medium_nothing();
    disk_class_io(probe_earlier(run, "disk.read"), &c->read);
    disk_class_io(probe_earlier(run, "disk.write"), &c->write);
    disk_class_stream(stream, "disk.stream.read", &c->stream_read);
    disk_class_stream(stream, "disk.stream.write", &c->stream_write);
    c->wal_sync_p50_ns = disk_class_statistic(wal, "disk.wal.sync", "p50");
    c->wal_sync_p99_ns = disk_class_statistic(wal, "disk.wal.sync", "p99");
    c->flush_write_p50_ns = disk_class_statistic(flush, "disk.flush.write", "p50");
    c->flush_sync_p50_ns = disk_class_statistic(flush, "disk.flush.sync", "p50");
    c->burst.before = disk_class_statistic(burst, "disk.burst.before", "value");
    c->burst.after = disk_class_statistic(burst, "disk.burst.after", "value");
    c->burst.since_s = disk_class_statistic(burst, "disk.burst.step", "value") / CLK_NS_PER_S;
    machine[0] = '\0';
    if (run->site->sys_fd >= 0)
        (void)file_line_at(run->site->sys_fd, "class/dmi/id/product_name", machine, 64, &ignored);
    c->burst.machine = machine;
    c->burst.cpus = run->site->cpus;
    if (run->site->place && run->site->place->total_bytes > 0)
        c->size_bytes = (double)run->site->place->total_bytes;
}

/* The class that a driver's name claims, or "". A claim, never a sign. */
static const char *disk_class_claimed(const struct place *p)
{
    static const struct {
        const char *driver, *class;
    } rows[] = {
        {"nvme",  "nvme"          },
        { "ahci", "sata-ssd"      },
        { "ata_", "sata-ssd"      },
        { "rbd",  "network-volume"},
        { "nbd",  "network-volume"},
    };

    if (p->is_network)
        return "network-volume";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strncmp(p->driver, rows[i].driver, strlen(rows[i].driver)) == 0)
            return p->rotational == 1 ? "hdd" : rows[i].class;
    }
    return p->rotational == 1 ? "hdd" : "";
}

static void disk_class_claim(const struct place *p, struct buf *out)
{
    static const char *const turning[] = { "not rotating", "rotating" };
    const char *claimed = p ? disk_class_claimed(p) : "";
    if (!p || (p->device[0] == '\0' && !p->is_network))
        return;
    buf_addf(out, "%s by %s", claimed[0] ? claimed : "no class", p->is_network ? p->fs : p->device);
    if (p->driver[0])
        buf_addf(out, " (%s)", p->driver);
    if (p->model[0])
        buf_addf(out, ", model %s", p->model);
    if (p->rotational == 0 || p->rotational == 1)
        buf_addf(out, ", %s", turning[p->rotational]);
    if (p->write_cache[0])
        buf_addf(out, ", cache %s", p->write_cache);
}

/* "Advertised as nvme, behaves like sata-ssd, because ...": the claim only where it differs. */
static void disk_class_sentence(const struct medium *m, const struct place *p, struct buf *out)
{
    static const char *const behaves[2][2] = {
        {"Likely behaves",  "Behaves"},
        { "likely behaves", "behaves"}
    };
    char rate[UNITS_TEXT_BYTES];
    const char *claimed = p ? disk_class_claimed(p) : "";
    if (!m->known) {
        buf_addf(out, "The class is unknown. %s", m->class->means);
        return;
    }
    bool differs = claimed[0] && strcmp(claimed, m->class->name) != 0;
    if (differs)
        buf_addf(out, "Advertised as %s, ", claimed);
    if (isnan(m->cap))
        buf_addf(out, "%s like %s, because %s.", behaves[differs][m->sure], m->class->name,
                 m->because);
    else
        buf_addf(out, "%seld by a rate limiter at %s (%s).", differs ? "h" : "H",
                 units_format(m->cap, m->cap_unit, rate), m->cap_of);
}

static void disk_class_note(struct result *r, const struct medium *m, const char *sentence)
{
    result_note(r, "%s", sentence);
    if (m->known)
        result_note(r, "%s", m->class->means);
    for (unsigned i = 0; i < m->evidence_count; i++)
        result_note(r, "%s", m->evidence[i]);
}

static void disk_class_state(struct result *r, const struct medium *m, const struct place *p,
                             const char *sentence)
{
    AUTO(buf) struct buf claim = { 0 };
    disk_class_claim(p, &claim);
    (void)facts_set_text(&r->facts, "disk.class", m->class->name, sentence);
    if (claim.size > 0)
        (void)facts_set_text(&r->facts, "disk.class.claim", buf_text(&claim), NULL);
    else
        (void)facts_set_unknown(&r->facts, "disk.class.claim", "no block device is in sight");
    if (isnan(m->cap))
        (void)facts_set_unknown(&r->facts, "disk.class.cap", "no limiter was found");
    else
        (void)facts_set_number(&r->facts, "disk.class.cap", m->cap, m->cap_unit, m->cap_of);
    if (m->plan[0])
        (void)facts_set_text(&r->facts, "disk.class.plan", m->plan, NULL);
    else
        (void)facts_set_unknown(&r->facts, "disk.class.plan",
                                isnan(m->cap) ? "no limiter was found"
                                              : "the rate fits no published rule");
}

/* What was left out is named, for with less it concludes less. */
static void disk_class_missing(const struct probe_run *run)
{
    AUTO(buf) struct buf names = { 0 };
    for (unsigned i = 0; disk_class_from[i]; i++) {
        if (!probe_earlier(run, disk_class_from[i]))
            buf_addf(&names, "%s%s", names.size > 0 ? ", " : "", disk_class_from[i]);
    }
    if (names.size > 0)
        result_note(run->result, "Concluded without %s.", buf_text(&names));
}

static int disk_class_measure(struct probe_run *run, struct err *e)
{
    (void)run;
    (void)e;
    return 0;
}

static void disk_class_judge(struct probe_run *run)
{
    AUTO(buf) struct buf sentence = { 0 };
    struct medium_curve curve;
    char machine[64];
    struct medium *m = calloc(1, sizeof *m);
    if (!m) {
        result_set_status(run->result, STATUS_FAILED, "no memory to conclude in");
        return;
    }
    disk_class_gather(run, &curve, machine);
    medium_judge(&curve, m);
    disk_class_sentence(m, run->site->place, &sentence);
    disk_class_state(run->result, m, run->site->place, buf_text(&sentence));
    disk_class_note(run->result, m, buf_text(&sentence));
    disk_class_missing(run);
    free(m);
}

const struct probe disk_class = {
    .name = "disk.class",
    .title = "Class of the disk by its behaviour",
    .why = "A volume's name does not tell what etcd will wait for: a flash disk behind a limiter, "
           "or one whose syncs are slow, makes a poor control plane.",
    .source = "Rules by behaviour from published specifications of drives and volumes; each class "
              "names its own",
    .needs = PROBE_NEEDS_EACH,
    .concludes_from = disk_class_from,
    .facts = disk_class_facts,
    .measure = disk_class_measure,
    .judge = disk_class_judge,
};
