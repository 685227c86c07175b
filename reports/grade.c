#include "reports/grade.h"

/* Rows by grade; worse and better are ranks, the larger wins. */
static const struct {
    const char *name;
    int worse, better;
} grade_rows[] = {
    [GRADE_FIT] = {"fit",       0, 3},
    [GRADE_MARGINAL] = { "marginal", 1, 2},
    [GRADE_UNFIT] = { "unfit",    3, 1},
    [GRADE_UNKNOWN] = { "unknown",  2, 0},
};

const char *grade_name(enum grade g)
{
    return grade_rows[g].name;
}

enum grade grade_worse(enum grade a, enum grade b)
{
    return grade_rows[a].worse >= grade_rows[b].worse ? a : b;
}

enum grade grade_better(enum grade a, enum grade b)
{
    return grade_rows[a].better >= grade_rows[b].better ? a : b;
}
