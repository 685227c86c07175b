#include "probes/disk/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cmocka.h>

#include "probes/disk/unnamed.h"
#include "probes/kit/clk.h"
#include "tests/unit/probes/disk/fake.h"

enum {
    MIB = 1 << 20
};

struct rig {
    char path[64];
    int dir;
    volatile sig_atomic_t stopping;
    struct bed_plan plan;
    struct bed bed;
    struct err e;
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    *state = r;
    r->dir = fake_dir(r->path);
    r->plan = (struct bed_plan){ .bytes = 4 * MIB,
                                 .least_bytes = MIB,
                                 .until_ns = UINT64_MAX,
                                 .seed = 1,
                                 .engine = "auto",
                                 .what = "the test's file",
                                 .stopping = &r->stopping };
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    bed_release(&r->bed);
    bed_release(&r->bed);
    fake_dir_remove(r->dir, r->path);
    free(r);
    return 0;
}

static int lay(struct rig *r)
{
    if (unnamed_try(r->path, O_DIRECT, &r->e)) {
        print_message("skipped: %s\n", r->e.msg);
        skip();
    }
    return bed_open(&r->bed, r->dir, &r->plan, &r->e);
}

static void every_mebibyte_is_written_incompressible_and_unlike_the_others(void **state)
{
    struct rig *r = *state;
    static unsigned char packed[2 * MIB];
    unsigned char *bytes = NULL;
    unsigned char first[64];
    assert_int_equal(lay(r), 0);
    assert_int_equal(r->bed.bytes, 4 * MIB);
    assert_int_equal(posix_memalign((void **)&bytes, 4096, MIB), 0);
    for (unsigned i = 0; i < 4; i++) {
        uLongf size = sizeof packed;
        assert_int_equal(pread(r->bed.fd, bytes, MIB, (off_t)i * MIB), MIB);
        assert_int_equal(compress2(packed, &size, bytes, MIB, 1), Z_OK);
        assert_true(size > MIB * 95 / 100);
        assert_true(i == 0 || memcmp(first, bytes, sizeof first) != 0);
        memcpy(first, bytes, sizeof first);
    }
    free(bytes);
}

static void it_has_its_size_and_no_name(void **state)
{
    struct rig *r = *state;
    struct stat st;
    assert_int_equal(lay(r), 0);
    assert_int_equal(fstat(r->bed.fd, &st), 0);
    assert_int_equal(st.st_size, 4 * MIB);
    assert_int_equal(fake_names(r->path), 0);
}

static void every_engine_can_lay_it(void **state)
{
    struct rig *r = *state;
    static const char *const names[] = { "uring", "aio", "sync" };
    for (size_t i = 0; i < 3; i++) {
        r->plan.engine = names[i];
        if (lay(r))
            print_message("%s is skipped: %s\n", names[i], r->e.msg);
        else
            assert_int_equal(r->bed.bytes, 4 * MIB);
        bed_release(&r->bed);
    }
}

static void a_file_that_came_short_keeps_what_was_written(void **state)
{
    struct rig *r = *state;
    r->plan.until_ns = 0;
    r->plan.least_bytes = 0;
    assert_int_equal(lay(r), 0);
    struct stat st;
    assert_int_equal(fstat(r->bed.fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(r->bed.bytes, 0);
}

static void a_file_that_came_too_short_is_an_error(void **state)
{
    struct rig *r = *state;
    r->plan.until_ns = 0;
    assert_int_equal(lay(r), -1);
    assert_int_equal(r->e.kind, ERR_TIMEOUT);
    assert_non_null(strstr(r->e.msg, "in the "));
    assert_non_null(strstr(r->e.msg, "s that there were for the test's file, 0 MiB of it were "
                                     "written, and 1 MiB are needed; give a longer --budget"));
}

static void a_budget_below_the_least_is_told_and_writes_nothing(void **state)
{
    struct rig *r = *state;
    r->plan.least_bytes = 5 * MIB;
    assert_int_equal(lay(r), -1);
    assert_int_equal(r->e.kind, ERR_NO_RESOURCE);
    assert_non_null(strstr(r->e.msg, "the write budget leaves only 4 MiB for the test's file, less "
                                     "than the 5 MiB that are needed"));
    assert_int_equal(r->bed.bytes, 0);
}

static void a_stop_is_an_interruption(void **state)
{
    struct rig *r = *state;
    r->stopping = 1;
    assert_int_equal(lay(r), -1);
    assert_int_equal(r->e.kind, ERR_INTERRUPTED);
}

static void an_unknown_engine_is_told(void **state)
{
    struct rig *r = *state;
    r->plan.engine = "steam";
    assert_int_equal(lay(r), -1);
    assert_non_null(strstr(r->e.msg, "there is no I/O engine 'steam'"));
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(every_mebibyte_is_written_incompressible_and_unlike_the_others),
        with_dir(it_has_its_size_and_no_name),
        with_dir(every_engine_can_lay_it),
        with_dir(a_file_that_came_short_keeps_what_was_written),
        with_dir(a_file_that_came_too_short_is_an_error),
        with_dir(a_budget_below_the_least_is_told_and_writes_nothing),
        with_dir(a_stop_is_an_interruption),
        with_dir(an_unknown_engine_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
