#include "probes/image/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

#define FILTER_LOOK_NS (100 * (uint64_t)CLK_NS_PER_US)
#define FILTER_REAP_NS (2 * (uint64_t)CLK_NS_PER_S)

int filter_open(struct filter *f, struct err *e)
{
    *f = (struct filter){ .in_fd = -1, .out_fd = -1, .fed = malloc(FILTER_CHUNK_BYTES) };
    return f->fed ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory to feed a decoder");
}

static void filter_close(int *fd)
{
    auto_close_fd(fd);
    *fd = -1;
}

/* Copies the source into the program's standard input, until either ends. */
static void *filter_feed(void *arg)
{
    struct filter *f = arg;
    struct err ignored;
    uint64_t at = 0;
    while (at < f->source.size) {
        uint64_t left = f->source.size - at;
        ssize_t n =
            pread(f->source.fd, f->fed, left < FILTER_CHUNK_BYTES ? left : FILTER_CHUNK_BYTES,
                  (off_t)(f->source.offset + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            f->feed_sys = n < 0 ? errno : ENODATA;
            break;
        }
        if (file_write_all(f->in_fd, f->fed, (size_t)n, &ignored))
            break; /* it has ended, and says why by its status */
        at += (uint64_t)n;
    }
    filter_close(&f->in_fd);
    return NULL;
}

/* SIGPIPE stays blocked in the thread: writing to a program that has ended is an error there. */
static int filter_make_feeder(struct filter *f, struct err *e)
{
    sigset_t pipe_only;
    sigset_t before;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    int sys = pthread_create(&f->feeder, NULL, filter_feed, f);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (sys)
        return err_set(e, ERR_NO_RESOURCE, sys, "start a thread to feed a decoder");
    f->is_feeding = true;
    return 0;
}

static int filter_spawn(struct filter *f, const char *const *argv, int in_fd, int out_fd)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char *const env[] = { path, NULL };

    union {
        const char *const *given;
        char *const *taken; /* posix_spawn changes none of them */
    } words = { .given = argv };

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_adddup2(&files, in_fd, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setpgroup(&attr, 0);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    int sys = posix_spawn(&f->pid, argv[0], &files, &attr, words.taken, env);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attr);
    if (sys)
        f->pid = 0;
    return sys;
}

int filter_start(struct filter *f, const char *const *argv, const struct stream_source *source,
                 struct err *e)
{
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC))
        return err_set(e, ERR_NO_RESOURCE, errno, "make a pipe");
    AUTO_CLOSE int its_in = in[0];
    f->in_fd = in[1];
    if (pipe2(out, O_CLOEXEC))
        return err_set(e, ERR_NO_RESOURCE, errno, "make a pipe");
    AUTO_CLOSE int its_out = out[1];
    f->out_fd = out[0];
    f->source = *source;
    f->feed_sys = 0;
    int sys = filter_spawn(f, argv, its_in, its_out);
    if (sys)
        return err_set(e, err_kind_of(sys), sys, "run '%s'", argv[0]);
    return filter_make_feeder(f, e);
}

static void filter_join(struct filter *f)
{
    if (f->is_feeding)
        (void)pthread_join(f->feeder, NULL);
    f->is_feeding = false;
    filter_close(&f->in_fd);
}

void filter_kill(struct filter *f)
{
    if (f->pid > 0)
        (void)kill(f->pid, SIGKILL);
}

/* Its status; one that does not end by itself soon is killed. 0 where there is none. */
static int filter_reap(struct filter *f)
{
    int status = 0;
    uint64_t until_ns = clk_now_ns() + FILTER_REAP_NS;
    while (f->pid > 0 && waitpid(f->pid, &status, WNOHANG) == 0) {
        if (clk_now_ns() > until_ns)
            filter_kill(f);
        (void)clk_sleep_until(clk_now_ns() + FILTER_LOOK_NS);
    }
    f->pid = 0;
    return status;
}

int filter_end(struct filter *f, struct err *e)
{
    int status = filter_reap(f);
    filter_join(f);
    if (f->feed_sys == ENODATA)
        return err_set(e, ERR_DATA, 0, "the layer's file ends early");
    if (f->feed_sys)
        return err_set(e, err_kind_of(f->feed_sys), f->feed_sys, "read the layer");
    if (WIFSIGNALED(status))
        return err_set(e, ERR_DATA, 0, "the decoder was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return err_set(e, ERR_DATA, 0, "not a sound gzip stream: the decoder ended with status %d",
                       WEXITSTATUS(status));
    return 0;
}

bool filter_wait(const struct filter *f, uint64_t until_ns)
{
    struct pollfd at = { .fd = f->out_fd, .events = POLLIN };
    uint64_t now_ns = clk_now_ns();
    int left_ms = until_ns > now_ns ? (int)((until_ns - now_ns) / CLK_NS_PER_MS) : 0;
    return poll(&at, 1, left_ms) > 0;
}

int filter_read(struct filter *f, uint8_t *bytes, size_t room, size_t *size, struct err *e)
{
    ssize_t n = 0;
    do {
        n = read(f->out_fd, bytes, room);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set(e, err_kind_of(errno), errno, "read from the decoder");
    *size = (size_t)n;
    return 0;
}

/* The pipes first: what writes into them then ends. */
void filter_stop(struct filter *f)
{
    filter_close(&f->out_fd);
    if (f->pid > 0)
        (void)kill(f->pid, SIGKILL);
    (void)filter_reap(f);
    filter_join(f);
}

void filter_release(struct filter *f)
{
    if (!f->fed)
        return;
    filter_stop(f);
    free(f->fed);
    f->fed = NULL;
}
