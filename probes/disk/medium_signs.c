#include "probes/disk/medium_signs.h"

#include <math.h>
#include <stddef.h>

#include "probes/kit/auto.h"

#define MEDIUM_US        1e3
#define MEDIUM_MS        1e6
#define MEDIUM_MB        1e6
#define MEDIUM_AHCI_IOPS 100e3

/* Where the streams of SATA SSDs end, as evenly as a limiter's. */
#define MEDIUM_SATA_LEAST (450 * MEDIUM_MB)
#define MEDIUM_SATA_MOST  (620 * MEDIUM_MB)
/* Small and large I/O that move the same bytes a second meet a limit of bytes. */
#define MEDIUM_SAME_BYTES_RATIO 0.10
/* Few free disks stream at so even a rate: 5.8 % from second to second on a virtio disk. */
#define MEDIUM_STREAM_CV 0.01

enum {
    MEDIUM_STREAM_LEAST = 4 /* repetitions, for their spread to mean anything */
};

static bool medium_io_capped(const struct medium_io *io)
{
    return io->cap.kind != CAP_NONE;
}

/* A limiter holds random I/O, and the stream moves no more: it counts bytes, not I/Os. */
static bool medium_same_bytes(const struct medium_io *io, const struct medium_stream *s)
{
    double bytes_per_s = io->cap.rate * MEDIUM_BLOCK_BYTES;
    return medium_io_capped(io) &&
           fabs(s->bytes_per_s / bytes_per_s - 1) <= MEDIUM_SAME_BYTES_RATIO;
}

static bool medium_stream_capped(const struct medium_io *io, const struct medium_stream *s)
{
    AUTO(buf) struct buf plan = { 0 };
    if (medium_same_bytes(io, s))
        return true;
    /* A rotating disk streams evenly too, and so does a full SATA link. */
    bool of_sata = s->bytes_per_s >= MEDIUM_SATA_LEAST && s->bytes_per_s < MEDIUM_SATA_MOST;
    return s->count >= MEDIUM_STREAM_LEAST && s->cv <= MEDIUM_STREAM_CV &&
           io->qd1_p50_ns < 3 * MEDIUM_MS && !of_sata &&
           plans_match(PLANS_BYTES, s->bytes_per_s, NAN, &plan);
}

enum plans_cause medium_signs_burst(const struct medium_curve *c, struct buf *out)
{
    struct plans_change change = { .before = c->burst.before,
                                   .after = c->burst.after,
                                   .since_s = c->burst.since_s,
                                   .size_bytes = c->size_bytes,
                                   .machine = c->burst.machine,
                                   .cpus = c->burst.cpus };
    return c->burst.after < c->burst.before ? plans_burst(&change, out) : PLANS_CAUSE_NONE;
}

unsigned medium_signs_limits(const struct medium_curve *c)
{
    AUTO(buf) struct buf plan = { 0 };
    bool read_bytes = medium_stream_capped(&c->read, &c->stream_read);
    bool write_bytes = medium_stream_capped(&c->write, &c->stream_write);
    bool read = medium_io_capped(&c->read) && !medium_same_bytes(&c->read, &c->stream_read);
    bool write = medium_io_capped(&c->write) && !medium_same_bytes(&c->write, &c->stream_write);
    return (read ? MEDIUM_LIMIT_READ : 0U) | (write ? MEDIUM_LIMIT_WRITE : 0U) |
           (read_bytes ? MEDIUM_LIMIT_READ_BYTES : 0U) |
           (write_bytes ? MEDIUM_LIMIT_WRITE_BYTES : 0U) |
           (medium_signs_burst(c, &plan) == PLANS_CAUSE_DISK ? MEDIUM_LIMIT_BURST : 0U);
}

static double medium_limits(const struct medium_curve *c)
{
    return __builtin_popcount(medium_signs_limits(c));
}

static double medium_read_p50(const struct medium_curve *c)
{
    return c->read.qd1_p50_ns;
}

static double medium_fast_ratio(const struct medium_curve *c)
{
    return c->read.qd1_p50_ns >= 20 * MEDIUM_US ? c->read.fast_ratio : NAN;
}

static double medium_gain_to_32(const struct medium_curve *c)
{
    return c->read.qd1_p50_ns >= 3 * MEDIUM_MS ? c->read.qd32_iops / c->read.qd1_iops : NAN;
}

static double medium_best(const struct medium_curve *c)
{
    return c->read.best_iops;
}

/* A limiter's plateau says nothing of how many commands the disk takes. */
static double medium_gain_beyond_32(const struct medium_curve *c)
{
    return medium_io_capped(&c->read) ? NAN : c->read.deep_iops / c->read.qd32_iops;
}

/* What brings more than AHCI carries at depth 32 already ends elsewhere: at a CPU, mostly. */
static double medium_end_at_32(const struct medium_curve *c)
{
    return c->read.qd32_iops < MEDIUM_AHCI_IOPS ? medium_gain_beyond_32(c) : NAN;
}

static double medium_stream(const struct medium_curve *c)
{
    return medium_signs_limits(c) & MEDIUM_LIMIT_READ_BYTES ? NAN : c->stream_read.bytes_per_s;
}

/* Of the disk alone where it was measured, else of a log, whose filesystem has a share in it. */
static double medium_sync_ns(const struct medium_curve *c)
{
    return isnan(c->flush_sync_p50_ns) ? c->wal_sync_p50_ns : c->flush_sync_p50_ns;
}

static double medium_sync_ratio(const struct medium_curve *c)
{
    double write_ns = isnan(c->flush_write_p50_ns) ? c->write.qd1_p50_ns : c->flush_write_p50_ns;
    return medium_sync_ns(c) / write_ns;
}

/* SOURCE: consumer drives take 0.5 ms and more (smalldatum, 2026). */
static double medium_sync_dear(const struct medium_curve *c)
{
    return medium_sync_ns(c) > 0.5 * MEDIUM_MS ? medium_sync_ratio(c) : NAN;
}

static double medium_wal_p99(const struct medium_curve *c)
{
    return c->wal_sync_p99_ns;
}

/* A value in [least, most) is a sign. */
struct medium_sign_row {
    double (*of)(const struct medium_curve *c);
    double least, most;
    enum unit unit;
    const char *before, *after; /* the value stands between them */
};

#define MEDIUM_SIGN(of, least, most, unit, before, after)                                          \
    {                                                                                              \
        of, least, most, unit, before, after                                                       \
    }

/*
 * SOURCE: SATA random reads about 110 us, data-centre NVMe 85 to 115 us, consumer NVMe 40 to 90 us,
 * 7200-rpm disks 8 to 12 ms (Intel S4500 and P4500 specifications, and geometry); the SATA link
 * carries 600 MB/s, drives reach 530 to 560; AHCI has one queue of 32 commands and some 100,000
 * IOPS (SATA-III and NVMe base specifications).
 */
static const struct medium_sign_row medium_sign_rows[MEDIUM_SIGNS] = {
    [MEDIUM_CAPPED] = MEDIUM_SIGN(medium_limits, 1, INFINITY, UNIT_COUNT, "", ""),
    [MEDIUM_READ_CACHED] =
        MEDIUM_SIGN(medium_read_p50, 0, 10 * MEDIUM_US, UNIT_NS, "4 KiB reads at depth 1 take ",
                    " at the median, and neither flash nor a network answers within 10 us"),
    [MEDIUM_READ_QUICK] = MEDIUM_SIGN(
        medium_read_p50, 10 * MEDIUM_US, 20 * MEDIUM_US, UNIT_NS, "4 KiB reads at depth 1 take ",
        " at the median, faster than flash; Optane alone among the media is so fast"),
    [MEDIUM_READ_NVME] = MEDIUM_SIGN(medium_read_p50, 20 * MEDIUM_US, 80 * MEDIUM_US, UNIT_NS,
                                     "4 KiB reads at depth 1 take ",
                                     " at the median, less than the 100 us that SATA flash takes"),
    [MEDIUM_READ_FLASH] =
        MEDIUM_SIGN(medium_read_p50, 20 * MEDIUM_US, 200 * MEDIUM_US, UNIT_NS,
                    "4 KiB reads at depth 1 take ", " at the median, as local flash does"),
    [MEDIUM_READ_FAR] = MEDIUM_SIGN(
        medium_read_p50, 250 * MEDIUM_US, 3 * MEDIUM_MS, UNIT_NS, "4 KiB reads at depth 1 take ",
        " at the median, longer than local flash and shorter than a rotation"),
    [MEDIUM_READ_ROTATING] = MEDIUM_SIGN(medium_read_p50, 3 * MEDIUM_MS, INFINITY, UNIT_NS,
                                         "4 KiB reads at depth 1 take ",
                                         " at the median, as an arm's way and half a rotation do"),
    [MEDIUM_READ_MIXED] = MEDIUM_SIGN(
        medium_fast_ratio, 0.05, INFINITY, UNIT_RATIO, "",
        " of the reads at depth 1 were answered within 10 us, from a cache and not the medium"),
    [MEDIUM_ONE_ARM] =
        MEDIUM_SIGN(medium_gain_to_32, 0, 8, UNIT_NONE, "32 reads at once bring ",
                    " times the rate of one, as one arm that takes the nearest first does"),
    [MEDIUM_MANY_ARMS] =
        MEDIUM_SIGN(medium_gain_to_32, 8, INFINITY, UNIT_NONE, "32 reads at once bring ",
                    " times the rate of one: many disks work, or the delay is a path's"),
    [MEDIUM_RATE_BEYOND_AHCI] = MEDIUM_SIGN(medium_best, MEDIUM_AHCI_IOPS, INFINITY, UNIT_PER_S, "",
                                            " 4 KiB reads are more than AHCI carries"),
    [MEDIUM_DEPTH_BEYOND_AHCI] = MEDIUM_SIGN(
        medium_gain_beyond_32, 1.15, INFINITY, UNIT_NONE, "more than 32 reads at once bring ",
        " times the rate of 32, and SATA has no more than 32 places"),
    [MEDIUM_LINK_BEYOND_SATA] =
        MEDIUM_SIGN(medium_stream, MEDIUM_SATA_MOST, INFINITY, UNIT_BYTES_PER_S,
                    "sequential reads reach ", ", more than the 600 MB/s of a SATA link"),
    [MEDIUM_LINK_OF_SATA] =
        MEDIUM_SIGN(medium_stream, MEDIUM_SATA_LEAST, MEDIUM_SATA_MOST, UNIT_BYTES_PER_S,
                    "sequential reads reach ", ", where a SATA link ends"),
    [MEDIUM_LINK_BELOW_SATA] =
        MEDIUM_SIGN(medium_stream, 0, MEDIUM_SATA_LEAST, UNIT_BYTES_PER_S,
                    "sequential reads reach ", ", less than SATA flash gives"),
    [MEDIUM_DEPTH_OF_AHCI] =
        MEDIUM_SIGN(medium_end_at_32, 0, 1.10, UNIT_NONE, "more than 32 reads at once bring ",
                    " times the rate of 32, as with the 32 places of SATA"),
    [MEDIUM_SYNC_DEAR] = MEDIUM_SIGN(medium_sync_dear, 10, INFINITY, UNIT_NONE, "a sync costs ",
                                     " times a write, as on a drive without power-loss protection"),
    [MEDIUM_SYNC_CHEAP] = MEDIUM_SIGN(
        medium_sync_ratio, 0, 2, UNIT_NONE, "a sync costs ",
        " times a write, as with a cache protected against power loss, or one that is not flushed"),
    [MEDIUM_SYNC_ROTATING] =
        MEDIUM_SIGN(medium_wal_p99, 8 * MEDIUM_MS, INFINITY, UNIT_NS,
                    "1 in 100 syncs of a log takes ", " or longer, as a rotation does"),
};

static bool medium_sign_holds(const struct medium_sign_row *row, const struct medium_curve *c)
{
    double value = row->of(c);
    return value >= row->least && value < row->most;
}

unsigned medium_signs_of(const struct medium_curve *c)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < MEDIUM_SIGNS; i++)
        mask |= medium_sign_holds(&medium_sign_rows[i], c) ? 1U << i : 0U;
    return mask;
}

void medium_signs_say(enum medium_sign sign, const struct medium_curve *c, struct buf *out)
{
    char value[UNITS_TEXT_BYTES];
    const struct medium_sign_row *row = &medium_sign_rows[sign];
    buf_addf(out, "%s%s%s", row->before, units_format(row->of(c), row->unit, value), row->after);
}
