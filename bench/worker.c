#include "bench/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/frame.h"
#include "bench/stop.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    WORKER_POLL_MS = 50,
    WORKER_GAPS = 4, /* a repetition may take so much longer than the one before */
    WORKER_READ_BYTES = 65536
};

/* A child that is left behind must not keep a pipe open that somebody reads to its end. */
static void worker_let_go_of_stdio(void)
{
    AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO); /* vet 2>&1 | tee */
    }
}

static void worker_live(pid_t parent, worker_body *body, const void *arg, int out_fd)
{
    static const struct rlimit no_core = { 0, 0 }; /* a crash leaves no file */
    (void)setpgid(0, 0);                           /* Ctrl-C goes to the parent, which tells us */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    stop_install();
    worker_let_go_of_stdio();
    if (getppid() == parent)
        body(arg, out_fd);
    _exit(0);
}

int worker_start(struct worker *w, const char *name, worker_body *body, const void *arg,
                 struct err *e)
{
    int ends[2];
    w->fd = -1;
    w->term_ns = w->late_ns;
    w->heard_ns = clk_now_ns();
    if (pipe2(ends, O_CLOEXEC))
        return err_set(e, ERR_NO_RESOURCE, errno, "make a pipe for %s", name);
    pid_t parent = getpid();
    w->pid = fork();
    if (w->pid == 0) {
        (void)close(ends[0]);
        worker_live(parent, body, arg, ends[1]);
    }
    int sys = errno;
    (void)close(ends[1]);
    w->fd = ends[0];
    if (w->pid < 0)
        return err_set(e, ERR_NO_RESOURCE, sys, "fork for %s", name);
    (void)setpgid(w->pid, w->pid); /* here too: a signal to the group may come before it lives */
    return 0;
}

/* A child has at most as many results as there are peers; false when it sends more. */
static bool worker_keep(struct worker *w, struct buf *payload)
{
    if (w->fragment_count == LIMITS_PEERS)
        return false;
    struct buf *room = reallocarray(w->fragments, w->fragment_count + 1, sizeof *room);
    if (!room)
        return false;
    w->fragments = room;
    w->fragments[w->fragment_count++] = *payload;
    *payload = (struct buf){ 0 };
    w->answered = true;
    /* Where one result came the next follows: whoever works them out is not late. */
    uint64_t due_ns = clk_now_ns() + w->patience->grace_ns;
    w->term_ns = due_ns > w->term_ns ? due_ns : w->term_ns;
    return true;
}

/* Takes one message; false when there is no such. */
static bool worker_take(struct worker *w, enum frame_type type, struct buf *payload)
{
    if (type == FRAME_PROGRESS) {
        size_t n = payload->size < sizeof w->figure - 1 ? payload->size : sizeof w->figure - 1;
        memcpy(w->figure, buf_text(payload), n);
        w->figure[n] = '\0';
        uint64_t now = clk_now_ns();
        uint64_t gap_ns = now - w->heard_ns;
        uint64_t due_ns = now + w->patience->silence_ns + WORKER_GAPS * gap_ns;
        w->heard_ns = now;
        w->term_ns = due_ns < w->late_ns ? due_ns : w->late_ns;
    } else if (type == FRAME_ERROR && payload->size == sizeof w->error) {
        memcpy(&w->error, payload->data, sizeof w->error);
        w->error.msg[sizeof w->error.msg - 1] = '\0';
    } else if (type == FRAME_PEERS && !w->peers.size && payload->size &&
               buf_text(payload)[payload->size - 1] == '\0') {
        buf_add(&w->peers, payload->data, payload->size);
    } else if (type == FRAME_RESULT) {
        return worker_keep(w, payload);
    } else {
        return false;
    }
    return true;
}

static void worker_hear(struct worker *w)
{
    enum frame_type type;
    enum frame_state state = FRAME_WHOLE;
    AUTO(buf) struct buf payload = { 0 };
    while (!w->broken && (state = frame_take(&w->in, &type, &payload)) == FRAME_WHOLE)
        w->broken = !worker_take(w, type, &payload);
    w->broken = w->broken || state == FRAME_BROKEN || w->in.failed;
}

/* To the child, and to all that it started. */
static void worker_kill(const struct worker *w)
{
    (void)kill(-w->pid, SIGKILL);
    (void)kill(w->pid, SIGKILL);
}

/* Terminate, kill, give up: each in its time. */
static void worker_press(struct worker *w)
{
    const struct patience *p = w->patience;
    uint64_t now = clk_now_ns();
    bool stop = *stop_flag() && !w->deaf;
    if (w->give_up_ns)
        return;
    if (w->broken) {
        w->kill_ns = now;
        w->give_up_ns = now + p->kill_ns;
        worker_kill(w);
    } else if (!w->kill_ns && (stop || now >= w->term_ns)) {
        w->overstayed = !stop;
        w->kill_ns = now + p->stop_ns;
        (void)kill(w->pid, SIGTERM);
    } else if (w->kill_ns && now >= w->kill_ns) {
        w->give_up_ns = now + (stop ? p->stop_kill_ns : p->kill_ns);
        worker_kill(w);
    }
}

/* Whether the child is dead, still uncollected: its number stays ours, and its group's. */
static bool worker_ended(pid_t pid)
{
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == pid;
}

/* One read; false at the end of the stream. */
static bool worker_read(struct worker *w, bool *heard)
{
    char bytes[WORKER_READ_BYTES];
    struct pollfd p = { .fd = w->fd, .events = POLLIN };
    *heard = poll(&p, 1, WORKER_POLL_MS) > 0;
    if (!*heard)
        return true;
    ssize_t n = read(w->fd, bytes, sizeof bytes);
    if (n > 0 && !w->broken)
        buf_add(&w->in, bytes, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

void worker_listen(struct worker *w, const struct worker_hooks *hooks)
{
    bool heard = false;
    while (worker_read(w, &heard)) {
        worker_hear(w);
        uint64_t now = clk_now_ns();
        if (!heard && !w->give_up_ns && worker_ended(w->pid)) {
            worker_kill(w); /* what it left running still holds the pipe */
            w->give_up_ns = now + w->patience->kill_ns;
        }
        worker_press(w);
        if (w->give_up_ns && now >= w->give_up_ns)
            return;
        if (hooks)
            hooks->progress(hooks->arg, w->figure, now < w->end_ns ? w->end_ns - now : 0);
    }
}

bool worker_reap(pid_t pid, uint64_t deadline_ns, int *status)
{
    struct timespec ms = clk_timespec(CLK_NS_PER_MS);
    while (!worker_ended(pid)) {
        if (clk_now_ns() >= deadline_ns)
            return false;
        (void)nanosleep(&ms, NULL);
    }
    (void)kill(-pid, SIGKILL); /* before its number is free for others */
    return waitpid(pid, status, WNOHANG) == pid || errno == ECHILD;
}

int worker_collect(struct worker *w)
{
    int status = 0;
    if (w->give_up_ns)
        return worker_reap(w->pid, w->give_up_ns, &status) ? status : -1;
    if (worker_reap(w->pid, clk_now_ns() + w->patience->kill_ns, &status))
        return status;
    worker_kill(w);
    return worker_reap(w->pid, clk_now_ns() + w->patience->kill_ns, &status) ? status : -1;
}

void worker_release(struct worker *w)
{
    auto_close_fd(&w->fd);
    w->fd = -1;
    buf_release(&w->in);
    buf_release(&w->peers);
    for (unsigned i = 0; i < w->fragment_count; i++)
        buf_release(&w->fragments[i]);
    free(w->fragments);
    w->fragments = NULL;
    w->fragment_count = 0;
}
