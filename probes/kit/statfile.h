/*
 * statfile: /proc/stat kept open, so that reading its CPU columns again allocates nothing.
 * What the columns are: steal.h. One thread a struct.
 */
#ifndef PROBES_KIT_STATFILE_H
#define PROBES_KIT_STATFILE_H

#include "probes/kit/err.h"
#include "probes/kit/steal.h"

struct statfile {
    int fd;     /* -1: closed */
    char *text; /* owned, LIMITS_PROC_BYTES */
};

#define STATFILE_NONE                                                                              \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* proc_fd: a directory descriptor of a /proc. To be closed also after a failure. */
int statfile_open(struct statfile *f, int proc_fd, struct err *e);
/* Allocates only where *into has fewer CPUs than there are now: read once before what may not. */
int statfile_read(const struct statfile *f, struct steal *into, struct err *e);
void statfile_close(struct statfile *f); /* idempotent */

#endif
