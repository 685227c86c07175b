/*
 * rules: what an entry of a layer may say, and what becomes of it, whoever carries it out: apply as
 * the runtime does, placer as fast as it goes.
 *
 * Refused (ERR_DATA): names and targets of hard links that lead out of the tree or are too long
 * (beneath.h), entries that would replace the directory itself, deletions of nothing that has a
 * name, more bytes or entries than a layer may have. Left out and counted by sort: what this
 * process may not, or the filesystem cannot. All else that fails is the host's.
 *
 * SOURCE: OCI image specification, layer.md, "Whiteouts"; containerd pkg/archive/tar.go
 * (createTarFile), tar_opts_linux.go (OverlayConvertWhiteout). Stateless; allocates nothing.
 */
#ifndef PROBES_IMAGE_RULES_H
#define PROBES_IMAGE_RULES_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "probes/image/beneath.h"
#include "probes/image/quota.h"
#include "probes/image/untar.h"
#include "probes/kit/err.h"

enum rules_skip {
    RULES_OWNER,    /* owners, without privilege */
    RULES_DEVICE,   /* device nodes */
    RULES_WHITEOUT, /* deletions, which are device nodes 0/0 */
    RULES_OPAQUE,   /* marks of replaced directories */
    RULES_XATTR,    /* extended attributes that are not allowed or not supported */
    RULES_SKIPS
};

#define RULES_BYTES_MAX   (UINT64_C(64) << 30) /* of a layer; the largest in use have some 20 GiB */
#define RULES_ENTRIES_MAX UINT64_C(4000000)    /* of a layer; large ones have some 200,000 */

/* SOURCE: Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories". */
#define RULES_OPAQUE_XATTR "trusted.overlay.opaque"

struct rules_limits {
    uint64_t bytes; /* of the stream, and of all files; 0: RULES_BYTES_MAX */
    /* Directories that are made for an entry count too. 0: RULES_ENTRIES_MAX */
    uint64_t entries;
    uint64_t until_ns;                     /* CLOCK_MONOTONIC; ERR_TIMEOUT after it; 0: never */
    const volatile sig_atomic_t *stopping; /* ERR_INTERRUPTED when true; NULL: never */
};

/* What was done, added up; also what was done before a failure. */
struct rules_count {
    uint64_t entries;
    uint64_t stream_bytes;  /* decompressed */
    uint64_t written_bytes; /* content of files */
    uint64_t skipped[RULES_SKIPS];
};

/* What a name stands for. */
enum rules_mark {
    RULES_NONE,    /* itself */
    RULES_ROOT,    /* the directory itself, which is the runtime's: passed over */
    RULES_REPLACE, /* its directory hides all below */
    RULES_META,    /* AUFS' own: passed over */
    RULES_DELETE   /* name->last is then what is deleted */
};

/* What a skipped sort is called: "owners". */
const char *rules_skip_name(enum rules_skip skip);
/* 0, so that it can be an answer. */
int rules_skip(struct rules_count *count, enum rules_skip skip);
/* What the limits say of entries, and of bytes. */
struct quota rules_quota(const struct rules_limits *limits);
uint64_t rules_bytes(const struct rules_limits *limits);

int rules_name(const struct untar_entry *entry, struct beneath_name *name, enum rules_mark *mark,
               struct err *e);
/* Of a deletion: name->last passes over the mark. */
int rules_deleted(struct beneath_name *name, struct err *e);
/* What a hard link points to. */
int rules_target(const struct untar_entry *entry, struct beneath_name *to, struct err *e);
/* "link to '...'" in front of a failure. */
int rules_wrap_target(const struct untar_entry *entry, struct err *e);
/* "entry '...'" in front of a failure. */
int rules_wrap(const struct untar_entry *entry, struct err *e);
/* A stream that failed, by the entry it was in; a tar that is none, too. */
int rules_wrap_stream(const struct untar *u, struct err *e);
int rules_wrap_tar(const struct untar *u, struct err *e);

/* A file's size, of what is left to the layer: *done is added to. */
int rules_allow_size(const struct untar_entry *entry, uint64_t bytes_max, uint64_t *done,
                     struct err *e);
/* Access and modification as the header says; access is not older than modification. */
void rules_times(const struct untar_entry *entry, struct timespec times[2]);
/* S_IFCHR, S_IFBLK, S_IFIFO. */
mode_t rules_node_type(enum untar_type type);
/* Whether the owner can be set by this process; else it is counted. */
bool rules_may_own(const struct untar_entry *entry, bool is_root, struct rules_count *count);
/* The administrator's attributes are no business of an archive's. */
bool rules_is_xattr_allowed(const char *name);

/* After a call that failed, by errno: "what" is a verb. */
int rules_fail(const char *what, struct err *e);
/* The same, but for what is not allowed here or not supported: 0, counted. */
int rules_owner_failed(struct rules_count *count, struct err *e);
int rules_xattr_failed(struct rules_count *count, const char *name, struct err *e);
int rules_opaque_failed(struct rules_count *count, struct err *e);

#endif
