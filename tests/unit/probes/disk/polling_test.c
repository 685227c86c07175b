#include "probes/disk/polling.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

static void put(int sys_fd, const char *dir, const char *value)
{
    char path[96];
    (void)snprintf(path, sizeof path, "devices/%s", dir);
    assert_int_equal(mkdirat(sys_fd, path, 0700), 0);
    if (!value)
        return;
    (void)snprintf(path, sizeof path, "devices/%s/queue", dir);
    assert_int_equal(mkdirat(sys_fd, path, 0700), 0);
    (void)snprintf(path, sizeof path, "devices/%s/queue/io_poll", dir);
    int fd = openat(sys_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, value, strlen(value)), strlen(value));
    (void)close(fd);
}

static void a_device_says_whether_it_has_poll_queues_and_a_partition_asks_its_disk(void **state)
{
    (void)state;
    char path[64];
    int sys_fd = fake_dir(path);
    assert_int_equal(mkdirat(sys_fd, "devices", 0700), 0);
    assert_int_equal(mkdirat(sys_fd, "dev", 0700), 0);
    assert_int_equal(mkdirat(sys_fd, "dev/block", 0700), 0);
    put(sys_fd, "nvme0n1", "1\n");
    put(sys_fd, "nvme0n1/nvme0n1p1", NULL);
    put(sys_fd, "vda", "0\n");
    put(sys_fd, "vda/vda1", NULL);
    assert_int_equal(symlinkat("../../devices/nvme0n1", sys_fd, "dev/block/259:0"), 0);
    assert_int_equal(symlinkat("../../devices/nvme0n1/nvme0n1p1", sys_fd, "dev/block/259:1"), 0);
    assert_int_equal(symlinkat("../../devices/vda", sys_fd, "dev/block/254:0"), 0);
    assert_int_equal(symlinkat("../../devices/vda/vda1", sys_fd, "dev/block/254:1"), 0);
    assert_true(polling_offered(sys_fd, makedev(259, 0)));
    assert_true(polling_offered(sys_fd, makedev(259, 1)));
    assert_false(polling_offered(sys_fd, makedev(254, 0)));
    assert_false(polling_offered(sys_fd, makedev(254, 1)));
    assert_true(polling_offered(sys_fd, makedev(0, 42))); /* btrfs: only trying tells */
    fake_dir_remove(sys_fd, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_not_direct_is_refused_without_a_read),
        cmocka_unit_test(a_device_says_whether_it_has_poll_queues_and_a_partition_asks_its_disk),
        cmocka_unit_test(a_direct_file_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
