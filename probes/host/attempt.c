#include "probes/host/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

#define ATTEMPT_TICK_NS (20 * (uint64_t)CLK_NS_PER_MS)
#define ATTEMPT_REAP_NS (200 * (uint64_t)CLK_NS_PER_MS) /* from SIGKILL to leaving it behind */

/* What the child sends; below PIPE_BUF, so whole or not at all. */
struct attempt_answer {
    int failed;
    struct err error;
    char remark[ATTEMPT_REMARK_BYTES];
};

int attempt_follow(int parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == parent ? 0 : -1;
}

static void attempt_child(struct attempt *a, attempt_body *body, int fd, int parent)
{
    struct attempt_answer answer = { 0 };
    (void)signal(SIGTERM, SIG_DFL);
    if (attempt_follow(parent))
        _exit(1);
    answer.failed = body(a, &answer.error);
    memcpy(answer.remark, a->remark, sizeof answer.remark);
    ssize_t n = write(fd, &answer, sizeof answer);
    _exit(n == (ssize_t)sizeof answer ? 0 : 1);
}

/* 0: the whole answer is there. */
static int attempt_listen(int fd, uint64_t until_ns, const volatile sig_atomic_t *stopping,
                          struct attempt_answer *answer, struct err *e)
{
    for (;;) {
        uint64_t now_ns = clk_now_ns();
        if (*stopping)
            return err_set(e, ERR_INTERRUPTED, 0, "interrupted");
        if (now_ns >= until_ns)
            return err_set(e, ERR_TIMEOUT, 0, "the kernel did not answer in time");
        uint64_t left_ns = until_ns - now_ns;
        struct timespec tick =
            clk_timespec(left_ns < ATTEMPT_TICK_NS ? left_ns : (uint64_t)ATTEMPT_TICK_NS);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (ppoll(&p, 1, &tick, NULL) <= 0)
            continue;
        if (read(fd, answer, sizeof *answer) == (ssize_t)sizeof *answer)
            return 0;
        return err_set(e, ERR_IO, 0, "the process that tried it died");
    }
}

/* Reaps the child; one that the kernel does not let go of is left behind. */
static void attempt_end(pid_t pid)
{
    uint64_t until_ns = clk_now_ns() + ATTEMPT_REAP_NS;
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, WNOHANG) == 0 && clk_now_ns() < until_ns)
        (void)clk_sleep_until(clk_now_ns() + CLK_NS_PER_MS);
}

int attempt_run(struct attempt *a, attempt_body *body, uint64_t deadline_ns,
                const volatile sig_atomic_t *stopping, struct err *e)
{
    struct attempt_answer answer = { 0 };
    int ends[2];
    int parent = getpid();
    a->remark[0] = '\0';
    if (pipe2(ends, O_CLOEXEC))
        return err_set(e, ERR_NO_RESOURCE, errno, "make a pipe");
    AUTO_CLOSE int ours = ends[0];
    pid_t pid = fork();
    int sys = errno;
    if (pid == 0)
        attempt_child(a, body, ends[1], parent);
    (void)close(ends[1]);
    if (pid < 0)
        return err_set(e, ERR_NO_RESOURCE, sys, "fork");
    int failed = attempt_listen(ours, clk_now_ns() + deadline_ns, stopping, &answer, e);
    attempt_end(pid);
    if (failed)
        return -1;
    memcpy(a->remark, answer.remark, sizeof a->remark);
    if (answer.failed)
        *e = answer.error;
    return answer.failed;
}
