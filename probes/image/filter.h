/*
 * filter: another program between two pipes: it reads a range of a file on its standard input, and
 * what it writes on its standard output is read here. How containerd decompresses with igzip or
 * unpigz: the program and a thread that feeds it run beside the thread that reads.
 *
 * Chunks and pipes are the runtime's: 32 KiB a read and a write, pipes as the kernel makes them
 * (64 KiB). SOURCE: containerd pkg/archive/compression/compression.go (cmdStream); Go os/exec,
 * which copies by io.Copy, 32 KiB at a time.
 *
 * The program gets no environment but PATH, no descriptor but its three, a process group of its own
 * so that Ctrl-C ends us first, and /dev/null for standard error. filter_stop kills it; when we die
 * it finds its pipes closed. filter_start makes a process and a thread and allocates nothing else.
 * One reader.
 */
#ifndef PROBES_IMAGE_FILTER_H
#define PROBES_IMAGE_FILTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/image/stream.h"
#include "probes/kit/err.h"

enum {
    FILTER_CHUNK_BYTES = 32 << 10 /* SOURCE: Go io.Copy */
};

struct filter {
    struct stream_source source;
    pid_t pid;    /* 0: none runs */
    int in_fd;    /* its standard input; the feeding thread's alone while that runs */
    int out_fd;   /* its standard output */
    int feed_sys; /* errno of reading the file; valid when the thread has ended */
    pthread_t feeder;
    bool is_feeding; /* there is a thread to join */
    uint8_t *fed;    /* owned: the thread's chunk */
};

int filter_open(struct filter *f, struct err *e);
void filter_release(struct filter *f); /* idempotent; stops it */

/* argv[0] is the program's absolute path; argv ends with NULL. A source of size 0 is no input. */
int filter_start(struct filter *f, const char *const *argv, const struct stream_source *source,
                 struct err *e);
/* Whether there is something to read, or its end, before until_ns. */
bool filter_wait(const struct filter *f, uint64_t until_ns);
/* Up to `room` bytes of its output; waits for them. *size is 0 at the end. */
int filter_read(struct filter *f, uint8_t *bytes, size_t room, size_t *size, struct err *e);
/* Whether it ended well, once its output has ended. ERR_DATA with what it said by its status. */
int filter_end(struct filter *f, struct err *e);
/* Kills it, so that whoever reads finds the end soon. From any thread while one reads. */
void filter_kill(struct filter *f);
/* Kills it where it still runs, and waits for it. Idempotent. */
void filter_stop(struct filter *f);

#endif
