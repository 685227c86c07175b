#include "probes/kit/statfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"

int statfile_open(struct statfile *f, int proc_fd, struct err *e)
{
    *f = (struct statfile){ .fd = openat(proc_fd, "stat", O_RDONLY | O_CLOEXEC) };
    if (f->fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open /proc/stat");
    f->text = malloc(LIMITS_PROC_BYTES);
    return f->text ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for /proc/stat");
}

int statfile_read(const struct statfile *f, struct steal *into, struct err *e)
{
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size < LIMITS_PROC_BYTES - 1) {
        got = pread(f->fd, f->text + size, LIMITS_PROC_BYTES - 1 - size, (off_t)size);
        size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        return err_set(e, ERR_IO, errno, "read /proc/stat");
    f->text[size] = '\0';
    return steal_parse(f->text, into, e);
}

void statfile_close(struct statfile *f)
{
    auto_close_fd(&f->fd);
    free(f->text);
    *f = (struct statfile)STATFILE_NONE;
}
