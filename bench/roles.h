/*
 * roles: the profiles a command judges by, and the verdicts of a document.
 */
#ifndef BENCH_ROLES_H
#define BENCH_ROLES_H

#include <stdbool.h>

#include "probes/kit/document.h"
#include "probes/kit/opt.h"
#include "reports/verdict.h"

struct roles_conf {
    struct opt_list roles;    /* --role */
    struct opt_list profiles; /* --profile */
    bool strict;
};

/* Rows for a command whose config struct holds a `struct roles_conf judged`. */
#define ROLES_OPTIONS(conf)                                                                        \
    OPT_LIST(conf, judged.roles, .name = "role", .arg = "ROLE",                                    \
             .help = "Judge this role; the exit status is the worst of those named. Default: all " \
                     "roles, and the status of the best."),                                        \
        OPT_LIST(conf, judged.profiles, .name = "profile", .arg = "FILE",                          \
                 .help = "Judge by this profile; it replaces ours of the same role."),             \
        OPT_FLAG(conf, judged.strict, .name = "strict",                                            \
                 .help = "A criterion that was not measured makes its role unknown.")

struct roles {
    struct profile *profiles; /* owned */
    unsigned count;
    bool named; /* --role or --profile was given */
};

int roles_load(const struct roles_conf *conf, struct roles *r, struct err *e);
void roles_release(struct roles *r); /* idempotent */

struct verdicts {
    struct verdict *items; /* owned; borrow from the roles */
    unsigned count;
};

int roles_judge(const struct roles *r, const struct document *d, bool strict, struct verdicts *v,
                struct err *e);
void roles_release_verdicts(struct verdicts *v); /* idempotent */
/* The worst of the named roles, else the best of all, as an exit status. */
int roles_exit_status(const struct roles *r, const struct verdicts *v);

/* What profiles may name: every probe's metrics and facts, and the witness's. */
const struct profile_known *roles_known(void);

#endif
