/*
 * mint: writes the program's own images: an OCI image layout in a directory, from a seed.
 *
 * small: about 60 MB in 3 layers; reference: about 500 MB, 20,000 files in 6 layers: a base system,
 * its libraries, a language runtime, what is installed with its package manager (half of the
 * files, small and deep), an application and its configuration. What is in each: tree.h, content.h.
 *
 * The same seed gives the same trees, the same tar streams (diff_ids) and the same image ID on
 * every machine; the digests of packed layers depend on the version of zlib or libzstd that packed
 * them (packer.h), which the config does not name.
 *
 * Costs about 1 s of CPU for 40 MB with gzip; layers in parallel, the largest first.
 */
#ifndef PROBES_IMAGE_MINT_H
#define PROBES_IMAGE_MINT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/image/spec.h"
#include "probes/image/tree.h"
#include "probes/kit/err.h"

enum {
    MINT_LAYERS_MAX = 8
};

struct mint_layer {
    const char *name; /* "base"; part of the seed */
    enum tree_mix mix;
    unsigned files;
    uint64_t file_bytes;
};

/* What an image is made of. */
struct mint_plan {
    const char *name; /* "small": the reference name */
    const struct mint_layer *layers;
    unsigned count; /* 1..MINT_LAYERS_MAX */
};

struct mint_conf {
    enum spec_kind kind;          /* SPEC_SMALL or SPEC_REFERENCE */
    const struct mint_plan *plan; /* NULL: that of kind; borrowed */
    bool is_zstd;
    uint64_t seed;
    unsigned threads; /* at least 1 */
};

/*
 * Makes `name` below dir_fd, whole or not at all: it is written under another name first.
 * ERR_INTERRUPTED soon after *stopping becomes true (NULL: never). *written_bytes is what it wrote.
 */
int mint_make(const struct mint_conf *conf, int dir_fd, const char *name,
              const volatile sig_atomic_t *stopping, uint64_t *written_bytes, struct err *e);

/* At most, on disk: the packed layers; the tree when unpacked; the bytes of all its files. */
uint64_t mint_packed_bytes_max(enum spec_kind kind);
uint64_t mint_unpacked_bytes_max(enum spec_kind kind);
uint64_t mint_file_bytes(enum spec_kind kind);

#endif
