#include "bench/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_directory_is_resolved_and_looked_at(void **state)
{
    (void)state;
    char dir[] = "/tmp/plimsoll-test-XXXXXX";
    char dotted[64];
    struct site s;
    struct err e = { 0 };
    assert_non_null(mkdtemp(dir));
    (void)snprintf(dotted, sizeof dotted, "%s/../%s", dir, dir + 5);
    assert_int_equal(site_open(dotted, &s, &e), 0);
    assert_string_equal(s.dir, dir);
    assert_ptr_equal(s.probe.dir, s.dir);
    assert_ptr_equal(s.probe.place, &s.place);
    assert_true(s.probe.cpus >= 1);
    assert_true(s.probe.memory_bytes > 0);
    assert_true(s.probe.proc_fd >= 0);
    site_release(&s);
    site_release(&s);
    assert_int_equal(s.probe.proc_fd, -1);
    assert_int_equal(rmdir(dir), 0);
}

static void refuse(const char *dir, const char *why)
{
    struct site s;
    struct err e = { 0 };
    assert_int_equal(site_open(dir, &s, &e), -1);
    assert_non_null(strstr(e.msg, dir));
    assert_non_null(strstr(e.msg, why));
    assert_non_null(strstr(e.msg, "--dir"));
    site_release(&s);
}

static void what_is_no_directory_is_refused_with_the_remedy(void **state)
{
    (void)state;
    refuse("/tmp/plimsoll-test-none/deeper", "name a directory on the disk in question");
    refuse("/proc/self/status", "is not a directory");
}

static void no_name_is_the_usual_place(void **state)
{
    (void)state;
    struct site s;
    struct err e = { 0 };
    if (site_open("", &s, &e)) {
        assert_non_null(strstr(e.msg, geteuid() == 0 ? "/var/lib" : "/var/tmp"));
    } else {
        assert_string_equal(s.dir, geteuid() == 0 ? "/var/lib" : "/var/tmp");
    }
    site_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_resolved_and_looked_at),
        cmocka_unit_test(what_is_no_directory_is_refused_with_the_remedy),
        cmocka_unit_test(no_name_is_the_usual_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
