#include "probes/noise/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static void a_ring_is_four_caches_within_bounds(void **state)
{
    (void)state;
    assert_int_equal(ring_size(32 * MIB, 64 * GIB, 60 * GIB), 128 * MIB);
    assert_int_equal(ring_size(2 * MIB, 64 * GIB, 60 * GIB), 64 * MIB);
    assert_int_equal(ring_size(300 * MIB, 64 * GIB, 60 * GIB), GIB);
    assert_int_equal(ring_size(0, 64 * GIB, 60 * GIB), 256 * MIB);
    assert_int_equal(ring_size(32 * MIB, 0, 0), 128 * MIB);
}

/* Never a tenth of the RAM, and never a ring that a cache holds half of. */
static void a_ring_leaves_memory_alone(void **state)
{
    (void)state;
    assert_int_equal(ring_size(32 * MIB, GIB, 0), 64 * MIB);
    assert_int_equal(ring_size(32 * MIB, GIB - 1, 0), 0);
    assert_int_equal(ring_size(16 * MIB, 4 * GIB, 200 * MIB), 50 * MIB);
    assert_int_equal(ring_size(16 * MIB, 4 * GIB, 100 * MIB), 0);
    assert_int_equal(ring_size(0, 2 * GIB, 0), 128 * MIB);
    assert_int_equal(ring_size(0, 512 * MIB, 0), 0);
    assert_int_equal(ring_size(GIB, 64 * GIB, 0), 0);
    for (uint64_t memory = 128 * MIB; memory < 64 * GIB; memory += memory / 3) {
        uint64_t bytes = ring_size(16 * MIB, memory, 0);
        assert_true(bytes + bytes / 16 <= memory / 10);
        assert_int_equal(bytes % 65536, 0);
    }
}

static void check_cycle(uint64_t bytes, uint64_t seed)
{
    struct ring r;
    struct err e;
    assert_int_equal(ring_open(&r, bytes, seed, &e), 0);
    assert_int_equal(r.nodes, bytes / RING_NODE_BYTES);
    unsigned char *seen = calloc(r.nodes, 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < r.nodes; i++) {
        assert_true(at < r.nodes);
        assert_int_equal(seen[at]++, 0);
        at = ring_next(&r, at);
    }
    assert_int_equal(at, 0);
    free(seen);
    ring_release(&r);
    ring_release(&r);
}

static void every_node_is_met_once_a_turn(void **state)
{
    (void)state;
    check_cycle(2 * RING_NODE_BYTES, 1);
    check_cycle(3 * RING_NODE_BYTES, 1);
    for (uint64_t seed = 0; seed < 5; seed++)
        check_cycle(MIB, seed);
}

static void the_order_is_that_of_the_seed_and_no_stride(void **state)
{
    struct ring a;
    struct ring b;
    struct ring c;
    struct err e;
    unsigned same = 0;
    unsigned near = 0;
    (void)state;
    assert_int_equal(ring_open(&a, MIB, 1, &e), 0);
    assert_int_equal(ring_open(&b, MIB, 1, &e), 0);
    assert_int_equal(ring_open(&c, MIB, 2, &e), 0);
    for (uint32_t i = 0; i < a.nodes; i++) {
        assert_int_equal(ring_next(&a, i), ring_next(&b, i));
        same += ring_next(&a, i) == ring_next(&c, i);
        near += ring_next(&a, i) - i + 8 < 16; /* on the same few lines */
    }
    assert_in_range(same, 0, a.nodes / 100);
    assert_in_range(near, 0, a.nodes / 100);
    ring_release(&a);
    ring_release(&b);
    ring_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_is_four_caches_within_bounds),
        cmocka_unit_test(a_ring_leaves_memory_alone),
        cmocka_unit_test(every_node_is_met_once_a_turn),
        cmocka_unit_test(the_order_is_that_of_the_seed_and_no_stride),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
