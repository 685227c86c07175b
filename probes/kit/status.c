#include "probes/kit/status.h"

#include <string.h>

static const struct {
    const char *name;
    int badness;
} statuses[] = {
    [STATUS_MEASURED] = {"measured",   0},
    [STATUS_SKIPPED] = { "skipped",   2},
    [STATUS_FAILED] = { "failed",    3},
    [STATUS_UNTRUSTED] = { "untrusted", 1},
};

const char *status_name(enum status status)
{
    return statuses[status].name;
}

int status_of_name(const char *name)
{
    for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strcmp(statuses[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool status_is_worse(enum status a, enum status b)
{
    return statuses[a].badness > statuses[b].badness;
}
