/*
 * optdoc: an option table for people: --help lines and the OPTIONS section of the man page.
 */
#ifndef PROBES_KIT_OPTDOC_H
#define PROBES_KIT_OPTDOC_H

#include "probes/kit/buf.h"
#include "probes/kit/opt.h"

/* Aligned help lines, defaults included, wrapped at 80 columns. */
void optdoc_help(const struct opt *opts, struct buf *out);
/* The same as scdoc source. */
void optdoc_scdoc(const struct opt *opts, struct buf *out);
/* A paragraph wrapped at 80 columns; every line but the first is indented. */
void optdoc_wrap(const char *text, size_t indent, struct buf *out);
/* Text with scdoc's markup characters escaped. */
void optdoc_escape(const char *text, struct buf *out);

#endif
