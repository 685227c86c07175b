#include "probes/disk/refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static int tree(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "tests/unit/probes/disk/fixtures/%s", name);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void a_disabled_ring_names_its_sysctl(void **state)
{
    (void)state;
    struct err e;
    AUTO_CLOSE int off = tree("proc-uring-off");
    AUTO_CLOSE int group = tree("proc-uring-group");
    assert_int_equal(refusal_of_uring(EPERM, off, &e), -1);
    assert_string_equal(e.msg, "io_uring is disabled by kernel.io_uring_disabled=2");
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    assert_int_equal(refusal_of_uring(EPERM, group, &e), -1);
    assert_string_equal(e.msg, "io_uring is disabled by kernel.io_uring_disabled=1 for all but "
                               "CAP_SYS_ADMIN and kernel.io_uring_group");
}

static void without_that_sysctl_the_errno_is_explained(void **state)
{
    (void)state;
    struct err e;
    (void)refusal_of_uring(ENOSYS, -1, &e);
    assert_non_null(strstr(e.msg, "this kernel has no io_uring"));
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    (void)refusal_of_uring(EPERM, -1, &e);
    assert_non_null(strstr(e.msg, "seccomp"));
    assert_int_equal(e.kind, ERR_DENIED);
    (void)refusal_of_uring(ENOMEM, -1, &e);
    assert_non_null(strstr(e.msg, "ulimit -l"));
    (void)refusal_of_uring(ENOTSUP, -1, &e);
    assert_string_equal(e.msg,
                        "io_uring of this kernel cannot wait with a time limit (before 5.11)");
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    (void)refusal_of_uring(EMFILE, -1, &e);
    assert_int_equal(e.sys, EMFILE);
}

static void exhausted_aio_says_how_full_and_what_to_do(void **state)
{
    (void)state;
    struct err e;
    AUTO_CLOSE int full = tree("proc-aio-full");
    assert_int_equal(refusal_of_aio(EAGAIN, full, &e), -1);
    assert_string_equal(e.msg, "libaio exhausted: fs.aio-nr=65500 has reached "
                               "fs.aio-max-nr=65536; raise it with sysctl");
    assert_int_equal(e.kind, ERR_NO_RESOURCE);
    (void)refusal_of_aio(EAGAIN, -1, &e);
    assert_non_null(strstr(e.msg, "fs.aio-max-nr"));
    (void)refusal_of_aio(ENOSYS, full, &e);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    (void)refusal_of_aio(EPERM, full, &e);
    assert_int_equal(e.kind, ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disabled_ring_names_its_sysctl),
        cmocka_unit_test(without_that_sysctl_the_errno_is_explained),
        cmocka_unit_test(exhausted_aio_says_how_full_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
