#include "probes/kit/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static struct hist open_hist(void)
{
    struct hist h = { 0 };
    struct err e;
    assert_int_equal(hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    return h;
}

static void a_sampler_that_never_ran_has_nothing(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    struct sampler_worst worst[SAMPLER_WORST];
    struct err e;
    struct sampler *s = sampler_open(&e);
    assert_non_null(s);
    assert_true(sampler_cpus(s) >= 1);
    sampler_take(s, &h);
    assert_int_equal(h.total, 0);
    assert_int_equal(sampler_take_max(s), 0);
    assert_int_equal(sampler_worst(s, worst), 0);
    sampler_free(s);
    sampler_free(NULL);
}

/* Whatever the host does: what was taken in parts is what was sampled, once. */
static void taking_in_parts_loses_and_repeats_nothing(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    struct sampler_worst worst[SAMPLER_WORST];
    struct err e;
    struct sampler *s = sampler_open(&e);
    assert_non_null(s);
    sampler_start(s);
    uint64_t longest = 0;
    while (h.total < 50) {
        sampler_take(s, &h);
        uint64_t max = sampler_take_max(s);
        longest = max > longest ? max : longest;
        unsigned count = sampler_worst(s, worst);
        for (unsigned i = 1; i < count; i++)
            assert_true(worst[i - 1].stall_ns >= worst[i].stall_ns);
    }
    sampler_stop(s);
    sampler_take(s, &h);
    sampler_take(s, &h);
    uint64_t total = h.total;
    sampler_take(s, &h);
    assert_int_equal(h.total, total);
    uint64_t max = sampler_take_max(s);
    longest = max > longest ? max : longest;
    assert_int_equal(h.max, longest);
    assert_true(sampler_worst(s, worst) > 0);
    assert_int_equal(worst[0].stall_ns, longest);
    sampler_start(s); /* and it can be started again */
    while (h.total == total)
        sampler_take(s, &h);
    sampler_free(s); /* running */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sampler_that_never_ran_has_nothing),
        cmocka_unit_test(taking_in_parts_loses_and_repeats_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
