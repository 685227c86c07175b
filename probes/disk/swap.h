/*
 * swap: a small file put in the place of another as atomic writers do, and the oldest removed.
 *
 *     create a temporary name, write, fsync, close, rename to the final name, fsync of the
 *     directory, unlink of what was written SWAP_LIVE turns ago
 *
 * SOURCE: up to the rename, kubelet pkg/kubelet/util/store/filestore.go writeFile (checkpoints),
 * moby/sys atomicwriter (docker's metadata), containerd plugins/content/local/writer.go Commit and
 * continuity ioutils.go; none of them syncs the directory, without which a power cut may undo the
 * rename: hashicorp/raft-wal fs/fs.go syncDir does. So that sync is timed apart.
 *
 * Removing is part of the turn, and never more than SWAP_LIVE files are there: ext4 without a
 * journal passes over inodes freed lately, so creating many after many were removed is slow there.
 * Over 24,000 turns in 40 s on such a filesystem creation stayed at 10 us.
 */
#ifndef PROBES_DISK_SWAP_H
#define PROBES_DISK_SWAP_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/prng.h"

enum {
    SWAP_LIVE = 64, /* files at once; a node has so many pods' files, and a directory block holds
                       them */
    SWAP_NAME_BYTES = 8
};

enum swap_step {
    SWAP_CREATE,
    SWAP_WRITE,
    SWAP_FSYNC,
    SWAP_RENAME,
    SWAP_DIRSYNC,
    SWAP_UNLINK,
    SWAP_STEPS
};

struct swap_took {
    uint64_t steps_ns[SWAP_STEPS];
    uint64_t whole_ns;
    bool unlinked; /* an old file was there to be removed */
};

struct swap {
    int dir_fd; /* owned; -1 when closed */
    uint32_t file_bytes;
    void *bytes; /* owned; new ones from the seed for each file */
    struct prng prng;
    unsigned next; /* name */
    bool live[SWAP_LIVE];
    char names[SWAP_LIVE][SWAP_NAME_BYTES];
    uint64_t written_bytes;
};

/* In the directory dirfd, which is best empty. file_bytes is at least 1. *s need not be
 * initialised. */
int swap_open(struct swap *s, int dirfd, uint32_t file_bytes, uint64_t seed, struct err *e);
/*
 * One turn. Failures name the step, its file and errno: "fsync 'new': Input/output error"; a write
 * also its offset. What is left then swap_release removes.
 */
int swap_turn(struct swap *s, struct swap_took *took, struct err *e);
/* Removes the files. Idempotent, and on zeroes. */
void swap_release(struct swap *s);

#endif
