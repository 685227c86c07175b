#include "probes/noise/pulse.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void add(struct pulse *p, uint64_t at_ns, uint64_t length_ns, uint64_t work)
{
    struct pulse_value v = { .at_ns = at_ns,
                             .length_ns = length_ns,
                             .work = work,
                             .stolen_ns = (double)length_ns / 2,
                             .queued_ns = (double)length_ns / 4 };
    pulse_add(p, &v);
}

static void stretches_become_values_of_a_length(void **state)
{
    struct pulse p;
    struct err e;
    (void)state;
    assert_int_equal(pulse_open(&p, 1000, 8, &e), 0);
    add(&p, 5000, 400, 4);
    add(&p, 6000, 400, 8);
    assert_int_equal(p.count, 0);
    add(&p, 7000, 400, 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.values[0].at_ns, 5000);
    assert_int_equal(p.values[0].length_ns, 1200);
    assert_true(pulse_rate(&p, 0) == 12 / 1200e-9);
    add(&p, 8000, 990, 3); /* as good as whole */
    assert_int_equal(p.count, 2);
    assert_int_equal(p.values[1].at_ns, 8000);
    assert_int_equal(pulse_length_ns(&p, 0, 2), 2190);
    pulse_release(&p);
    pulse_release(&p);
}

static void a_full_series_is_joined_two_by_two(void **state)
{
    struct pulse p;
    struct err e;
    (void)state;
    assert_int_equal(pulse_open(&p, 1000, 4, &e), 0);
    for (unsigned i = 0; i < 4; i++)
        add(&p, i * 1000U, 1000, i);
    add(&p, 4000, 1000, 10);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.values[1].at_ns, 2000);
    assert_int_equal(p.values[1].work, 5);
    add(&p, 5000, 1000, 10);
    assert_int_equal(p.count, 3);
    assert_int_equal(p.values[2].at_ns, 4000);
    assert_int_equal(p.values[2].length_ns, 2000);
    assert_int_equal(p.values[2].work, 20);
    uint64_t work = 0;
    for (unsigned i = 6; i < 1006; i++)
        add(&p, i * 1000U, 1000, 1);
    for (size_t i = 0; i < p.count; i++)
        work += p.values[i].work;
    assert_int_equal(work + p.next.work, 0 + 1 + 2 + 3 + 20 + 1000);
    pulse_release(&p);
}

static void losses_are_shares_of_all_cpus(void **state)
{
    struct pulse p;
    struct err e;
    (void)state;
    assert_int_equal(pulse_open(&p, 1000, 4, &e), 0);
    for (unsigned i = 0; i < 3; i++)
        add(&p, i * 1000U, 1000, 1);
    struct pulse_loss loss = pulse_loss(&p, 1, 3, 2);
    assert_true(loss.stolen_ratio == 0.25 && loss.queued_ratio == 0.125);
    assert_true(isnan(pulse_loss(&p, 1, 1, 2).stolen_ratio));
    assert_true(isnan(pulse_loss(&p, 0, 3, 0).queued_ratio));
    pulse_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stretches_become_values_of_a_length),
        cmocka_unit_test(a_full_series_is_joined_two_by_two),
        cmocka_unit_test(losses_are_shares_of_all_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
