/*
 * places: the directories of a layer whose times are set when everything is in them, since they
 * change with it; without privilege their mode too, which might forbid what comes. One allocation,
 * by places_open. One thread.
 */
#ifndef PROBES_IMAGE_PLACES_H
#define PROBES_IMAGE_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "probes/image/walk.h"
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
 * Sets the next directory's times, and its mode without privilege; a zeroed cursor begins. 1: there
 * may be more, 0: that was all. What a later entry has replaced is passed over.
 */
int places_finish_next(const struct places *p, const struct walk *w, struct places_cursor *at,
                       struct err *e);

#endif
