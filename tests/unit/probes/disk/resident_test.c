#include "probes/disk/resident.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/fake.h"

enum {
    PAGES = 10000 /* more than one step */
};

static void a_file_just_written_is_all_there(void **state)
{
    (void)state;
    long page = sysconf(_SC_PAGESIZE);
    char path[64];
    int dir = fake_dir(path);
    int fd = openat(dir, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char *bytes = calloc(PAGES / 2, (size_t)page);
    assert_int_equal(pwrite(fd, bytes, (size_t)(PAGES / 2 * page), 0), PAGES / 2 * page);
    double ratio = resident_ratio(fd, (uint64_t)(PAGES / 2 * page));
    if (!isnan(ratio)) /* not every kernel tells */
        assert_true(ratio > 0.9 && ratio <= 1);
    /* The other half is a hole that nobody has read. */
    assert_int_equal(ftruncate(fd, PAGES * page), 0);
    ratio = resident_ratio(fd, (uint64_t)(PAGES * page));
    if (!isnan(ratio))
        assert_true(ratio > 0.45 && ratio <= 0.5);
    free(bytes);
    (void)close(fd);
    fake_dir_remove(dir, path);
}

static void an_empty_or_closed_file_is_not_known(void **state)
{
    (void)state;
    assert_true(isnan(resident_ratio(-1, 1 << 20)));
    assert_true(isnan(resident_ratio(0, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_just_written_is_all_there),
        cmocka_unit_test(an_empty_or_closed_file_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
