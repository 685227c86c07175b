/*
 * tree: what one layer contains: its entries in the order of the tar stream, made from the seed.
 *
 * Two mixes, so that metadata and data weigh as they do in real images. Sizes follow counted files,
 * one draw for each of n equal slices of the distribution, so that every seed gets the same mix;
 * then all are scaled to the sum that is asked for.
 *
 * A distribution's packages: median 2.2 kB, mean about 23 kB, nine tenths below 48 kB, the largest
 * some MB. SOURCE: the 4,270 files (98 MB) of the required packages of Debian 12 (coreutils, bash,
 * dpkg, perl-base, libc, tzdata, ...), counted. One directory to five files, up to nine deep; one
 * symlink to ten files. SOURCE: /usr of a Debian 12 with 400 packages: 141,000 files, 17,100
 * directories, 6,200 symlinks, half of the files five to eight levels deep; layers of applications
 * have more of both.
 *
 * A language's packages: median 4.4 kB, mean about 17 kB, nine tenths below 30 kB. SOURCE: 6,511
 * files (109 MB) in 936 directories: npm 10 of Node.js 20 as it is installed (node_modules, 1,994
 * files), the standard library of CPython 3.11 (1,403) and 60 packages in its dist-packages
 * (3,114), counted. One directory to seven files, up to twelve deep.
 *
 * Of both:
 * - One file in a hundred is a hard link, one in sixty has an extended attribute (user.*, which
 * needs no privilege), one in forty belongs to somebody else, names beyond ASCII and above 100
 * bytes occur.
 * - Small files are mostly text, large ones mostly code, some 6 % of the bytes are random.
 * - A layer above the first deletes some files of the one below (whiteouts) and replaces one of its
 *   directories (an opaque whiteout and something else in it).
 */
#ifndef PROBES_IMAGE_TREE_H
#define PROBES_IMAGE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/image/content.h"
#include "probes/kit/err.h"

enum tree_type {
    TREE_DIR,
    TREE_FILE,
    TREE_SYMLINK,
    TREE_HARDLINK,
    TREE_WHITEOUT, /* path is the tar's name: "usr/lib/.wh.gone" */
    TREE_OPAQUE    /* "usr/lib/.wh..wh..opq" */
};

struct tree_entry {
    char *path; /* owned; relative, no slash at either end */
    char *link; /* owned; symlinks and hard links, else NULL */
    enum tree_type type;
    uint32_t mode, uid, gid;
    uint32_t mtime_s;
    uint64_t size;
    enum content_kind kind;
    uint64_t seed;  /* of the content */
    bool has_xattr; /* user.plimsoll.note = path */
};

#define TREE_XATTR "user.plimsoll.note"

struct tree {
    struct tree_entry *entries; /* owned */
    unsigned count, room;
    uint64_t file_bytes; /* content of all regular files */
};

enum tree_mix {
    TREE_DISTRIBUTION,
    TREE_PACKAGES
};

struct tree_conf {
    uint64_t seed;
    const char *name; /* of the layer, part of the seed */
    enum tree_mix mix;
    uint64_t file_bytes; /* content to reach; below 1 TiB; hard links then save some */
    unsigned files;
    const struct tree *below; /* NULL for the first layer */
};

int tree_make(const struct tree_conf *conf, struct tree *t, struct err *e);
void tree_release(struct tree *t); /* idempotent */

#endif
