/*
 * profile: what one role needs: criteria with a bound for fit and one for unfit, each with why,
 * source and advice. YAML, one file a role in reports/profiles/, embedded in the program.
 *
 *     role: k8s-control-plane
 *     title: Kubernetes control plane with stacked etcd
 *     system: Kubernetes
 *     criteria:
 *       - id: wal-p99
 *         title: WAL append p99
 *         metric: disk.wal            # a figure
 *         statistic: p99
 *         at_most: {fit: 10 ms, unfit: 100 ms}     # or at_least
 *         rare: true                  # optional: rests on never having seen it; carries 3/t
 *         why: ...
 *         source: ...
 *         basis: documented           # documented | derived | unverified
 *         advice: ...
 *       - id: memory
 *         fact: host.memory           # a number among the facts
 *         at_least: {fit: 4 GiB, unfit: 1700 MB}
 *       - id: virtualisation
 *         fact: host.virtualization   # a word or a list of words
 *         unfit_on: [openvz]          # any of these words
 *         marginal_on: [lxc]
 *       - id: firewall
 *         fact: host.try.nft|host.try.iptables       # words only: the better of the answers
 *         unfit_on: ["no"]
 *       - id: kernel-options
 *         fact: host.kernel.options
 *         requires: [NAMESPACES, "NETFILTER_XT_TARGET_REDIRECT|IP_NF_TARGET_REDIRECT"]
 *         otherwise: unfit            # unfit | marginal, when one is missing
 *
 * at_most: value <= fit is fit, value <= unfit is marginal, above is unfit; without `unfit` it is
 * never unfit. {fit: 0 B} asks for none at all. Units come from the metric's or fact's declaration.
 * Criteria without source do not load.
 */
#ifndef REPORTS_PROFILE_H
#define REPORTS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "probes/kit/err.h"
#include "probes/kit/facts.h"
#include "probes/kit/metric.h"
#include "reports/grade.h"

enum criterion_kind {
    CRITERION_AT_MOST,
    CRITERION_AT_LEAST,
    CRITERION_WORDS,
    CRITERION_REQUIRES
};

enum {
    PROFILE_CRITERIA = 64,
    PROFILE_WORDS = 96,
    PROFILE_NAME_BYTES = 64,
    PROFILE_PATH_BYTES = 256
};

struct criterion {
    char *id, *title;
    char *metric;    /* NULL for a fact */
    char *statistic; /* "value" when the profile names none */
    char *fact;      /* NULL for a metric; alternatives are joined by '|' */
    enum criterion_kind kind;
    enum unit unit;
    double fit, unfit; /* base unit; NAN: no such bound */
    bool rare;
    char **unfit_on, **marginal_on, **requires; /* NULL-terminated, NULL when absent */
    enum grade otherwise;
    char *why, *source, *basis, *advice;
};

struct profile {
    char *role, *title, *system;
    struct criterion *criteria;
    unsigned count;
};

/* What may be named: the declarations of all probes, handed in by the bench. */
struct profile_known {
    const struct metric *(*metric)(const char *id, const void *arg);
    const struct fact_row *(*fact)(const char *name, const void *arg);
    /* All their names by index, NULL behind the last: "did you mean"; may be NULL. */
    const char *(*name)(unsigned index, const void *arg);
    const void *arg;
};

/*
 * `name` is the file's, for messages: "my.yaml: criteria[3] (wal-p99): unknown metric 'disk.wall';
 * did you mean 'disk.wal'?". Refused: missing source, unknown metric, statistic, fact or unit, a
 * bound the wrong way round, no bound, both metric and fact, duplicate ids, over 1 MiB. p is left
 * released after a failure.
 */
int profile_parse(const char *text, size_t size, const char *name,
                  const struct profile_known *known, struct profile *p, struct err *e);
int profile_load(const char *path, const struct profile_known *known, struct profile *p,
                 struct err *e);
void profile_release(struct profile *p); /* idempotent */

/* The embedded ones, in the order of the report. */
struct profile_embedded {
    const char *role; /* "k8s-control-plane" */
    const char *text;
    size_t size;
};

extern const struct profile_embedded profile_embedded[]; /* ended by .role NULL; generated */

#endif
