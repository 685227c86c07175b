#include "probes/disk/buffers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void buffers_are_aligned_and_apart(void **state)
{
    (void)state;
    struct err e;
    struct buffers b;
    assert_int_equal(buffers_open(&b, 32, 4096, 1, &e), 0);
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal((uintptr_t)b.items[i] % BUFFERS_ALIGNMENT, 0);
        assert_true(i == 0 || (char *)b.items[i] - (char *)b.items[i - 1] == 4096);
    }
    buffers_release(&b);
}

static void the_same_seed_fills_them_alike_and_each_differently(void **state)
{
    (void)state;
    struct err e;
    struct buffers a;
    struct buffers b;
    struct buffers c;
    assert_int_equal(buffers_open(&a, 2, 4096, 1, &e), 0);
    assert_int_equal(buffers_open(&b, 2, 4096, 1, &e), 0);
    assert_int_equal(buffers_open(&c, 2, 4096, 2, &e), 0);
    assert_memory_equal(a.items[1], b.items[1], 4096);
    assert_memory_not_equal(a.items[0], a.items[1], 4096);
    assert_memory_not_equal(a.items[0], c.items[0], 4096);
    buffers_release(&a);
    buffers_release(&b);
    buffers_release(&c);
}

static void release_may_be_called_again_and_on_nothing(void **state)
{
    (void)state;
    struct err e;
    struct buffers b = { 0 };
    buffers_release(&b);
    assert_int_equal(buffers_open(&b, 1, 4096, 1, &e), 0);
    buffers_release(&b);
    buffers_release(&b);
    assert_null(b.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_are_aligned_and_apart),
        cmocka_unit_test(the_same_seed_fills_them_alike_and_each_differently),
        cmocka_unit_test(release_may_be_called_again_and_on_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
