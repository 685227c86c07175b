/*
 * plans: what services that rent volumes publish about their rates, and which of these rules a
 * measured one fits. Supporting evidence only: a rate may fit a rule by chance. Pure.
 */
#ifndef PROBES_DISK_PLANS_H
#define PROBES_DISK_PLANS_H

#include <stdbool.h>

#include "probes/kit/buf.h"

enum plans_of {
    PLANS_READS = 1 << 0,  /* IOPS */
    PLANS_WRITES = 1 << 1, /* IOPS */
    PLANS_BYTES = 1 << 2   /* bytes a second, either direction */
};

/* A rate fits within so much: what services promise is kept within a few per cent. */
#define PLANS_WITHIN_RATIO 0.02

/* One published rate: fixed, or so much a GiB of the volume within bounds. */
struct plans_row {
    const char *name;
    unsigned of; /* enum plans_of */
    double fixed;
    double per_gib, least, most;
    const char *rule;
    const char *source;
};

extern const struct plans_row plans_rows[]; /* ended by name NULL */

/*
 * Adds the rules that a rate fits, at most three: "AWS gp3 (3000 IOPS on every volume; AWS EBS
 * documentation)". size_bytes is the filesystem's, NAN when not known: a rule by size then fits
 * nothing. False when there is none.
 */
bool plans_match(enum plans_of of, double rate, double size_bytes, struct buf *out);

/* A rate that fell, or rose, while it was watched. */
struct plans_change {
    double before, after; /* 4 KiB writes a second */
    double since_s;       /* of steady load before it */
    double size_bytes;    /* of the filesystem; NAN */
    const char *machine;  /* what the firmware calls it: "t3.micro"; "" */
    unsigned cpus;
};

/* Whose bucket ran empty. */
enum plans_cause {
    PLANS_CAUSE_NONE, /* no rule fits; 0 */
    PLANS_CAUSE_DISK,
    PLANS_CAUSE_CPU /* credits of a burstable instance: any fall on such a host fits */
};

/* Adds the one burst rule that the change fits, with its reckoning; a disk's before a CPU's. */
enum plans_cause plans_burst(const struct plans_change *c, struct buf *out);

#endif
