#include "probes/image/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probes/kit/clk.h"

enum {
    PIPELINE_NAME_BYTES = 16,
    PIPELINE_AHEAD = 3 /* blocks that expanding is ahead of placing where threads share a layer */
};

/* A stage of a lane. */
struct pipeline_task {
    struct lane *lane; /* NULL: there is nothing to do */
    enum lane_stage stage;
};

static unsigned pipeline_at_most(unsigned wanted, unsigned most)
{
    return wanted < most ? wanted : most;
}

/* Whether another layer may be begun now. */
static bool pipeline_may_begin(const struct pipeline *p)
{
    unsigned lanes = pipeline_at_most(p->job->lanes, p->lane_count);
    return !p->has_failed && p->begun < p->job->image->count && p->active < lanes;
}

/* The largest one that is not begun: the last to end should be a small one. */
static unsigned pipeline_next(const struct pipeline *p)
{
    const struct oci_image *image = p->job->image;
    unsigned best = image->count;
    for (unsigned i = 0; i < image->count; i++) {
        if (!p->is_begun[i] && (best == image->count ||
                                image->layers[i].source.size > image->layers[best].source.size))
            best = i;
    }
    return best;
}

static unsigned pipeline_number(const struct pipeline *p, const struct oci_layer *layer)
{
    return (unsigned)(layer - p->job->image->layers);
}

static int pipeline_make_dir(int dir_fd, unsigned number, struct err *e)
{
    char name[PIPELINE_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%u", number);
    if (mkdirat(dir_fd, name, 0755))
        return err_set(e, err_kind_of(errno), errno, "create the directory '%s'", name);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : err_set(e, err_kind_of(errno), errno, "open '%s'", name);
}

/* Under the lock: it is done once a layer. */
static void pipeline_fail(struct pipeline *p, unsigned number, const struct err *e)
{
    if (p->has_failed)
        return;
    p->has_failed = true;
    p->err = *e;
    (void)err_wrap(&p->err, "layer %u of %u", number + 1, p->job->image->count);
}

static void pipeline_begin(struct pipeline *p, struct lane *lane)
{
    unsigned number = pipeline_next(p);
    bool is_batched = p->job->is_batched && lane->batch.chain;
    const struct placer_site site = { .below = number,
                                      .heirs = &p->heirs,
                                      .batch = is_batched ? &lane->batch : NULL };
    struct err e = { 0 };
    p->is_begun[number] = true;
    p->begun++;
    int fd = pipeline_make_dir(p->job->dir_fd, number, &e);
    lane->syncs = p->job->syncs;
    if (fd < 0 ||
        lane_start(lane, &p->job->image->layers[number], &site, fd, &p->job->limits, &e)) {
        pipeline_fail(p, number, &e);
        lane_stop(lane);
        return;
    }
    p->active++;
}

static void pipeline_add(struct pipeline_took *took, const struct lane *lane)
{
    took->count.entries += lane->count.entries;
    took->count.stream_bytes += lane->count.stream_bytes;
    took->count.written_bytes += lane->count.written_bytes;
    for (unsigned i = 0; i < RULES_SKIPS; i++)
        took->count.skipped[i] += lane->count.skipped[i];
    lane_tell(lane, took->parts);
}

static void pipeline_end(struct pipeline *p, struct lane *lane)
{
    p->took.layers += lane_is_over(lane);
    pipeline_add(&p->took, lane);
    lane_stop(lane);
    p->active--;
}

/* In which order a lane's stages are looked at. */
static struct pipeline_task pipeline_pick_in(const struct pipeline *p, struct lane *lane)
{
    static const enum lane_stage order[] = { LANE_PLACE, LANE_HASH, LANE_EXPAND };

    uint64_t ahead = lane->done[LANE_EXPAND] - lane->done[LANE_PLACE];
    bool shares = p->active < p->thread_count;
    if (shares && ahead < PIPELINE_AHEAD && lane_can(lane, LANE_EXPAND))
        return (struct pipeline_task){ lane, LANE_EXPAND };
    for (unsigned i = 0; i < LANE_STAGES; i++) {
        if (lane_can(lane, order[i]))
            return (struct pipeline_task){ lane, order[i] };
    }
    return (struct pipeline_task){ 0 };
}

/* In the thread's own layer, in a new one, in any. */
static struct pipeline_task pipeline_pick(struct pipeline *p, struct lane *own)
{
    struct pipeline_task task = { 0 };
    if (p->has_failed)
        return task;
    if (own->layer)
        task = pipeline_pick_in(p, own);
    for (unsigned i = 0; i < p->lane_count && !task.lane && pipeline_may_begin(p); i++) {
        if (p->lanes[i].layer)
            continue;
        pipeline_begin(p, &p->lanes[i]);
        if (p->lanes[i].layer)
            task = pipeline_pick_in(p, &p->lanes[i]);
    }
    for (unsigned i = 0; i < p->lane_count && !task.lane && !p->has_failed; i++)
        task = p->lanes[i].layer ? pipeline_pick_in(p, &p->lanes[i]) : task;
    return task;
}

/* Does a task with the lock released. */
static void pipeline_do(struct pipeline *p, const struct pipeline_task *task)
{
    struct lane *lane = task->lane;
    struct err e = { 0 };
    lane->is_busy[task->stage] = true;
    p->busy++;
    const struct quota quota = rules_quota(&p->job->limits);
    (void)pthread_mutex_unlock(&p->lock);
    int failed = quota_check(&quota, &e) || lane_do(lane, task->stage, &e);
    (void)pthread_mutex_lock(&p->lock);
    p->busy--;
    lane->is_busy[task->stage] = false;
    if (failed) {
        pipeline_fail(p, pipeline_number(p, lane->layer), &e);
        return;
    }
    lane->is_expanded = lane->is_expanded || lane_made_last(lane, task->stage);
    lane->done[task->stage]++;
    if (lane_is_over(lane))
        pipeline_end(p, lane);
}

/* All layers are unpacked, or nobody works on any after a failure. */
static bool pipeline_is_over(const struct pipeline *p)
{
    bool is_through = p->begun == p->job->image->count && p->active == 0;
    return p->busy == 0 && (p->has_failed || is_through);
}

static void pipeline_finish(struct pipeline *p)
{
    for (unsigned i = 0; i < p->lane_count; i++) {
        if (p->lanes[i].layer)
            pipeline_end(p, &p->lanes[i]);
    }
    p->state = PIPELINE_IDLE;
    (void)pthread_cond_signal(&p->over);
}

static void pipeline_wait(struct pipeline *p)
{
    p->waiting++;
    (void)pthread_cond_wait(&p->work, &p->lock);
    p->waiting--;
}

/* One turn of a thread, with the lock held. */
static void pipeline_turn(struct pipeline *p, struct lane **own)
{
    if (p->state != PIPELINE_AT_WORK) {
        pipeline_wait(p);
        return;
    }
    struct pipeline_task task = pipeline_pick(p, *own);
    if (task.lane) {
        *own = task.lane;
        pipeline_do(p, &task);
        if (p->waiting > 0)
            (void)pthread_cond_signal(&p->work);
    } else if (pipeline_is_over(p)) {
        pipeline_finish(p);
    } else {
        pipeline_wait(p);
    }
}

static void *pipeline_thread(void *arg)
{
    struct pipeline *p = arg;
    struct lane *own = p->lanes;
    (void)pthread_mutex_lock(&p->lock);
    while (p->state != PIPELINE_LEAVING)
        pipeline_turn(p, &own);
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int pipeline_open_lanes(struct pipeline *p, unsigned lanes, struct err *e)
{
    p->lanes = calloc(lanes, sizeof *p->lanes);
    if (!p->lanes)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack layers");
    for (; p->lane_count < lanes; p->lane_count++) {
        if (lane_open(&p->lanes[p->lane_count], e)) {
            lane_release(&p->lanes[p->lane_count]);
            return -1;
        }
    }
    return 0;
}

static int pipeline_open_threads(struct pipeline *p, unsigned threads, struct err *e)
{
    for (; p->thread_count < threads; p->thread_count++) {
        int sys = pthread_create(&p->threads[p->thread_count], NULL, pipeline_thread, p);
        if (sys)
            return err_set(e, ERR_NO_RESOURCE, sys, "start a thread");
    }
    return 0;
}

int pipeline_open(struct pipeline *p, unsigned threads, unsigned lanes, struct err *e)
{
    memset(p, 0, sizeof *p);
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->work, NULL);
    (void)pthread_cond_init(&p->over, NULL);
    p->is_open = true;
    return heirs_open(&p->heirs, e) ||
                   pipeline_open_lanes(p, pipeline_at_most(lanes, PIPELINE_LANES), e) ||
                   pipeline_open_threads(p, pipeline_at_most(threads, PIPELINE_THREADS), e)
               ? -1
               : 0;
}

/* Of the CPUs that this process may use, the next one after `cpu`, around. */
static int pipeline_next_cpu(const cpu_set_t *may, int cpu)
{
    for (int i = 1; i <= CPU_SETSIZE; i++) {
        int next = (cpu + i) % CPU_SETSIZE;
        if (CPU_ISSET((unsigned)next, may))
            return next;
    }
    return 0;
}

/* Where it is not allowed it is only slower. */
static void pipeline_pin(struct pipeline *p)
{
    cpu_set_t may;
    cpu_set_t one;
    int cpu = -1;
    if (sched_getaffinity(0, sizeof may, &may))
        return;
    for (unsigned i = 0; i < p->thread_count; i++) {
        cpu = pipeline_next_cpu(&may, cpu);
        CPU_ZERO(&one);
        CPU_SET((unsigned)cpu, &one);
        (void)pthread_setaffinity_np(p->threads[i], sizeof one, &one);
    }
}

int pipeline_open_batches(struct pipeline *p, struct err *e)
{
    int failed = 0;
    for (unsigned i = 0; i < p->lane_count && !failed; i++)
        failed = batch_open(&p->lanes[i].batch, e);
    for (unsigned i = 0; i < p->lane_count && failed; i++)
        batch_release(&p->lanes[i].batch);
    if (!failed)
        pipeline_pin(p);
    return failed;
}

void pipeline_release(struct pipeline *p)
{
    if (!p->is_open)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->state = PIPELINE_LEAVING;
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++)
        (void)pthread_join(p->threads[i], NULL);
    for (unsigned i = 0; i < p->lane_count; i++)
        lane_release(&p->lanes[i]);
    free(p->lanes);
    heirs_release(&p->heirs);
    (void)pthread_cond_destroy(&p->over);
    (void)pthread_cond_destroy(&p->work);
    (void)pthread_mutex_destroy(&p->lock);
    p->is_open = false;
}

/* With the lock held, no job being at work. */
static void pipeline_take(struct pipeline *p, const struct pipeline_job *job)
{
    p->job = job;
    heirs_start(&p->heirs);
    p->begun = 0;
    p->active = 0;
    p->has_failed = false;
    p->err = (struct err){ 0 };
    p->took = (struct pipeline_took){ 0 };
    memset(p->is_begun, 0, sizeof p->is_begun);
    p->state = PIPELINE_AT_WORK;
    (void)pthread_cond_broadcast(&p->work);
}

/* What was set after the layers were synced is synced too. */
static int pipeline_settle(struct pipeline *p, const struct pipeline_job *job, struct err *e)
{
    const struct quota quota = rules_quota(&job->limits);
    uint64_t took_ns = 0;
    if (p->heirs.count == 0)
        return 0;
    if (heirs_settle(&p->heirs, job->dir_fd, &quota, e))
        return err_wrap(e, "directories that no entry lists");
    return job->syncs ? flush_within(&p->lanes[0].flush, job->dir_fd, &quota, &took_ns, e) : 0;
}

/* The threads that the kernel makes files with are no stage's: what the process took beyond its
 * stages was theirs. */
static void pipeline_credit(struct pipeline_took *took, uint64_t cpu_ns)
{
    uint64_t known_ns = 0;
    for (unsigned i = 0; i < LANE_PARTS; i++)
        known_ns += took->parts[i].cpu_ns;
    took->parts[LANE_PART_METADATA].cpu_ns += cpu_ns > known_ns ? cpu_ns - known_ns : 0;
}

int pipeline_run(struct pipeline *p, const struct pipeline_job *job, struct pipeline_took *took,
                 struct err *e)
{
    uint64_t wall_ns = clk_now_ns();
    uint64_t cpu_ns = clk_process_cpu_ns();
    mode_t mask = umask(0); /* files are created with the modes they are to have */
    (void)pthread_mutex_lock(&p->lock);
    pipeline_take(p, job);
    while (p->state == PIPELINE_AT_WORK)
        (void)pthread_cond_wait(&p->over, &p->lock);
    *took = p->took;
    *e = p->err;
    bool has_failed = p->has_failed;
    (void)pthread_mutex_unlock(&p->lock);
    (void)umask(mask);
    if (job->is_batched)
        pipeline_credit(took, clk_process_cpu_ns() - cpu_ns);
    int failed = has_failed || pipeline_settle(p, job, e) ? -1 : 0;
    took->wall_ns = clk_now_ns() - wall_ns;
    took->cpu_ns = clk_process_cpu_ns() - cpu_ns;
    return failed;
}
