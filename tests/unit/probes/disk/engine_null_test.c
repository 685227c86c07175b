#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/engine.h"

static void null_answers_in_order_and_in_full(void **state)
{
    (void)state;
    struct err e;
    struct engine_conf conf = { .fd = -1, .depth = 8 };
    struct engine en = { .row = &engine_null, .conf = conf };
    struct engine_done done[8];
    assert_int_equal(engine_null.open(&en, &conf, &e), 0);
    assert_int_equal(engine_null.reap(&en, done, 1, 8, 0), 0);
    for (unsigned round = 0; round < 200; round++) { /* around the ring */
        struct engine_io ios[3] = {
            {.bytes = 1,  .slot = 2},
            { .bytes = 2, .slot = 0},
            { .bytes = 3, .slot = 1}
        };
        assert_int_equal(engine_null.submit(&en, ios, 3), 3);
        assert_int_equal(engine_null.reap(&en, done, 1, 2, 0), 2);
        assert_int_equal(engine_null.reap(&en, done + 2, 1, 2, 0), 1);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(done[i].slot, ios[i].slot);
            assert_int_equal(done[i].result, ios[i].bytes);
        }
    }
    engine_close(&en);
}

static void null_takes_no_more_than_fit(void **state)
{
    (void)state;
    struct err e;
    struct engine_conf conf = { .fd = -1, .depth = ENGINE_DEPTH_MAX };
    struct engine en = { .row = &engine_null, .conf = conf };
    struct engine_io ios[ENGINE_DEPTH_MAX] = { 0 };
    assert_int_equal(engine_null.open(&en, &conf, &e), 0);
    assert_int_equal(engine_null.submit(&en, ios, ENGINE_DEPTH_MAX), ENGINE_DEPTH_MAX);
    assert_int_equal(engine_null.submit(&en, ios, 1), 0);
    engine_close(&en);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_answers_in_order_and_in_full),
        cmocka_unit_test(null_takes_no_more_than_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
