#include "probes/disk/refusal.h"

#include <errno.h>
#include <inttypes.h>

#include "probes/kit/file.h"

static int refusal_read(int proc_fd, const char *path, uint64_t *value)
{
    struct err ignored;
    return proc_fd < 0 ? -1 : file_u64_at(proc_fd, path, value, &ignored);
}

int refusal_of_uring(int sys, int proc_fd, struct err *e)
{
    uint64_t disabled = 0;
    if (!refusal_read(proc_fd, "sys/kernel/io_uring_disabled", &disabled) && disabled > 0)
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "io_uring is disabled by kernel.io_uring_disabled=%" PRIu64 "%s", disabled,
                       disabled == 1 ? " for all but CAP_SYS_ADMIN and kernel.io_uring_group" : "");
    switch (sys) {
    case ENOSYS:
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "this kernel has no io_uring (it came with 5.1, and may be left out)");
    case ENOTSUP:
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "io_uring of this kernel cannot wait with a time limit (before 5.11)");
    case EPERM:
    case EACCES:
        return err_set(e, ERR_DENIED, 0,
                       "io_uring_setup is forbidden here, as by the seccomp filter of a container");
    case ENOMEM:
        return err_set(e, ERR_NO_RESOURCE, 0,
                       "io_uring got no memory; raise the limit of locked memory (ulimit -l)");
    default:
        return err_set(e, err_kind_of(sys), sys, "io_uring_setup");
    }
}

int refusal_of_aio(int sys, int proc_fd, struct err *e)
{
    uint64_t most = 0;
    uint64_t used = 0;
    switch (sys) {
    case EAGAIN:
        if (refusal_read(proc_fd, "sys/fs/aio-max-nr", &most) ||
            refusal_read(proc_fd, "sys/fs/aio-nr", &used)) {
            return err_set(e, ERR_NO_RESOURCE, 0,
                           "libaio exhausted: fs.aio-max-nr is reached; raise it with sysctl");
        }
        return err_set(e, ERR_NO_RESOURCE, 0,
                       "libaio exhausted: fs.aio-nr=%" PRIu64 " has reached fs.aio-max-nr=%" PRIu64
                       "; raise it with sysctl",
                       used, most);
    case ENOSYS:
        return err_set(e, ERR_UNSUPPORTED, 0, "this kernel has no asynchronous I/O (CONFIG_AIO)");
    case EPERM:
    case EACCES:
        return err_set(e, ERR_DENIED, 0,
                       "io_setup is forbidden here, as by the seccomp filter of a container");
    default:
        return err_set(e, err_kind_of(sys), sys, "io_setup");
    }
}
