#include "probes/disk/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static const char swap_new[] = "new";

int swap_open(struct swap *s, int dirfd, uint32_t file_bytes, uint64_t seed, struct err *e)
{
    *s = (struct swap){ .dir_fd = -1, .file_bytes = file_bytes };
    prng_init_named(&s->prng, seed, "swap");
    for (unsigned i = 0; i < SWAP_LIVE; i++)
        (void)snprintf(s->names[i], sizeof s->names[i], "f%u", i);
    s->bytes = malloc(file_bytes);
    if (!s->bytes)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a file of %" PRIu32 " bytes",
                       file_bytes);
    s->dir_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (s->dir_fd < 0)
        return err_set(e, err_kind_of(errno), errno, "keep the directory of small files");
    return 0;
}

static int swap_fail(const char *step, const char *name, struct err *e)
{
    return err_set(e, err_kind_of(errno), errno, "%s '%s'", step, name);
}

/* What passed since *last_ns, which moves on. */
static uint64_t swap_lap(uint64_t *last_ns)
{
    uint64_t now_ns = clk_now_ns();
    uint64_t passed_ns = now_ns - *last_ns;
    *last_ns = now_ns;
    return passed_ns;
}

static int swap_write(struct swap *s, int fd, struct err *e)
{
    uint32_t done = 0;
    while (done < s->file_bytes) {
        ssize_t n = write(fd, (const char *)s->bytes + done, s->file_bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, err_kind_of(n < 0 ? errno : ENOSPC), n < 0 ? errno : ENOSPC,
                           "write %" PRIu32 " bytes at offset %" PRIu32 " of '%s'",
                           s->file_bytes - done, done, swap_new);
        done += (uint32_t)n;
        s->written_bytes += (uint64_t)n;
    }
    return 0;
}

/* The new file under its temporary name, synced. */
static int swap_make(struct swap *s, struct swap_took *took, uint64_t *last_ns, struct err *e)
{
    AUTO_CLOSE int fd =
        openat(s->dir_fd, swap_new, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return swap_fail("create", swap_new, e);
    took->steps_ns[SWAP_CREATE] = swap_lap(last_ns);
    if (swap_write(s, fd, e))
        return -1;
    took->steps_ns[SWAP_WRITE] = swap_lap(last_ns);
    if (fsync(fd))
        return swap_fail("fsync", swap_new, e);
    took->steps_ns[SWAP_FSYNC] = swap_lap(last_ns);
    return 0;
}

static int swap_place(struct swap *s, struct swap_took *took, uint64_t *last_ns, struct err *e)
{
    const char *name = s->names[s->next];
    if (renameat(s->dir_fd, swap_new, s->dir_fd, name))
        return swap_fail("rename to", name, e);
    s->live[s->next] = true;
    took->steps_ns[SWAP_RENAME] = swap_lap(last_ns);
    if (fsync(s->dir_fd))
        return swap_fail("fsync the directory of", name, e);
    took->steps_ns[SWAP_DIRSYNC] = swap_lap(last_ns);
    s->next = (s->next + 1) % SWAP_LIVE;
    return 0;
}

static int swap_remove(struct swap *s, struct swap_took *took, uint64_t *last_ns, struct err *e)
{
    const char *oldest = s->names[s->next];
    took->unlinked = s->live[s->next];
    if (!took->unlinked)
        return 0;
    if (unlinkat(s->dir_fd, oldest, 0))
        return swap_fail("unlink", oldest, e);
    s->live[s->next] = false;
    took->steps_ns[SWAP_UNLINK] = swap_lap(last_ns);
    return 0;
}

int swap_turn(struct swap *s, struct swap_took *took, struct err *e)
{
    *took = (struct swap_took){ 0 };
    prng_fill(&s->prng, s->bytes, s->file_bytes);
    uint64_t began_ns = clk_now_ns();
    uint64_t last_ns = began_ns;
    if (swap_make(s, took, &last_ns, e) || swap_place(s, took, &last_ns, e) ||
        swap_remove(s, took, &last_ns, e))
        return -1;
    took->whole_ns = last_ns - began_ns;
    return 0;
}

void swap_release(struct swap *s)
{
    if (!s->bytes) /* never opened */
        return;
    if (s->dir_fd >= 0)
        (void)unlinkat(s->dir_fd, swap_new, 0);
    for (unsigned i = 0; i < SWAP_LIVE; i++) {
        if (s->live[i])
            (void)unlinkat(s->dir_fd, s->names[i], 0);
    }
    auto_close_fd(&s->dir_fd);
    free(s->bytes);
    *s = (struct swap){ .dir_fd = -1 };
}
