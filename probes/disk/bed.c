#include "probes/disk/bed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/disk/pattern.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static int bed_refuse_direct(int sys, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, sys,
                   "this filesystem takes no O_DIRECT, so its reads would come from memory; name "
                   "another --dir");
}

/* Where there is no O_TMPFILE (old kernels, some network filesystems): named, and unlinked at once.
 */
static int bed_unlinked_file(int dirfd, int flags, struct err *e)
{
    char name[32];
    (void)snprintf(name, sizeof name, "bed-%d", (int)getpid());
    int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600);
    int sys = errno;
    (void)unlinkat(dirfd, name, 0);
    if (fd < 0 && sys == EINVAL && (flags & O_DIRECT))
        return bed_refuse_direct(sys, e);
    return fd >= 0 ? fd : err_set(e, err_kind_of(sys), sys, "create a scratch file");
}

int bed_unnamed_file(int dirfd, int flags, struct err *e)
{
    int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
    if (fd >= 0)
        return fd;
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT)
        return bed_unlinked_file(dirfd, flags, e);
    return err_set(e, err_kind_of(errno), errno, "create a scratch file");
}

int bed_check_direct(const char *dir, struct err *e)
{
    AUTO_CLOSE int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return err_set(e, err_kind_of(errno), errno, "open '%s'", dir);
    AUTO_CLOSE int fd = bed_unnamed_file(dirfd, O_DIRECT, e);
    return fd < 0 ? err_wrap(e, "'%s'", dir) : 0;
}

static int bed_write_chunk(struct bed *b, const void *chunk, struct err *e)
{
    ssize_t n = pwrite(b->fd, chunk, BED_CHUNK_BYTES, (off_t)b->bytes);
    if (n < 0 && errno == EINVAL)
        return bed_refuse_direct(errno, e);
    if (n != BED_CHUNK_BYTES)
        return err_set(e, n < 0 ? err_kind_of(errno) : ERR_IO, n < 0 ? errno : 0,
                       "prepare the scratch file at offset %llu", (unsigned long long)b->bytes);
    b->bytes += BED_CHUNK_BYTES;
    return 0;
}

int bed_open(struct bed *b, int dirfd, uint64_t wanted_bytes, uint64_t least_bytes, uint64_t seed,
             uint64_t deadline_ns, const volatile sig_atomic_t *stopping, struct err *e)
{
    struct pattern pattern;
    AUTO_FREE void *chunk = NULL;
    *b = (struct bed){ .fd = bed_unnamed_file(dirfd, O_DIRECT, e) };
    if (b->fd < 0)
        return -1;
    if (posix_memalign(&chunk, BED_ALIGN_BYTES, BED_CHUNK_BYTES))
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to prepare the scratch file");
    pattern_init(&pattern, seed, BED_CHUNK_BYTES, BED_ALIGN_BYTES);
    pattern_fill(&pattern, chunk, BED_CHUNK_BYTES);
    /* A preallocated file is laid out in few extents; where that is refused, writing does. */
    (void)fallocate(b->fd, 0, 0, (off_t)wanted_bytes);
    while (b->bytes + BED_CHUNK_BYTES <= wanted_bytes && clk_now_ns() < deadline_ns && !*stopping) {
        pattern_touch(&pattern, chunk, BED_CHUNK_BYTES);
        if (bed_write_chunk(b, chunk, e))
            return -1;
    }
    if (b->bytes < least_bytes && !*stopping)
        return err_set(
            e, ERR_TIMEOUT, 0,
            "the disk took only %llu MiB in the time there was to prepare a file of %llu "
            "MiB; give a longer --budget",
            (unsigned long long)(b->bytes >> 20), (unsigned long long)(wanted_bytes >> 20));
    if (ftruncate(b->fd, (off_t)b->bytes) || fdatasync(b->fd))
        return err_set(e, err_kind_of(errno), errno, "sync the scratch file");
    return 0;
}

void bed_release(struct bed *b)
{
    auto_close_fd(&b->fd);
    *b = (struct bed){ .fd = -1 };
}
