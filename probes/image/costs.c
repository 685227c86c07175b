#include "probes/image/costs.h"

#include <stddef.h>

struct costs_row {
    unsigned major, minor; /* from this version on */
    struct costs costs;
};

const struct costs *costs_of(unsigned major, unsigned minor)
{
    static const struct costs_row rows[] = {
        { 2, 4, { 1.0, 1.3, 1.5, 9.0, 1.0, 0.3 } },
        { 1, 7, { 1.0, 1.9, 1.5, 9.0, 1.0, 0.3 } },
        { 0, 0, { 3.2, 1.9, 1.5, 9.0, 1.0, 0.3 } },
    };
    size_t i = 0;
    while (major < rows[i].major || (major == rows[i].major && minor < rows[i].minor))
        i++;
    return &rows[i].costs;
}
