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
 * Nothing is written outside the directory (beneath.h) nor beyond the limits: an entry that would
 * is ERR_DATA. What this process may not, or the filesystem cannot, is left out and counted by
 * sort. Allocates in apply_open only. One thread a struct.
 */
#ifndef PROBES_IMAGE_APPLY_H
#define PROBES_IMAGE_APPLY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/image/places.h"
#include "probes/image/quota.h"
#include "probes/image/walk.h"
#include "probes/kit/err.h"

struct archive;
struct archive_entry;

enum apply_skip {
    APPLY_OWNER,    /* owners, without privilege */
    APPLY_DEVICE,   /* device nodes */
    APPLY_WHITEOUT, /* deletions, which are device nodes 0/0 */
    APPLY_OPAQUE,   /* marks of replaced directories */
    APPLY_XATTR,    /* extended attributes that are not allowed or not supported */
    APPLY_OTHER,    /* sorts of entries nobody extracts: sockets */
    APPLY_SKIPS
};

#define APPLY_BYTES_MAX   (UINT64_C(64) << 30) /* of a layer; the largest in use have some 20 GiB */
#define APPLY_ENTRIES_MAX UINT64_C(4000000)    /* of a layer; large ones have some 200,000 */

struct apply_limits {
    uint64_t bytes; /* of the stream, and of all files; 0: APPLY_BYTES_MAX */
    /* Directories that are made for an entry count too. 0: APPLY_ENTRIES_MAX */
    uint64_t entries;
    uint64_t until_ns;                     /* CLOCK_MONOTONIC; ERR_TIMEOUT after it; 0: never */
    const volatile sig_atomic_t *stopping; /* ERR_INTERRUPTED when true; NULL: never */
};

/* What was done, added up; also what was done before a failure. */
struct apply_count {
    uint64_t entries;
    uint64_t stream_bytes;  /* decompressed */
    uint64_t written_bytes; /* content of files */
    uint64_t skipped[APPLY_SKIPS];
};

struct apply {
    struct walk at;             /* where entries go */
    struct apply_limits limits; /* resolved */
    struct quota quota;         /* of this layer */
    struct apply_count *count;  /* borrowed */
    struct places places;       /* directories to finish */
    uint64_t file_bytes;        /* of this layer so far */
    bool is_root;
};

int apply_open(struct apply *a, struct err *e);
void apply_start(struct apply *a, const struct walk *at, const struct apply_limits *limits,
                 struct apply_count *count);
/* The reader stands at the entry's content. */
int apply_entry(struct apply *a, struct archive *reader, struct archive_entry *entry,
                struct err *e);
/* Directories' times, and their modes where they had to wait. */
int apply_finish(struct apply *a, struct err *e);
void apply_release(struct apply *a); /* idempotent */

/* ERR_INTERRUPTED or ERR_TIMEOUT when the limits say so. */
int apply_check(const struct apply *a, struct err *e);
/* What the limits say of entries. */
struct quota apply_quota(const struct apply_limits *limits);
/* What a skipped sort is called: "owners". */
const char *apply_skip_name(enum apply_skip skip);

#endif
