/*
 * steal: CPU time that the hypervisor gave to others, from /proc/stat. Pure but for the reading.
 * SOURCE: Linux Documentation/filesystems/proc.rst 1.7; columns in USER_HZ ticks.
 * steal 0 proves nothing on VMware, Hyper-V or in a container: there the column is not filled.
 */
#ifndef PROBES_KIT_STEAL_H
#define PROBES_KIT_STEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

struct steal_cpu {
    uint32_t cpu;
    uint64_t steal_ticks;
    uint64_t total_ticks; /* user nice system idle iowait irq softirq steal; guest is inside user */
    uint64_t idle_ticks;  /* idle + iowait */
    uint64_t irq_ticks;   /* irq + softirq */
    uint64_t busy_ticks;  /* user + nice + system */
};

struct steal {
    struct steal_cpu all;
    struct steal_cpu *cpus; /* owned; by appearance; offline CPUs are absent */
    uint32_t count;
    uint32_t room;
    bool reported; /* the steal column exists (kernel 2.6.11 and later) */
};

/* Parses the text of /proc/stat; reuses s->cpus. */
int steal_parse(const char *text, struct steal *s, struct err *e);
/* Reads stat below the directory descriptor of a /proc. */
int steal_read(int proc_fd, struct steal *s, struct err *e);
void steal_release(struct steal *s);
/* Share of time stolen between two samples; NAN when no tick passed. Counters that ran backwards
 * (hot-plug, live migration) count as none. */
double steal_ratio(const struct steal_cpu *before, const struct steal_cpu *after);
/* The worst CPU present in both. */
double steal_worst_ratio(const struct steal *before, const struct steal *after, uint32_t *cpu);

struct steal_share {
    uint32_t cpu;
    double ratio; /* above 0 */
};

/* The CPUs that anything was stolen from, the worst first, at most `most`; how many. */
unsigned steal_worst(const struct steal *before, const struct steal *after,
                     struct steal_share *worst, unsigned most);

#endif
