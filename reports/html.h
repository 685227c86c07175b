/*
 * html: elements written one by one; the one place where words become HTML. Text and attribute
 * values are escaped, control characters dropped, so nothing in a document can become markup.
 */
#ifndef REPORTS_HTML_H
#define REPORTS_HTML_H

#include "probes/kit/buf.h"

enum {
    HTML_DEPTH = 32
};

struct html {
    struct buf *out;
    const char *open[HTML_DEPTH]; /* names of the elements that are open; literals */
    unsigned depth;
};

/* <name class="c">; c may be NULL. Name and class are literals of ours. */
void html_open(struct html *h, const char *name, const char *class);
void html_close(struct html *h);
void html_text(struct html *h, const char *words);
void html_words(struct html *h, const struct buf *words);
/* An element with nothing but text in it. */
void html_leaf(struct html *h, const char *name, const char *class, const char *words);
/* Literal markup of ours: the head, the style sheet. */
void html_raw(struct html *h, const char *markup);

#endif
