/*
 * targets: the nodes or services that a probe was told of, each with the part of the run that its
 * figures go into.
 */
#ifndef PROBES_NET_TARGETS_H
#define PROBES_NET_TARGETS_H

#include "probes/net/peer.h"
#include "probes/probe.h"

struct target {
    const char *name; /* as typed; borrowed from the options */
    struct peer peer;
    struct peer_addresses all;
    unsigned using;      /* index of the address in use */
    bool resolved;       /* else its part says why not */
    bool by_name;        /* a name server was asked, or a hosts file */
    uint64_t resolve_ns; /* how long that took */
};

struct targets {
    struct target *items; /* owned */
    unsigned count;
};

/* Refuses what peer_parse refuses; none at all is ERR_UNSUPPORTED with `how`, a sentence. */
int targets_check(const struct opt_list *names, const char *how, struct err *e);
/*
 * Splits the run, one part a name, and resolves them all: what has no address fails in its part
 * alone. -1 when none has one.
 */
int targets_open(struct targets *t, struct probe_run *run, const struct opt_list *names,
                 struct err *e);
void targets_release(struct targets *t); /* idempotent */

const union peer_sockaddr *targets_address(const struct target *t);
/* The next address of that name; false when there is none. */
bool targets_another(struct target *t);

#endif
