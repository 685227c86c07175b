/*
 * untar: the entries of a tar stream, out of pieces of any size.
 *
 *     untar_feed(u, bytes, size);
 *     while ((event = untar_next(u, &piece, &e)) > UNTAR_MORE) ...
 *     ... and untar_over(u, &e) when the stream has ended
 *
 * Each entry is UNTAR_ENTRY, any number of UNTAR_CONTENT, UNTAR_ENTRY_END. Read are v7, ustar,
 * star, pax, GNU (long names, base-256 numbers) and sparse files of old GNU and PAX 0.0, 0.1, 1.0.
 * SOURCE: POSIX.1-2017 pax; GNU tar manual, "Tar Internals"; attributes: SCHILY.xattr.* (star,
 * GNU tar, Go) and LIBARCHIVE.xattr.* (libarchive).
 *
 * - What has no content by its type (links, nodes, directories) has none whatever its size says.
 *   SOURCE: Go archive/tar, reader.go, which container tools read with.
 * - A regular file whose name ends in a slash is a directory; unknown types are regular files.
 *   SOURCE: GNU tar manual, "Basic Tar Format"; POSIX pax, typeflag.
 * - Global pax headers are read and count for nothing, as in Go and libarchive.
 * - Two empty blocks end the tar; what follows them is passed over. A stream may also end without
 *   them, between two entries. One empty block with more behind it is ERR_DATA, as in Go.
 *
 * Names are not judged: see beneath.h. Refusals say at which byte. After one, feed nothing more.
 * All memory is allocated by untar_open. One thread.
 */
#ifndef PROBES_IMAGE_UNTAR_H
#define PROBES_IMAGE_UNTAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "probes/image/extra.h"
#include "probes/image/ustar.h"
#include "probes/image/xattrs.h"
#include "probes/kit/err.h"

enum {
    UNTAR_PAX_BYTES = 1 << 20 /* of one pax header. SOURCE: Go archive/tar, maxSpecialFileSize */
};

enum untar_type {
    UNTAR_FILE,
    UNTAR_HARDLINK,
    UNTAR_SYMLINK,
    UNTAR_CHAR,
    UNTAR_BLOCK,
    UNTAR_DIR,
    UNTAR_FIFO,
    UNTAR_TYPES
};

/* Pointers are into struct untar; valid until untar_next has said UNTAR_ENTRY_END. */
struct untar_entry {
    const char *path; /* not empty */
    const char *link; /* "" but for links */
    enum untar_type type;
    uint32_t mode; /* 07777 and less */
    uint32_t major, minor;
    uint64_t uid, gid;
    uint64_t size;         /* of the file, holes included; 0 but for files */
    uint64_t stored_bytes; /* of its content in the tar */
    bool is_sparse, has_atime;
    struct timespec mtime, atime;
    const char *xattrs; /* packed: xattrs_next */
    size_t xattrs_size;
};

struct untar_piece {
    const uint8_t *bytes; /* into what was fed */
    size_t size;
    uint64_t offset; /* in the file */
};

enum untar_event {
    UNTAR_MORE, /* all that was fed is used up */
    UNTAR_ENTRY,
    UNTAR_CONTENT,
    UNTAR_ENTRY_END
};

enum untar_state {
    UNTAR_AT_HEADER,
    UNTAR_AT_EXTRA, /* a pax header or a long name */
    UNTAR_AT_PAIRS, /* further pieces of an old GNU sparse file */
    UNTAR_AT_MAP,   /* the map of PAX 1.0 */
    UNTAR_AT_START, /* the entry is known */
    UNTAR_AT_CONTENT,
    UNTAR_AT_DROP, /* content that nobody wants, padding */
    UNTAR_AT_REST, /* behind the end */
    UNTAR_STATES
};

struct untar {
    enum untar_state state;
    const uint8_t *in; /* fed and not yet used */
    size_t in_size;
    uint64_t offset;                  /* of `in` in the stream */
    uint64_t left;                    /* bytes of what is being read */
    uint64_t drop;                    /* bytes to pass over after it */
    bool was_empty;                   /* the block before was */
    uint8_t block[USTAR_BLOCK_BYTES]; /* one that came in two pieces */
    size_t block_size;
    char *bytes; /* owned: the content of a pax header or a long name */
    size_t size;
    struct ustar header;
    struct extra extra;
    struct untar_entry entry;
};

int untar_open(struct untar *u, struct err *e);
void untar_release(struct untar *u); /* idempotent */

void untar_start(struct untar *u); /* a new stream */
/* After UNTAR_MORE or untar_start. bytes are borrowed until UNTAR_MORE. */
void untar_feed(struct untar *u, const void *bytes, size_t size);
/* An enum untar_event; -1: ERR_DATA. The entry is in u->entry; piece is filled for UNTAR_CONTENT.
 */
int untar_next(struct untar *u, struct untar_piece *piece, struct err *e);
/* The entry that is being read, from its header on to UNTAR_ENTRY_END; NULL between two. */
const struct untar_entry *untar_at_hand(const struct untar *u);
/* The stream has ended: ERR_DATA when it must not end here. */
int untar_over(const struct untar *u, struct err *e);

#endif
