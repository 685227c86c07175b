/*
 * placer: puts the entries of a layer into a directory with as few system calls as do it.
 *
 * The result is apply's, by the same rules (rules.h): owners when root, attributes, modes, times;
 * directories' times and modes when they are left; whiteouts in overlayfs' form; an entry replaces
 * what has its name, but a directory; nothing outside the directory (trail.h) nor beyond the
 * limits. What it spares: a file is created with its mode, which needs a umask of 0 and is the
 * caller's business; it is given away only where its owner is another one; directories are made,
 * opened and stamped once, and names are looked up from the directory they are in.
 *
 * Small files may go to a batch (batch.h), which makes many at a time through io_uring: who starts
 * it says so, and creation.h when that is faster. What depends on a queued file makes it come
 * first.
 *
 * For each entry: placer_entry, placer_content for each piece, placer_entry_end. Allocates nothing.
 * One thread a struct. A stop and the deadline are looked at by each entry (quota.h).
 */
#ifndef PROBES_IMAGE_PLACER_H
#define PROBES_IMAGE_PLACER_H

#include "probes/image/beneath.h"
#include "probes/image/rules.h"
#include "probes/image/trail.h"
#include "probes/image/untar.h"
#include "probes/kit/err.h"

/* Which of an image's layers it is. */
struct placer_site {
    unsigned below;      /* layers; 0: it is the lowest, which hides nothing */
    struct heirs *heirs; /* borrowed; NULL: what is not listed inherits nothing */
    struct batch *batch; /* borrowed; makes small files; NULL: calls make all */
};

struct placer {
    struct trail trail;        /* where entries go */
    struct trail targets;      /* where hard links point */
    uint64_t bytes_max;        /* of the stream, and of all files */
    struct quota quota;        /* of this layer */
    struct rules_count *count; /* borrowed */
    struct batch *batch;       /* borrowed; NULL: none */
    int root_fd;               /* borrowed */
    unsigned below;            /* layers */
    uint64_t file_bytes;       /* of this layer so far */
    uint64_t data_ns;          /* of writing content; added up, also over layers */
    uid_t uid;
    gid_t gid;
    bool is_exact; /* files get the mode they are created with: no default ACL */
    /* The entry at hand. */
    struct beneath_name name;
    struct trail_step *at; /* its directory */
    struct timespec times[2];
    int fd;         /* of a file that is written; -1 */
    bool sets_mode; /* after all else */
    bool is_queued; /* its content goes to the batch */
};

/*
 * dir_fd: borrowed; can be read. *count is added to. Directories that no entry lists are told to
 * the heirs, who set what they get from below.
 */
int placer_start(struct placer *p, int dir_fd, const struct placer_site *site,
                 const struct rules_limits *limits, struct rules_count *count, struct err *e);
int placer_entry(struct placer *p, const struct untar_entry *entry, struct err *e);
int placer_content(struct placer *p, const struct untar_entry *entry,
                   const struct untar_piece *piece, struct err *e);
int placer_entry_end(struct placer *p, const struct untar_entry *entry, struct err *e);
/* After the last entry: the directories that are still open. */
int placer_finish(struct placer *p, struct err *e);
/* After the last entry or a failure: closes what is open; idempotent on one that was started. */
void placer_stop(struct placer *p);

#endif
