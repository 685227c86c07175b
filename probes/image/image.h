/*
 * image: the probes of this family, and what they share: terms, budget, the image of the run.
 */
#ifndef PROBES_IMAGE_IMAGE_H
#define PROBES_IMAGE_IMAGE_H

#include "probes/image/pull.h"
#include "probes/image/supply.h"
#include "probes/probe.h"

extern const struct probe image_decode;
extern const struct probe image_limit;
extern const struct probe image_runtime;
extern const struct probe image_wal;
extern const struct probe image_gap;

enum {
    IMAGE_LAYERS_MAX = 128,  /* at least counted on by image_estimate: docker makes 127 at most */
    IMAGE_ENTRY_BYTES = 4096 /* on disk beside its content: an inode, a block's rest, its name */
};

/* The image and what unpacks it. */
struct image_bench {
    struct oci_image image;
    struct runtime runtime; /* that is stood in for */
    struct pull pull;
    uint64_t made_bytes; /* written to make it, by this probe */
};

/* Room for the packed layers, the image unpacked once and so much more. */
int image_check(const struct probe_site *site, uint64_t more_bytes, struct err *e);
/*
 * For setup, once the image is verified and its sizes are true: whether one unpacking, which writes
 * once_bytes, keeps to the run's budget_bytes after what is written already (ERR_UNSUPPORTED), and
 * has room with an inode or a block of names an entry (ERR_NO_RESOURCE).
 */
int image_fits(const struct probe_run *run, const struct oci_image *image, uint64_t once_bytes,
               uint64_t budget_bytes, struct err *e);
/* What making it may write, and all repetitions together: as many as a slot can hold. */
int image_estimate(const struct probe_site *site, uint64_t slot_ns, struct probe_cost *cost,
                   struct err *e);

/*
 * Takes the image from supply and opens the pull, which may write so much of budget_bytes as making
 * the image has left. b is zeroed before; image_bench_close takes it half-made, and removes the
 * trees.
 */
int image_bench_open(struct probe_run *run, uint64_t budget_bytes,
                     const volatile sig_atomic_t *stopping, struct image_bench *b, struct err *e);
/*
 * CLOCK_MONOTONIC: until when a teardown may remove trees. The runner takes away what is left, and
 * the figures are to reach it before it loses patience.
 */
uint64_t image_clear_until_ns(const struct probe_run *run);
void image_bench_close(struct probe_run *run, struct image_bench *b);
/* What was written so far, by making and unpacking. */
uint64_t image_bench_written_bytes(const struct image_bench *b);
/* Whether it is the program's reference image. */
bool image_is_reference(const struct probe_site *site);
/* Notes which image it is, which runtime was stood in for, what was left out. */
void image_bench_note(struct probe_run *run, const struct image_bench *b);

#endif
