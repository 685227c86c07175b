/*
 * apply: puts entries of a layer's tar into a directory, one after the other.
 *
 * The system calls are containerd's, in its order: lstat of each part of the parent (walk.h) and of
 * the name; what has the name goes, but a directory for a directory; create, mode, content in
 * writes of 32 KiB at most; then, by the name: owner (when root), attributes, lstat, mode, times.
 * Directories get their times again at the end, since what is put in changes them. Whiteouts take
 * overlayfs' form, a character device 0/0 and trusted.overlay.opaque=y on the directory; in the
 * lowest layer, which hides nothing, what has the name is removed. An entry for the directory
 * itself is passed over. No sync. SOURCE: containerd archive/tar.go in v1.6.20 and
 * pkg/archive/tar.go in v2.3.4 (applyNaive, createTarFile), tar_unix.go, tar_opts_linux.go
 * (OverlayConvertWhiteout), diff/apply/apply_linux.go; OCI image specification, layer.md,
 * "Whiteouts".
 *
 * What differs: entries of unknown types are regular files (POSIX pax, typeflag), where containerd
 * fails with "unhandled tar header type"; files are created with O_EXCL and without O_TRUNC, names
 * are relative to a descriptor instead of absolute, and without privilege directories get their
 * mode at the end.
 *
 * Nothing is written outside the directory (walk.h) nor beyond the limits; what is refused and what
 * is left out is in rules.h. For each entry: apply_entry, apply_content for each piece,
 * apply_entry_end. Allocates in apply_open only. One thread a struct.
 */
#ifndef PROBES_IMAGE_APPLY_H
#define PROBES_IMAGE_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/image/places.h"
#include "probes/image/quota.h"
#include "probes/image/rules.h"
#include "probes/image/untar.h"
#include "probes/image/walk.h"
#include "probes/kit/err.h"

struct apply {
    struct walk at;            /* where entries go */
    uint64_t bytes_max;        /* of the stream, and of all files */
    struct quota quota;        /* of this layer */
    struct rules_count *count; /* borrowed */
    struct places places;      /* directories to finish */
    uint64_t file_bytes;       /* of this layer so far */
    bool is_root;
    /* The entry at hand. */
    struct beneath_name name;
    char path[WALK_PATH_BYTES]; /* for system calls at at.root_fd */
    struct timespec times[2];
    uint64_t end; /* of what was written */
    int fd;       /* of a file that is written; -1 */
    bool is_made; /* and is to be stamped */
};

int apply_open(struct apply *a, struct err *e);
void apply_start(struct apply *a, const struct walk *at, const struct rules_limits *limits,
                 struct rules_count *count);
int apply_entry(struct apply *a, const struct untar_entry *entry, struct err *e);
int apply_content(struct apply *a, const struct untar_entry *entry, const struct untar_piece *piece,
                  struct err *e);
int apply_entry_end(struct apply *a, const struct untar_entry *entry, struct err *e);
/* Directories' times, and their modes where they had to wait. */
int apply_finish(struct apply *a, struct err *e);
/* After the last entry or a failure: closes what is open; idempotent on one that was started. */
void apply_stop(struct apply *a);
void apply_release(struct apply *a); /* idempotent */

/* ERR_INTERRUPTED or ERR_TIMEOUT when the limits say so. */
int apply_check(const struct apply *a, struct err *e);

#endif
