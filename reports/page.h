/*
 * page: what every format of the report says, as plain words. No markup, no widths, no colour.
 * The words come from a document and may hold anything; each format escapes them its own way.
 */
#ifndef REPORTS_PAGE_H
#define REPORTS_PAGE_H

#include "probes/kit/buf.h"
#include "reports/render.h"

enum {
    PAGE_SHORT_BYTES = 24,
    PAGE_GAPS = 64 /* more reasons than that are no longer read */
};

/* In which criteria are listed: what needs reading first comes first. */
enum {
    PAGE_GRADES = 4
};
extern const enum grade page_order[PAGE_GRADES];

/* "lab-1" or, when the host did not say, "this host". Borrowed from the document. */
const char *page_hostname(const struct document *d);
/* "kvm, 2 CPUs (EPYC), 3.84 GiB memory, Linux 6.18.44, ext4 on vda (virtio_blk)" */
void page_host(const struct document *d, struct buf *out);
/* "measured 2026-11-24T01:52:27Z for 58.3 s in /var/lib by plimsoll 0.1.0, seed 7; plan=small" */
void page_run(const struct document *d, struct buf *out);

/* "failed: the reason", or the reason alone where it begins with "not measured" itself. */
void page_why(const char *how, const char *reason, struct buf *out);
/* "p50 114 us, p99 237 us", or "skipped: no --peer; ..." */
void page_figures(const struct document *d, const struct result *r, struct buf *out);
/* Whether a conclusion was drawn from it, a fact of its own name. */
bool page_concludes(const struct document *d, const struct result *r);

/* "31", "-" */
const char *page_score(double score, char text[PAGE_SHORT_BYTES]);
/* "3.4x", "0.63x", "over 999x", "-" */
const char *page_headroom(double headroom, char text[PAGE_SHORT_BYTES]);
/* The finding that decided; NULL when nothing was known. */
const struct finding *page_decisive(const struct verdict *v);
/* "fit", "marginal on 21 of 26 criteria" */
void page_grade(const struct verdict *v, struct buf *out);
/* "2 unfit, 9 marginal, 21 fit" */
void page_counts(const struct verdict *v, struct buf *out);
/* The bare value: "312 ms", "312 ms to node-b", "missing: MEMCG"; rare ones without their time. */
void page_value(const struct finding *f, struct buf *out);
/* "node-c 1.10 ms, node-d failed": the peers that did not decide; nothing for none. */
void page_others(const struct finding *f, struct buf *out);
/* The value and how rare it is, or why there is none; then the other peers. */
void page_found(const struct finding *f, struct buf *out);
/* The bound that was kept or broken: "fit <= 200 ms"; "unfit > 900 ms" for what is unfit. */
void page_bound(const struct finding *f, struct buf *out);
/* "8 ms; none above 100 ms in 12.4 s (< 871/h)", or "312 ms (fit <= 200 ms), close" */
void page_judged(const struct finding *f, struct buf *out);
/* "none above 100 ms in 12.4 s (< 871/h)"; nothing for what is not rare or was seen. */
void page_evidence(const struct finding *f, struct buf *out);
/* "230 us to 244 us", "at least 7.9 ms", "-" */
void page_interval(double low, double high, enum unit unit, struct buf *out);
/* "fit <= 10 ms, unfit > 100 ms"; "unfit on openvz; marginal on lxc" */
void page_bounds(const struct criterion *c, struct buf *out);

/* Why criteria are unknown: one entry a reason, over all roles. */
struct page_gap {
    char what[160];     /* probes, with their peers, or facts, joined by ", " */
    const char *how;    /* "not measured", "failed", "not trusted", "not known" */
    const char *reason; /* borrowed from the findings */
};

unsigned page_gaps(const struct report *r, struct page_gap gaps[PAGE_GAPS]);

#endif
