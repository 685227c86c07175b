/*
 * formats: the renderers, one a file; render.c lists them.
 */
#ifndef REPORTS_FORMATS_H
#define REPORTS_FORMATS_H

#include "reports/render.h"

extern const struct renderer render_text;     /* for the terminal */
extern const struct renderer render_markdown; /* for an issue or a wiki */
extern const struct renderer render_html;     /* one file that needs nothing else */
extern const struct renderer render_json;     /* the document itself, without the verdicts */

#endif
