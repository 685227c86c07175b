/*
 * ledger: the small database that a runtime keeps beside its layers, as far as the disk feels it:
 * before and after each layer some transactions, each two writes of a few pages and an fdatasync
 * after each. On a filesystem with a journal that commits what was unpacked up to then.
 * SOURCE: bbolt tx.go (Commit: the dirty pages, fdatasync; the meta page, fdatasync); traced with
 * strace on containerd 1.6.20: LEDGER_BEFORE of them before a layer is unpacked (the snapshot, in
 * two databases), LEDGER_AFTER after it (its commit, in both, and the content's label), and
 * LEDGER_AROUND before the first layer and after the last (the lease, the image's label).
 *
 * A file of its own, in the directory given. One thread.
 */
#ifndef PROBES_IMAGE_LEDGER_H
#define PROBES_IMAGE_LEDGER_H

#include <stdint.h>

#include "probes/kit/err.h"

enum {
    LEDGER_PAGE_BYTES = 4096,
    LEDGER_PAGES = 4, /* dirty ones of a small transaction */
    LEDGER_FILE_BYTES = 64 * LEDGER_PAGE_BYTES,
    LEDGER_AROUND = 2,
    LEDGER_BEFORE = 2,
    LEDGER_AFTER = 3
};

struct ledger {
    int fd; /* -1: none */
    uint64_t transactions;
    uint64_t written_bytes;
};

int ledger_open(struct ledger *l, int dir_fd, struct err *e);
void ledger_release(struct ledger *l); /* idempotent */
int ledger_commit(struct ledger *l, unsigned transactions, struct err *e);
/* What it writes for an image of so many layers, the file itself included. */
uint64_t ledger_image_bytes(unsigned layers);

#endif
