/*
 * chain: files created through io_uring, many with one system call. Each is a chain of openat,
 * write and close by a descriptor of the ring, which no other process or call knows.
 *
 * The kernel gives what creates a file to a thread of its own, which is this process' (its CPU time
 * is in the process' sum) and has its umask and owner. Each thread that calls has one, on the CPU
 * it was on at its first call, and is to stay on that CPU itself: the kernel wakes the caller after
 * each step. With one CPU for both, that waits until the worker has no more to do; else they wake
 * each other from one CPU to the other and back, and a file took 2 to 3 times as long as by calls,
 * not 0.7 times.
 * SOURCE: io_uring_enter(2), io_uring_register(2); Linux io_uring/io_uring.c (io_wq_free_work),
 * io_uring/openclose.c. Linux 5.19 or later, for a table of descriptors that is empty at first.
 *
 * Allocates nothing after chain_open. One thread at a time.
 */
#ifndef PROBES_IMAGE_CHAIN_H
#define PROBES_IMAGE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/kit/err.h"

enum {
    CHAIN_FILES = 64 /* at a time; see batch.h */
};

struct chain_file {
    int dir_fd;
    const char *name; /* one component; it must not be there yet, as a link neither */
    const uint8_t *bytes;
    size_t size;  /* 0: it stays empty */
    mode_t mode;  /* as open(2) takes it */
    bool is_made; /* by chain_make: it is there, whole */
};

struct chain;

/* NULL: ERR_UNSUPPORTED, ERR_DENIED or ERR_NO_RESOURCE, as the kernel says. */
struct chain *chain_open(struct err *e);
void chain_close(struct chain *c); /* NULL is fine */
/* Up to CHAIN_FILES. One that is not made may be there in part. -1: the ring itself failed. */
int chain_make(struct chain *c, struct chain_file *files, unsigned count, struct err *e);

#endif
