#include "bench/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/frame.h"
#include "bench/limits.h"
#include "bench/stop.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/document.h"

enum {
    RUNNER_POLL_MS = 50,
    RUNNER_READ_BYTES = 65536
};

struct runner {
    const struct job *job;
    const struct runner_hooks *hooks;
    pid_t pid;
    int fd;              /* our end of the pipe */
    uint64_t end_ns;     /* of the slot */
    uint64_t term_ns;    /* when SIGTERM is due */
    uint64_t kill_ns;    /* when SIGKILL is due; 0: SIGTERM was not sent */
    uint64_t give_up_ns; /* when the child is left behind; 0: SIGKILL was not sent */
    bool overstayed;
    struct buf in;
    char figure[LIMITS_TEXT_BYTES];
    struct buf fragment; /* empty until it came */
    struct err error;    /* what the child said instead */
};

typedef void runner_body(const struct job *job, int scratch_fd, int out_fd);

static void runner_child(const struct job *job, int scratch_fd, int out_fd, pid_t parent,
                         runner_body *body)
{
    (void)setpgid(0, 0); /* Ctrl-C goes to the parent, which tells us */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    stop_install();
    if (getppid() == parent)
        body(job, scratch_fd, out_fd);
    _exit(0);
}

static int runner_fork(struct runner *r, int scratch_fd, runner_body *body, struct err *e)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return err_set(e, ERR_NO_RESOURCE, errno, "make a pipe for %s", r->job->probe->name);
    pid_t parent = getpid();
    r->pid = fork();
    if (r->pid == 0) {
        (void)close(ends[0]);
        runner_child(r->job, scratch_fd, ends[1], parent, body);
    }
    (void)close(ends[1]);
    r->fd = ends[0];
    if (r->pid < 0)
        return err_set(e, ERR_NO_RESOURCE, errno, "fork for %s", r->job->probe->name);
    return 0;
}

static void runner_hear(struct runner *r)
{
    enum frame_type type;
    AUTO(buf) struct buf payload = { 0 };
    while (frame_take(&r->in, &type, &payload) == FRAME_WHOLE) {
        if (type == FRAME_PROGRESS) {
            size_t n = payload.size < sizeof r->figure - 1 ? payload.size : sizeof r->figure - 1;
            memcpy(r->figure, buf_text(&payload), n);
            r->figure[n] = '\0';
        } else if (type == FRAME_ERROR && payload.size == sizeof r->error) {
            memcpy(&r->error, payload.data, sizeof r->error);
        } else if (type == FRAME_RESULT) {
            buf_clear(&r->fragment);
            buf_add(&r->fragment, buf_text(&payload), payload.size);
        }
    }
}

/* Terminate, kill, give up: each in its time. */
static void runner_press(struct runner *r)
{
    uint64_t now = clk_now_ns();
    bool stop = *stop_flag();
    if (!r->kill_ns && (stop || now >= r->term_ns)) {
        r->overstayed = !stop;
        r->kill_ns = now + BENCH_STOP_NS;
        (void)kill(r->pid, SIGTERM);
    } else if (r->kill_ns && !r->give_up_ns && now >= r->kill_ns) {
        r->give_up_ns = now + (stop ? BENCH_STOP_KILL_NS : BENCH_KILL_NS);
        (void)kill(r->pid, SIGKILL);
    }
}

/* Until the stream ends or the child is given up. */
static void runner_listen(struct runner *r)
{
    char bytes[RUNNER_READ_BYTES];
    for (;;) {
        struct pollfd p = { .fd = r->fd, .events = POLLIN };
        int ready = poll(&p, 1, RUNNER_POLL_MS);
        ssize_t n = ready > 0 ? read(r->fd, bytes, sizeof bytes) : 0;
        if (ready > 0 && n == 0)
            return;
        if (n > 0)
            buf_add(&r->in, bytes, (size_t)n);
        runner_hear(r);
        runner_press(r);
        uint64_t now = clk_now_ns();
        if (r->give_up_ns && now >= r->give_up_ns)
            return;
        if (r->hooks)
            r->hooks->progress(r->hooks->arg, r->figure, now < r->end_ns ? r->end_ns - now : 0);
    }
}

/* The wait status, or -1 when the child cannot be collected. */
static int runner_collect(struct runner *r)
{
    int status = 0;
    uint64_t give_up = r->give_up_ns ? r->give_up_ns : clk_now_ns() + BENCH_KILL_NS;
    bool killed = r->give_up_ns != 0;
    struct timespec ms = clk_timespec(CLK_NS_PER_MS);
    while (waitpid(r->pid, &status, WNOHANG) == 0) {
        uint64_t now = clk_now_ns();
        if (now >= give_up && killed)
            return -1;
        if (now >= give_up) {
            (void)kill(r->pid, SIGKILL);
            killed = true;
            give_up = now + BENCH_KILL_NS;
        }
        (void)nanosleep(&ms, NULL);
    }
    return status;
}

static void runner_release(struct runner *r)
{
    auto_close_fd(&r->fd);
    buf_release(&r->in);
    buf_release(&r->fragment);
}

/* What became of a child that sent no result. */
static void runner_explain(const struct runner *r, int status, struct result *out)
{
    double seconds = (double)(clk_now_ns() - (r->end_ns - r->job->slot_ns)) / CLK_NS_PER_S;
    if (status == -1)
        result_set_status(out, STATUS_FAILED,
                          "did not answer for %.0f s and could not be killed; process %d is left "
                          "behind, waiting for the kernel",
                          seconds, (int)r->pid);
    else if (*stop_flag())
        result_set_status(out, STATUS_FAILED, "interrupted before it had a figure");
    else if (r->overstayed)
        result_set_status(out, STATUS_FAILED,
                          "did not answer for %.0f s, in a slot of %.0f s, and was ended", seconds,
                          (double)r->job->slot_ns / CLK_NS_PER_S);
    else if (r->error.kind != ERR_NONE)
        result_set_status(out, STATUS_FAILED, "%s", r->error.msg);
    else if (WIFSIGNALED(status))
        result_set_status(out, STATUS_FAILED, "its process was ended by signal %d (%s)",
                          WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
    else
        result_set_status(out, STATUS_FAILED, "its process ended without a result");
}

static void runner_blank(const struct job *job, struct result *r)
{
    struct err ignored;
    (void)result_open(r, job->probe->name, job->probe->title, job->probe->metrics, &ignored);
    r->parameters = opt_parameters(job->probe->opts, job->conf);
    r->seed = job->seed;
}

static void runner_take(struct runner *r, int status, struct result *out)
{
    struct err e = { 0 };
    if (r->fragment.size > 0) {
        if (!document_read_fragment(buf_text(&r->fragment), r->fragment.size, out, &e))
            return;
        result_release(out);
        r->error = e;
    }
    runner_blank(r->job, out);
    runner_explain(r, status, out);
}

void runner_run(const struct job *job, const struct scratch *scratch,
                const struct runner_hooks *hooks, struct result *out)
{
    uint64_t now = clk_now_ns();
    uint64_t began = now - job->run_start_ns;
    struct runner r = { .job = job, .hooks = hooks, .fd = -1, .end_ns = now + job->slot_ns };
    r.term_ns = r.end_ns + BENCH_GRACE_NS;
    struct err e = { 0 };
    *out = (struct result){ 0 };

    AUTO_CLOSE int room = scratch ? scratch_room(scratch, job->probe->name, &e) : -1;
    if ((scratch && room < 0) || runner_fork(&r, room, child_run, &e)) {
        runner_blank(job, out);
        result_set_status(out, STATUS_FAILED, "%s", e.msg);
    } else {
        runner_listen(&r);
        runner_take(&r, runner_collect(&r), out);
    }
    runner_release(&r);
    if (scratch && scratch_clear(scratch, job->probe->name, &e))
        result_note(out, "Its scratch files could not be removed: %s", e.msg);
    out->started_ns = began;
    out->duration_ns = clk_now_ns() - job->run_start_ns - began;
}

static void runner_ask_body(const struct job *job, int scratch_fd, int out_fd)
{
    (void)scratch_fd;
    child_ask(job, out_fd);
}

int runner_ask(const struct job *job, struct err *e)
{
    if (!job->probe->supported)
        return 0;
    struct runner r = { .job = job, .fd = -1 };
    r.end_ns = clk_now_ns() + BENCH_ASK_NS;
    r.term_ns = r.end_ns;
    if (runner_fork(&r, -1, runner_ask_body, e)) {
        runner_release(&r);
        return -1;
    }
    runner_listen(&r);
    int status = runner_collect(&r);
    bool died = status == -1 || WIFSIGNALED(status);
    runner_release(&r);
    if (r.error.kind != ERR_NONE) {
        *e = r.error;
        return -1;
    }
    if (died || r.overstayed)
        return err_set(e, ERR_TIMEOUT, 0, "%s did not say within %d s whether it can work here",
                       job->probe->name, (int)(BENCH_ASK_NS / CLK_NS_PER_S));
    return 0;
}
