/*
 * terms: on which terms a place can be measured as a disk. Shared by the disk and image probes.
 */
#ifndef PROBES_DISK_TERMS_H
#define PROBES_DISK_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/probe.h"

/*
 * Refuses a place in memory, read-only, or with less than least_bytes to write in, each with
 * numbers and a remedy.
 */
int terms_check(const struct probe_site *site, uint64_t least_bytes, struct err *e);
/*
 * Notes the filesystem, its device and its journal; that a sync is cheaper without a journal; that
 * a mount without barriers flushes nothing.
 */
void terms_note(struct probe_run *run);
/* Whether a mount option stands in a list like "rw,relatime", whole. */
bool terms_has_option(const char *options, const char *word);
/* Whether it is mounted so that a sync does not flush the disk's cache. */
bool terms_barriers_off(const struct place *place);

#endif
