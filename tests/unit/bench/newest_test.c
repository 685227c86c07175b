#include "bench/newest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/file.h"

/* A report folder whose document was changed at that second. */
static void put(const char *dir, const char *name, long at_s)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/%s/result.json", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    struct timespec times[2] = { { .tv_sec = at_s }, { .tv_sec = at_s } };
    assert_int_equal(futimens(fd, times), 0);
    (void)close(fd);
}

static void the_youngest_is_found_whatever_its_name(void **state)
{
    (void)state;
    char dir[] = "/tmp/plimsoll-test-XXXXXX";
    char path[NEWEST_PATH_BYTES];
    struct err e;
    assert_non_null(mkdtemp(dir));
    assert_false(newest_document(dir, path));
    put(dir, "plimsoll-b-1", 2000);
    put(dir, "plimsoll-a-2", 3000);
    put(dir, "plimsoll-c-3", 1000);
    put(dir, "other", 4000);
    assert_true(newest_document(dir, path));
    assert_non_null(strstr(path, "plimsoll-a-2/result.json"));
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_youngest_is_found_whatever_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
