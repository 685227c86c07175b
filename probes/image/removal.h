/*
 * removal: takes a tree away as the garbage collection of a container runtime does, and counts.
 *
 * For each name first the unlink; where that says it is a directory, its names are read and removed
 * one after the other, then the directory. SOURCE: containerd snapshots/overlay (Remove,
 * Cleanup: os.RemoveAll of each snapshot's directory); Go os/removeall_at.go.
 *
 * The runtime takes one snapshot after the other; here the entries of the tree's top, one a layer,
 * are shared out among threads: how fast this host can. Links are not followed; nothing may be
 * mounted in the tree, nor anything else write in it. Allocates nothing but threads, except below
 * REMOVAL_LEVELS directories.
 */
#ifndef PROBES_IMAGE_REMOVAL_H
#define PROBES_IMAGE_REMOVAL_H

#include <signal.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    REMOVAL_LEVELS =
        64, /* deeper trees are left to file_remove_tree_at, and counted as one entry */
    REMOVAL_THREADS_MAX = 16
};

struct removal_conf {
    unsigned threads;                      /* at least 1; more than REMOVAL_THREADS_MAX are not */
    uint64_t until_ns;                     /* CLOCK_MONOTONIC; ERR_TIMEOUT after it; 0: never */
    const volatile sig_atomic_t *stopping; /* ERR_INTERRUPTED when true; NULL: never */
};

/* What was removed, also before a failure. */
struct removal_count {
    uint64_t entries; /* of every sort, the tree's top included */
    uint64_t took_ns;
};

/*
 * Removes `name` below dir_fd; missing is success with no entries. *count is set. What is left
 * after a failure can be removed by calling it again.
 */
int removal_run(const struct removal_conf *conf, int dir_fd, const char *name,
                struct removal_count *count, struct err *e);

#endif
