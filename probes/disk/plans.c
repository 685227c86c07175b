#include "probes/disk/plans.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define PLANS_GIB 1073741824.0
#define PLANS_MIB 1048576.0
#define PLANS_MB  1e6
/* A filesystem is smaller than its volume: tables of inodes, other partitions. */
#define PLANS_SIZE_LEAST 0.99
#define PLANS_SIZE_MOST  1.12

enum {
    PLANS_NAMED_MAX = 3, /* rules named for one rate; more say nothing */
    PLANS_BOTH = PLANS_READS | PLANS_WRITES
};

#define AWS      "AWS EBS documentation, general purpose and HDD volumes"
#define AZURE    "Azure managed disks documentation"
#define GCP      "Google Cloud Persistent Disk documentation"
#define VULTR    "Vultr block storage documentation"
#define SCALEWAY "Scaleway block storage documentation"
#define HEICLOUD "heiCLOUD volume types, as an example of tiers on Ceph RBD"

#define PLANS_FIXED(title, directions, rate, words, where)                                         \
    {                                                                                              \
        title, directions, rate, 0, 0, 0, words, where                                             \
    }
#define PLANS_BY_SIZE(title, directions, rate, floor, ceiling, words, where)                       \
    {                                                                                              \
        title, directions, 0, rate, floor, ceiling, words, where                                   \
    }

const struct plans_row plans_rows[] = {
    PLANS_BY_SIZE("AWS gp2", PLANS_BOTH, 3, 100, 16000, "3 IOPS per GiB, 100 to 16,000", AWS),
    PLANS_FIXED("AWS gp2 in burst", PLANS_BOTH, 3000,
                "3000 IOPS while 5.4 million I/O credits last", AWS),
    PLANS_FIXED("AWS gp3", PLANS_BOTH, 3000, "3000 IOPS unless more is paid for", AWS),
    PLANS_FIXED("AWS gp3 or gp2, largest", PLANS_BOTH, 16000, "16,000 IOPS at most", AWS),
    PLANS_FIXED("AWS gp3", PLANS_BYTES, 125 * PLANS_MIB, "125 MiB/s unless more is paid for", AWS),
    PLANS_FIXED("AWS gp2, small", PLANS_BYTES, 128 * PLANS_MIB, "128 MiB/s up to 170 GiB", AWS),
    PLANS_FIXED("AWS gp2 or sc1", PLANS_BYTES, 250 * PLANS_MIB, "250 MiB/s at most", AWS),
    PLANS_FIXED("AWS st1", PLANS_BYTES, 500 * PLANS_MIB, "500 MiB/s at most", AWS),
    PLANS_FIXED("Azure P1 to P4", PLANS_BOTH, 120, "120 IOPS", AZURE),
    PLANS_FIXED("Azure P6", PLANS_BOTH, 240, "240 IOPS", AZURE),
    PLANS_FIXED("Azure P10 or Standard HDD", PLANS_BOTH, 500, "500 IOPS", AZURE),
    PLANS_FIXED("Azure P15", PLANS_BOTH, 1100, "1100 IOPS", AZURE),
    PLANS_FIXED("Azure P20", PLANS_BOTH, 2300, "2300 IOPS", AZURE),
    PLANS_FIXED("Azure Premium SSD in burst", PLANS_BOTH, 3500, "3500 IOPS for 30 minutes", AZURE),
    PLANS_FIXED("Azure Premium SSD v2", PLANS_BOTH, 3000, "3000 IOPS unless more is paid for",
                AZURE),
    PLANS_FIXED("Azure P30", PLANS_BOTH, 5000, "5000 IOPS", AZURE),
    PLANS_FIXED("Azure P40 or P50", PLANS_BOTH, 7500, "7500 IOPS", AZURE),
    PLANS_FIXED("Azure P60", PLANS_BOTH, 16000, "16,000 IOPS", AZURE),
    PLANS_FIXED("Azure P80", PLANS_BOTH, 20000, "20,000 IOPS", AZURE),
    PLANS_FIXED("Azure on-demand burst", PLANS_BOTH, 30000, "30,000 IOPS above 512 GiB", AZURE),
    PLANS_BY_SIZE("Azure Ultra", PLANS_BOTH, 300, 0, INFINITY, "300 IOPS per GiB at most", AZURE),
    PLANS_FIXED("Azure P1 to P4", PLANS_BYTES, 25 * PLANS_MB, "25 MB/s", AZURE),
    PLANS_FIXED("Azure P6", PLANS_BYTES, 50 * PLANS_MB, "50 MB/s", AZURE),
    PLANS_FIXED("Azure P10", PLANS_BYTES, 100 * PLANS_MB, "100 MB/s", AZURE),
    PLANS_FIXED("Azure P15 or Premium SSD v2", PLANS_BYTES, 125 * PLANS_MB, "125 MB/s", AZURE),
    PLANS_FIXED("Azure P20", PLANS_BYTES, 150 * PLANS_MB, "150 MB/s", AZURE),
    PLANS_FIXED("Azure Premium SSD in burst", PLANS_BYTES, 170 * PLANS_MB,
                "170 MB/s for 30 minutes", AZURE),
    PLANS_FIXED("Azure P30", PLANS_BYTES, 200 * PLANS_MB, "200 MB/s", AZURE),
    PLANS_FIXED("Azure P40 or P50", PLANS_BYTES, 250 * PLANS_MB, "250 MB/s", AZURE),
    PLANS_FIXED("Azure P60", PLANS_BYTES, 500 * PLANS_MB, "500 MB/s", AZURE),
    PLANS_FIXED("Azure P80", PLANS_BYTES, 900 * PLANS_MB, "900 MB/s", AZURE),
    PLANS_BY_SIZE("GCP standard", PLANS_READS, 0.75, 0, INFINITY, "0.75 read IOPS per GiB", GCP),
    PLANS_BY_SIZE("GCP standard", PLANS_WRITES, 1.5, 0, INFINITY, "1.5 write IOPS per GiB", GCP),
    PLANS_BY_SIZE("GCP balanced", PLANS_BOTH, 6, 0, INFINITY, "6 IOPS per GiB", GCP),
    PLANS_BY_SIZE("GCP SSD", PLANS_BOTH, 30, 0, INFINITY, "30 IOPS per GiB", GCP),
    PLANS_BY_SIZE("GCP standard", PLANS_BYTES, 0.12 * PLANS_MIB, 0, INFINITY, "0.12 MiB/s per GiB",
                  GCP),
    PLANS_BY_SIZE("GCP balanced", PLANS_BYTES, 0.28 * PLANS_MIB, 0, INFINITY, "0.28 MiB/s per GiB",
                  GCP),
    PLANS_BY_SIZE("GCP SSD", PLANS_BYTES, 0.48 * PLANS_MIB, 0, INFINITY, "0.48 MiB/s per GiB", GCP),
    PLANS_FIXED("Vultr NVMe", PLANS_BOTH, 10000, "10,000 IOPS", VULTR),
    PLANS_FIXED("Vultr NVMe in burst", PLANS_BOTH, 15000, "half as much again for a minute", VULTR),
    PLANS_FIXED("Vultr HDD", PLANS_BOTH, 500, "500 IOPS", VULTR),
    PLANS_FIXED("Vultr HDD in burst", PLANS_BOTH, 750, "half as much again for a minute", VULTR),
    PLANS_FIXED("Vultr NVMe", PLANS_BYTES, 400 * PLANS_MIB, "400 MiB/s", VULTR),
    PLANS_FIXED("Vultr HDD", PLANS_BYTES, 100 * PLANS_MIB, "100 MiB/s", VULTR),
    PLANS_FIXED("Scaleway 5K", PLANS_BOTH, 5000, "5000 IOPS", SCALEWAY),
    PLANS_FIXED("Scaleway 15K", PLANS_BOTH, 15000, "15,000 IOPS", SCALEWAY),
    PLANS_FIXED("an OpenStack HDD tier", PLANS_BOTH, 250, "250 IOPS, in burst 500", HEICLOUD),
    PLANS_FIXED("an OpenStack SSD tier", PLANS_BOTH, 2000, "2000 IOPS, in burst 10,000", HEICLOUD),
    { .name = NULL },
};

static bool plans_near(double value, double wanted)
{
    return fabs(value / wanted - 1) <= PLANS_WITHIN_RATIO;
}

/* Volumes are whole GiB; *gib is the one that the rate asks for. */
static bool plans_fits_size(const struct plans_row *row, double rate, double size_bytes,
                            double *gib)
{
    double size = size_bytes / PLANS_GIB;
    *gib = round(rate / row->per_gib);
    double least = row->per_gib * size * PLANS_SIZE_LEAST;
    double most = row->per_gib * (size * PLANS_SIZE_MOST + 1);
    bool scales =
        rate > row->least * (1 + PLANS_WITHIN_RATIO) && rate < row->most * (1 - PLANS_WITHIN_RATIO);
    if (scales)
        return rate >= least * (1 - PLANS_WITHIN_RATIO) && rate <= most * (1 + PLANS_WITHIN_RATIO);
    *gib = NAN;
    return (plans_near(rate, row->least) && row->per_gib * size <= row->least) ||
           (plans_near(rate, row->most) && most >= row->most);
}

bool plans_match(enum plans_of of, double rate, double size_bytes, struct buf *out)
{
    unsigned named = 0;
    for (const struct plans_row *row = plans_rows; row->name && named < PLANS_NAMED_MAX; row++) {
        double gib = NAN;
        bool fits = row->fixed > 0 ? plans_near(rate, row->fixed)
                                   : plans_fits_size(row, rate, size_bytes, &gib);
        if (!(row->of & of) || !fits)
            continue;
        buf_addf(out, "%s%s (%s", named++ ? "; " : "", row->name, row->rule);
        if (!isnan(gib))
            buf_addf(out, ", a volume of %.0f GiB", gib);
        buf_addf(out, "; %s)", row->source);
    }
    return named > 0;
}

/* SOURCE: AWS EBS documentation, gp2: 5.4 million credits, each I/O above the baseline takes one.
 */
#define PLANS_GP2_CREDITS 5.4e6
#define PLANS_GP2_BURST   3000.0
#define PLANS_GP2_LEAST   100.0
/* Reckoned times are compared with measured ones within so much. */
#define PLANS_TIME_RATIO 0.10

static bool plans_burst_gp2(const struct plans_change *c, struct buf *out)
{
    double left_s = PLANS_GP2_CREDITS / (PLANS_GP2_BURST - c->after);
    bool rates = plans_near(c->before, PLANS_GP2_BURST) && c->after < c->before &&
                 c->after >= PLANS_GP2_LEAST * (1 - PLANS_WITHIN_RATIO);
    double size = c->size_bytes / PLANS_GIB;
    double asks = c->after / 3; /* GiB */
    bool floor = c->after <= PLANS_GP2_LEAST * (1 + PLANS_WITHIN_RATIO) && size <= asks;
    bool sized = isnan(size) || floor ||
                 (asks >= size * PLANS_SIZE_LEAST && asks <= size * PLANS_SIZE_MOST + 1);
    if (!rates || !sized || c->since_s > left_s * (1 + PLANS_TIME_RATIO))
        return false;
    buf_addf(out,
             "AWS gp2: 3000 IOPS until its I/O credits are used up, then %.0f (3 per GiB, a volume "
             "of %.0f GiB); a full bucket lasts 5.4e6/(3000-%.0f) = %.0f s, so it was %.0f %% full "
             "(" AWS ")",
             c->after, c->after / 3, c->after, left_s, 100 * fmin(c->since_s / left_s, 1));
    return true;
}

/* SOURCE: Azure managed disks documentation: 3500 IOPS for 30 minutes on P20 and smaller. */
static bool plans_burst_azure(const struct plans_change *c, struct buf *out)
{
    static const double bases[] = { 120, 240, 500, 1100, 2300 };
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        if (plans_near(c->before, 3500) && plans_near(c->after, bases[i]) &&
            c->since_s <= 1800 * (1 + PLANS_TIME_RATIO)) {
            buf_addf(out,
                     "Azure Premium SSD: 3500 IOPS for 30 minutes from a full bucket, then %.0f; "
                     "it was %.0f %% full (" AZURE ")",
                     bases[i], 100 * fmin(c->since_s / 1800, 1));
            return true;
        }
    }
    return false;
}

/* SOURCE: Vultr block storage documentation: half as much again for about a minute. */
static bool plans_burst_vultr(const struct plans_change *c, struct buf *out)
{
    bool known = plans_near(c->after, 10000) || plans_near(c->after, 500);
    if (!known || !plans_near(c->before, 1.5 * c->after) || c->since_s > 90)
        return false;
    buf_addf(out,
             "Vultr block storage: half as much again for about a minute, then %.0f (" VULTR ")",
             c->after);
    return true;
}

/* What an instance may save up: minutes of one CPU at full load. */
struct plans_instance {
    const char *name;
    double baseline; /* share of each CPU that is paid for */
    double credits;  /* CPU minutes at most */
};

/* SOURCE: AWS EC2 documentation, CPU credits of burstable instances. */
static const struct plans_instance plans_instances[] = {
    {"t2.micro",   0.10, 144 },
    { "t3.micro",  0.10, 288 },
    { "t3.small",  0.20, 576 },
    { "t3.medium", 0.20, 576 },
    { "t3.large",  0.30, 864 },
    { "t3.xlarge", 0.40, 2304},
    { NULL,        0,    0   },
};

static bool plans_burst_cpu(const struct plans_change *c, struct buf *out)
{
    for (const struct plans_instance *i = plans_instances; i->name; i++) {
        double last_s = 60 * i->credits / (c->cpus * (1 - i->baseline));
        if (strcmp(c->machine, i->name) == 0 && c->after < c->before && c->since_s <= last_s) {
            buf_addf(out,
                     "%s: the CPU's credits may be used up, not the disk's; saved ones last %.0f "
                     "minutes at most, then each CPU has %.0f %% (AWS EC2 documentation, "
                     "burstable instances)",
                     i->name, last_s / 60, 100 * i->baseline);
            return true;
        }
    }
    return false;
}

enum plans_cause plans_burst(const struct plans_change *c, struct buf *out)
{
    static const struct {
        bool (*fits)(const struct plans_change *, struct buf *);
        enum plans_cause cause;
    } rules[] = {
        {plans_burst_gp2,    PLANS_CAUSE_DISK},
        { plans_burst_azure, PLANS_CAUSE_DISK},
        { plans_burst_vultr, PLANS_CAUSE_DISK},
        { plans_burst_cpu,   PLANS_CAUSE_CPU },
    };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].fits(c, out))
            return rules[i].cause;
    }
    return PLANS_CAUSE_NONE;
}
