#include "probes/disk/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/buffers.h"
#include "tests/unit/probes/disk/fake.h"

static int refused(struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, 0, "a sysctl says no");
}

static const struct engine_row refused_row = {
    .name = "refused",
    .title = "a refused engine",
    .queues = true,
    .supported = refused,
};

struct rig {
    struct buffers buffers;
    struct engine_conf conf;
    struct engine engine;
    struct buf why;
    struct err e;
};

static struct rig *rig_open(void)
{
    struct rig *r = calloc(1, sizeof *r);
    fake = (struct fake){ 0 };
    assert_int_equal(buffers_open(&r->buffers, 4, 4096, 1, &r->e), 0);
    r->conf = (struct engine_conf){
        .fd = -1, .depth = 4, .buffers = r->buffers.items, .buffer_bytes = 4096
    };
    return r;
}

static void rig_close(struct rig *r)
{
    engine_close(&r->engine);
    buffers_release(&r->buffers);
    buf_release(&r->why);
    free(r);
}

static int choose(struct rig *r, const struct engine_row *const *rows, const char *name)
{
    return engine_choose_from(rows, &r->engine, name, &r->conf, &r->why, &r->e);
}

static void the_first_that_works_is_chosen_and_the_others_explained(void **state)
{
    (void)state;
    const struct engine_row *const rows[] = { &refused_row, &fake_row, &engine_null, NULL };
    struct rig *r = rig_open();
    assert_int_equal(choose(r, rows, "auto"), 0);
    assert_ptr_equal(r->engine.row, &fake_row);
    assert_string_equal(buf_text(&r->why), "the fake engine, because a sysctl says no");
    assert_int_equal(fake.reaped, 1); /* it had to read once */
    rig_close(r);
    assert_int_equal(fake.closed, 1);
}

static void a_named_engine_is_taken_as_asked(void **state)
{
    (void)state;
    const struct engine_row *const rows[] = { &engine_null, NULL };
    struct rig *r = rig_open();
    assert_int_equal(choose(r, rows, "null"), 0);
    assert_non_null(strstr(buf_text(&r->why), ", as asked"));
    rig_close(r);
}

static void an_engine_whose_first_read_fails_is_passed_over_and_closed(void **state)
{
    (void)state;
    const struct engine_row *const rows[] = { &fake_row, NULL };
    struct rig *r = rig_open();
    fake.fail_at = 1;
    fake.fail_with = -EINVAL;
    assert_int_equal(choose(r, rows, ""), -1);
    assert_int_equal(r->e.sys, EINVAL);
    assert_non_null(strstr(r->e.msg, "a first read by the fake engine"));
    assert_int_equal(fake.closed, 1);
    rig_close(r);
}

static void an_engine_that_does_not_open_is_passed_over(void **state)
{
    (void)state;
    const struct engine_row *const rows[] = { &fake_row, &engine_sync, NULL };
    struct rig *r = rig_open();
    fake.refuses_open = true;
    assert_int_equal(choose(r, rows, NULL), -1); /* fd -1 cannot be read by sync either */
    assert_non_null(strstr(r->e.msg, "fake opens"));
    assert_non_null(strstr(r->e.msg, "pread and pwrite"));
    rig_close(r);
}

static void null_is_never_chosen_by_itself(void **state)
{
    (void)state;
    const struct engine_row *const rows[] = { &refused_row, &engine_null, NULL };
    struct rig *r = rig_open();
    assert_int_equal(choose(r, rows, "auto"), -1);
    assert_int_equal(r->e.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(r->e.msg, "a sysctl says no"));
    assert_null(r->engine.row);
    rig_close(r);
}

static void a_name_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    struct rig *r = rig_open();
    assert_int_equal(engine_choose(&r->engine, "uting", &r->conf, &r->why, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_USAGE);
    assert_string_equal(r->e.msg, "there is no I/O engine 'uting'");
    rig_close(r);
}

static void a_named_engine_that_is_refused_is_not_replaced(void **state)
{
    (void)state;
    const struct engine_row *const rows[] = { &refused_row, &fake_row, NULL };
    struct rig *r = rig_open();
    assert_int_equal(choose(r, rows, "refused"), -1);
    assert_int_equal(fake.submitted, 0);
    rig_close(r);
}

static void close_may_be_called_again_and_on_nothing(void **state)
{
    (void)state;
    const struct engine_row *const rows[] = { &fake_row, NULL };
    struct engine nothing = { 0 };
    engine_close(&nothing);
    struct rig *r = rig_open();
    assert_int_equal(choose(r, rows, ""), 0);
    engine_close(&r->engine);
    engine_close(&r->engine);
    assert_int_equal(fake.closed, 1);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_works_is_chosen_and_the_others_explained),
        cmocka_unit_test(a_named_engine_is_taken_as_asked),
        cmocka_unit_test(an_engine_whose_first_read_fails_is_passed_over_and_closed),
        cmocka_unit_test(an_engine_that_does_not_open_is_passed_over),
        cmocka_unit_test(null_is_never_chosen_by_itself),
        cmocka_unit_test(a_name_that_does_not_exist_is_refused),
        cmocka_unit_test(a_named_engine_that_is_refused_is_not_replaced),
        cmocka_unit_test(close_may_be_called_again_and_on_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
