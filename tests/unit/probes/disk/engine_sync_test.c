#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/engine.h"

static struct engine opened(int fd, void *const *buffers)
{
    struct err e;
    struct engine_conf conf = { .fd = fd, .depth = 1, .buffers = buffers, .buffer_bytes = 16 };
    struct engine en = { .row = &engine_sync, .conf = conf };
    assert_int_equal(engine_sync.open(&en, &conf, &e), 0);
    return en;
}

static void sync_holds_one_at_a_time(void **state)
{
    (void)state;
    char bytes[16];
    void *buffers[] = { bytes };
    struct engine en = opened(-1, buffers);
    struct engine_io ios[2] = { { .bytes = 16 }, { .bytes = 16 } };
    struct engine_done done;
    assert_int_equal(engine_sync.submit(&en, ios, 0), 0);
    assert_int_equal(engine_sync.submit(&en, ios, 2), 1);
    assert_int_equal(engine_sync.submit(&en, ios, 1), 0);
    assert_int_equal(engine_sync.reap(&en, &done, 1, 1, 0), 1);
    assert_int_equal(engine_sync.reap(&en, &done, 1, 1, 0), 0);
    engine_close(&en);
}

static void sync_answers_with_the_negative_errno(void **state)
{
    (void)state;
    char bytes[16];
    void *buffers[] = { bytes };
    struct engine en = opened(-1, buffers);
    struct engine_io io = { .bytes = 16, .write = true };
    struct engine_done done;
    assert_int_equal(engine_sync.submit(&en, &io, 1), 1);
    assert_int_equal(engine_sync.reap(&en, &done, 1, 1, 0), 1);
    assert_int_equal(done.result, -EBADF);
    engine_close(&en);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sync_holds_one_at_a_time),
        cmocka_unit_test(sync_answers_with_the_negative_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
