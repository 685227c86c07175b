/*
 * wrap: words for a terminal: nothing in them can move the cursor, no line is wider than it may be.
 * Columns are counted in UTF-8 characters.
 */
#ifndef REPORTS_WRAP_H
#define REPORTS_WRAP_H

#include "probes/kit/buf.h"

/* Copies text; control characters, C1 ones in UTF-8 too, become '?', newlines and tabs blanks. */
void wrap_clean(const char *text, struct buf *out);
/* As wrap_clean, and every character beyond ASCII becomes one '?'. */
void wrap_ascii(const char *text, struct buf *out);
/*
 * Appends text broken at blanks so that no line passes `width`; the first line begins at column
 * `at`, where out already is, further ones are indented by `indent`. A word that fits no line is
 * cut into pieces; a number keeps its unit and "<=" its number. Ends without a newline.
 */
void wrap_words(const char *text, unsigned at, unsigned indent, unsigned width, struct buf *out);
/* Characters, not bytes. */
unsigned wrap_columns(const char *text);

#endif
