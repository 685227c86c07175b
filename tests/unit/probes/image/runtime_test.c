#include "probes/image/runtime.h"

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

#include "tests/unit/probes/disk/fake.h"

static void the_version_is_what_containerd_says(void **state)
{
    static const struct {
        const char *said, *version;
        unsigned major, minor;
    } cases[] = {
        {"containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n",
         "1.6.20~ds1",                                                                                    1, 6},
        { "containerd github.com/containerd/containerd/v2 v2.0.1 88aa2f531d6c2922003cc7929e5",
         "v2.0.1",                                                                                        2, 0},
        { "containerd containerd.io v1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da\n",       "v1.7.27",
         1,                                                                                                  7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct runtime r = { 0 };
        assert_int_equal(runtime_parse(cases[i].said, &r), 0);
        assert_string_equal(r.version, cases[i].version);
        assert_int_equal(r.major, cases[i].major);
        assert_int_equal(r.minor, cases[i].minor);
    }
}

/* The error of the model, for each way that it was compared with containerd. */
static void comparisons_are_ranges_around_their_median(void **state)
{
    (void)state;
    unsigned compared = 0;
    for (unsigned way = 0; way < COSTS_WAYS; way++) {
        unsigned i = 0;
        const struct costs_check *check = costs_check((enum costs_way)way, i);
        assert_non_null(costs_way_name((enum costs_way)way));
        for (; check; check = costs_check((enum costs_way)way, ++i)) {
            assert_true(0 < check->low_ratio && check->low_ratio <= check->median_ratio);
            assert_true(check->median_ratio <= check->high_ratio);
            assert_true(check->runs > 0);
        }
        compared += i > 0;
    }
    assert_int_equal(compared, 3);
    assert_null(costs_check(COSTS_GZIP_IGZIP, 0));
}

static void what_is_no_version_is_refused(void **state)
{
    static const char *const said[] = { "", "containerd", "containerd x", "containerd x y.z",
                                        "podman version 4.3.1" };
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct runtime r = { .major = 9 };
        assert_int_equal(runtime_parse(said[i], &r), -1);
        assert_int_equal(r.major, 9);
    }
}

/* A directory with programs of those names. */
static int shelf(char path[64], const char *const *names)
{
    int dir = fake_dir(path);
    for (; *names; names++) {
        int fd = openat(dir, *names, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    return dir;
}

static void choose(const char *path, unsigned major, const char *igzip, const char *pigz,
                   enum runtime_decoder wanted)
{
    struct runtime r = { .major = major };
    const struct runtime_environment env = { path, igzip, pigz };
    runtime_choose(&env, &r);
    assert_int_equal(r.decoder, wanted);
    assert_int_equal(r.program[0] == '/', wanted != RUNTIME_OWN);
    assert_non_null(r.costs);
}

static void igzip_comes_first_since_2_and_each_can_be_forbidden(void **state)
{
    static const char *const both[] = { "igzip", "unpigz", NULL };
    char path[64];
    (void)state;
    int dir = shelf(path, both);
    choose(path, 2, NULL, NULL, RUNTIME_IGZIP);
    choose(path, 1, NULL, NULL, RUNTIME_UNPIGZ);
    choose(path, 2, "1", NULL, RUNTIME_UNPIGZ);
    choose(path, 2, "true", "T", RUNTIME_OWN);
    choose(path, 2, "0", "false", RUNTIME_IGZIP);
    choose(path, 2, "yes", "yes", RUNTIME_IGZIP); /* no word that Go knows */
    choose(path, 1, NULL, "True", RUNTIME_OWN);
    fake_dir_remove(dir, path);
}

static void the_path_is_searched_in_order_and_only_where_it_is_absolute(void **state)
{
    static const char *const one[] = { "unpigz", NULL };
    char path[64];
    char text[160];
    (void)state;
    int dir = shelf(path, one);
    (void)snprintf(text, sizeof text, "/nonexistent::.:relative:%s:/bin", path);
    struct runtime r = { .major = 1 };
    const struct runtime_environment env = { .path = text };
    runtime_choose(&env, &r);
    assert_int_equal(strncmp(r.program, path, strlen(path)), 0);
    choose(NULL, 2, NULL, NULL, RUNTIME_OWN);
    choose("", 2, NULL, NULL, RUNTIME_OWN);
    assert_int_equal(fchmodat(dir, "unpigz", 0600, 0), 0);
    choose(path, 2, NULL, NULL, RUNTIME_OWN);
    fake_dir_remove(dir, path);
}

static void without_containerd_the_newest_is_stood_in_for(void **state)
{
    const struct runtime_environment env = { .path = "/nonexistent" };
    struct runtime r;
    struct err e;
    (void)state;
    assert_int_equal(runtime_find(&env, &r, &e), 0);
    assert_false(r.is_installed);
    assert_int_equal(r.major, 2);
    assert_true(r.kib_ns > 100 && r.kib_ns < 1e6);
    for (unsigned i = 0; i < RUNTIME_DECODERS; i++)
        assert_true(strlen(runtime_decoder_name((enum runtime_decoder)i)) > 4);
}

static void every_version_has_costs(void **state)
{
    (void)state;
    for (unsigned major = 0; major < 4; major++) {
        for (unsigned minor = 0; minor < 12; minor++) {
            const struct costs *c = costs_of(major, minor);
            assert_true(c->inflate_ratio >= 1 && c->zstd_ratio >= 1 && c->hash_kib >= 0);
            assert_true(c->entry_kib > 0 && c->part_kib > 0 && c->read_kib > 0);
        }
    }
    assert_true(costs_of(1, 6)->hash_kib > 0); /* Go before 1.21 */
    assert_true(costs_of(2, 4)->inflate_ratio < costs_of(2, 3)->inflate_ratio);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_is_what_containerd_says),
        cmocka_unit_test(comparisons_are_ranges_around_their_median),
        cmocka_unit_test(what_is_no_version_is_refused),
        cmocka_unit_test(igzip_comes_first_since_2_and_each_can_be_forbidden),
        cmocka_unit_test(the_path_is_searched_in_order_and_only_where_it_is_absolute),
        cmocka_unit_test(without_containerd_the_newest_is_stood_in_for),
        cmocka_unit_test(every_version_has_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
