/*
 * cluster: the documents of several hosts beside each other: who measured whom, the pairs, and what
 * a leader in each place would wait for. Pure; everything is borrowed from the documents.
 *
 * A document's name is its label "node", else its hostname. Whom a measurement was made to is found
 * by that name, by the hostname (also without its domain), or by an address that exactly one of the
 * hosts has. A peer that none of them is gets a column of its own and is no member.
 */
#ifndef REPORTS_CLUSTER_H
#define REPORTS_CLUSTER_H

#include <stdbool.h>

#include "probes/kit/document.h"
#include "probes/kit/err.h"

enum {
    CLUSTER_MEMBERS = 64, /* documents of one report: beyond, nobody reads a matrix */
    CLUSTER_NODES = LIMITS_PEERS + CLUSTER_MEMBERS, /* with the peers of which there is none */
    CLUSTER_NAME_BYTES = LIMITS_PEER_BYTES
};

struct cluster_node {
    char name[CLUSTER_NAME_BYTES];
    const struct document *document; /* NULL: a peer of which there is none */
};

struct cluster {
    struct cluster_node *nodes; /* owned; the members first */
    unsigned members, count;
    const struct result **seen; /* owned; members x CLUSTER_NODES: net.rtt from one to the other */
};

/* What is known of a pair, in the order of the report. */
enum cluster_figure {
    CLUSTER_P50,
    CLUSTER_P99,
    CLUSTER_LOSS,
    CLUSTER_GAP,
    CLUSTER_OFFSET,
    CLUSTER_FIGURES
};

struct cluster_row {
    const char *title;              /* "RTT p99" */
    const char *key;                /* "rtt_p99_ns" */
    const char *metric, *statistic; /* of net.rtt */
    enum unit unit;
};

extern const struct cluster_row cluster_rows[CLUSTER_FIGURES];

/*
 * paths: what each document is called in messages. Refused, ERR_USAGE or ERR_DATA naming them: one
 * document alone, over CLUSTER_MEMBERS, one that is there twice, two of one host, one that measured
 * no peer. *c is left released after a failure.
 */
int cluster_open(const struct document *documents, const char *const *paths, unsigned count,
                 struct cluster *c, struct err *e);
void cluster_release(struct cluster *c); /* idempotent */

/* The node that a peer's text means: "10.0.0.3:862" is "node-c"; the host in it where none is. */
const char *cluster_name(const struct cluster *c, const char *peer);

/* The measurement from one member to a node; NULL where that one did not measure it. */
const struct result *cluster_seen(const struct cluster *c, unsigned from, unsigned to);

/* One figure of a pair. */
struct cluster_value {
    double value;  /* NAN: neither side has it */
    bool borrowed; /* as the other side saw it: this one has not */
};

struct cluster_value cluster_value(const struct cluster *c, unsigned from, unsigned to,
                                   enum cluster_figure figure);

/* The worst pair by one figure; -1 in both when there is none. */
struct cluster_worst {
    int from, to;
    double value;
};

struct cluster_worst cluster_worst(const struct cluster *c, enum cluster_figure figure);

/*
 * What a leader at one member waits for: a majority of n members is the leader and n / 2 others.
 * Members are ranked apart by p50 and by p99, and the n/2-th of each is what a commit waits for;
 * loss and gap are the largest among the n/2 nearest by p99. NAN where too few are known.
 */
struct cluster_quorum {
    unsigned needed;  /* others */
    unsigned reached; /* others whose p99 is known */
    int last;         /* the member that completes it, by p99; -1: none does */
    double p50, p99, loss, gap;
};

struct cluster_quorum cluster_quorum(const struct cluster *c, unsigned leader);
/* The member with the smallest p99 of its quorum, then p50; -1 when none has a quorum. */
int cluster_best(const struct cluster *c);

#endif
