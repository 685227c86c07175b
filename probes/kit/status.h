/*
 * status: what became of a probe.
 */
#ifndef PROBES_KIT_STATUS_H
#define PROBES_KIT_STATUS_H

#include <stdbool.h>

enum status {
    STATUS_MEASURED,
    STATUS_SKIPPED,   /* not done; the reason says why and what to do */
    STATUS_FAILED,    /* tried; the reason says what went wrong */
    STATUS_UNTRUSTED, /* measured, but the reason says why not to believe it */
};

const char *status_name(enum status status);
int status_of_name(const char *name); /* -1 when not known */

/* measured, untrusted, skipped, failed: each is worse than the one before. */
bool status_is_worse(enum status a, enum status b);

#endif
