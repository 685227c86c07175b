/*
 * interrupts: how many one CPU has taken, by /proc/interrupts.
 * SOURCE: Linux Documentation/filesystems/proc.rst 1.8 and kernel/irq/proc.c: a head line that
 * names the CPUs that are online ("CPU0 CPU2"), then a line a source with a column for each, and
 * its name behind; "ERR:" and "MIS:" have one figure for all.
 */
#ifndef PROBES_NOISE_INTERRUPTS_H
#define PROBES_NOISE_INTERRUPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A reading that takes longer is not worth it: there are very many CPUs. */
#define INTERRUPTS_READ_NS_MAX UINT64_C(2000000)

struct interrupts {
    int fd;           /* -1: they are not counted */
    char *text;       /* owned; LIMITS_PROC_BYTES */
    uint64_t read_ns; /* what one reading takes */
};

#define INTERRUPTS_NONE                                                                            \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Below the descriptor of a /proc. False, and nothing is open: there is none, or it is too slow. */
bool interrupts_open(struct interrupts *i, int proc_fd);
/* Since the start of the machine; 0 when they are not known. Allocates nothing. */
uint64_t interrupts_read(const struct interrupts *i, uint32_t cpu);
void interrupts_release(struct interrupts *i); /* idempotent */

/* Of a whole /proc/interrupts; 0 for a CPU that it does not name. Pure. */
uint64_t interrupts_sum(const char *text, uint32_t cpu);

#endif
