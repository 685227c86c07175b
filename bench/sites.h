/*
 * sites: the directories of one run, each with what lies under it and a scratch directory of ours.
 *
 * The first is where the orchestrator would keep its own log, and what verdicts judge; a probe that
 * is for one place (the image store) goes to the one of its name.
 */
#ifndef BENCH_SITES_H
#define BENCH_SITES_H

#include "bench/patience.h"
#include "bench/scratch.h"
#include "bench/site.h"
#include "probes/kit/limits.h"
#include "probes/kit/opt.h"

struct sites_item {
    char name[LIMITS_PLACE_BYTES]; /* "" for a first one without */
    struct site site;
    struct scratch scratch;
};

struct sites {
    struct sites_item items[LIMITS_PLACES];
    unsigned count;
};

/*
 * dirs: "DIR" or "NAME=DIR" each, at most LIMITS_PLACES; none is the default of site_open. All but
 * the first need a name, made of a-z, 0-9, - and _; a directory whose name looks so is written
 * "./a=b". *s need not be initialised; sites_release takes it half-made.
 */
int sites_open(const struct opt_list *dirs, struct sites *s, struct err *e);
/* The index of the place of that name; 0 where none has it. */
unsigned sites_find(const struct sites *s, const char *name);
/* Removes every scratch directory, each in a child, and closes everything. Idempotent. */
void sites_release(struct sites *s, const struct patience *patience);

#endif
