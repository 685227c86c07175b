/*
 * stop: SIGINT, SIGTERM and SIGHUP become one flag. The flag is the program's only variable of
 * static life: a signal handler has no other way to say something.
 */
#ifndef BENCH_STOP_H
#define BENCH_STOP_H

#include <signal.h>

/* Handlers for the parent, and again in each child (whose flag is its own after fork). */
void stop_install(void);
const volatile sig_atomic_t *stop_flag(void);

#endif
