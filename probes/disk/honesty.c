#include "probes/disk/honesty.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "probes/kit/units.h"

/* A flush with work to do costs so many times a flush of nothing, and a write. */
#define HONESTY_WORK_RATIO 2.0
/* And so much more, or it is not a disk that does the work. */
#define HONESTY_WORK_NS 20e3
/* One without costs at most so many times them: a command more, to and fro. */
#define HONESTY_NOTHING_RATIO 1.5
/* Syncs share a flush now and then; a tenth of them without one is no finding. More than one each
 * is none either. */
#define HONESTY_SENT_RATIO 0.9

static bool honesty_lost(const struct honesty_case *c)
{
    return c->lost > 0;
}

static bool honesty_barriers_off(const struct honesty_case *c)
{
    return c->barriers_off;
}

static bool honesty_write_through(const struct honesty_case *c)
{
    return strcmp(c->write_cache, "write through") == 0;
}

static bool honesty_kept_back(const struct honesty_case *c)
{
    return c->flushes_per_sync < HONESTY_SENT_RATIO;
}

static bool honesty_thin(const struct honesty_case *c)
{
    return c->samples < HONESTY_SAMPLES || isnan(c->write_ns) || isnan(c->sync_ns) ||
           isnan(c->clean_ns);
}

static bool honesty_more(double with_ns, double without_ns)
{
    return with_ns >= HONESTY_WORK_RATIO * without_ns && with_ns >= without_ns + HONESTY_WORK_NS;
}

static double honesty_bulk_ns(const struct honesty_case *c)
{
    return c->bulk_samples >= HONESTY_BULK_SAMPLES ? c->bulk_ns : NAN;
}

/* More to do with one block to flush than with none, or with many than with one. */
static bool honesty_works(const struct honesty_case *c)
{
    return honesty_more(c->sync_ns, c->clean_ns) || honesty_more(honesty_bulk_ns(c), c->sync_ns);
}

static bool honesty_honest(const struct honesty_case *c)
{
    bool slow = c->sync_ns >= HONESTY_FLUSH_NS && c->sync_ns >= HONESTY_WORK_RATIO * c->write_ns;
    return honesty_works(c) || slow;
}

static bool honesty_from_memory(const struct honesty_case *c)
{
    return strcmp(c->write_cache, "write back") == 0 &&
           c->sync_ns <= HONESTY_NOTHING_RATIO * c->write_ns &&
           c->sync_ns <= fmax(HONESTY_NOTHING_RATIO * c->clean_ns, c->clean_ns + HONESTY_WORK_NS);
}

static bool honesty_always(const struct honesty_case *c)
{
    (void)c;
    return true;
}

const struct honesty_row honesty_rows[] = {
    {"lost",
     "What was written, and acknowledged by a sync, was not there when it was read back: this disk "
      "loses data.",                                                                            honesty_lost         },
    { "not-flushed",
     "Mounted without barriers: a sync flushes no cache of the disk, and a power cut there loses "
      "acknowledged data unless that cache is protected.",                                      honesty_barriers_off },
    { "not-sent",
     "The disk claims a cache that writes through, so the kernel sends it no flush: whether an "
      "acknowledged write is on the medium is the disk's word alone.",                          honesty_write_through},
    { "not-flushed",
     "The kernel sent the disk fewer flushes than there were syncs after a write: acknowledged "
      "data may be in the disk's cache, and a power cut there loses it unless that cache is "
      "protected.",                                                                             honesty_kept_back    },
    { "unknown",     "Too few syncs were timed to judge them.",                                 honesty_thin         },
    { "honest",      "A sync costs what a flush with work to do costs.",                        honesty_honest       },
    { "from-memory",
     "The host acknowledges flushes from memory: a power cut there loses acknowledged data. Only "
      "a cache that is protected against power loss (a datacentre drive with capacitors, a "
      "controller with a battery) is as fast and loses nothing; ask the provider which it is.", honesty_from_memory  },
    { "unknown",
     "A sync costs more than nothing and less than a flush of flash or disk: it may be a "
      "protected cache behind a slow path, or a host that acknowledges from memory.",           honesty_always       },
    { NULL,          NULL,                                                                      NULL                 },
};

static void honesty_figure(struct buf *why, const char *what, double ns)
{
    char text[UNITS_TEXT_BYTES];
    if (!isnan(ns))
        buf_addf(why, "%s %s", what, units_format(ns, UNIT_NS, text));
}

const struct honesty_row *honesty_of(const struct honesty_case *c, struct buf *why)
{
    const struct honesty_row *row = honesty_rows;
    while (!row->fits(c))
        row++;
    if (c->lost > 0)
        buf_addf(why, "%" PRIu64 " of %" PRIu64 " blocks held other bytes. ", c->lost, c->samples);
    honesty_figure(why, "At the median a direct 4 KiB write takes", c->write_ns);
    honesty_figure(why, ", the fdatasync after it", c->sync_ns);
    honesty_figure(why, ", one of a clean file", c->clean_ns);
    honesty_figure(why, ", one after 1 MiB", honesty_bulk_ns(c));
    if (why->size > 0)
        buf_adds(why, ".");
    if (!isnan(c->flushes_per_sync))
        buf_addf(why, "%sThe kernel sent %s %.2f flushes for each sync after a write.",
                 why->size > 0 ? " " : "", c->device[0] ? c->device : "the disk",
                 c->flushes_per_sync);
    return row;
}
