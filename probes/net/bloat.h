/*
 * bloat: how much a loaded path delays others, in words.
 *
 * SOURCE: dslreports.com/faq/17930, grades A+ to F by the increase of the round trip: 5, 30, 60,
 * 200 and 400 ms.
 */
#ifndef PROBES_NET_BLOAT_H
#define PROBES_NET_BLOAT_H

#include <stdbool.h>

/* "none" (below 5 ms), "slight", "noticeable", "strong", "severe", "ruinous" (from 400 ms). */
const char *bloat_word(double increase_ns);
/* By index, from the best: the word and what it means; false behind the last. */
bool bloat_grade(unsigned index, const char **word, const char **what);

/*
 * Whether packets were lost in number though the round trips did not grow: not a queue's doing, but
 * a policer's, or that of a reflector with a limit for each source.
 */
bool bloat_is_limiter(double lost_ratio, double increase_ns);

#endif
