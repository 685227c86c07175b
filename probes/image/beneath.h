/*
 * beneath: names of an archive, resolved below one directory and never outside it.
 *
 * No symlink is followed on the way, so that a link planted by an earlier entry leads nowhere;
 * "..", absolute names and names that are too long are refused. The last parent stays open:
 * neighbours in an archive are neighbours in the tree. Anybody who may write in the directory
 * meanwhile can move directories about; it is private.
 */
#ifndef PROBES_IMAGE_BENEATH_H
#define PROBES_IMAGE_BENEATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "probes/kit/err.h"

struct beneath {
    int root_fd; /* borrowed */
    int at_fd;   /* the directory last resolved; owned, -1 when none is */
    size_t at_size;
    char at[PATH_MAX]; /* its name, "" for the root */
};

/* A name taken apart. */
struct beneath_name {
    char path[PATH_MAX]; /* without "./", double and trailing slashes; "" is the root itself */
    const char *last;    /* the last component, within path; "" for the root */
    size_t parent_size;  /* bytes of path that name the parent; 0: the root */
};

void beneath_start(struct beneath *b, int root_fd);
/* Forgets the directory that stays open: call it when something was removed. */
void beneath_forget(struct beneath *b);
void beneath_release(struct beneath *b); /* idempotent on one that was started */

/* ERR_DATA for a name that would lead outside. */
int beneath_name(const char *text, struct beneath_name *name, struct err *e);
/*
 * The directory the name lies in, made with mode 0755 where it is missing and make is true. A
 * descriptor opened O_PATH, borrowed until the next call; -1 on failure.
 */
int beneath_parent(struct beneath *b, const struct beneath_name *name, bool make, struct err *e);

enum {
    BENEATH_SHOWN_BYTES = 96
};

/* A hostile name made fit for a sentence: cut, control characters and quotes as '?'. */
const char *beneath_show(const char *text, char shown[BENEATH_SHOWN_BYTES]);

#endif
