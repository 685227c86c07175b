/*
 * beneath: names of an archive, taken apart, none of which leads outside the directory it is
 * unpacked in: "..", absolute names and names that are too long are refused. What links that an
 * archive planted do on the way is walk's and trail's to look at.
 */
#ifndef PROBES_IMAGE_BENEATH_H
#define PROBES_IMAGE_BENEATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "probes/kit/err.h"

/* A name taken apart. */
struct beneath_name {
    char path[PATH_MAX]; /* without "./", double and trailing slashes; "" is the root itself */
    const char *last;    /* the last component, within path; "" for the root */
    size_t parent_size;  /* bytes of path that name the parent; 0: the root */
};

/* ERR_DATA for a name that would lead outside. */
int beneath_name(const char *text, struct beneath_name *name, struct err *e);

enum {
    BENEATH_SHOWN_BYTES = 96
};

/* A hostile name made fit for a sentence: cut, control characters and quotes as '?'. */
const char *beneath_show(const char *text, char shown[BENEATH_SHOWN_BYTES]);

#endif
