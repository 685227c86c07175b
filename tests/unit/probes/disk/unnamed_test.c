#include "probes/disk/unnamed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "tests/unit/probes/disk/fake.h"

static void the_file_has_room_and_no_name(void **state)
{
    (void)state;
    char path[64];
    struct err e;
    struct stat st;
    int dir = fake_dir(path);
    assert_true(dir >= 0);
    AUTO_CLOSE int fd = unnamed_open(dir, 0, &e);
    assert_true(fd >= 0);
    assert_int_equal(fake_names(path), 0);
    assert_int_equal(unnamed_allocate(fd, 1 << 20, &e), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    fake_dir_remove(dir, path);
}

/* /proc has neither O_TMPFILE nor files to make: the named way is tried and fails cleanly. */
static void where_nothing_can_be_made_the_errno_is_told(void **state)
{
    (void)state;
    struct err e = { 0 };
    assert_int_equal(unnamed_try("/proc", 0, &e), -1);
    assert_non_null(strstr(e.msg, "'/proc'"));
    assert_int_not_equal(e.sys, 0);
}

static void a_missing_directory_is_named(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(unnamed_try("/no/such/place", 0, &e), -1);
    assert_int_equal(e.sys, ENOENT);
    assert_non_null(strstr(e.msg, "'/no/such/place'"));
}

static void an_impossible_size_is_an_error(void **state)
{
    (void)state;
    char path[64];
    struct err e;
    int dir = fake_dir(path);
    AUTO_CLOSE int fd = unnamed_open(dir, 0, &e);
    assert_int_equal(unnamed_allocate(fd, UINT64_C(1) << 62, &e), -1);
    assert_true(e.sys == EFBIG || e.sys == ENOSPC);
    fake_dir_remove(dir, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_has_room_and_no_name),
        cmocka_unit_test(where_nothing_can_be_made_the_errno_is_told),
        cmocka_unit_test(a_missing_directory_is_named),
        cmocka_unit_test(an_impossible_size_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
