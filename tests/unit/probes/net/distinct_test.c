#include "probes/net/distinct.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void count_is_exact_for_few_and_near_for_many(void **state)
{
    (void)state;
    static struct distinct d;
    static const unsigned goals[] = { 1, 2, 10, 1000, 50000, 200000 };
    unsigned noted = 0;
    d = (struct distinct){
        .seed = {11, 22}
    };
    assert_true(distinct_count(&d) == 0);
    for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++) {
        for (; noted < goals[i]; noted++) {
            distinct_note(&d, (struct origin){ 0, noted });
            distinct_note(&d, (struct origin){ 0, noted }); /* again is no other */
        }
        assert_in_range(distinct_count(&d), goals[i] - goals[i] / 50, goals[i] + goals[i] / 50);
    }
}

static void more_than_it_can_tell_is_the_most(void **state)
{
    (void)state;
    static struct distinct d;
    for (unsigned i = 0; i < 2000000; i++)
        distinct_note(&d, (struct origin){ i, 0 });
    assert_true(distinct_count(&d) == DISTINCT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_is_exact_for_few_and_near_for_many),
        cmocka_unit_test(more_than_it_can_tell_is_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
