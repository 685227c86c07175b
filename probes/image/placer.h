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
 * Files are created by calls and not through io_uring, which was measured beside them and not in
 * here. It has no call for owners and times, so that one a file is left; O_CREAT goes to a thread
 * of the kernel's; and content is borrowed for one block of the stream, in which 2.8 small files
 * lie together in the reference image (2.3 of one directory). Linked openat, write and close with
 * direct descriptors, then utimensat; files of 0.3 to 30 kB; Linux 6.18, two CPUs with other work;
 * CPU time by that of the calls, least of 10 runs (median):
 *
 *     files at a time    tmpfs          ext4
 *     4                  0.89 (0.95)    0.90 (1.5)
 *     8                  0.81 (1.6)     1.2 (0.96)
 *     64                 0.70 (0.75)    0.75 (0.66)
 *
 * With as few as there are to batch nothing is won for sure. With 64 there is, which takes copied
 * content and directories held open that long: not built.
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
};

struct placer {
    struct trail trail;        /* where entries go */
    struct trail targets;      /* where hard links point */
    uint64_t bytes_max;        /* of the stream, and of all files */
    struct quota quota;        /* of this layer */
    struct rules_count *count; /* borrowed */
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
