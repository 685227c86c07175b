#include "probes/noise/toll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static void a_stall_counts_for_every_bound_that_it_is_above(void **state)
{
    (void)state;
    uint64_t counts[TOLL_BOUNDS] = { 0 };
    toll_count(counts, 1 * MS);
    assert_int_equal(counts[0], 0);
    toll_count(counts, 1 * MS + 1);
    toll_count(counts, 150 * MS);
    toll_count(counts, 1000 * MS);
    toll_count(counts, 5000 * MS);
    const uint64_t expected[TOLL_BOUNDS] = { 4, 3, 3, 2, 2, 2, 1 };
    for (unsigned i = 0; i < TOLL_BOUNDS; i++)
        assert_int_equal(counts[i], expected[i]);
}

static void says(struct toll t, const char *expected)
{
    char text[TOLL_TEXT_BYTES];
    toll_tell(&t, text);
    assert_string_equal(text, expected);
}

static const struct inquest_blame hogged = {
    .lost_ns = {[CAUSE_OTHERS] = 1940 * MS, [CAUSE_UNKNOWN] = 60 * MS},
    .count = { [CAUSE_OTHERS] = 13,       [CAUSE_UNKNOWN] = 1      },
};

static void the_sentence_names_the_thief(void **state)
{
    (void)state;
    says((struct toll){ .cpu = 1,
                        .cpus = 4,
                        .blame = &hogged,
                        .window_ns = 100000 * MS,
                        .longest_ns = 380 * MS },
         "CPU 1 was not ours for 2 % of the time, in 14 stalls up to 380 ms: this guest's other "
         "processes 97 %, unknown 3 %.");
}

/* Of four CPUs, one CPU's loss is a quarter as much. */
static void all_cpus_share_one_loss(void **state)
{
    (void)state;
    says((struct toll){ .cpu = TOLL_ALL, .cpus = 4, .blame = &hogged, .window_ns = 100000 * MS },
         "All 4 CPUs together were not ours for 0.500 % of their time, in 14 stalls: this guest's "
         "other processes 97 %, unknown 3 %.");
}

static void one_stall_is_of_a_length(void **state)
{
    (void)state;
    const struct inquest_blame one = { .lost_ns = { [CAUSE_UNREPORTED] = 5 * MS },
                                       .count = { [CAUSE_UNREPORTED] = 1 } };
    says((struct toll){ .blame = &one, .cpus = 1, .window_ns = 1000 * MS, .longest_ns = 5 * MS },
         "CPU 0 was not ours for 0.500 % of the time, in 1 stall of 5 ms: hypervisor, unreported "
         "100 %.");
}

/* Sleepers that could not be pinned may miss the same time twice. */
static void no_more_is_lost_than_there_was(void **state)
{
    (void)state;
    says((struct toll){ .blame = &hogged, .cpus = 1, .window_ns = 1000 * MS },
         "CPU 0 was not ours for 100 % of the time, in 14 stalls: this guest's other processes 97 "
         "%, unknown 3 %.");
}

static void no_stall_is_no_proof_of_none(void **state)
{
    (void)state;
    static const struct inquest_blame none = { 0 };
    says((struct toll){ .cpu = TOLL_ALL, .cpus = 2, .blame = &none, .window_ns = 58000 * MS },
         "No stall of 1 ms or more in 58 s on 2 CPUs: at most 186 an hour (95 %).");
    says((struct toll){ .cpu = TOLL_ALL, .cpus = 1, .blame = &none, .window_ns = 3600000 * MS },
         "No stall of 1 ms or more in 60 min on 1 CPU: at most 3 an hour (95 %).");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stall_counts_for_every_bound_that_it_is_above),
        cmocka_unit_test(the_sentence_names_the_thief),
        cmocka_unit_test(all_cpus_share_one_loss),
        cmocka_unit_test(one_stall_is_of_a_length),
        cmocka_unit_test(no_more_is_lost_than_there_was),
        cmocka_unit_test(no_stall_is_no_proof_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
