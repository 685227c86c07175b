/*
 * places: the directories of a layer whose mode and times are set when everything is in them: the
 * mode might forbid what comes, and the times change with it.
 * One allocation, by places_open. One thread.
 */
#ifndef PROBES_IMAGE_PLACES_H
#define PROBES_IMAGE_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "probes/image/beneath.h"
#include "probes/kit/err.h"

enum {
    PLACES_BYTES = 16 << 20 /* some 150,000 directories; only what is used is ever touched */
};

struct places {
    char *bytes; /* owned: a record and a name, again and again */
    size_t size;
    uint32_t last; /* size of the last record, its name included */
    bool is_root;
};

struct places_cursor {
    size_t done, at;
};

int places_open(struct places *p, struct err *e);
void places_start(struct places *p);   /* empties it */
void places_release(struct places *p); /* idempotent */

/* path as beneath_name gives it; ERR_DATA when there is no more room. */
int places_add(struct places *p, const char *path, mode_t mode, const struct timespec times[2],
               struct err *e);
/*
 * Sets the next directory's mode and times; a zeroed cursor begins. 1: there may be more, 0: that
 * was all. What a later entry has replaced is passed over.
 */
int places_finish_next(const struct places *p, struct beneath *b, struct places_cursor *at,
                       struct err *e);

/* Opens the directory of that name for reading, no link followed; -1 with errno. */
int places_open_dir(int parent_fd, const struct beneath_name *name);

#endif
