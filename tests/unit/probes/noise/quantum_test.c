#include "probes/noise/quantum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The same work, written down again without what keeps a compiler from folding it. */
static uint64_t steps(uint64_t x)
{
    for (unsigned i = 0; i < QUANTUM_STEPS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

static void integer_work_is_that_of_the_generators(void **state)
{
    uint64_t chains[QUANTUM_CHAINS] = { 1, 88172645463325252, UINT64_MAX, 0x5555 };
    uint64_t want[QUANTUM_CHAINS];
    (void)state;
    for (unsigned i = 0; i < QUANTUM_CHAINS; i++)
        want[i] = steps(chains[i]);
    quantum_integer(chains);
    assert_memory_equal(chains, want, sizeof want);
}

static void loads_go_as_many_nodes_along_the_ring(void **state)
{
    struct ring r;
    struct err e;
    (void)state;
    assert_int_equal(ring_open(&r, (uint64_t)QUANTUM_LOADS * RING_NODE_BYTES, 3, &e), 0);
    assert_int_equal(quantum_memory(&r, 5), 5); /* once around */
    ring_release(&r);
    assert_int_equal(ring_open(&r, (uint64_t)2 * QUANTUM_LOADS * RING_NODE_BYTES, 3, &e), 0);
    uint32_t half = quantum_memory(&r, 5);
    assert_int_not_equal(half, 5);
    assert_int_equal(quantum_memory(&r, half), 5);
    ring_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_work_is_that_of_the_generators),
        cmocka_unit_test(loads_go_as_many_nodes_along_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
