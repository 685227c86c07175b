#include "probes/image/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LEDGER_NAME "ledger"

int ledger_open(struct ledger *l, int dir_fd, struct err *e)
{
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    *l = (struct ledger){ .fd = openat(dir_fd, LEDGER_NAME, flags, 0600) };
    if (l->fd < 0)
        return err_set(e, err_kind_of(errno), errno, "create '%s'", LEDGER_NAME);
    /* All of it is there before the first transaction, as in a database that has been used. */
    int sys = posix_fallocate(l->fd, 0, LEDGER_FILE_BYTES);
    return sys ? err_set(e, err_kind_of(sys), sys, "allocate '%s'", LEDGER_NAME) : 0;
}

void ledger_release(struct ledger *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

static int ledger_write(struct ledger *l, uint64_t page, unsigned pages, struct err *e)
{
    static const char bytes[LEDGER_PAGES * LEDGER_PAGE_BYTES] = { 0 };
    size_t size = (size_t)pages * LEDGER_PAGE_BYTES;
    ssize_t n = pwrite(l->fd, bytes, size, (off_t)(page * LEDGER_PAGE_BYTES));
    if (n != (ssize_t)size)
        return err_set(e, n < 0 ? err_kind_of(errno) : ERR_NO_RESOURCE, n < 0 ? errno : ENOSPC,
                       "write '%s'", LEDGER_NAME);
    l->written_bytes += size;
    return fdatasync(l->fd) ? err_set(e, err_kind_of(errno), errno, "fdatasync '%s'", LEDGER_NAME)
                            : 0;
}

int ledger_commit(struct ledger *l, unsigned transactions, struct err *e)
{
    const uint64_t pages = LEDGER_FILE_BYTES / LEDGER_PAGE_BYTES - LEDGER_PAGES;
    for (unsigned i = 0; i < transactions; i++, l->transactions++) {
        uint64_t page = 2 + l->transactions * LEDGER_PAGES % (pages - 2);
        if (ledger_write(l, page, LEDGER_PAGES, e) || ledger_write(l, l->transactions % 2, 1, e))
            return -1;
    }
    return 0;
}

uint64_t ledger_image_bytes(unsigned layers)
{
    uint64_t transactions =
        (uint64_t)2 * LEDGER_AROUND + (uint64_t)layers * (LEDGER_BEFORE + LEDGER_AFTER);
    return LEDGER_FILE_BYTES + transactions * (uint64_t)(LEDGER_PAGES + 1) * LEDGER_PAGE_BYTES;
}
