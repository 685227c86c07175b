#include "probes/disk/swap.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/fake.h"

enum {
    BYTES = 3000
};

struct rig {
    char path[64];
    int dir;
    struct swap swap;
    struct swap_took took;
    struct err e;
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    *state = r;
    r->dir = fake_dir(r->path);
    return swap_open(&r->swap, r->dir, BYTES, 1, &r->e);
}

static int teardown(void **state)
{
    struct rig *r = *state;
    swap_release(&r->swap);
    fake_dir_remove(r->dir, r->path);
    free(r);
    return 0;
}

static int turn(struct rig *r)
{
    return swap_turn(&r->swap, &r->took, &r->e);
}

static void a_turn_leaves_a_whole_file_under_its_final_name(void **state)
{
    struct rig *r = *state;
    char bytes[BYTES + 1];
    assert_int_equal(turn(r), 0);
    assert_int_equal(fake_names(r->path), 1);
    int fd = openat(r->dir, "f0", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof bytes), BYTES);
    assert_memory_equal(bytes, r->swap.bytes, BYTES);
    (void)close(fd);
    assert_int_equal(r->swap.written_bytes, BYTES);
    assert_int_equal(turn(r), 0);
    assert_memory_not_equal(bytes, r->swap.bytes, BYTES); /* each is new */
}

static void the_steps_add_up_to_the_whole(void **state)
{
    struct rig *r = *state;
    uint64_t sum_ns = 0;
    assert_int_equal(turn(r), 0);
    for (unsigned i = 0; i < SWAP_STEPS; i++)
        sum_ns += r->took.steps_ns[i];
    assert_int_equal(sum_ns, r->took.whole_ns);
    assert_false(r->took.unlinked);
    assert_int_equal(r->took.steps_ns[SWAP_UNLINK], 0);
    assert_true(r->took.steps_ns[SWAP_CREATE] > 0 && r->took.steps_ns[SWAP_FSYNC] > 0);
}

static void from_the_last_name_on_the_oldest_is_removed(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 1; i < SWAP_LIVE; i++) {
        assert_int_equal(turn(r), 0);
        assert_false(r->took.unlinked);
        assert_int_equal(fake_names(r->path), i);
    }
    for (unsigned i = 0; i < 2 * SWAP_LIVE; i++) {
        assert_int_equal(turn(r), 0);
        assert_true(r->took.unlinked);
        assert_true(r->took.steps_ns[SWAP_UNLINK] > 0);
        assert_int_equal(fake_names(r->path), SWAP_LIVE - 1);
        assert_int_equal(faccessat(r->dir, r->swap.names[i % SWAP_LIVE], F_OK, 0), -1);
    }
}

static void nothing_is_left_whatever_happened(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(turn(r), 0);
    int fd = openat(r->dir, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600); /* as a failure would */
    (void)close(fd);
    swap_release(&r->swap);
    swap_release(&r->swap);
    assert_int_equal(fake_names(r->path), 0);
    struct swap zero = { 0 };
    swap_release(&zero);
}

static void a_directory_that_is_gone_fails_at_creating(void **state)
{
    struct rig *r = *state;
    assert_int_equal(rmdir(r->path), 0);
    assert_int_equal(turn(r), -1);
    assert_int_equal(r->e.sys, ENOENT);
    assert_string_equal(r->e.msg, "create 'new': No such file or directory");
}

static void a_name_that_is_taken_fails_at_the_rename(void **state)
{
    struct rig *r = *state;
    assert_int_equal(mkdirat(r->dir, "f0", 0700), 0);
    assert_int_equal(turn(r), -1);
    assert_string_equal(r->e.msg, "rename to 'f0': Is a directory");
    assert_int_equal(unlinkat(r->dir, "f0", AT_REMOVEDIR), 0);
    swap_release(&r->swap);
    assert_int_equal(fake_names(r->path), 0); /* the new file went too */
}

static void a_file_removed_behind_its_back_fails_at_the_unlink(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 1; i < SWAP_LIVE; i++)
        assert_int_equal(turn(r), 0);
    assert_int_equal(unlinkat(r->dir, "f0", 0), 0);
    assert_int_equal(turn(r), -1);
    assert_string_equal(r->e.msg, "unlink 'f0': No such file or directory");
}

/* The nearest to a full disk that a process can make for itself alone. */
static void a_write_that_fails_says_where(void **state)
{
    struct rig *r = *state;
    struct rlimit old;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit small = { .rlim_cur = 1000, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = turn(r);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, -1);
    assert_string_equal(r->e.msg, "write 2000 bytes at offset 1000 of 'new': File too large");
    assert_int_equal(r->swap.written_bytes, 1000); /* what went counts */
}

static void the_directory_may_be_closed_meanwhile(void **state)
{
    struct rig *r = *state;
    (void)close(r->dir);
    assert_int_equal(turn(r), 0);
    r->dir = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

#define with_swap(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_swap(a_turn_leaves_a_whole_file_under_its_final_name),
        with_swap(the_steps_add_up_to_the_whole),
        with_swap(from_the_last_name_on_the_oldest_is_removed),
        with_swap(nothing_is_left_whatever_happened),
        with_swap(a_directory_that_is_gone_fails_at_creating),
        with_swap(a_name_that_is_taken_fails_at_the_rename),
        with_swap(a_file_removed_behind_its_back_fails_at_the_unlink),
        with_swap(a_write_that_fails_says_where),
        with_swap(the_directory_may_be_closed_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
