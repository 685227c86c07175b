/*
 * The kernel's answers are altered on their way: the functions below stand before liburing's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <liburing.h>

#include "probes/disk/engine.h"
#include "tests/unit/probes/disk/fake.h"

#define NO_SQARRAY (1U << 16) /* IORING_SETUP_NO_SQARRAY, which older headers do not name */

static struct {
    unsigned made;           /* rings */
    unsigned asked;          /* flags of all of them */
    unsigned unknown_flags;  /* answered EINVAL */
    unsigned lacks_features; /* of what the kernel has */
    int registering_ring;    /* how many were registered, or -errno */
} altered;

int io_uring_setup(unsigned entries, struct io_uring_params *params)
{
    altered.asked |= params->flags;
    if (params->flags & altered.unknown_flags)
        return -EINVAL;
    long fd = syscall(SYS_io_uring_setup, entries, params);
    altered.made += fd >= 0;
    params->features &= ~altered.lacks_features;
    return fd < 0 ? -errno : (int)fd;
}

int io_uring_register_ring_fd(struct io_uring *ring)
{
    (void)ring;
    return altered.registering_ring;
}

static int reset(void **state)
{
    (void)state;
    memset(&altered, 0, sizeof altered);
    return 0;
}

struct rig {
    char path[64];
    int dir, fd;
    void *buffers[2];
    struct engine engine;
    struct err e;
};

static void rig_open(struct rig *r)
{
    *r = (struct rig){ 0 };
    if (engine_uring.supported(&r->e)) {
        print_message("skipped: %s\n", r->e.msg);
        skip();
    }
    r->dir = fake_dir(r->path);
    r->fd = openat(r->dir, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(r->fd >= 0);
    for (unsigned i = 0; i < 2; i++) {
        r->buffers[i] = aligned_alloc(4096, 4096);
        memset(r->buffers[i], (int)i + 1, 4096);
    }
    assert_int_equal(pwrite(r->fd, "plimsoll", 8, 4096), 8);
    struct engine_conf conf = { .fd = r->fd,
                                .depth = 2,
                                .buffers = r->buffers,
                                .buffer_bytes = 4096,
                                .without = { .polling = true } };
    r->engine = (struct engine){ .row = &engine_uring, .conf = conf };
    assert_int_equal(engine_uring.open(&r->engine, &conf, &r->e), 0);
}

static void rig_close(struct rig *r)
{
    engine_close(&r->engine);
    free(r->buffers[0]);
    free(r->buffers[1]);
    (void)close(r->fd);
    fake_dir_remove(r->dir, r->path);
}

static void rig_read(struct rig *r)
{
    struct engine_io io = { .offset = 4096, .bytes = 8, .slot = 1 };
    struct engine_done done = { 0 };
    assert_int_equal(engine_uring.submit(&r->engine, &io, 1), 1);
    assert_int_equal(engine_uring.reap(&r->engine, &done, 1, 1, UINT64_MAX / 2), 1);
    assert_int_equal(done.slot, 1);
    assert_int_equal(done.result, 8);
    assert_memory_equal(r->buffers[1], "plimsoll", 8);
}

/* However new the liburing: slots are submitted by number, through that array. */
static void rings_have_their_array_of_indices(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    assert_int_equal(altered.made, 2); /* one for supported, one for open */
    assert_int_equal(altered.asked & NO_SQARRAY, 0);
    rig_read(&r);
    rig_close(&r);
}

static void a_kernel_that_cannot_limit_a_wait_is_refused(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    altered.lacks_features = IORING_FEAT_EXT_ARG;
    altered.made = 0;
    struct engine other = { .row = &engine_uring, .conf = r.engine.conf };
    int before = dup(r.fd);
    (void)close(before);
    assert_int_equal(engine_uring.supported(&r.e), -1);
    assert_int_equal(r.e.kind, ERR_UNSUPPORTED);
    assert_string_equal(r.e.msg,
                        "io_uring of this kernel cannot wait with a time limit (before 5.11)");
    assert_int_equal(engine_uring.open(&other, &other.conf, &r.e), -1);
    assert_int_equal(altered.made, 2); /* refused at once, not tried with fewer flags */
    int after = dup(r.fd);
    (void)close(after);
    assert_int_equal(after, before); /* no ring was left open */
    rig_close(&r);
}

static void flags_that_the_kernel_does_not_know_are_done_without(void **state)
{
    (void)state;
    struct rig r;
    altered.unknown_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN;
    rig_open(&r);
    assert_memory_equal(r.engine.features, "no optional ring feature", 24);
    rig_read(&r);
    rig_close(&r);
}

static void what_a_kernel_lacks_is_not_blamed_on_the_file(void **state)
{
    (void)state;
    struct rig r;
    altered.registering_ring = -EINVAL;
    rig_open(&r);
    assert_non_null(strstr(r.engine.features, "registered ring (not offered by this kernel)"));
    assert_null(strstr(r.engine.features, "for this file"));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rings_have_their_array_of_indices, reset),
        cmocka_unit_test_setup(a_kernel_that_cannot_limit_a_wait_is_refused, reset),
        cmocka_unit_test_setup(flags_that_the_kernel_does_not_know_are_done_without, reset),
        cmocka_unit_test_setup(what_a_kernel_lacks_is_not_blamed_on_the_file, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
