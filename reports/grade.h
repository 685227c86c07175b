/*
 * grade: fit, marginal, unfit, unknown; and the exit statuses they stand for (0, 1, 2, 3: the
 * monitoring-plugin convention).
 */
#ifndef REPORTS_GRADE_H
#define REPORTS_GRADE_H

enum grade {
    GRADE_FIT,
    GRADE_MARGINAL,
    GRADE_UNFIT,
    GRADE_UNKNOWN
};

const char *grade_name(enum grade g);
/* The worse of two; the order is beside each. */
enum grade grade_worse(enum grade a, enum grade b);  /* unfit > unknown > marginal > fit */
enum grade grade_better(enum grade a, enum grade b); /* fit > marginal > unfit > unknown */

#endif
