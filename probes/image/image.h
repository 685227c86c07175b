/*
 * image: the probes of this family, and what they share: options, terms, budget, the making of the
 * layer set.
 */
#ifndef PROBES_IMAGE_IMAGE_H
#define PROBES_IMAGE_IMAGE_H

#include "probes/image/layer_set.h"
#include "probes/image/pull.h"
#include "probes/probe.h"

extern const struct probe image_runtime;
extern const struct probe image_wal;

struct image_conf {
    uint64_t bytes; /* of file content, all layers */
    uint64_t layers;
    uint64_t level;
};

extern const struct opt image_opts[];

/* A layer set and what unpacks it. */
struct image_bench {
    struct layer_set set;
    const struct oci_image *image; /* that is unpacked; NULL until it is there */
    bool is_reference;             /* it is the program's reference image */
    uint64_t made_bytes;           /* written by making it */
    struct runtime runtime;
    struct pull pull;
};

/* Room for the packed layers, one unpacked set and so much more. */
int image_check(const struct probe_site *site, const struct image_conf *conf, uint64_t more_bytes,
                struct err *e);
/* For estimate: what the image may take and all repetitions, as many as a slot can hold. */
int image_cost(const struct probe_site *site, const struct image_conf *conf, uint64_t slot_ns,
               struct probe_cost *cost, struct err *e);

/*
 * Makes the set in the scratch directory and opens the pull. It may write budget_bytes, the packed
 * layers included. b is zeroed before; image_bench_close takes it half-made, and removes the trees.
 */
int image_bench_open(struct probe_run *run, const struct image_conf *conf, uint64_t budget_bytes,
                     const volatile sig_atomic_t *stopping, struct image_bench *b, struct err *e);
void image_bench_close(struct probe_run *run, struct image_bench *b);
/* Notes the set: what it is, its digest, what was left out. */
void image_bench_note(struct probe_run *run, const struct image_conf *conf,
                      const struct image_bench *b);
/* Notes which runtime was stood in for, and how it decodes. */
void image_bench_note_runtime(struct probe_run *run, const struct image_bench *b);

#endif
