#include "bench/scratch.h"

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

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

static int make_dir(void **state)
{
    char *dir = strdup("/tmp/plimsoll-test-XXXXXX");
    *state = dir;
    return dir && mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    struct err e;
    int failed = file_remove_tree_at(AT_FDCWD, *state, &e);
    free(*state);
    return failed;
}

static int exists(const char *dir, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void a_scratch_directory_leaves_nothing(void **state)
{
    struct scratch s = SCRATCH_CLOSED;
    struct err e = { 0 };
    assert_int_equal(scratch_open(*state, &s, &e), 0);
    char name[sizeof s.name];
    memcpy(name, s.name, sizeof name);
    assert_true(exists(*state, name));
    int room = scratch_room(&s, "disk.wal", &e);
    assert_true(room >= 0);
    assert_int_equal(mkdirat(room, "deep", 0700), 0);
    (void)close(room);
    assert_int_equal(scratch_clear(&s, "disk.wal", &e), 0);
    scratch_release(&s);
    scratch_release(&s);
    assert_false(exists(*state, name));
}

static void a_scratch_directory_in_use_is_not_swept(void **state)
{
    struct scratch mine = SCRATCH_CLOSED;
    struct scratch theirs = SCRATCH_CLOSED;
    struct err e = { 0 };
    assert_int_equal(scratch_open(*state, &theirs, &e), 0);
    assert_int_equal(scratch_open(*state, &mine, &e), 0);
    assert_true(exists(*state, theirs.name));
    scratch_release(&mine);
    scratch_release(&theirs);
}

static void an_abandoned_one_is_swept(void **state)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/.plimsoll-abandoned", (char *)*state);
    assert_int_equal(mkdir(path, 0700), 0);
    AUTO_CLOSE int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(scratch_sweep(fd), 1);
    assert_false(exists(*state, ".plimsoll-abandoned"));
}

static void what_is_abandoned_during_the_run_is_swept_at_its_end(void **state)
{
    struct scratch dying = SCRATCH_CLOSED;
    struct scratch s = SCRATCH_CLOSED;
    struct err e = { 0 };
    assert_int_equal(scratch_open(*state, &dying, &e), 0);
    assert_int_equal(scratch_open(*state, &s, &e), 0);
    assert_true(exists(*state, dying.name));
    auto_close_fd(&dying.fd); /* the lock goes, the directory stays: a kill */
    auto_close_fd(&dying.parent_fd);
    scratch_release(&s);
    assert_false(exists(*state, dying.name));
}

static void other_names_and_links_are_left_alone(void **state)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/.plimsoll-link", (char *)*state);
    assert_int_equal(symlink("/", path), 0);
    (void)snprintf(path, sizeof path, "%s/plimsoll-report", (char *)*state);
    assert_int_equal(mkdir(path, 0700), 0);
    AUTO_CLOSE int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(scratch_sweep(fd), 0);
    assert_true(exists(*state, "plimsoll-report"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scratch_directory_leaves_nothing, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(a_scratch_directory_in_use_is_not_swept, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(an_abandoned_one_is_swept, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(what_is_abandoned_during_the_run_is_swept_at_its_end,
                                        make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(other_names_and_links_are_left_alone, make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
