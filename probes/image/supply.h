/*
 * supply: the image of this run for the probes that unpack one: somebody's, or ours, made once into
 * the run's shared scratch directory by whichever probe needs it first.
 */
#ifndef PROBES_IMAGE_SUPPLY_H
#define PROBES_IMAGE_SUPPLY_H

#include "probes/image/oci.h"
#include "probes/probe.h"

/*
 * What is known before anything is read or made, for budgets: of ours upper bounds; of somebody's
 * what its layers say of themselves (hint.h), which can be too little.
 */
struct supply_size {
    unsigned layers;
    uint64_t make_bytes;     /* written by making it; 0 for somebody's */
    uint64_t unpacked_bytes; /* on disk, of one unpacking, names and inodes included */
    uint64_t file_bytes;     /* content of files, of one unpacking */
    uint64_t setup_ns;       /* making or verifying it */
};

/* For a probe's supported and estimate. ERR_USAGE: no such image, or not a sound one;
 * other kinds: this host could not read it. */
int supply_size(const struct probe_site *site, struct supply_size *size, struct err *e);

/* For setup: opened and verified, with at least a byte of tar, else ERR_DATA. Adds what was written
 * to run->result->written_bytes. */
int supply_open(struct probe_run *run, struct oci_image *image, struct err *e);

/* For judge: parameters and notes that say which image it was. */
void supply_note(struct probe_run *run, const struct oci_image *image);

#endif
