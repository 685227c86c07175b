#include "probes/image/removal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/kit/clk.h"
#include "tests/unit/probes/disk/fake.h"

enum {
    LAYERS = 5,
    DIRS = 7,
    FILES = 40 /* a directory */
};

struct forest {
    char path[64];
    int dir;
    struct removal_conf conf;
    struct removal_count count;
    volatile sig_atomic_t stopping;
    struct err e;
};

static void add_file(int dir, const char *name)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

/* "tree" with LAYERS directories of DIRS each with FILES files and a link; how many entries. */
static unsigned plant(const struct forest *f)
{
    char name[128];
    unsigned entries = 1;
    assert_int_equal(mkdirat(f->dir, "tree", 0755), 0);
    for (unsigned i = 0; i < LAYERS * DIRS; i++) {
        (void)snprintf(name, sizeof name, "tree/%u", i / DIRS);
        entries += mkdirat(f->dir, name, 0755) == 0;
        (void)snprintf(name, sizeof name, "tree/%u/%u", i / DIRS, i);
        entries += mkdirat(f->dir, name, 0755) == 0;
        (void)snprintf(name, sizeof name, "tree/%u/%u/up", i / DIRS, i);
        entries += symlinkat("../..", f->dir, name) == 0;
        for (unsigned k = 0; k < FILES; k++, entries++) {
            (void)snprintf(name, sizeof name, "tree/%u/%u/a-file-with-a-long-name-%u", i / DIRS, i,
                           k);
            add_file(f->dir, name);
        }
    }
    return entries;
}

static int setup(void **state)
{
    struct forest *f = calloc(1, sizeof *f);
    *state = f;
    f->conf = (struct removal_conf){ .threads = 2, .stopping = &f->stopping };
    f->dir = fake_dir(f->path);
    return 0;
}

static int teardown(void **state)
{
    struct forest *f = *state;
    fake_dir_remove(f->dir, f->path);
    free(f);
    return 0;
}

static int remove_tree(struct forest *f)
{
    return removal_run(&f->conf, f->dir, "tree", &f->count, &f->e);
}

static void everything_goes_and_is_counted(void **state)
{
    struct forest *f = *state;
    for (f->conf.threads = 1; f->conf.threads <= 3; f->conf.threads++) {
        unsigned entries = plant(f);
        add_file(f->dir, "beside");
        if (remove_tree(f))
            fail_msg("%s", f->e.msg);
        assert_int_equal(f->count.entries, entries);
        assert_true(f->count.took_ns > 0);
        assert_int_equal(fake_names(f->path), 1);
        assert_int_equal(unlinkat(f->dir, "beside", 0), 0);
    }
}

static void more_threads_than_are_allowed_are_not_made(void **state)
{
    struct forest *f = *state;
    f->conf.threads = 1000;
    unsigned entries = plant(f);
    assert_int_equal(remove_tree(f), 0);
    assert_int_equal(f->count.entries, entries);
}

static void what_is_missing_is_removed_already(void **state)
{
    struct forest *f = *state;
    assert_int_equal(remove_tree(f), 0);
    assert_int_equal(f->count.entries, 0);
}

static void a_file_is_a_tree_of_one_entry(void **state)
{
    struct forest *f = *state;
    add_file(f->dir, "tree");
    assert_int_equal(remove_tree(f), 0);
    assert_int_equal(f->count.entries, 1);
    assert_int_equal(fake_names(f->path), 0);
}

static void a_link_is_removed_and_not_followed(void **state)
{
    struct forest *f = *state;
    (void)plant(f);
    assert_int_equal(mkdirat(f->dir, "kept", 0755), 0);
    add_file(f->dir, "kept/file");
    assert_int_equal(symlinkat("../kept", f->dir, "tree/link"), 0);
    assert_int_equal(remove_tree(f), 0);
    assert_int_equal(faccessat(f->dir, "kept/file", F_OK, 0), 0);
}

static void directories_that_forbid_it_are_no_hindrance(void **state)
{
    struct forest *f = *state;
    (void)plant(f);
    assert_int_equal(fchmodat(f->dir, "tree/0", 0555, 0), 0);
    assert_int_equal(fchmodat(f->dir, "tree/1", 0, 0), 0);
    if (remove_tree(f))
        fail_msg("%s", f->e.msg);
    assert_int_equal(fake_names(f->path), 0);
}

static void a_tree_deeper_than_the_levels_goes_too(void **state)
{
    struct forest *f = *state;
    int at = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < 3 * REMOVAL_LEVELS; i++) {
        assert_int_equal(mkdirat(at, "tree", 0755), 0);
        int below = openat(at, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(at);
        at = below;
    }
    (void)close(at);
    assert_int_equal(remove_tree(f), 0);
    assert_true(f->count.entries >= REMOVAL_LEVELS);
    assert_int_equal(fake_names(f->path), 0);
}

static void a_stop_leaves_the_rest_for_another_time(void **state)
{
    struct forest *f = *state;
    (void)plant(f);
    f->stopping = 1;
    assert_int_equal(remove_tree(f), -1);
    assert_int_equal(f->e.kind, ERR_INTERRUPTED);
    assert_int_equal(f->count.entries, 0);
    f->stopping = 0;
    assert_int_equal(remove_tree(f), 0);
    assert_int_equal(fake_names(f->path), 0);
}

static void the_deadline_is_kept(void **state)
{
    struct forest *f = *state;
    unsigned entries = plant(f);
    f->conf.until_ns = 1;
    assert_int_equal(remove_tree(f), -1);
    assert_int_equal(f->e.kind, ERR_TIMEOUT);
    assert_true(f->count.entries < entries);
    f->conf.until_ns = UINT64_MAX;
    assert_int_equal(remove_tree(f), 0);
}

static void what_cannot_be_removed_is_named(void **state)
{
    struct forest *f = *state;
    assert_int_equal(removal_run(&f->conf, -1, "tree", &f->count, &f->e), -1);
    assert_int_equal(f->e.sys, EBADF);
    assert_non_null(strstr(f->e.msg, "'tree'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_goes_and_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(more_threads_than_are_allowed_are_not_made, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_removed_already, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_a_tree_of_one_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_removed_and_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(directories_that_forbid_it_are_no_hindrance, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_tree_deeper_than_the_levels_goes_too, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_leaves_the_rest_for_another_time, setup, teardown),
        cmocka_unit_test_setup_teardown(the_deadline_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_removed_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
