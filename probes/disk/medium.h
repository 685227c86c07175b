/*
 * medium: which class of medium a disk behaves like. Pure: figures in, a class and sentences out.
 *
 * Signs are read off the figures, each a value within a range; a class is the first in order whose
 * rule the signs satisfy. Neither the driver's name nor its rotational flag is a sign: virtio
 * reports anything. What contradicts the class, or is missing, is told beside it, and where the
 * rules fit nothing the class is "unknown".
 */
#ifndef PROBES_DISK_MEDIUM_H
#define PROBES_DISK_MEDIUM_H

#include <stdbool.h>

#include "probes/disk/cap.h"
#include "probes/kit/limits.h"
#include "probes/kit/units.h"

/* 4 KiB random I/O in one direction; NAN: not measured. */
struct medium_io {
    double qd1_p50_ns;
    double fast_ratio; /* of those at depth 1, answered within MEDIUM_CACHE_NS */
    double qd1_iops, qd32_iops;
    double deep_iops; /* best beyond depth 32; qd32_iops where 32 itself gained nothing */
    double best_iops;
    struct cap cap;
};

#define MEDIUM_CACHE_NS UINT64_C(10000)

/* 1 MiB sequential I/O. */
struct medium_stream {
    double bytes_per_s; /* median of its repetitions */
    double cv;          /* their standard deviation over their mean */
    unsigned count;     /* of them */
};

/* Steady writes over minutes; NAN: no step was found. */
struct medium_burst {
    double before, after; /* 1/s */
    double since_s;       /* of steady load before it */
    const char *machine;  /* what the firmware calls the host; "" */
    unsigned cpus;
};

struct medium_curve {
    struct medium_io read, write;
    struct medium_stream stream_read, stream_write;
    double wal_sync_p50_ns, wal_sync_p99_ns;      /* of a log with its filesystem's journal */
    double flush_write_p50_ns, flush_sync_p50_ns; /* of the disk alone */
    struct medium_burst burst;
    double size_bytes; /* of the filesystem */
};

/* All NAN, no limiter. */
struct medium_curve medium_nothing(void);

enum medium_sign { /* a bit each */
    MEDIUM_CAPPED,
    MEDIUM_READ_CACHED,
    MEDIUM_READ_QUICK,
    MEDIUM_READ_NVME,
    MEDIUM_READ_FLASH,
    MEDIUM_READ_FAR,
    MEDIUM_READ_ROTATING,
    MEDIUM_READ_MIXED,
    MEDIUM_ONE_ARM,
    MEDIUM_MANY_ARMS,
    MEDIUM_RATE_BEYOND_AHCI,
    MEDIUM_DEPTH_BEYOND_AHCI,
    MEDIUM_LINK_BEYOND_SATA,
    MEDIUM_LINK_OF_SATA,
    MEDIUM_LINK_BELOW_SATA,
    MEDIUM_DEPTH_OF_AHCI,
    MEDIUM_SYNC_DEAR,
    MEDIUM_SYNC_CHEAP,
    MEDIUM_SYNC_ROTATING,
    MEDIUM_SIGNS
};

/* A class, its rule in words and in signs. */
struct medium_class {
    const char *name;  /* "sata-ssd" */
    const char *means; /* for an orchestrator, one sentence */
    const char *rule;  /* in words, one sentence */
    const char *source;
    unsigned all, any, none; /* masks of signs: all of these, one of these, none of these */
    unsigned supports;       /* more that speak for it */
    unsigned against;        /* that speak against it and do not rule it out */
};

extern const struct medium_class *const medium_classes[]; /* in order; ended by NULL */

enum {
    MEDIUM_EVIDENCE = 24
};

struct medium {
    const struct medium_class *class;
    bool known;                      /* not "unknown" */
    bool sure;                       /* two signs or more for it, none against */
    double cap;                      /* NAN: none */
    enum unit cap_unit;              /* UNIT_PER_S or UNIT_BYTES_PER_S */
    char cap_of[LIMITS_TEXT_BYTES];  /* "4 KiB reads"; "" */
    char plan[LIMITS_TEXT_BYTES];    /* published rules that the caps fit; "" */
    char because[LIMITS_TEXT_BYTES]; /* the signs that the class rests on, joined; "" unknown */
    char evidence[MEDIUM_EVIDENCE][LIMITS_TEXT_BYTES]; /* sentences */
    unsigned evidence_count;
};

void medium_judge(const struct medium_curve *c, struct medium *m);

#endif
