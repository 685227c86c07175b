#include "probes/kit/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err_kind err_kind_of(int sys)
{
    static const struct {
        int sys;
        enum err_kind kind;
    } kinds[] = {
        {0,             ERR_NONE       },
        { EACCES,       ERR_DENIED     },
        { EPERM,        ERR_DENIED     },
        { ENOSYS,       ERR_UNSUPPORTED},
        { EOPNOTSUPP,   ERR_UNSUPPORTED},
        { ENOMEM,       ERR_NO_RESOURCE},
        { ENOSPC,       ERR_NO_RESOURCE},
        { EDQUOT,       ERR_NO_RESOURCE},
        { EMFILE,       ERR_NO_RESOURCE},
        { ENFILE,       ERR_NO_RESOURCE},
        { EAGAIN,       ERR_NO_RESOURCE},
        { ETIMEDOUT,    ERR_TIMEOUT    },
        { EINTR,        ERR_INTERRUPTED},
        { ECONNREFUSED, ERR_PEER       },
        { EHOSTUNREACH, ERR_PEER       },
        { ENETUNREACH,  ERR_PEER       },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].sys == sys)
            return kinds[i].kind;
    }
    return ERR_IO;
}

/* "message: errno's text", cut to fit. */
static void err_add_reason(struct err *e, int sys)
{
    size_t used = strlen(e->msg);
    const char *text = strerrordesc_np(sys);
    if (text)
        (void)snprintf(e->msg + used, sizeof e->msg - used, ": %s", text);
    else
        (void)snprintf(e->msg + used, sizeof e->msg - used, ": error %d", sys);
}

int err_set(struct err *e, enum err_kind kind, int sys, const char *fmt, ...)
{
    va_list args;
    e->kind = kind;
    e->sys = sys;
    va_start(args, fmt);
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, args);
    va_end(args);
    if (sys)
        err_add_reason(e, sys);
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char whole[2 * ERR_MSG_BYTES + 4];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(whole, ERR_MSG_BYTES, fmt, args);
    va_end(args);
    size_t used = strlen(whole);
    memcpy(whole + used, ": ", 2);
    memcpy(whole + used + 2, e->msg, ERR_MSG_BYTES);
    memcpy(e->msg, whole, ERR_MSG_BYTES - 1);
    e->msg[ERR_MSG_BYTES - 1] = '\0';
    return -1;
}
