#include "probes/disk/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/prng.h"

enum {
    UNNAMED_FLAGS = O_RDWR | O_CLOEXEC
};

static int unnamed_by_name(int dirfd, int flags)
{
    char name[40];
    (void)snprintf(name, sizeof name, ".plimsoll-%016" PRIx64, prng_entropy());
    int fd = openat(dirfd, name, UNNAMED_FLAGS | O_CREAT | O_EXCL | O_NOFOLLOW | flags, 0600);
    int sys = errno;
    /* Also after a failure: an open refused for O_DIRECT may have made the file. */
    if (fd >= 0 || sys == EINVAL)
        (void)unlinkat(dirfd, name, 0);
    errno = sys;
    return fd;
}

/* Filesystems without O_TMPFILE say EOPNOTSUPP, kernels before 3.11 take it for O_DIRECTORY. */
static bool unnamed_no_tmpfile(int sys)
{
    return sys == EOPNOTSUPP || sys == EISDIR || sys == ENOENT || sys == ENOSYS;
}

int unnamed_open(int dirfd, int flags, struct err *e)
{
    int fd = openat(dirfd, ".", UNNAMED_FLAGS | O_TMPFILE | flags, 0600);
    if (fd < 0 && unnamed_no_tmpfile(errno))
        fd = unnamed_by_name(dirfd, flags);
    if (fd >= 0)
        return fd;
    if (errno == EINVAL && (flags & O_DIRECT))
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "this filesystem has no O_DIRECT, so the page cache would answer; name a "
                       "directory on another one with --dir");
    return err_set(e, err_kind_of(errno), errno, "make a file in the scratch directory");
}

int unnamed_try(const char *dir, int flags, struct err *e)
{
    AUTO_CLOSE int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return err_set(e, err_kind_of(errno), errno, "open '%s'", dir);
    AUTO_CLOSE int fd = unnamed_open(dirfd, flags, e);
    return fd < 0 ? err_wrap(e, "'%s'", dir) : 0;
}

int unnamed_allocate(int fd, uint64_t size_bytes, struct err *e)
{
    int status = -1;
    do {
        status = fallocate(fd, 0, 0, (off_t)size_bytes);
    } while (status && errno == EINTR);
    if (status && (errno == EOPNOTSUPP || errno == ENOSYS))
        status = ftruncate(fd, (off_t)size_bytes);
    if (status)
        return err_set(e, err_kind_of(errno), errno,
                       "allocate %" PRIu64 " bytes for a file in the scratch directory",
                       size_bytes);
    return 0;
}
