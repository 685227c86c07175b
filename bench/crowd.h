/*
 * crowd: the processes of this host: ours, that is one and its descendants, and all others.
 * SOURCE: proc(5): /proc/PID/stat (CPU time in ticks; that of waited-for children counts with the
 * parent), /proc/PID/task/TID/children (kernels built with PROC_CHILDREN), /proc/PID/io,
 * /proc/vmstat (pgpgin and pgpgout in KiB, of all block devices).
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/kit/err.h"
#include "probes/kit/limits.h"

/* Between two scans: their figures are in ticks of 10 ms, and read one after another. */
#define CROWD_SCAN_NS_MIN UINT64_C(200000000)

enum {
    CROWD_PROCESSES = 8192, /* of one scan; the rest of a larger crowd is not looked at */
    CROWD_FAMILY = 64,      /* of ours */
    CROWD_DEPTH = 3,        /* the run, its probes, their helpers */
    CROWD_LOOKS = 5
};

struct crowd_process {
    pid_t pid, parent;
    uint64_t start_ticks;  /* since boot: with pid, which process this is */
    uint64_t own_ticks;    /* user + system */
    uint64_t waited_ticks; /* of children that are gone */
    uint64_t gone_ticks;   /* what had been used by those of its children that went since */
    char name[LIMITS_PROCESS_BYTES]; /* printable, blanks for what is not */
};

/* The busiest that is not ours, between two scans. */
struct crowd_largest {
    char name[LIMITS_PROCESS_BYTES]; /* "" : none did anything */
    double cpu_ratio;                /* of one CPU; NAN: there was no scan */
};

/* One of ours, when it was last looked at. */
struct crowd_member {
    pid_t pid;
    uint64_t cpu_ns;
};

/* One thread uses it. */
struct crowd {
    int proc_fd; /* borrowed */
    pid_t root;  /* of ours */
    uint64_t tick_ns;
    unsigned cpus;                    /* online when it was opened */
    struct crowd_process *last, *now; /* owned; sorted by pid */
    unsigned last_count, now_count;
    uint64_t scanned_ns; /* of the last scan; 0: none */
    uint64_t spent_ns;   /* CPU time in scans */
    uint64_t opened_ns;
    struct crowd_member family[CROWD_FAMILY];
    unsigned family_count; /* 0: children are not listed */
    unsigned looks;        /* since the family was asked for */
    uint64_t family_ns;    /* what it used so far */
};

/* Parsers; -1: it is not one. Pure. */
int crowd_parse_stat(const char *text, struct crowd_process *p);
int crowd_parse_io(const char *text, uint64_t *bytes);
int crowd_parse_vmstat(const char *text, uint64_t *bytes);

int crowd_open(struct crowd *c, int proc_fd, pid_t root, uint64_t now_ns, struct err *e);
void crowd_release(struct crowd *c); /* idempotent */

/*
 * CPU time of ours since crowd_open, of the dead as far as it was seen. UINT64_MAX: this kernel
 * does not list children. Asks who they are at every CROWD_LOOKS-th call, which is dearer.
 */
uint64_t crowd_family_ns(struct crowd *c);
/* Read and written by ours, and by everybody, of block devices. -1: not to be seen. */
int crowd_io(const struct crowd *c, uint64_t *ours_bytes, uint64_t *all_bytes);
/*
 * Looks at all processes, when half a thousandth of a CPU since crowd_open pays for it and the last
 * look is CROWD_SCAN_NS_MIN ago: what is skipped is part of the next one. Allocates nothing.
 */
void crowd_scan(struct crowd *c, uint64_t now_ns, struct crowd_largest *largest);

#endif
