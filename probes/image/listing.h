/*
 * listing: names for a sentence: each once, in order, as many as fit.
 */
#ifndef PROBES_IMAGE_LISTING_H
#define PROBES_IMAGE_LISTING_H

enum {
    LISTING_BYTES = 280, /* a sentence has 480 */
    LISTING_MORE_BYTES = 32
};

struct listing {
    char text[LISTING_BYTES]; /* "a, b, c" */
    unsigned count, left_out;
};

/* Control characters and quotes become '?'. */
void listing_add(struct listing *l, const char *name);
/* " and 3 more", "" when nothing was left out. */
const char *listing_more(const struct listing *l, char more[LISTING_MORE_BYTES]);

#endif
