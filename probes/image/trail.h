/*
 * trail: the directories on the way to the entry at hand, kept open, and nothing outside them.
 *
 * No link is followed and no name leads out (beneath.h). Neighbours in an archive are
 * neighbours in the tree, so that the next entry's directory mostly is open already, or the child
 * of one that is. A directory's times and mode are set when the trail leaves it: what is made in it
 * changes the times, and the mode might forbid making it. When it is entered again, what it had is
 * remembered and set again. One that no entry lists has mode 0755 until the heirs settle.
 *
 * One in which files are queued is left to the batch when the trail leaves it; before it is entered
 * again, all that is queued is made.
 *
 * Anybody who may write in the directory meanwhile can move directories about; it is private.
 * Allocates nothing. One thread.
 */
#ifndef PROBES_IMAGE_TRAIL_H
#define PROBES_IMAGE_TRAIL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "probes/image/batch.h"
#include "probes/image/beneath.h"
#include "probes/image/heirs.h"
#include "probes/image/quota.h"
#include "probes/kit/err.h"

enum {
    TRAIL_STEPS = 16 /* kept open at most; the last of a longer way replaces the one before */
};

struct trail_step {
    int fd;
    size_t size; /* of the path up to here */
    mode_t mode; /* to be set, if sets_mode */
    struct timespec times[2];
    uint64_t queued; /* with this batch something was that lies in it; 0: nothing */
    bool sets_mode, has_times;
    bool is_changed; /* something was made in it: its times are to be set, if has_times */
    bool is_plain;   /* what is made in it has this process' group and inherits no bit */
};

struct trail {
    struct trail_step steps[TRAIL_STEPS]; /* the first is the root, whose descriptor is borrowed */
    unsigned count;                       /* 0: not started */
    gid_t gid;
    struct batch *batch; /* borrowed: what is not there yet; NULL: all is */
    struct heirs *heirs; /* borrowed: is told of the directories that no entry lists; NULL: none */
    unsigned layer;      /* the heirs' number of it */
    bool has_heirs;
    char path[PATH_MAX];
};

/* t->count is 0 before, or the trail left. root_fd can be read, not only O_PATH. No heirs, no
 * batch.
 */
int trail_start(struct trail *t, int root_fd, struct err *e);
/*
 * The directory that the name lies in. What is missing is made with mode 0755 and taken from the
 * quota; NULL: it is not to be made. Valid until the next call; NULL on failure: ERR_DATA when a
 * part is no directory.
 */
struct trail_step *trail_enter(struct trail *t, const struct beneath_name *name,
                               struct quota *quota, struct err *e);
/*
 * Goes into the directory of that name, which trail_enter has just been called for: made by the
 * caller (is_new), or one that was there (and batch_clear was called). NULL with errno when it
 * cannot be opened as a directory.
 */
struct trail_step *trail_descend(struct trail *t, const struct beneath_name *name, bool is_new);
/* An entry lists the directory that the trail has just gone into. */
int trail_list(struct trail *t, struct err *e);
/* Leaves all directories, the root too. */
int trail_leave(struct trail *t, struct err *e);
/* After a failure: closes what is open and sets nothing. Idempotent, also on a zeroed one. */
void trail_release(struct trail *t);

#endif
