/*
 * image: the probes of this family, and what they share: options, terms, budget, the making of the
 * layer set.
 */
#ifndef PROBES_IMAGE_IMAGE_H
#define PROBES_IMAGE_IMAGE_H

#include "probes/image/layer_set.h"
#include "probes/image/pull.h"
#include "probes/probe.h"

extern const struct probe image_extract;
extern const struct probe image_wal;
extern const struct probe image_gap;

struct image_conf {
    uint64_t bytes; /* of file content, all layers */
    uint64_t layers;
    uint64_t level;
};

extern const struct opt image_opts[];

/* A layer set and what unpacks it. */
struct image_bench {
    struct layer_set set;
    struct pull pull;
};

/* Room for the packed layers, one unpacked set and so much more. */
int image_check(const struct probe_site *site, const struct image_conf *conf, uint64_t more_bytes,
                struct err *e);
/* What the packed layers may take, and all repetitions together: as many as a slot can hold. */
uint64_t image_write_bytes(const struct probe_site *site, const struct image_conf *conf,
                           uint64_t slot_ns);
uint64_t image_setup_ns(const struct probe_site *site, const struct image_conf *conf);

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

#endif
