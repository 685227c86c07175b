/*
 * pressure: PSI totals.
 * SOURCE: Linux Documentation/accounting/psi.rst ("some"/"full", total in microseconds).
 */
#ifndef PROBES_KIT_PRESSURE_H
#define PROBES_KIT_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum pressure_kind {
    PRESSURE_CPU,
    PRESSURE_IO,
    PRESSURE_MEMORY,
    PRESSURE_KINDS
};

struct pressure {
    bool present[PRESSURE_KINDS];
    uint64_t some_us[PRESSURE_KINDS]; /* total since boot */
    uint64_t full_us[PRESSURE_KINDS]; /* 0 where the kernel has no full line */
    bool has_full[PRESSURE_KINDS];    /* that of the CPUs came with kernel 5.13 */
};

/* full_us becomes UINT64_MAX where there is no full line. */
int pressure_parse(const char *text, uint64_t *some_us, uint64_t *full_us, struct err *e);
/* Reads pressure/{cpu,io,memory} below a /proc; a kernel without PSI leaves present false. */
void pressure_read(int proc_fd, struct pressure *p);

/* Those files kept open, so that a look at them allocates nothing. */
struct pressure_files {
    int fds[PRESSURE_KINDS]; /* -1: not there */
};

/* -1: none of them can be read here, and why; to be closed all the same. */
int pressure_open(int proc_fd, struct pressure_files *files, struct err *e);
void pressure_look(const struct pressure_files *files, struct pressure *p);
void pressure_close(struct pressure_files *files); /* idempotent */
/* Share of a length of time between two totals; NAN for no time or a total that ran backwards. */
double pressure_ratio(uint64_t before_us, uint64_t after_us, uint64_t length_ns);

#endif
