/*
 * cluster_page: what a report on a cluster says, in the formats that reports have.
 */
#ifndef REPORTS_CLUSTER_PAGE_H
#define REPORTS_CLUSTER_PAGE_H

#include "probes/kit/buf.h"
#include "reports/cluster.h"
#include "reports/paper.h"
#include "reports/verdict.h"

struct cluster_page { /* everything that is to be said; borrowed */
    const struct cluster *cluster;
    const struct verdict *const *verdicts; /* by member; role_count each, in one order */
    unsigned role_count;
    bool colour;    /* text only */
    unsigned width; /* text only: columns; 0 is 100 */
};

/*
 * A role's verdict on the cluster is the worst of its members': the worse grade, then the lower
 * score. A member's verdict takes its worst peer, so the pairs are in it.
 */
struct cluster_page_role {
    const struct verdict *verdict;
    unsigned member;
};

struct cluster_page_role cluster_page_role(const struct cluster_page *r, unsigned role);
/* "node-b", or "node-b to node-c" where a pair decides; the deciding finding, NULL for none. */
const struct finding *cluster_page_decisive(const struct cluster_page *r,
                                            struct cluster_page_role worst, struct buf *where);

/* format: "text", "markdown", "html" or "json" (plimsoll-cluster/1). */
int cluster_page_render(const struct cluster_page *r, const char *format, struct buf *out,
                        struct err *e);

#endif
