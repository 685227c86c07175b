#include "probes/image/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/image/du.h"
#include "probes/image/trail.h"
#include "tests/unit/probes/image/crate.h"

static void one_entry_too_many_is_refused(void **state)
{
    (void)state;
    struct quota q = { .entries_max = 2 };
    struct err e = { 0 };
    assert_int_equal(quota_take(&q, &e), 0);
    assert_int_equal(quota_take(&q, &e), 0);
    assert_int_equal(quota_take(&q, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
    assert_non_null(strstr(e.msg, "2 entries"));
    assert_int_equal(quota_take(&q, &e), -1);
}

static void a_stop_is_seen_at_each_entry_and_a_deadline_at_some(void **state)
{
    (void)state;
    volatile sig_atomic_t stopping = 0;
    struct quota q = { .entries_max = UINT64_MAX, .stopping = &stopping };
    struct err e = { 0 };
    unsigned late = 0;
    assert_int_equal(quota_take(&q, &e), 0);
    q.until_ns = 1;
    while (quota_take(&q, &e) == 0)
        late++;
    assert_int_equal(e.kind, ERR_TIMEOUT);
    assert_in_range(late, 1, 100);
    assert_int_equal(quota_check(&q, &e), -1);
    q.until_ns = 0;
    assert_int_equal(quota_take(&q, &e), 0);
    stopping = 1;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(quota_take(&q, &e), -1);
        assert_int_equal(e.kind, ERR_INTERRUPTED);
    }
}

/* What makes the directories that an archive does not list. */
static int by_walk(struct crate *c, const struct beneath_name *name, struct quota *q)
{
    struct walk w;
    walk_start(&w, c->dir, -1, 0);
    return walk_parent(&w, name, q, &c->e);
}

static int by_trail(struct crate *c, const struct beneath_name *name, struct quota *q)
{
    struct trail t = { .count = 0 };
    assert_int_equal(trail_start(&t, c->dir, &c->e), 0);
    int failed = trail_enter(&t, name, q, &c->e) ? 0 : -1;
    trail_release(&t);
    return failed;
}

static int (*const ways[])(struct crate *, const struct beneath_name *,
                           struct quota *) = { by_walk, by_trail };

static void directories_on_the_way_are_taken_from_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct crate *c = crate_open();
        struct quota q = { .entries_max = 5 };
        struct beneath_name name;
        assert_int_equal(beneath_name("a/b/file", &name, &c->e), 0);
        assert_int_equal(ways[i](c, &name, NULL), -1);
        assert_int_equal(ways[i](c, &name, &q), 0);
        assert_int_equal(q.entries, 2);
        assert_int_equal(ways[i](c, &name, &q), 0);
        assert_int_equal(q.entries, 2);
        assert_int_equal(beneath_name("a/b/c/d/e/f/file", &name, &c->e), 0);
        assert_int_equal(ways[i](c, &name, &q), -1);
        assert_int_equal(c->e.kind, ERR_DATA);
        assert_true(S_ISDIR(crate_mode(c, "a/b/c/d/e")));
        assert_int_equal(crate_mode(c, "a/b/c/d/e/f"), 0);
        crate_close(c);
    }
}

static void a_stop_ends_the_making_of_directories(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct crate *c = crate_open();
        const volatile sig_atomic_t stopping = 1;
        struct quota q = { .entries_max = 5, .stopping = &stopping };
        struct beneath_name name;
        assert_int_equal(beneath_name("a/b/file", &name, &c->e), 0);
        assert_int_equal(ways[i](c, &name, &q), -1);
        assert_int_equal(c->e.kind, ERR_INTERRUPTED);
        assert_int_equal(fake_names(c->path), 0);
        crate_close(c);
    }
}

static void a_walk_over_what_was_unpacked_ends_with_it(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    volatile sig_atomic_t stopping = 0;
    struct quota q = { .stopping = &stopping };
    struct du found = { 0 };
    struct walk w;
    walk_start(&w, c->dir, -1, 0);
    crate_add(c, TAR_FILE, "a/b", "x");
    assert_int_equal(crate_unpack(c), 0);
    assert_int_equal(du_walk(&w, &q, &found, &c->e), 0);
    assert_int_equal(found.entries, 2);
    stopping = 1;
    assert_int_equal(du_walk(&w, &q, &found, &c->e), -1);
    assert_int_equal(c->e.kind, ERR_INTERRUPTED);
    stopping = 0;
    q.until_ns = 1;
    assert_int_equal(du_walk(&w, &q, &found, &c->e), -1);
    assert_int_equal(c->e.kind, ERR_TIMEOUT);
    crate_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_entry_too_many_is_refused),
        cmocka_unit_test(a_stop_is_seen_at_each_entry_and_a_deadline_at_some),
        cmocka_unit_test(directories_on_the_way_are_taken_from_it),
        cmocka_unit_test(a_stop_ends_the_making_of_directories),
        cmocka_unit_test(a_walk_over_what_was_unpacked_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
