/*
 * pipeline: unpacks the layers of an image on all CPUs, each into a directory of its own, some at a
 * time; and within a layer inflating, digesting and writing beside one another (lane.h).
 *
 * The threads have no fixed work: a thread goes on with the layer it is in, from the last stage to
 * the first, so that a block is hashed and written while it is in its cache; what it finds in no
 * layer of its own it takes from another one. So as many CPUs are busy for the last layer, or for
 * the only one, as there are stages with something to do. Larger layers are begun first.
 *
 * What is stored and the tar in it are checked against their SHA-256; the tree is apply's.
 * All memory is allocated and all threads are made by pipeline_open. One caller.
 */
#ifndef PROBES_IMAGE_PIPELINE_H
#define PROBES_IMAGE_PIPELINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/image/heirs.h"
#include "probes/image/lane.h"
#include "probes/image/oci.h"
#include "probes/kit/err.h"

enum {
    PIPELINE_THREADS = 64, /* at most; one file system gains nothing by more */
    PIPELINE_LANES = 64
};

/* What one run is to do. */
struct pipeline_job {
    const struct oci_image *image;
    int dir_fd;      /* layer N goes into a new directory "N" of it */
    unsigned lanes;  /* layers at a time; cut to those that were opened */
    bool syncs;      /* after each layer */
    bool is_batched; /* small files through io_uring, see pipeline_open_batches */
    struct rules_limits limits;
};

struct pipeline_took {
    uint64_t wall_ns, cpu_ns; /* of the process */
    struct rules_count count;
    struct lane_time parts[LANE_PARTS]; /* added up over threads; the kernel's are in metadata */
    unsigned layers;                    /* unpacked to the end */
};

enum pipeline_state {
    PIPELINE_IDLE,
    PIPELINE_AT_WORK,
    PIPELINE_LEAVING
};

struct pipeline {
    pthread_mutex_t lock;
    pthread_cond_t work; /* there may be something to do */
    pthread_cond_t over; /* the job is */
    pthread_t threads[PIPELINE_THREADS];
    unsigned thread_count;
    struct lane *lanes; /* owned */
    unsigned lane_count;
    struct heirs heirs; /* of all layers; settled by who runs it when all are there */
    bool is_open;
    /* Under the lock. */
    enum pipeline_state state;
    const struct pipeline_job *job;
    bool is_begun[OCI_LAYERS_MAX];
    unsigned begun, active; /* layers */
    unsigned busy;          /* threads at work */
    unsigned waiting;       /* threads that are not */
    bool has_failed;
    struct err err;
    struct pipeline_took took;
};

/* threads, lanes: at least 1; cut to what is said above. */
int pipeline_open(struct pipeline *p, unsigned threads, unsigned lanes, struct err *e);
/* For jobs that are batched; the threads then stay on one CPU each (chain.h). A failure as
 * batch_open's: files are made by calls. */
int pipeline_open_batches(struct pipeline *p, struct err *e);
/* -1 leaves in *took what was done: ERR_DATA, ERR_TIMEOUT, ERR_INTERRUPTED, ... "layer 3 of 6". */
int pipeline_run(struct pipeline *p, const struct pipeline_job *job, struct pipeline_took *took,
                 struct err *e);
void pipeline_release(struct pipeline *p); /* idempotent, also on a zeroed one */

#endif
