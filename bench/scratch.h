/*
 * scratch: a private directory ".plimsoll-XXXXXX" below --dir, and the only place that is written.
 *
 * Its owner holds an exclusive flock on the directory itself; children inherit it. A directory of
 * ours whose lock is free belongs to a run that was killed, and the next run sweeps it away.
 */
#ifndef BENCH_SCRATCH_H
#define BENCH_SCRATCH_H

#include "probes/kit/err.h"

struct scratch {
    int parent_fd; /* --dir; -1 when closed */
    int fd;        /* the scratch directory itself, locked */
    char name[32]; /* below parent_fd */
};

#define SCRATCH_CLOSED                                                                             \
    {                                                                                              \
        .parent_fd = -1, .fd = -1                                                                  \
    }

/* Sweeps what killed runs left, then makes a new one, mode 0700. */
int scratch_open(const char *dir, struct scratch *s, struct err *e);
/* A fresh empty subdirectory for one probe; the caller closes the descriptor. -1 on failure. */
int scratch_room(const struct scratch *s, const char *name, struct err *e);
/* Empties and removes that subdirectory. */
int scratch_clear(const struct scratch *s, const char *name, struct err *e);
/*
 * Removes everything, and sweeps once more: a child of a killed run that was inside a sync held the
 * lock of its scratch until that ended. *s stays open. May wait as long as a hung disk does.
 */
int scratch_remove(const struct scratch *s, struct err *e);
/* Closes what is open, and removes nothing. Idempotent. */
void scratch_close(struct scratch *s);
/* Both. Idempotent. */
void scratch_release(struct scratch *s);
/* Removes the abandoned ones of this user below an open directory; how many. */
unsigned scratch_sweep(int parent_fd);

#endif
