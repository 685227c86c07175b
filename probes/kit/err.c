#include "probes/kit/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add_words(struct err *e, const char *words)
{
    size_t at = strlen(e->msg);
    size_t size = strnlen(words, sizeof(e->msg) - 1 - at);
    memcpy(e->msg + at, words, size);
    e->msg[at + size] = '\0';
}

static void add_errno(struct err *e)
{
    const char *what = strerrordesc_np(e->sys);
    char number[32];
    (void)snprintf(number, sizeof(number), "errno %d", e->sys);
    add_words(e, ": ");
    add_words(e, what ? what : number);
}

/* Arguments may point into e->msg, so that text is made before the old one is overwritten. */
int err_set(struct err *e, enum err_kind kind, int sys, const char *fmt, ...)
{
    struct err made = { .kind = kind, .sys = sys };
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(made.msg, sizeof(made.msg), fmt, args);
    va_end(args);
    if (sys != 0) {
        add_errno(&made);
    }
    *e = made;
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    struct err made = { .kind = e->kind, .sys = e->sys };
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(made.msg, sizeof(made.msg), fmt, args);
    va_end(args);
    add_words(&made, ": ");
    add_words(&made, e->msg);
    *e = made;
    return -1;
}

static const struct {
    int sys;
    enum err_kind kind;
} kinds[] = {
    {EACCES,        ERR_DENIED     },
    { EPERM,        ERR_DENIED     },
    { ENOSYS,       ERR_UNSUPPORTED},
    { EOPNOTSUPP,   ERR_UNSUPPORTED},
    { ENOTTY,       ERR_UNSUPPORTED},
    { ENOMEM,       ERR_NO_RESOURCE},
    { ENOSPC,       ERR_NO_RESOURCE},
    { EDQUOT,       ERR_NO_RESOURCE},
    { EMFILE,       ERR_NO_RESOURCE},
    { ENFILE,       ERR_NO_RESOURCE},
    { EAGAIN,       ERR_NO_RESOURCE},
    { ENOBUFS,      ERR_NO_RESOURCE},
    { ETIMEDOUT,    ERR_TIMEOUT    },
    { ETIME,        ERR_TIMEOUT    },
    { EINTR,        ERR_INTERRUPTED},
    { ECONNREFUSED, ERR_PEER       },
    { EHOSTUNREACH, ERR_PEER       },
    { ENETUNREACH,  ERR_PEER       },
};

enum err_kind err_kind_of(int sys)
{
    if (sys == 0) {
        return ERR_NONE;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].sys == sys) {
            return kinds[i].kind;
        }
    }
    return ERR_IO;
}
