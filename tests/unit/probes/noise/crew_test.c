#include "probes/noise/crew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/affinity.h"

static void open_hists(struct hist *integer, struct hist *memory)
{
    struct err e;
    uint64_t value_max = UINT64_C(1) << HIST_TEN_MINUTES_BITS;
    assert_int_equal(hist_open(integer, value_max, &e), 0);
    assert_int_equal(hist_open(memory, value_max, &e), 0);
}

/* A turn that is over as it begins is one piece a worker: three of integers, then one of loads. */
static void work_goes_by_turns_and_all_of_it_is_collected(void **state)
{
    uint32_t cpus[16];
    struct ring ring;
    struct hist integer;
    struct hist memory;
    struct err e;
    (void)state;
    int count = affinity_cpus(cpus, 16, &e);
    assert_true(count > 0);
    assert_int_equal(ring_open(&ring, 1 << 20, 1, &e), 0);
    struct crew *c = crew_open(&ring, cpus, (unsigned)count, 1, &e);
    assert_non_null(c);
    unsigned size = crew_size(c);
    assert_int_equal(size, count);
    open_hists(&integer, &memory);
    for (unsigned turn = 1; turn <= 8; turn++) {
        crew_begin(c, 0);
        crew_wait(c);
        assert_int_equal(crew_work(c), turn * size);
    }
    crew_collect(c, &integer, &memory);
    assert_int_equal(integer.total, 6 * size);
    assert_int_equal(memory.total, 2 * size);
    crew_collect(c, &integer, &memory);
    assert_int_equal(integer.total, 6 * size);
    for (unsigned i = 0; i < size; i++) {
        struct crew_share share = crew_share(c, i);
        assert_int_equal(share.cpu, cpus[i]);
        assert_int_equal(share.work, 8);
        assert_true(share.pinned && share.busy_ns > 0);
    }
    hist_release(&integer);
    hist_release(&memory);
    crew_free(c);
    ring_release(&ring);
}

static void without_a_ring_there_are_integers_alone(void **state)
{
    static const uint32_t cpus[] = { 0 };
    static const struct ring none;
    struct hist integer;
    struct hist memory;
    struct err e;
    (void)state;
    struct crew *c = crew_open(&none, cpus, 1, 1, &e);
    assert_non_null(c);
    open_hists(&integer, &memory);
    for (unsigned turn = 0; turn < 8; turn++) {
        crew_begin(c, 0);
        crew_wait(c);
    }
    crew_collect(c, &integer, &memory);
    assert_int_equal(integer.total, 8);
    assert_int_equal(memory.total, 0);
    hist_release(&integer);
    hist_release(&memory);
    crew_free(c);
}

/* It would last for ever else. */
static void a_stopped_crew_comes_to_rest(void **state)
{
    static const uint32_t cpus[] = { 0, 60000 };
    static const struct ring none;
    struct err e;
    (void)state;
    struct crew *c = crew_open(&none, cpus, 2, 1, &e);
    assert_non_null(c);
    crew_begin(c, UINT64_MAX);
    crew_stop(c);
    crew_wait(c);
    assert_true(crew_work(c) >= 2);
    assert_false(crew_share(c, 1).pinned); /* there is no such CPU: it works where it may */
    crew_free(c);
    crew_free(NULL);
}

static void a_crew_of_nobody_is_refused(void **state)
{
    static const struct ring none;
    struct err e;
    (void)state;
    assert_null(crew_open(&none, NULL, 0, 1, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_goes_by_turns_and_all_of_it_is_collected),
        cmocka_unit_test(without_a_ring_there_are_integers_alone),
        cmocka_unit_test(a_stopped_crew_comes_to_rest),
        cmocka_unit_test(a_crew_of_nobody_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
