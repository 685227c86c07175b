#include "probes/net/bloat.h"

#include <math.h>
#include <stddef.h>

#include "probes/kit/clk.h"

static const struct {
    double below_ms;
    const char *word, *what;
} bloat_grades[] = {
    {5,         "none",       "Round trips grow by less than 5 ms: grade A+."       },
    { 30,       "slight",     "By less than 30 ms: grade A."                        },
    { 60,       "noticeable", "By less than 60 ms: grade B."                        },
    { 200,      "strong",     "By less than 200 ms: grade C."                       },
    { 400,      "severe",     "By less than 400 ms: grade D."                       },
    { INFINITY, "ruinous",    "By 400 ms and more, the time of heartbeats: grade F."},
};

enum {
    BLOAT_GRADES = sizeof bloat_grades / sizeof bloat_grades[0]
};

const char *bloat_word(double increase_ns)
{
    unsigned i = 0;
    while (i + 1 < BLOAT_GRADES && increase_ns >= bloat_grades[i].below_ms * CLK_NS_PER_MS)
        i++;
    return bloat_grades[i].word;
}

bool bloat_grade(unsigned index, const char **word, const char **what)
{
    if (index >= BLOAT_GRADES)
        return false;
    *word = bloat_grades[index].word;
    *what = bloat_grades[index].what;
    return true;
}

bool bloat_is_limiter(double lost_ratio, double increase_ns)
{
    return lost_ratio > 0.02 && increase_ns < bloat_grades[0].below_ms * CLK_NS_PER_MS;
}
