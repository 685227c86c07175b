/*
 * figure: one metric of a result as JSON, and back.
 *
 * A document keeps of each block of a histogram its n, p50, p99 and max, and one histogram of all.
 * A fragment, on its way from a probe's child to the runner, keeps every block's histogram, with
 * the exact min, mean and clamped that the encoding does not carry.
 */
#ifndef PROBES_KIT_FIGURE_H
#define PROBES_KIT_FIGURE_H

#include "probes/kit/err.h"
#include "probes/kit/node.h"
#include "probes/kit/result.h"

enum figure_form {
    FIGURE_DOCUMENT,
    FIGURE_FRAGMENT
};

/* New reference, NULL on failure. */
json_t *figure_to_json(const struct result_metric *m, enum figure_form form, struct err *e);
/* Fills *m, which the caller releases with its result, also on failure. ERR_DATA with the place. */
int figure_of_json(const struct node *at, enum figure_form form, struct result_metric *m,
                   struct err *e);

#endif
