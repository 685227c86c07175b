/*
 * site: where a run takes place: --dir and what lies under it, /proc and /sys, memory, CPUs.
 */
#ifndef BENCH_SITE_H
#define BENCH_SITE_H

#include "probes/kit/err.h"
#include "probes/kit/place.h"
#include "probes/probe.h"

struct site {
    char dir[512]; /* resolved */
    struct place place;
    struct probe_site probe; /* points into this struct */
};

/* dir "" is the default. Refuses what is not a directory, or not writable, with the remedy. */
int site_open(const char *dir, struct site *s, struct err *e);
void site_release(struct site *s); /* idempotent on a struct that site_open filled */

#endif
