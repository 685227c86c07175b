#include "probes/image/beneath.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/crate.h"

struct cellar {
    char path[64];
    int dir;
    struct beneath beneath;
    struct err e;
};

static int setup(void **state)
{
    struct cellar *c = calloc(1, sizeof *c);
    *state = c;
    c->dir = fake_dir(c->path);
    beneath_start(&c->beneath, c->dir);
    return 0;
}

static int teardown(void **state)
{
    struct cellar *c = *state;
    beneath_release(&c->beneath);
    beneath_release(&c->beneath); /* may be called again */
    fake_dir_remove(c->dir, c->path);
    free(c);
    return 0;
}

/* Whether the descriptor is the directory of that name. */
static bool is_dir(const struct cellar *c, int fd, const char *path)
{
    struct stat have;
    struct stat want;
    return fd >= 0 && fstat(fd, &have) == 0 && fstatat(c->dir, path, &want, 0) == 0 &&
           have.st_ino == want.st_ino;
}

static int resolve(struct cellar *c, const char *path, bool make)
{
    struct beneath_name name;
    return beneath_name(path, &name, &c->e) ? -1 : beneath_parent(&c->beneath, &name, make, &c->e);
}

static void names_are_taken_apart(void **state)
{
    (void)state;

    static const struct {
        const char *text, *path, *last;
        size_t parent_size;
    } rows[] = {
        {"a",            "a",       "a",   0},
        { "a/b",         "a/b",     "b",   1},
        { "./a//b/./c/", "a/b/c",   "c",   3},
        { ".",           "",        "",    0},
        { "./",          "",        "",    0},
        { "...",         "...",     "...", 0},
        { "..a/b..",     "..a/b..", "b..", 3},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct beneath_name name;
        struct err e;
        assert_int_equal(beneath_name(rows[i].text, &name, &e), 0);
        assert_string_equal(name.path, rows[i].path);
        assert_string_equal(name.last, rows[i].last);
        assert_int_equal(name.parent_size, rows[i].parent_size);
    }
}

static void names_that_lead_outside_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "/",    "/etc/passwd", "..",   "../a",
                                         "a/..", "a/../../b",   "./..", "a/b/.." };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct beneath_name name;
        struct err e = { 0 };
        assert_int_equal(beneath_name(texts[i], &name, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
    }
}

static void names_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char text[6000];
    struct beneath_name name;
    struct err e = { 0 };
    memset(text, 'n', sizeof text);
    text[256] = '\0';
    assert_int_equal(beneath_name(text, &name, &e), -1);
    text[255] = '\0';
    assert_int_equal(beneath_name(text, &name, &e), 0);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '/' : 'n';
    text[sizeof text - 1] = '\0';
    assert_int_equal(beneath_name(text, &name, &e), -1);
    assert_non_null(strstr(e.msg, "4095"));
    text[4095] = '\0';
    assert_int_equal(beneath_name(text, &name, &e), 0);
}

static void parents_are_made_on_the_way_and_found_again(void **state)
{
    struct cellar *c = *state;
    assert_int_equal(resolve(c, "top", true), c->dir);
    assert_true(is_dir(c, resolve(c, "a/b/file", true), "a/b"));
    assert_true(is_dir(c, resolve(c, "a/b/c/file", true), "a/b/c"));
    assert_true(is_dir(c, resolve(c, "a/b/c/file", false), "a/b/c"));
    assert_true(is_dir(c, resolve(c, "a/file", false), "a"));
    assert_true(is_dir(c, resolve(c, "a/bc/file", true), "a/bc")); /* "a/b" is no parent of it */
    assert_true(is_dir(c, resolve(c, "d/file", true), "d"));
    assert_int_equal(resolve(c, "top", true), c->dir);
    assert_int_equal(resolve(c, "no/file", false), -1);
    assert_int_equal(c->e.sys, ENOENT);
    assert_true(is_dir(c, resolve(c, "d/file", false), "d"));
}

static void no_link_is_followed_be_it_inside_or_outside(void **state)
{
    struct cellar *c = *state;
    assert_int_equal(mkdirat(c->dir, "inside", 0755), 0);
    assert_int_equal(symlinkat("/tmp", c->dir, "out"), 0);
    assert_int_equal(symlinkat("inside", c->dir, "in"), 0);
    assert_int_equal(resolve(c, "out/file", true), -1);
    assert_int_equal(c->e.kind, ERR_DATA);
    assert_non_null(strstr(c->e.msg, "'out'"));
    assert_int_equal(resolve(c, "in/file", true), -1);
    assert_int_equal(resolve(c, "inside/file", true) >= 0, 1);
}

static void what_is_no_directory_is_no_way(void **state)
{
    struct cellar *c = *state;
    struct err e;
    assert_int_equal(file_write_atomic_at(c->dir, "file", "x", 1, &e), 0);
    assert_int_equal(resolve(c, "file/below", true), -1);
    assert_int_equal(c->e.kind, ERR_DATA);
}

static void hostile_names_are_fit_for_a_sentence(void **state)
{
    (void)state;
    char shown[BENEATH_SHOWN_BYTES];
    char text[300];
    assert_string_equal(beneath_show("plain", shown), "plain");
    assert_string_equal(beneath_show("a\nb\033[2J'\x7f", shown), "a?b?[2J??");
    memset(text, 'n', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(strlen(beneath_show(text, shown)), BENEATH_SHOWN_BYTES - 1);
    assert_string_equal(shown + BENEATH_SHOWN_BYTES - 4, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_taken_apart),
        cmocka_unit_test(names_that_lead_outside_are_refused),
        cmocka_unit_test(names_that_are_too_long_are_refused),
        cmocka_unit_test_setup_teardown(parents_are_made_on_the_way_and_found_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_link_is_followed_be_it_inside_or_outside, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_directory_is_no_way, setup, teardown),
        cmocka_unit_test(hostile_names_are_fit_for_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
