#include "bench/outdir.h"

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
#include "probes/kit/document.h"
#include "probes/kit/file.h"

static const char *const names[] = { "result.json", "report.html", "report.md" };

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

static char *path_in(void **state, const char *name, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", (char *)*state, name);
    return path;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int write_report(const struct outdir *o, struct err *e)
{
    struct document d = { .version = "1", .started = "2026-11-24T01:52:27Z" };
    struct report r = { .document = &d };
    return outdir_write(o, &r, e);
}

static void a_new_folder_gets_all_three_files(void **state)
{
    char path[256];
    char file[512];
    struct outdir o;
    struct err e = { 0 };
    assert_int_equal(outdir_plan(path_in(state, "out/", path), &o, &e), 0);
    assert_int_equal(access(path, F_OK), -1); /* planning only looks */
    assert_int_equal(write_report(&o, &e), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat st;
        (void)snprintf(file, sizeof file, "%s/%s", path, names[i]);
        assert_int_equal(stat(file, &st), 0);
        assert_true(st.st_size > 0);
    }
}

static void an_empty_folder_is_used(void **state)
{
    char path[256];
    struct outdir o;
    struct err e = { 0 };
    assert_int_equal(mkdir(path_in(state, "out", path), 0700), 0);
    assert_int_equal(outdir_plan(path, &o, &e), 0);
    assert_int_equal(write_report(&o, &e), 0);
}

static void a_folder_with_any_of_the_files_is_refused(void **state)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        struct outdir o;
        struct err e = { 0 };
        put(path_in(state, names[i], path), "mine");
        assert_int_equal(outdir_plan(*state, &o, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_non_null(strstr(e.msg, names[i]));
        assert_int_equal(unlink(path), 0);
    }
}

static void what_cannot_be_a_folder_is_refused_before_the_measurement(void **state)
{
    char path[256];
    struct outdir o;
    struct err e = { 0 };
    put(path_in(state, "file", path), "mine");
    assert_int_equal(outdir_plan(path, &o, &e), -1);
    assert_non_null(strstr(e.msg, path));
    assert_int_equal(outdir_plan(path_in(state, "none/out", path), &o, &e), -1);
    assert_non_null(strstr(e.msg, "name another folder with --out"));
    char deep[1024];
    memset(deep, 'x', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(outdir_plan(deep, &o, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
}

static void a_report_that_cannot_be_written_leaves_nothing_of_ours(void **state)
{
    char path[256];
    char file[512];
    struct outdir o;
    struct err e = { 0 };
    assert_int_equal(mkdir(path_in(state, "out", path), 0700), 0);
    assert_int_equal(outdir_plan(path, &o, &e), 0);
    (void)snprintf(file, sizeof file, "%s/report.md", path);
    assert_int_equal(mkdir(file, 0700), 0); /* the third file cannot take this place */
    assert_int_equal(write_report(&o, &e), -1);
    assert_non_null(strstr(e.msg, path));
    assert_int_equal(rmdir(file), 0);
    assert_int_equal(rmdir(path), 0); /* empty again */
}

static void the_default_is_of_the_host_and_the_time(void **state)
{
    (void)state;
    struct outdir o;
    struct err e = { 0 };
    assert_int_equal(outdir_plan("", &o, &e), 0);
    assert_memory_equal(o.path, "plimsoll-", 9);
    assert_null(strchr(o.path, '/'));
    assert_int_equal(o.path[strlen(o.path) - 1], 'Z');
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_new_folder_gets_all_three_files),
        IN_DIR(an_empty_folder_is_used),
        IN_DIR(a_folder_with_any_of_the_files_is_refused),
        IN_DIR(what_cannot_be_a_folder_is_refused_before_the_measurement),
        IN_DIR(a_report_that_cannot_be_written_leaves_nothing_of_ours),
        cmocka_unit_test(the_default_is_of_the_host_and_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
