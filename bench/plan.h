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
    unsigned place; /* index among the places */
    const struct probe_site *site;
    void *conf;                     /* owned; resolved parameters */
    bool skipped;                   /* cannot work here, or is not for this run */
    bool once;                      /* never in the second round */
    bool left_out;                  /* not chosen for the second round */
    char reason[LIMITS_TEXT_BYTES]; /* why skipped */
    unsigned rounds;                /* done */
    uint64_t planned_ns;            /* its slot of the first round, as it began */
};

struct plan {
    struct plan_item items[LIMITS_MEASUREMENTS];
    unsigned count;
};

/* What is asked for. Borrowed. */
struct plan_wish {
    const struct opt_list *names;    /* of probes; none means all */
    const struct opt_list *sets;     /* "PROBE.OPTION=VALUE" each */
    const struct opt_list *peers;    /* none: no network is measured */
    const struct opt_list *services; /* HOST:PORT to connect to; NULL: none */
    const char *load;                /* rate of net.load's stream, "20Mbit"; NULL: its own */
    const char *key_file;            /* of packets to peers; NULL: none */
    uint64_t budget_ns;              /* of the whole run */
    const struct probe_site *const *sites;
    unsigned site_count; /* at least 1 */
};

/*
 * Probes in the list's order whatever the order of the names, each in every place that it is for,
 * and those that a named one concludes from. What needs a longer run and is not asked for by name
 * is there, skipped, with the reason.
 */
int plan_make(const struct plan_wish *wish, struct plan *p, struct err *e);
void plan_release(struct plan *p); /* idempotent */
/* In the first of its places; NULL when it is not in the plan. */
struct plan_item *plan_find(struct plan *p, const char *probe);
/* Sets an option of its probe; NULL or "" was not given, and changes nothing. */
int plan_give(struct plan_item *item, const char *name, const char *text, struct err *e);

/*
 * The slot of item `index` when left_ns remain for it and all later ones of the round: its share by
 * weight; BENCH_ONCE_NS for a probe of weight 0.
 */
uint64_t plan_slot_ns(const struct plan *p, unsigned index, uint64_t left_ns);

/* Sets planned_ns of all, for a first round of left_ns in which nothing takes longer than planned.
 */
void plan_schedule(struct plan *p, uint64_t left_ns);

/* What the whole round will cost at most. */
struct probe_cost plan_cost(const struct plan *p, uint64_t left_ns);

/* The same for a later round of at most `most` probes, whichever they are, in left_ns. */
struct probe_cost plan_cost_again(const struct plan *p, uint64_t left_ns, unsigned most);

#endif
