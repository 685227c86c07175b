/*
 * batch: small files that are queued and then made together, by a chain of io_uring (chain.h).
 *
 * Their names and contents are copied, since the archive's are valid for one entry; the directories
 * that are left meanwhile are held open, and get their modes and times when the files are in them.
 * Owner, mode and times of a file are set by calls afterwards: io_uring has none for them. What did
 * not come about in the ring is made again by calls, which replace what has the name, or say why it
 * is not to be.
 *
 * Whoever is about to do something that depends on a queued name asks batch_has and flushes before.
 * Paths are as beneath_name gives them. Allocates nothing after batch_open. One thread at a time.
 */
#ifndef PROBES_IMAGE_BATCH_H
#define PROBES_IMAGE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "probes/image/chain.h"
#include "probes/image/rules.h"
#include "probes/image/untar.h"
#include "probes/kit/err.h"

enum {
    BATCH_FILE_BYTES = 16 << 10,   /* of a file's content at most; larger ones gain nothing */
    BATCH_ARENA_BYTES = 512 << 10, /* names and contents: what a second-level cache holds */
    BATCH_DIRS = 32                /* that were left and are held open */
};

/* A file that is to be. */
struct batch_file {
    const char *path; /* within the layer */
    const char *last; /* the last component, within path */
    int dir_fd;       /* of what it lies in; borrowed until the flush, or held: batch_hold */
    size_t size;
    mode_t mode, last_mode; /* that it is created with; and that it gets at the end, if sets_mode */
    uid_t uid;              /* to be set, if gives_away */
    gid_t gid;
    bool gives_away, sets_mode;
    struct timespec times[2];
    uint32_t sum; /* of the path */
};

/* A directory that was left. */
struct batch_dir {
    int fd; /* owned */
    mode_t mode;
    struct timespec times[2];
    bool sets_mode, has_times;
};

struct batch {
    struct chain *chain; /* NULL: not open */
    uint8_t *arena;      /* owned */
    size_t used;
    struct batch_file files[CHAIN_FILES];
    struct chain_file made[CHAIN_FILES];
    struct batch_dir dirs[BATCH_DIRS];
    unsigned count, dir_count;
    uint64_t number; /* of this batch: what was queued with an earlier one is there; from 1 */
    struct rules_count *skips; /* borrowed: owners that could not be set */
    bool has_failed;           /* and the failure has named its entry */
};

/* ERR_UNSUPPORTED, ERR_DENIED or ERR_NO_RESOURCE: files are to be made by calls. */
int batch_open(struct batch *b, struct err *e);
void batch_release(struct batch *b); /* idempotent, also on a zeroed one */
/* For another layer. */
void batch_start(struct batch *b, struct rules_count *skips);

/* Of all below: b may be NULL, which has and takes nothing. */
bool batch_takes(const struct batch *b, const struct untar_entry *entry);
/* The path, of so many bytes, is queued. */
bool batch_has(const struct batch *b, const char *path, size_t size);
/* Something that was queued with that number is not there yet. */
bool batch_awaits(const struct batch *b, uint64_t number);

/* batch_takes said so. Flushes when there is no room; file's own strings are copied. */
int batch_add(struct batch *b, const struct batch_file *file, struct err *e);
/* Of what was added last. */
void batch_content(struct batch *b, const struct untar_piece *piece);
/* A directory in which something is queued is left: it is closed when that is there. */
int batch_hold(struct batch *b, const struct batch_dir *dir, struct err *e);
/* Before a directory that was there, or may have been, is entered: what is queued in its place, and
 * what changes one that is held, is made. */
int batch_clear(struct batch *b, const char *path, size_t size, struct err *e);
/* All that is queued is made. A failure names the entry. */
int batch_flush(struct batch *b, struct err *e);
/* After a failure elsewhere: what was queued in front of it is made as far as possible; is_whole:
 * so is what was added last. */
void batch_stop(struct batch *b, bool is_whole);
/* Forgets what is queued. */
void batch_drop(struct batch *b);

#endif
