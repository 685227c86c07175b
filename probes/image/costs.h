/*
 * costs: what containerd's own code costs beside ours for the same work, as ratios to what is
 * measured on this host. What is modelled, all of it.
 */
#ifndef PROBES_IMAGE_COSTS_H
#define PROBES_IMAGE_COSTS_H

struct costs {
    double inflate_ratio; /* of its own gzip decoder to zlib, where it uses no program */
    double zstd_ratio;    /* of its zstd decoder to libzstd */
    /* CPU time in units of yardstick.h: */
    double hash_kib;  /* of hashing a KiB; 0: by the CPU's own instructions, as here */
    double entry_kib; /* of an entry's code around the system calls */
    double part_kib;  /* and so much for each part of its parent's name */
    double chunk_kib; /* of handing on a program's chunk, in its scheduler and collector */
    double read_kib;  /* of a read of what a program decoded, beside the waking (stir.h) */
};

/* Ways to decode a layer: the model is off by another factor with each. */
enum costs_way {
    COSTS_GZIP_IGZIP,
    COSTS_GZIP_UNPIGZ,
    COSTS_GZIP_OWN,
    COSTS_ZSTD,
    COSTS_WAYS
};

#define COSTS_CHECKED "containerd 1.6.20" /* what the model was compared with */

/* Of one sort of images: the seconds that this program said, by those that containerd took. */
struct costs_check {
    const char *images; /* "60,000 small files" */
    double median_ratio, low_ratio, high_ratio;
    unsigned runs;
};

/* All comparisons of one way, by index: NULL behind the last. SOURCE: costs.c. */
const struct costs_check *costs_check(enum costs_way way, unsigned index);
const char *costs_way_name(enum costs_way way); /* "gzip by its own decoder" */

/* Of the version that is asked for: a row of the table in costs.c, where sources stand. */
const struct costs *costs_of(unsigned major, unsigned minor);

#endif
