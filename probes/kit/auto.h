/*
 * auto: resources that release themselves when they go out of scope.
 *
 *     AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
 *     AUTO_FREE char *text = NULL;
 *     AUTO(buf) struct buf out = {0};      calls buf_release(&out)
 *
 * Declare where the resource is acquired and initialise to the empty value.
 */
#ifndef PROBES_KIT_AUTO_H
#define PROBES_KIT_AUTO_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void auto_close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static inline void auto_free_ptr(void *p)
{
    free(*(void **)p);
}

static inline void auto_fclose_file(FILE **f)
{
    if (*f) {
        (void)fclose(*f);
    }
}

#define AUTO_CLOSE  __attribute__((cleanup(auto_close_fd)))
#define AUTO_FREE   __attribute__((cleanup(auto_free_ptr)))
#define AUTO_FCLOSE __attribute__((cleanup(auto_fclose_file)))
#define AUTO(noun)  __attribute__((cleanup(noun##_release)))

#endif
