#include "bench/sites.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct patience patient = PATIENCE_USUAL;

struct dirs {
    char path[32];
    char named[64], dotted[64];
};

static int make_dirs(void **state)
{
    struct dirs *d = calloc(1, sizeof *d);
    *state = d;
    if (!d)
        return -1;
    memcpy(d->path, "/tmp/plimsoll-test-XXXXXX", sizeof "/tmp/plimsoll-test-XXXXXX");
    if (!mkdtemp(d->path))
        return -1;
    (void)snprintf(d->named, sizeof d->named, "images=%s", d->path);
    (void)snprintf(d->dotted, sizeof d->dotted, "etcd2-b=%s", d->path);
    return 0;
}

static int drop_dirs(void **state)
{
    int failed = rmdir(((struct dirs *)*state)->path); /* empty, or something was left behind */
    free(*state);
    return failed;
}

static void one_without_a_name_is_the_first(void **state)
{
    struct dirs *d = *state;
    struct opt_list list = {
        .items = {d->path, d->named, d->dotted},
          .count = 3
    };
    struct sites s;
    struct err e = { 0 };
    assert_int_equal(sites_open(&list, &s, &e), 0);
    assert_int_equal(s.count, 3);
    assert_string_equal(s.items[0].name, "");
    assert_string_equal(s.items[1].name, "images");
    assert_string_equal(s.items[2].name, "etcd2-b");
    assert_string_equal(s.items[1].site.dir, d->path);
    assert_ptr_equal(s.items[2].site.probe.home, &s.items[0].site.probe);
    assert_string_equal(s.items[1].site.probe.name, "images");
    assert_int_equal(sites_find(&s, "images"), 1);
    assert_int_equal(sites_find(&s, "none"), 0);
    assert_string_not_equal(s.items[0].scratch.name, s.items[1].scratch.name);
    sites_release(&s, &patient);
    sites_release(&s, &patient);
}

static void refuse(const char *first, const char *second, const char *why)
{
    struct opt_list list = {
        .items = {first, second},
          .count = 2
    };
    struct sites s;
    struct err e = { 0 };
    assert_int_equal(sites_open(&list, &s, &e), -1);
    if (!strstr(e.msg, why))
        fail_msg("'%s' does not say '%s'", e.msg, why);
    assert_non_null(strstr(e.msg, "--dir"));
    sites_release(&s, &patient);
}

static void what_is_ambiguous_is_refused(void **state)
{
    struct dirs *d = *state;
    char longer[96];
    (void)snprintf(longer, sizeof longer, "a-name-that-is-longer-than-any=%s", d->path);
    refuse(d->path, d->path, "needs a name");
    refuse(d->named, d->named, "there is one of that name already");
    refuse(d->path, longer, "at most 23 letters");
    refuse(d->path, "images=/tmp/plimsoll-test-none", "No such file");
    refuse(d->path, "Images=/tmp", "needs a name"); /* a path that begins with a capital */
}

#define IN_DIRS(test) cmocka_unit_test_setup_teardown(test, make_dirs, drop_dirs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRS(one_without_a_name_is_the_first),
        IN_DIRS(what_is_ambiguous_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
