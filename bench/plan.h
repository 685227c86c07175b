/*
 * plan: which probes, with which parameters, and how the time left is shared out.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/document.h"
#include "probes/kit/opt.h"
#include "probes/probe.h"

struct plan_item {
    const struct probe *probe;
    void *conf;                     /* owned; resolved parameters */
    bool skipped;                   /* cannot work here, or was not chosen for this round */
    char reason[LIMITS_TEXT_BYTES]; /* why skipped */
    unsigned rounds;                /* done */
};

struct plan {
    struct plan_item items[LIMITS_MEASUREMENTS];
    unsigned count;
};

/*
 * names: the probes to take, in the list's order whatever the order of the names; none means all.
 * sets: "PROBE.OPTION=VALUE" each. peer may be NULL.
 */
int plan_make(const struct opt_list *names, const struct opt_list *sets, const char *peer,
              struct plan *p, struct err *e);
void plan_release(struct plan *p); /* idempotent */
struct plan_item *plan_find(struct plan *p, const char *probe);

/*
 * The slot of item `index` when left_ns remain for it and all later ones of the round: its share by
 * weight; BENCH_ONCE_NS for a probe of weight 0.
 */
uint64_t plan_slot_ns(const struct plan *p, unsigned index, uint64_t left_ns);

/* What the whole round will cost at most. */
struct probe_cost plan_cost(const struct plan *p, const struct probe_site *site, uint64_t left_ns);

/* The same for a later round of at most `most` probes, whichever they are, in left_ns. */
struct probe_cost plan_cost_again(const struct plan *p, const struct probe_site *site,
                                  uint64_t left_ns, unsigned most);

#endif
