/*
 * pull: unpacks an image again and again as containerd does, each time into fresh directories:
 * "pull-N/M/fs" for layer M of repetition N. One layer after the other: its snapshot is made, the
 * layer applied (unpack.h) and its hash compared with the config's, the tree walked (du.h) and the
 * snapshot committed, with the transactions of the runtime's databases between (ledger.h).
 * SOURCE: containerd v1.6.20 rootfs/apply.go, image.go (Unpack), snapshots/overlay/overlay.go;
 * v2.3.4 core/unpack/unpacker.go, which goes by turns too unless max_concurrent_unpacks is set.
 *
 * Nothing is deleted before pull_release: file creation soon after deletions times the filesystem's
 * memory of them (ext4 without a journal: tenfold).
 *
 * pull_once allocates nothing but what unpack.h admits to. One thread a struct.
 */
#ifndef PROBES_IMAGE_PULL_H
#define PROBES_IMAGE_PULL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/image/flush.h"
#include "probes/image/ledger.h"
#include "probes/image/oci.h"
#include "probes/image/runtime.h"
#include "probes/image/unpack.h"
#include "probes/kit/err.h"
#include "probes/kit/result.h"

enum {
    PULL_MAX = 8 /* repetitions; each leaves thousands of files, and removing them takes its time */
};

/* What one repetition did; whole when all layers are unpacked. */
struct pull_took {
    uint64_t opened_ns;       /* CLOCK_MONOTONIC: when the first transaction began */
    uint64_t wall_ns, cpu_ns; /* since then; CPU of this thread */
    /* CPU time spent for the runtime's sake (costs.h): by this thread; by one beside it. */
    uint64_t modelled_ns, beside_ns;
    uint64_t stream_bytes, entries;
    unsigned layers; /* unpacked to the end */
};

/* All borrowed. */
struct pull_conf {
    const struct oci_image *image; /* its file_bytes are known */
    const struct runtime *runtime; /* NULL: nothing is modelled (unpack.h) */
    int dir_fd;
    uint64_t budget_bytes; /* that may be written: content of files, and the ledger */
    const volatile sig_atomic_t *stopping;
};

struct pull {
    struct pull_conf conf;
    struct unpack unpack;
    struct ledger ledger;
    struct flush flush;
    struct rules_count count; /* of all repetitions */
    uint64_t ledger_bytes;    /* of all repetitions */
    unsigned begun, whole;    /* repetitions */
    bool is_durable;          /* syncfs after each layer, as containerd's image_pull_with_sync_fs */
};

/* p is zeroed before. */
int pull_open(struct pull *p, const struct pull_conf *conf, struct err *e);
/* What one repetition writes, and what all have written. */
uint64_t pull_bytes(const struct oci_image *image);
uint64_t pull_written_bytes(const struct pull *p);
/* Whether another repetition may be begun: budget and PULL_MAX. */
bool pull_may(const struct pull *p);
/* ERR_TIMEOUT after until_ns and ERR_INTERRUPTED leave *took with what was done. */
int pull_once(struct pull *p, uint64_t until_ns, struct pull_took *took, struct err *e);
/* Removes what the last one made, one layer after the other; for the end (removal.h). */
int pull_remove_last(struct pull *p, uint64_t until_ns, uint64_t *took_ns, struct err *e);
/*
 * Removes what was unpacked, the last first, until until_ns or a stop: what is then left is no
 * failure. -1 when something could not be removed. May be called again.
 */
int pull_remove(struct pull *p, uint64_t until_ns, struct err *e);
void pull_release(struct pull *p); /* memory; waits for a sync that goes on; idempotent */

/* Notes the sorts of metadata that were left out. */
void pull_note_skips(const struct pull *p, struct result *r);

#endif
