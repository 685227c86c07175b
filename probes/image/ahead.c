#include "probes/image/ahead.h"

#include <stdlib.h>
#include <time.h>

#include "probes/kit/clk.h"

/* With the lock held, between two blocks: whether there is room and somebody wants more. */
static bool ahead_may_go_on(const struct ahead *a)
{
    return a->state == AHEAD_RUNS && a->made - a->taken < a->conf.blocks;
}

/* Makes one block; without the lock. */
static void ahead_fill(struct ahead *a, struct ahead_block *block, struct surcharge *s,
                       struct err *e)
{
    uint64_t start_ns = a->conf.surcharge > 0 ? clk_thread_cpu_ns() : 0;
    if (a->conf.make(a->conf.arg, block->bytes, a->conf.room, &block->size, e))
        block->size = 0;
    else if (a->conf.surcharge > 0)
        surcharge_owe(s, (double)(clk_thread_cpu_ns() - start_ns) * a->conf.surcharge);
    surcharge_owe(s, a->conf.block_ns);
}

/* With the lock held: until the stream ends, fails or is stopped. */
static void ahead_run(struct ahead *a)
{
    struct surcharge s = { 0 };
    bool is_over = false;
    while (!is_over && a->state == AHEAD_RUNS) {
        if (!ahead_may_go_on(a)) {
            (void)pthread_cond_wait(&a->changed, &a->lock);
            continue;
        }
        struct ahead_block *block = &a->blocks[a->made % a->conf.blocks];
        struct err e = { 0 };
        (void)pthread_mutex_unlock(&a->lock);
        ahead_fill(a, block, &s, &e);
        (void)pthread_mutex_lock(&a->lock);
        if (e.kind != ERR_NONE)
            a->err = e;
        is_over = block->size == 0;
        a->made++;
        a->spent_ns = s.spent_ns;
        (void)pthread_cond_broadcast(&a->changed);
    }
    if (a->state != AHEAD_LEAVING)
        a->state = AHEAD_IDLE;
    (void)pthread_cond_broadcast(&a->changed);
}

static void *ahead_thread(void *arg)
{
    struct ahead *a = arg;
    (void)pthread_mutex_lock(&a->lock);
    while (a->state != AHEAD_LEAVING) {
        if (a->state == AHEAD_IDLE)
            (void)pthread_cond_wait(&a->changed, &a->lock);
        else
            ahead_run(a);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

int ahead_open(struct ahead *a, struct err *e)
{
    pthread_condattr_t attr;
    *a = (struct ahead){ 0 };
    for (unsigned i = 0; i < AHEAD_BLOCKS_MAX; i++) {
        a->blocks[i].bytes = malloc(AHEAD_BLOCK_BYTES);
        if (!a->blocks[i].bytes)
            return err_set(e, ERR_NO_RESOURCE, 0, "no memory to decompress ahead");
    }
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&a->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    int sys = pthread_create(&a->thread, NULL, ahead_thread, a);
    if (sys)
        return err_set(e, ERR_NO_RESOURCE, sys, "start a thread to decompress ahead");
    a->is_open = true;
    return 0;
}

static void ahead_tell(struct ahead *a, enum ahead_state state)
{
    (void)pthread_mutex_lock(&a->lock);
    a->state = state;
    (void)pthread_cond_broadcast(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
}

void ahead_start(struct ahead *a, const struct ahead_conf *conf)
{
    a->made = a->taken = 0;
    a->is_reading = false;
    a->err = (struct err){ 0 };
    a->conf = *conf;
    a->spent_ns = 0;
    ahead_tell(a, AHEAD_RUNS);
}

void ahead_stop(struct ahead *a)
{
    if (!a->is_open)
        return;
    (void)pthread_mutex_lock(&a->lock);
    if (a->state == AHEAD_RUNS)
        a->state = AHEAD_HALTING;
    (void)pthread_cond_broadcast(&a->changed);
    while (a->state != AHEAD_IDLE)
        (void)pthread_cond_wait(&a->changed, &a->lock);
    (void)pthread_mutex_unlock(&a->lock);
}

void ahead_release(struct ahead *a)
{
    if (a->is_open) {
        ahead_stop(a);
        ahead_tell(a, AHEAD_LEAVING);
        (void)pthread_join(a->thread, NULL);
        (void)pthread_cond_destroy(&a->changed);
        (void)pthread_mutex_destroy(&a->lock);
    }
    a->is_open = false;
    for (unsigned i = 0; i < AHEAD_BLOCKS_MAX; i++) {
        free(a->blocks[i].bytes);
        a->blocks[i].bytes = NULL;
    }
}

/* With the lock held: gives back the block that was being read. */
static void ahead_give_back(struct ahead *a)
{
    if (!a->is_reading)
        return;
    a->is_reading = false;
    a->taken++;
    (void)pthread_cond_broadcast(&a->changed);
}

bool ahead_wait(struct ahead *a, int timeout_ms)
{
    const struct timespec until = clk_timespec(clk_now_ns() + (uint64_t)timeout_ms * CLK_NS_PER_MS);
    int sys = 0;
    (void)pthread_mutex_lock(&a->lock);
    ahead_give_back(a);
    while (a->made == a->taken && sys == 0)
        sys = pthread_cond_timedwait(&a->changed, &a->lock, &until);
    bool is_ready = a->made > a->taken;
    (void)pthread_mutex_unlock(&a->lock);
    return is_ready;
}

int ahead_read(struct ahead *a, const uint8_t **bytes, size_t *size, struct err *e)
{
    (void)pthread_mutex_lock(&a->lock);
    ahead_give_back(a);
    while (a->made == a->taken)
        (void)pthread_cond_wait(&a->changed, &a->lock);
    const struct ahead_block *block = &a->blocks[a->taken % a->conf.blocks];
    *bytes = block->bytes;
    *size = block->size;
    bool is_failed = block->size == 0 && a->err.kind != ERR_NONE;
    if (is_failed)
        *e = a->err;
    a->is_reading = block->size > 0; /* the end stays readable */
    (void)pthread_mutex_unlock(&a->lock);
    return is_failed ? -1 : 0;
}
