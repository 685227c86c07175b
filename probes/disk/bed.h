/*
 * bed: a file of incompressible bytes to read from and write to, past the page cache.
 *
 * Unnamed (O_TMPFILE, or unlinked at once), so that nothing is left whatever happens. Every byte is
 * written once before it is measured: neither holes nor unwritten extents answer for the medium.
 */
#ifndef PROBES_DISK_BED_H
#define PROBES_DISK_BED_H

#include <signal.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    BED_ALIGN_BYTES = 4096,    /* O_DIRECT asks for the logical block; 4 KiB serves every device */
    BED_CHUNK_BYTES = 1 << 20, /* of the preparing writes */
};

struct bed {
    int fd; /* O_DIRECT; -1 when closed */
    uint64_t bytes;
};

/* An unnamed file in the directory; flags are added to O_RDWR. -1 on failure. */
int bed_unnamed_file(int dirfd, int flags, struct err *e);

/* Whether the filesystem of dir takes O_DIRECT: tries with an unnamed file. */
int bed_check_direct(const char *dir, struct err *e);

/*
 * Writes at most wanted bytes, and stops earlier at the deadline or when stopping; bytes says how
 * many. A file shorter than least is an error: ERR_TIMEOUT.
 */
int bed_open(struct bed *b, int dirfd, uint64_t wanted_bytes, uint64_t least_bytes, uint64_t seed,
             uint64_t deadline_ns, const volatile sig_atomic_t *stopping, struct err *e);
void bed_release(struct bed *b); /* idempotent on a bed that bed_open filled, or {.fd = -1} */

#endif
