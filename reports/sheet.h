/*
 * sheet: the YAML of a profile as it stands on the page, before anything is looked up or believed.
 * The form alone is checked here: keys, nesting, lengths. Members are NULL where the page has none.
 */
#ifndef REPORTS_SHEET_H
#define REPORTS_SHEET_H

#include <stddef.h>

#include "probes/kit/err.h"

struct sheet_bound {
    char *fit, *unfit;
};

struct sheet_criterion {
    char *id, *title;
    char *metric, *statistic, *fact;
    struct sheet_bound *at_most, *at_least;
    char *rare;
    char **unfit_on, **marginal_on, **requires;
    unsigned unfit_on_count, marginal_on_count, requires_count;
    char *otherwise;
    char *why, *source, *basis, *advice;
};

struct sheet_profile {
    char *role, *title, *system;
    struct sheet_criterion *criteria;
    unsigned criteria_count;
};

struct sheet {
    struct sheet_profile *profile; /* owned; NULL when closed */
};

enum {
    SHEET_BYTES = 1 << 20 /* ours are some 15 kB; a larger one is a mistake or an attack */
};

/*
 * ERR_DATA with the file's name and the line where the YAML library gives one (that of the value
 * before): "my.yaml: near line 4: unknown key 'sorce'; did you mean 'source'?". Aliases are
 * refused, so nothing can multiply.
 */
int sheet_parse(const char *text, size_t size, const char *name, struct sheet *s, struct err *e);
void sheet_release(struct sheet *s); /* idempotent */

#endif
