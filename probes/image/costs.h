/*
 * costs: what containerd's own code costs beside ours for the same work, as ratios to what is
 * measured on this host, and as CPU time beside a measured one. What is modelled, all of it.
 */
#ifndef PROBES_IMAGE_COSTS_H
#define PROBES_IMAGE_COSTS_H

struct costs {
    double hash_ratio;    /* of its SHA-256 to ours, which uses the CPU's instructions for it */
    double inflate_ratio; /* of its own gzip decoder to zlib, where it uses no program */
    double zstd_ratio;    /* of its zstd decoder to libzstd */
    double entry_ratio;   /* CPU time of an entry's calls and code to that of our calls alone */
    double chunk_ratio;   /* of handing a chunk of a program's output on to reading it */
};

/* Of the version that is asked for: a row of the table in costs.c, where sources stand. */
const struct costs *costs_of(unsigned major, unsigned minor);

#endif
