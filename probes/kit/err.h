/*
 * err: why something failed, as one sentence.
 *
 * Caller-owned, fixed size, never allocates. The one failing form is
 *     return err_set(e, ERR_IO, errno, "open '%s'", path);
 * which yields "open '/x': Permission denied". Messages name the object, the reason and, where
 * there is one, the remedy. Nothing below bench/ prints or exits.
 */
#ifndef PROBES_KIT_ERR_H
#define PROBES_KIT_ERR_H

enum err_kind {
    ERR_NONE,
    ERR_USAGE,       /* the user's words are off */
    ERR_UNSUPPORTED, /* this kernel, filesystem or host cannot */
    ERR_DENIED,      /* no privilege */
    ERR_NO_RESOURCE, /* memory, space, descriptors, aio slots */
    ERR_IO,          /* the system answered with an error */
    ERR_PEER,        /* the other node did */
    ERR_DATA,        /* what was read is malformed */
    ERR_TIMEOUT,     /* a deadline passed */
    ERR_INTERRUPTED, /* SIGINT or SIGTERM */
};

enum {
    ERR_MSG_BYTES = 480
};

struct err {
    enum err_kind kind;
    int sys;                 /* errno of the cause, or 0 */
    char msg[ERR_MSG_BYTES]; /* always terminated; a longer sentence is cut */
};

/* Fills *e (":" and the errno's text are added when sys is not 0). Always returns -1. */
int err_set(struct err *e, enum err_kind kind, int sys, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), nonnull(1, 4)));

/* Puts "context: " before what *e says. Always returns -1. */
int err_wrap(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), nonnull(1, 2)));

/* The kind that fits an errno: EACCES and EPERM are ERR_DENIED, ENOSYS ERR_UNSUPPORTED, ... */
enum err_kind err_kind_of(int sys) __attribute__((const));

#endif
