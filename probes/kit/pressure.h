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

#endif
