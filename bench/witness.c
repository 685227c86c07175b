#include "bench/witness.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/frame.h"
#include "bench/limits.h"
#include "bench/watch.h"
#include "bench/worker.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/document.h"

static const struct witnessed witness_blind = {
    .steal_ratio = NAN,
    .steal_worst_cpu_ratio = NAN,
    .cpu_pressure_ratio = NAN,
    .io_pressure_ratio = NAN,
    .memory_pressure_ratio = NAN,
    .throttled_ratio = NAN,
    .clock_step_ns = NAN,
    .stall_max_ns = NAN,
    .cpu_pressure_full_ratio = NAN,
    .io_pressure_full_ratio = NAN,
    .memory_pressure_full_ratio = NAN,
    .others_cpu_ratio = NAN,
    .others_io_bytes_per_s = NAN,
    .largest_other_cpu_ratio = NAN,
};

static void witness_live(int fd, pid_t parent, uint64_t run_start_ns)
{
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGINT, SIG_IGN);
    if (getppid() == parent)
        watch_serve(fd, run_start_ns);
    _exit(0);
}

int witness_start(struct witness *w, uint64_t run_start_ns, struct err *e)
{
    *w = (struct witness)WITNESS_NONE;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(e, ERR_NO_RESOURCE, errno, "make a socket pair for the witness");
    pid_t parent = getpid();
    w->pid = fork();
    if (w->pid == 0) {
        (void)close(ends[0]);
        witness_live(ends[1], parent, run_start_ns);
    }
    (void)close(ends[1]);
    w->fd = ends[0];
    if (w->pid < 0) {
        int sys = errno;
        w->pid = 0;
        witness_release(w);
        return err_set(e, ERR_NO_RESOURCE, sys, "fork the witness");
    }
    return 0;
}

static int witness_ask(struct witness *w, enum frame_type ask, enum frame_type want,
                       struct buf *answer, struct err *e)
{
    if (w->fd < 0)
        return err_set(e, ERR_UNSUPPORTED, 0, "there is no witness");
    enum frame_type got;
    if (frame_write(w->fd, ask, "", 0, e) ||
        frame_read(w->fd, clk_now_ns() + BENCH_WITNESS_REPLY_NS, &got, answer, e)) {
        return err_wrap(e, "the witness");
    }
    return got == want ? 0 : err_set(e, ERR_DATA, 0, "the witness answered out of turn");
}

void witness_mark(struct witness *w, struct witnessed *seen)
{
    AUTO(buf) struct buf answer = { 0 };
    struct err e;
    *seen = witness_blind;
    if (w->fd < 0)
        return;
    if (witness_ask(w, FRAME_MARK, FRAME_SEEN, &answer, &e) || answer.size != sizeof *seen) {
        witness_release(w); /* a witness that fails once is not asked again */
        return;
    }
    memcpy(seen, answer.data, sizeof *seen);
}

int witness_finish(struct witness *w, struct result *r, struct err *e)
{
    AUTO(buf) struct buf answer = { 0 };
    int failed = witness_ask(w, FRAME_FINISH, FRAME_RESULT, &answer, e) ||
                 document_read_fragment(buf_text(&answer), answer.size, r, e);
    witness_release(w);
    return failed ? -1 : 0;
}

void witness_release(struct witness *w)
{
    auto_close_fd(&w->fd);
    int status = 0;
    if (w->pid > 0) {
        (void)kill(w->pid, SIGKILL);
        (void)worker_reap(w->pid, clk_now_ns() + BENCH_KILL_NS, &status);
    }
    *w = (struct witness)WITNESS_NONE;
}
