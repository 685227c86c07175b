#include "probes/disk/polling.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/fake.h"

static void a_file_that_is_not_direct_is_refused_without_a_read(void **state)
{
    (void)state;
    char path[64];
    int dir = fake_dir(path);
    int fd = openat(dir, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(polling_try(fd, NULL, 4096), -EINVAL);
    (void)close(fd);
    fake_dir_remove(dir, path);
}

/* Most devices have no poll queues; those that have read the block. */
static void a_direct_file_is_read_or_refused(void **state)
{
    (void)state;
    char path[64];
    int dir = fake_dir(path);
    void *buffer = aligned_alloc(4096, 4096);
    memset(buffer, 7, 4096);
    int fd = openat(dir, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, buffer, 4096, 0), 4096);
    (void)close(fd);
    memset(buffer, 9, 4096);
    fd = openat(dir, "x", O_RDWR | O_DIRECT | O_CLOEXEC);
    int status = fd < 0 ? -EINVAL : polling_try(fd, buffer, 4096);
    assert_true(status <= 0 && status != -ETIMEDOUT);
    assert_int_equal(((char *)buffer)[100], status == 0 ? 7 : 9);
    (void)close(fd);
    free(buffer);
    fake_dir_remove(dir, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_not_direct_is_refused_without_a_read),
        cmocka_unit_test(a_direct_file_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
