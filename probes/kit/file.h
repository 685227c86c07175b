/*
 * file: small files in, whole files out.
 */
#ifndef PROBES_KIT_FILE_H
#define PROBES_KIT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

/*
 * Reads a whole file below dirfd (AT_FDCWD for a path of its own), at most out->cap bytes
 * (0: LIMITS_PROC_BYTES). Over the cap: ERR_DATA saying how large it may be. Never blocks on a
 * FIFO.
 */
int file_read_at(int dirfd, const char *path, struct buf *out, struct err *e);
/* One line without its newline and trailing blanks, for /proc and /sys; cut at size - 1. */
int file_line_at(int dirfd, const char *path, char *line, size_t size, struct err *e);
/* One unsigned number, as in /proc/sys. */
int file_u64_at(int dirfd, const char *path, uint64_t *value, struct err *e);
/*
 * Whether file_write_atomic_at may put a file there: the folder can be written, and what has the
 * name now is a regular file or nothing. A device, a link or a pipe is never replaced: root would
 * lose /dev/null or /dev/stdout by it.
 */
int file_replaceable_at(int dirfd, const char *path, struct err *e);
/*
 * Writes to a temporary name in the same folder, syncs, renames over what file_replaceable_at
 * allows. Mode 0644 less umask.
 */
int file_write_atomic_at(int dirfd, const char *path, const void *bytes, size_t size,
                         struct err *e);
/* Writes all of it, through EINTR and short writes. */
int file_write_all(int fd, const void *bytes, size_t size, struct err *e);
/* Removes a tree below dirfd without following links or crossing mounts. Missing is success. */
int file_remove_tree_at(int dirfd, const char *name, struct err *e);

#endif
