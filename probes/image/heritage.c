#include "probes/image/heritage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probes/kit/auto.h"

enum {
    HERITAGE_XATTRS_BYTES = 4096,
    HERITAGE_XATTR_BYTES = 4096,
    HERITAGE_LAYER_BYTES = 32
};

/* -1 with errno ENOTDIR when it is something else there. */
static int heritage_open_in(const struct heritage *h, unsigned layer, const char *path)
{
    char name[HERITAGE_LAYER_BYTES];
    struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                            .resolve = RESOLVE_IN_ROOT };
    (void)snprintf(name, sizeof name, "%u/%s", layer, h->inner);
    AUTO_CLOSE int fd = openat(h->layers_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -1 : (int)syscall(SYS_openat2, fd, path, &how, sizeof how);
}

int heritage_open(const struct heritage *h, unsigned below, const char *path)
{
    for (unsigned i = below; i > 0 && h->layers_fd >= 0; i--) {
        int fd = heritage_open_in(h, i - 1, path);
        if (fd >= 0 || errno != ENOENT)
            return fd;
    }
    return -1;
}

void heritage_copy_attributes(int from_fd, int to_fd)
{
    char names[HERITAGE_XATTRS_BYTES];
    char value[HERITAGE_XATTR_BYTES];
    ssize_t left = flistxattr(from_fd, names, sizeof names);
    for (const char *name = names; left > 0;) {
        size_t size = strlen(name) + 1;
        ssize_t got =
            strncmp(name, "trusted.", 8) == 0 ? -1 : fgetxattr(from_fd, name, value, sizeof value);
        if (got >= 0)
            (void)fsetxattr(to_fd, name, value, (size_t)got, XATTR_CREATE);
        name += size;
        left -= (ssize_t)size;
    }
}
