/*
 * style: how the pages look: the head of each, with the one style sheet.
 */
#ifndef REPORTS_STYLE_H
#define REPORTS_STYLE_H

#include "reports/html.h"

/* Everything up to and with <body>. */
void style_begin(struct html *h, const char *title);

#endif
