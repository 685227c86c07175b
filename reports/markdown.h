/*
 * markdown: the one place where words become Markdown: nothing in them can be markup, HTML, a new
 * cell or a mention of somebody.
 */
#ifndef REPORTS_MARKDOWN_H
#define REPORTS_MARKDOWN_H

#include "probes/kit/buf.h"

void markdown_say(struct buf *out, const char *words);

#endif
