/*
 * pull: unpacks an image again and again, each time into a fresh directory: "pull-N/M" for layer
 * M of repetition N. Nothing is deleted before pull_release: file creation soon after deletions
 * times the filesystem's memory of them (ext4 without a journal: tenfold).
 *
 * pull_once allocates nothing but what unpack.h admits to. One thread a struct.
 */
#ifndef PROBES_IMAGE_PULL_H
#define PROBES_IMAGE_PULL_H

#include <signal.h>
#include <stdint.h>

#include "probes/image/oci.h"
#include "probes/image/unpack.h"
#include "probes/kit/err.h"
#include "probes/kit/result.h"

enum {
    PULL_MAX = 8 /* repetitions; each leaves thousands of files, and removing them takes its time */
};

/* What one repetition did; whole when all layers are unpacked. */
struct pull_took {
    uint64_t wall_ns, cpu_ns; /* of this thread */
    uint64_t stream_bytes, entries;
    unsigned layers; /* unpacked to the end */
};

struct pull {
    const struct oci_image *image; /* borrowed; its file_bytes are known */
    int dir_fd;                    /* borrowed */
    struct unpack unpack;
    struct apply_count count; /* of all repetitions */
    unsigned begun, whole;    /* repetitions */
    uint64_t budget_bytes;    /* content of files that may be written */
    const volatile sig_atomic_t *stopping;
};

/* p is zeroed before. */
int pull_open(struct pull *p, const struct oci_image *image, int dir_fd, uint64_t budget_bytes,
              const volatile sig_atomic_t *stopping, struct err *e);
/* Whether another repetition may be begun: budget and PULL_MAX. */
bool pull_may(const struct pull *p);
/* ERR_TIMEOUT after until_ns and ERR_INTERRUPTED leave *took with what was done. */
int pull_once(struct pull *p, uint64_t until_ns, struct pull_took *took, struct err *e);
/*
 * Removes what was unpacked, the last first, and begins no other repetition's after until_ns. -1
 * when something could not be removed. Idempotent.
 */
int pull_remove(struct pull *p, uint64_t until_ns, struct err *e);
void pull_release(struct pull *p); /* memory; idempotent */

/* Notes the sorts of metadata that were left out. */
void pull_note_skips(const struct pull *p, struct result *r);

#endif
