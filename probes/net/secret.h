/*
 * secret: the key that a run may have, --key-file, made ready for as long as a probe needs it.
 */
#ifndef PROBES_NET_SECRET_H
#define PROBES_NET_SECRET_H

#include <stdbool.h>

#include "probes/kit/opt.h"
#include "probes/net/auth.h"

/* The option of a probe whose packets may be authenticated; the run's --key-file sets it by name.
 */
#define SECRET_OPTION_NAME "key-file"
#define SECRET_OPTION(conf, member)                                                                \
    OPT_TEXT(conf, member, .name = SECRET_OPTION_NAME, .arg = "FILE",                              \
             .help = "Authenticated packets, with the key in this file; 'plimsoll reflect "        \
                     "--key-file' has the same one there. The run's --key-file sets it.")

struct secret {
    struct auth_key key;
    bool is_set;
};

/* Whether that file is a key, or path is "" or NULL. ERR_USAGE: the user is to mend it first. */
int secret_check(const char *path, struct err *e);
/* The same, and keeps the key; none where there is no path. Errors are key_load's. */
int secret_open(struct secret *s, const char *path, struct err *e);
/* NULL: unauthenticated. Borrowed, and as long as *s. */
const struct auth_key *secret_key(const struct secret *s);
void secret_release(struct secret *s); /* wipes; idempotent */

#endif
