/*
 * stir: a thread that is woken, finds nothing to do and sleeps again. What reading through Go's
 * io.Pipe does beside the reading: each read makes the writing goroutine runnable, for which the
 * scheduler wakes a sleeping thread when none is awake; it looks round for work for a moment. The
 * waking is a system call of the reader, and the rest keeps another CPU busy.
 * SOURCE: Go io/pipe.go (read, write: two channel operations each), runtime/proc.go (ready, wakep,
 * findRunnable); traced: containerd 1.6.20 makes four futex calls for each small file that comes
 * through unpigz, and next to none where it decodes by itself.
 *
 * On one CPU there is nobody to wake, as in Go.
 */
#ifndef PROBES_IMAGE_STIR_H
#define PROBES_IMAGE_STIR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

struct stir {
    pthread_t thread;
    uint32_t word; /* enum stir_state, atomic; a futex */
    bool is_open;  /* false on one CPU */
};

int stir_open(struct stir *s, struct err *e);
void stir_release(struct stir *s); /* idempotent */
/* Wakes it when it sleeps. Any thread. */
void stir_nudge(struct stir *s);

#endif
