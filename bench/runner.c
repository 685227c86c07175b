#include "bench/runner.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bench/child.h"
#include "bench/frame.h"
#include "bench/stop.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/document.h"

struct errand { /* what a child is to do */
    const struct job *job;
    const struct scratch *scratch; /* NULL: none */
};

static void runner_answer(int out_fd, int failed, const struct err *why)
{
    struct err ignored;
    if (failed)
        (void)frame_write(out_fd, FRAME_ERROR, why, sizeof *why, &ignored);
    else
        (void)frame_write(out_fd, FRAME_RESULT, "", 0, &ignored);
}

static int runner_open_rooms(const struct errand *a, struct child_rooms *rooms, struct err *e)
{
    const char *name = a->job->probe->name;
    *rooms = (struct child_rooms){ -1, -1, -1 };
    if (!a->scratch)
        return 0;
    rooms->scratch_fd = scratch_room(a->scratch, name, e);
    if (rooms->scratch_fd < 0)
        return -1;
    rooms->home_fd = a->job->home ? scratch_room(a->job->home, name, e) : rooms->scratch_fd;
    rooms->shared_fd = a->scratch->fd;
    return rooms->home_fd < 0 ? -1 : 0;
}

/* The process ends after it: nothing is closed. */
static void runner_body_run(const void *arg, int out_fd)
{
    const struct errand *a = arg;
    struct err e = { 0 };
    struct child_rooms rooms;
    if (runner_open_rooms(a, &rooms, &e))
        runner_answer(out_fd, -1, &e);
    else
        child_run(a->job, &rooms, out_fd);
}

static void runner_body_ask(const void *arg, int out_fd)
{
    const struct errand *a = arg;
    const struct probe *p = a->job->probe;
    struct err e = { 0 };
    runner_answer(out_fd, p->supported(a->job->site, a->job->conf, &e), &e);
}

static void runner_body_clear(const void *arg, int out_fd)
{
    const struct errand *a = arg;
    struct err e = { 0 };
    runner_answer(out_fd, scratch_clear(a->scratch, a->job->probe->name, &e), &e);
}

static void runner_body_tidy(const void *arg, int out_fd)
{
    struct err e = { 0 };
    runner_answer(out_fd, scratch_remove(arg, &e), &e);
}

/* What became of a child that sent no result. */
static void runner_explain(const struct job *job, const struct worker *w, int status,
                           struct result *out)
{
    double seconds = (double)(clk_now_ns() - w->heard_ns) / CLK_NS_PER_S;
    if (status == -1)
        result_set_status(out, STATUS_FAILED,
                          "did not answer for %.0f s and could not be killed; process %d is left "
                          "behind, waiting for the kernel",
                          seconds, (int)w->pid);
    else if (w->broken)
        result_set_status(out, STATUS_FAILED, "its process sent what is no message of ours");
    else if (*stop_flag())
        result_set_status(out, STATUS_FAILED, "interrupted before it had a figure");
    else if (w->overstayed)
        result_set_status(out, STATUS_FAILED,
                          "did not answer for %.0f s, in a slot of %.0f s, and was ended", seconds,
                          (double)job->slot_ns / CLK_NS_PER_S);
    else if (w->error.kind != ERR_NONE)
        result_set_status(out, STATUS_FAILED, "%s", w->error.msg);
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
    r->seed = job->seed + job->round;
}

/* The i-th result that the child sent. */
static int runner_read(const struct job *job, const struct worker *w, unsigned i, const char *peer,
                       struct result *out, struct err *e)
{
    const struct buf *text = &w->fragments[i];
    if (document_read_fragment(buf_text(text), text->size, out, e))
        return err_wrap(e, "its result");
    if (strcmp(out->probe, job->probe->name) != 0)
        return err_set(e, ERR_DATA, 0, "its result is of another probe, '%s'", out->probe);
    return strcmp(out->peer, peer) == 0
               ? 0
               : err_set(e, ERR_DATA, 0, "its result is of another peer, '%s'", out->peer);
}

static void runner_take_one(const struct job *job, struct worker *w, int status, unsigned i,
                            const char *peer, struct result *out)
{
    if (i < w->fragment_count && !w->broken) {
        if (!runner_read(job, w, i, peer, out, &w->error)) {
            if (w->overstayed)
                result_note(out,
                            "It gave no answer in time, in a slot of %.0f s, and was told to stop.",
                            (double)job->slot_ns / CLK_NS_PER_S);
            return;
        }
        result_release(out);
        w->overstayed = false; /* it answered; the error says what */
    }
    runner_blank(job, out);
    (void)snprintf(out->peer, sizeof out->peer, "%s", peer);
    runner_explain(job, w, status, out);
    if (job->probe->effects & PROBE_WRITES_DISK)
        result_note(out, "How much it had written by then is not known.");
}

/* What it said would come, whether it came or not. */
static void runner_take(const struct job *job, struct worker *w, int status, struct harvest *out)
{
    const char *peer = w->peers.size ? w->peers.data : "";
    const char *end = peer + w->peers.size;
    do {
        struct result *r = harvest_add(out);
        if (r)
            runner_take_one(job, w, status, out->count - 1, peer, r);
        peer += strlen(peer) + 1;
    } while (peer < end);
}

/* A child with a deadline of its own, which answers yes or says why not. */
static int runner_errand(struct worker *w, const char *name, worker_body *body, const void *arg,
                         struct err *e)
{
    w->late_ns = w->end_ns;
    int failed = worker_start(w, name, body, arg, e);
    if (!failed) {
        worker_listen(w, NULL);
        int status = worker_collect(w);
        if (w->error.kind != ERR_NONE) {
            *e = w->error;
            failed = -1;
        } else if (w->overstayed || status == -1) {
            failed = err_set(e, ERR_TIMEOUT, 0, "%s: no answer by its deadline", name);
        } else if (*stop_flag() && !w->answered) {
            failed = err_set(e, ERR_INTERRUPTED, 0, "interrupted before it could be asked");
        } else if (!w->answered) {
            failed = err_set(e, ERR_DATA, 0, "%s: its process ended without an answer%s%s", name,
                             WIFSIGNALED(status) ? ": " : "",
                             WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status)) : "");
        }
    }
    worker_release(w);
    return failed;
}

static void runner_clear(const struct errand *a, struct harvest *out)
{
    const struct patience *p = a->job->patience;
    struct worker w = { .patience = p, .end_ns = clk_now_ns() + p->clear_ns, .deaf = true };
    struct err e = { 0 };
    if (runner_errand(&w, "removal", runner_body_clear, a, &e))
        result_note(&out->items[0],
                    "Its scratch files could not be removed: %.300s; the next run sweeps.", e.msg);
}

/* Room for all that it named, counted in the names' own bytes: no count can be larger. */
static int runner_open_harvest(const struct worker *w, struct harvest *out, struct err *e)
{
    unsigned names = 0;
    for (size_t i = 0; i < w->peers.size; i++)
        names += w->peers.data[i] == '\0';
    return harvest_open(out, names && names <= LIMITS_PEERS ? names : 1, e);
}

static int runner_reap(const struct job *job, struct worker *w, const struct worker_hooks *hooks,
                       struct harvest *out, struct err *e)
{
    worker_listen(w, hooks);
    int status = worker_collect(w);
    if (runner_open_harvest(w, out, e))
        return -1;
    runner_take(job, w, status, out);
    return 0;
}

static int runner_fail(const struct job *job, const struct err *why, struct harvest *out,
                       struct err *e)
{
    if (harvest_open(out, 1, e))
        return -1;
    struct result *r = harvest_add(out);
    runner_blank(job, r);
    result_set_status(r, STATUS_FAILED, "%s", why->msg);
    return 0;
}

int runner_run(const struct job *job, const struct scratch *scratch,
               const struct worker_hooks *hooks, struct harvest *out, struct err *e)
{
    uint64_t now = clk_now_ns();
    uint64_t began = now - job->run_start_ns;
    struct errand errand = { job, scratch };
    struct worker w = { .patience = job->patience, .end_ns = now + job->slot_ns };
    w.late_ns = w.end_ns + job->patience->grace_ns;
    struct err why = { 0 };
    *out = (struct harvest){ 0 };

    int failed = worker_start(&w, job->probe->name, runner_body_run, &errand, &why)
                     ? runner_fail(job, &why, out, e)
                     : runner_reap(job, &w, hooks, out, e);
    worker_release(&w);
    if (failed)
        return -1;
    if (scratch)
        runner_clear(&errand, out);
    errand.scratch = job->home;
    if (job->home)
        runner_clear(&errand, out);
    for (unsigned i = 0; i < out->count; i++) {
        out->items[i].started_ns = began;
        out->items[i].duration_ns = clk_now_ns() - job->run_start_ns - began;
    }
    return 0;
}

int runner_ask(const struct job *job, struct err *e)
{
    if (!job->probe->supported)
        return 0;
    const struct patience *p = job->patience;
    struct errand errand = { .job = job };
    struct worker w = { .patience = p, .end_ns = clk_now_ns() + p->ask_ns };
    return runner_errand(&w, job->probe->name, runner_body_ask, &errand, e);
}

void runner_tidy(struct scratch *s, const struct patience *patience)
{
    struct worker w = { .patience = patience,
                        .end_ns = clk_now_ns() + patience->clear_ns,
                        .deaf = true };
    struct err ignored; /* what cannot be removed now is swept by the next run */
    if (s->fd >= 0)
        (void)runner_errand(&w, "removal", runner_body_tidy, s, &ignored);
    scratch_close(s);
}
