/*
 * heirs: the directories that no entry lists, of all layers that are unpacked beside one another.
 * What such a one gets from below (heritage.h) is there only when the layers below are: so it is
 * set when all of them are, from the lowest up, and the trees are those that the runtime makes one
 * after the other.
 *
 * The memory is allocated by heirs_open; what was not used is never touched. heirs_add may be
 * called by many threads, all else by one.
 */
#ifndef PROBES_IMAGE_HEIRS_H
#define PROBES_IMAGE_HEIRS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/image/quota.h"
#include "probes/kit/err.h"

enum {
    HEIRS_BYTES = 32 << 20, /* as many as places.h has, twice */
    HEIRS_MAX = 1 << 19
};

enum heirs_kind {
    HEIRS_IMPLIED, /* made for what is in it */
    HEIRS_LISTED   /* an entry came later: only attributes are left to inherit */
};

struct heirs {
    pthread_mutex_t lock;
    char *bytes;     /* owned: a record and a name, again and again */
    uint32_t *order; /* owned: where records begin */
    size_t size;
    uint32_t count;
    bool is_open;
};

int heirs_open(struct heirs *h, struct err *e);
void heirs_start(struct heirs *h);   /* empties it */
void heirs_release(struct heirs *h); /* idempotent, also on a zeroed one */

/* path: as beneath_name gives it, of so many bytes. ERR_DATA when there is no more room. */
int heirs_add(struct heirs *h, unsigned layer, enum heirs_kind kind, const char *path, size_t size,
              struct err *e);
/* layers_fd: holds the trees "0", "1", ... What is no directory any more is passed over. */
int heirs_settle(struct heirs *h, int layers_fd, const struct quota *quota, struct err *e);

#endif
