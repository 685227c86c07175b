/*
 * measurement: one result as JSON, and back.
 */
#ifndef PROBES_KIT_MEASUREMENT_H
#define PROBES_KIT_MEASUREMENT_H

#include "probes/kit/err.h"
#include "probes/kit/figure.h"
#include "probes/kit/node.h"
#include "probes/kit/result.h"

/* New reference, NULL on failure. Facts go along in fragments only. */
json_t *measurement_to_json(const struct result *r, enum figure_form form, struct err *e);
/* Fills *r, left empty on failure. ERR_DATA with the place. */
int measurement_of_json(const struct node *at, enum figure_form form, struct result *r,
                        struct err *e);

#endif
