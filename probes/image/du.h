/*
 * du: the walk over a tree that has just been unpacked: each directory is read and each entry
 * looked at once. containerd does it to every layer when it commits it, to tell its size. SOURCE:
 * containerd plugins/snapshots/overlay/overlay.go (Commit), continuity fs/du_unix.go, which looks
 * at absolute names.
 *
 * Allocates what reading directories does. One thread.
 */
#ifndef PROBES_IMAGE_DU_H
#define PROBES_IMAGE_DU_H

#include <stdint.h>

#include "probes/image/quota.h"
#include "probes/image/walk.h"
#include "probes/kit/err.h"

struct du {
    uint64_t entries;    /* a name each, hard links too; the tree's directory is none */
    uint64_t disk_bytes; /* a hard link counts each time */
};

enum {
    DU_LEVELS_MAX = 256 /* directories in directories; deeper ones are not counted */
};

/*
 * Of the tree at *at. No link is followed. *found is added to. Without privilege, what is in a
 * directory whose mode keeps this process out is passed over. Ends when the quota says so, with
 * what quota_check says.
 */
int du_walk(const struct walk *at, const struct quota *quota, struct du *found, struct err *e);

#endif
