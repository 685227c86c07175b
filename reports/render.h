/*
 * render: one table of formats. A renderer turns a report into text; pure, pinned by golden files.
 */
#ifndef REPORTS_RENDER_H
#define REPORTS_RENDER_H

#include "probes/kit/buf.h"
#include "probes/kit/document.h"
#include "probes/kit/err.h"
#include "reports/verdict.h"

struct report { /* everything that is to be said; borrowed */
    const struct document *document;
    const struct verdict *verdicts;
    unsigned verdict_count;
    bool colour;    /* text only */
    unsigned width; /* text only: columns; 0 is 100 */
    bool details;   /* text: every criterion, not the deciding one alone */
};

struct renderer {
    const char *name;   /* "text", "json", "markdown", "html" */
    const char *suffix; /* "txt", "json", "md", "html" */
    int (*render)(const struct report *r, struct buf *out, struct err *e);
};

extern const struct renderer *const render_all[]; /* ended by NULL */

const struct renderer *render_find(const char *name); /* NULL when not known */

#endif
