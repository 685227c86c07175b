#include "probes/image/bottleneck.h"

/* Less of the threads' time than this spent at work: some had nothing to do. */
#define BOTTLENECK_IDLE_BELOW 0.8
/* More of the time in files than this without using the CPU: the disk was waited for. */
#define BOTTLENECK_WAIT_ABOVE 0.3

const char *bottleneck_name(enum bottleneck b)
{
    static const char *const names[BOTTLENECKS] = {
        [BOTTLENECK_DISK] = "the disk",
        [BOTTLENECK_ONE_STREAM] = "one core's inflate",
        [BOTTLENECK_ONE_CREATOR] = "one core's creation of files",
        [BOTTLENECK_ONE_WRITER] = "one core's writing of files",
        [BOTTLENECK_INFLATE] = "inflating, on all cores",
        [BOTTLENECK_HASH] = "SHA-256 of the tar, on all cores",
        [BOTTLENECK_READ] = "reading and SHA-256 of what is stored, on all cores",
        [BOTTLENECK_METADATA] = "metadata of the file system, on all cores",
        [BOTTLENECK_DATA] = "copying content into the page cache, on all cores",
    };
    return names[b];
}

static double bottleneck_sum(const struct bottleneck_sums *sums)
{
    double sum = 0;
    for (unsigned i = 0; i < LANE_PARTS; i++)
        sum += (double)sums->parts[i].wall_ns;
    return sum;
}

double bottleneck_busy_ratio(const struct bottleneck_sums *sums)
{
    double whole = (double)sums->wall_ns * sums->threads;
    return whole > 0 ? bottleneck_sum(sums) / whole : 0;
}

/* Time in calls of the filesystem, of which the CPU knows nothing. */
static double bottleneck_waited(const struct bottleneck_sums *sums)
{
    static const enum lane_part files[] = { LANE_PART_METADATA, LANE_PART_DATA, LANE_PART_SYNC };

    double waited = 0;
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
        waited += (double)sums->parts[files[i]].wall_ns - (double)sums->parts[files[i]].cpu_ns;
    return waited;
}

static enum bottleneck bottleneck_of_idle(const struct bottleneck_sums *sums)
{
    const struct lane_time *parts = sums->parts;
    uint64_t expand_ns = parts[LANE_PART_READ].wall_ns + parts[LANE_PART_INFLATE].wall_ns;
    uint64_t place_ns = parts[LANE_PART_PARSE].wall_ns + parts[LANE_PART_METADATA].wall_ns +
                        parts[LANE_PART_DATA].wall_ns;
    if (expand_ns > place_ns)
        return BOTTLENECK_ONE_STREAM;
    return parts[LANE_PART_DATA].wall_ns > parts[LANE_PART_METADATA].wall_ns
               ? BOTTLENECK_ONE_WRITER
               : BOTTLENECK_ONE_CREATOR;
}

static enum bottleneck bottleneck_of_busy(const struct bottleneck_sums *sums)
{
    static const struct {
        enum lane_part part;
        enum bottleneck is;
    } rows[] = {
        {LANE_PART_INFLATE,   BOTTLENECK_INFLATE },
        { LANE_PART_HASH,     BOTTLENECK_HASH    },
        { LANE_PART_READ,     BOTTLENECK_READ    },
        { LANE_PART_METADATA, BOTTLENECK_METADATA},
        { LANE_PART_DATA,     BOTTLENECK_DATA    },
    };

    unsigned best = 0;
    for (unsigned i = 1; i < sizeof rows / sizeof *rows; i++) {
        if (sums->parts[rows[i].part].wall_ns > sums->parts[rows[best].part].wall_ns)
            best = i;
    }
    return rows[best].is;
}

enum bottleneck bottleneck_find(const struct bottleneck_sums *sums)
{
    double work = bottleneck_sum(sums);
    if (sums->sync_ns > sums->wall_ns || bottleneck_waited(sums) > BOTTLENECK_WAIT_ABOVE * work)
        return BOTTLENECK_DISK;
    if (sums->threads > 1 && bottleneck_busy_ratio(sums) < BOTTLENECK_IDLE_BELOW)
        return bottleneck_of_idle(sums);
    return bottleneck_of_busy(sums);
}
