/*
 * unnamed: a file that no directory holds, so that even SIGKILL leaves nothing of it.
 */
#ifndef PROBES_DISK_UNNAMED_H
#define PROBES_DISK_UNNAMED_H

#include <stdint.h>

#include "probes/kit/err.h"

/*
 * Opens one for reading and writing in the filesystem of dirfd, with O_TMPFILE, or by a name that
 * is unlinked at once where the filesystem has no O_TMPFILE. flags are added (O_DIRECT). The
 * descriptor, or -1; ERR_UNSUPPORTED when the filesystem has no O_DIRECT.
 */
int unnamed_open(int dirfd, int flags, struct err *e);
/* Whether one can be opened so in dir: the same failures, with dir in the sentence. */
int unnamed_try(const char *dir, int flags, struct err *e);
/* Gives it size_bytes, allocated where the filesystem can, merely sized where it cannot. */
int unnamed_allocate(int fd, uint64_t size_bytes, struct err *e);

#endif
