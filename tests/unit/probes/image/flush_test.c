#include "probes/image/flush.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/clk.h"
#include "tests/unit/probes/disk/fake.h"

/* A memory filesystem: its sync is done at once, however busy the disks are. */
static int memory_fd(void)
{
    int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void a_sync_is_timed_again_and_again(void **state)
{
    (void)state;
    const volatile sig_atomic_t stopping = 0;
    struct flush f;
    struct err e;
    int fd = memory_fd();
    assert_int_equal(flush_open(&f, fd, &e), 0);
    for (int i = 0; i < 3; i++) {
        uint64_t took_ns = 0;
        assert_int_equal(flush_run(&f, UINT64_MAX / 2, &stopping, &took_ns, &e), 0);
        assert_true(took_ns > 0);
    }
    flush_release(&f);
    flush_release(&f); /* may be called again */
    (void)close(fd);
}

static void a_deadline_that_is_over_is_a_timeout_and_release_waits(void **state)
{
    (void)state;
    const volatile sig_atomic_t stopping = 0;
    struct flush f;
    struct err e;
    uint64_t took_ns = 0;
    int fd = memory_fd();
    assert_int_equal(flush_open(&f, fd, &e), 0);
    assert_int_equal(flush_run(&f, 0, &stopping, &took_ns, &e), -1);
    assert_int_equal(e.kind, ERR_TIMEOUT);
    flush_release(&f);
    (void)close(fd);
}

static void a_sync_within_a_quota_needs_its_descriptor_no_longer(void **state)
{
    (void)state;
    const volatile sig_atomic_t stopping = 1;
    const struct quota over = { .until_ns = 1 };
    const struct quota stopped = { .stopping = &stopping };
    const struct quota none = { 0 };
    struct flush f;
    struct err e;
    uint64_t took_ns = 0;
    assert_int_equal(flush_open(&f, -1, &e), 0);
    for (int i = 0; i < 3; i++) {
        int fd = memory_fd();
        assert_int_equal(flush_within(&f, fd, &over, &took_ns, &e), -1);
        assert_int_equal(e.kind, ERR_TIMEOUT);
        (void)close(fd);
        fd = memory_fd();
        assert_int_equal(flush_within(&f, fd, &stopped, &took_ns, &e), -1);
        assert_int_equal(e.kind, ERR_INTERRUPTED);
        assert_int_equal(flush_within(&f, fd, &none, &took_ns, &e), 0);
        assert_true(took_ns > 0);
        (void)close(fd);
    }
    assert_int_equal(flush_within(&f, -1, &none, &took_ns, &e), -1);
    assert_int_equal(e.sys, EBADF);
    flush_release(&f);
}

static void a_stop_ends_the_waiting(void **state)
{
    (void)state;
    const volatile sig_atomic_t stopping = 1;
    struct flush f;
    struct err e;
    uint64_t took_ns = 0;
    int fd = memory_fd();
    assert_int_equal(flush_open(&f, fd, &e), 0);
    assert_int_equal(flush_run(&f, UINT64_MAX / 2, &stopping, &took_ns, &e), -1);
    assert_int_equal(e.kind, ERR_INTERRUPTED);
    flush_release(&f);
    (void)close(fd);
}

static void what_syncfs_says_is_said(void **state)
{
    (void)state;
    const volatile sig_atomic_t stopping = 0;
    struct flush f;
    struct err e;
    uint64_t took_ns = 0;
    assert_int_equal(flush_open(&f, -1, &e), 0);
    assert_int_equal(flush_run(&f, UINT64_MAX / 2, &stopping, &took_ns, &e), -1);
    assert_int_equal(e.sys, EBADF);
    flush_release(&f);
}

static void one_that_never_ran_can_be_released(void **state)
{
    (void)state;
    struct flush f = { 0 };
    struct err e;
    flush_release(&f);
    assert_int_equal(flush_open(&f, -1, &e), 0);
    flush_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sync_is_timed_again_and_again),
        cmocka_unit_test(a_deadline_that_is_over_is_a_timeout_and_release_waits),
        cmocka_unit_test(a_sync_within_a_quota_needs_its_descriptor_no_longer),
        cmocka_unit_test(a_stop_ends_the_waiting),
        cmocka_unit_test(what_syncfs_says_is_said),
        cmocka_unit_test(one_that_never_ran_can_be_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
