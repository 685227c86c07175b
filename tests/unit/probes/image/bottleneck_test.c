#include "probes/image/bottleneck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/* Two threads for a second; 50 ms in everything but the sync, all of it on the CPU. */
static struct bottleneck_sums sums_of(enum lane_part most, uint64_t most_ms)
{
    struct bottleneck_sums s = { .wall_ns = 1000 * MS, .threads = 2 };
    for (unsigned i = 0; i < LANE_PART_SYNC; i++)
        s.parts[i] = (struct lane_time){ .wall_ns = 50 * MS, .cpu_ns = 50 * MS };
    s.parts[most] = (struct lane_time){ .wall_ns = most_ms * MS, .cpu_ns = most_ms * MS };
    return s;
}

static void busy_threads_are_bound_by_the_largest_part(void **state)
{
    (void)state;

    static const struct {
        enum lane_part part;
        enum bottleneck is;
    } cases[] = {
        {LANE_PART_INFLATE,   BOTTLENECK_INFLATE },
        { LANE_PART_HASH,     BOTTLENECK_HASH    },
        { LANE_PART_READ,     BOTTLENECK_READ    },
        { LANE_PART_METADATA, BOTTLENECK_METADATA},
        { LANE_PART_DATA,     BOTTLENECK_DATA    },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bottleneck_sums s = sums_of(cases[i].part, 1700);
        assert_int_equal(bottleneck_find(&s), cases[i].is);
    }
}

static void idle_threads_wait_for_one_stage(void **state)
{
    (void)state;
    struct bottleneck_sums s = sums_of(LANE_PART_INFLATE, 900);
    assert_int_equal(bottleneck_find(&s), BOTTLENECK_ONE_STREAM);
    s = sums_of(LANE_PART_METADATA, 900);
    assert_int_equal(bottleneck_find(&s), BOTTLENECK_ONE_CREATOR);
    s = sums_of(LANE_PART_DATA, 900); /* few large files */
    assert_int_equal(bottleneck_find(&s), BOTTLENECK_ONE_WRITER);
    assert_string_equal(bottleneck_name(bottleneck_find(&s)), "one core's writing of files");
    s = sums_of(LANE_PART_INFLATE, 700);
    s.threads = 1; /* with one there is nothing to wait for */
    assert_int_equal(bottleneck_find(&s), BOTTLENECK_INFLATE);
}

static void waiting_in_writes_is_the_disk(void **state)
{
    (void)state;
    struct bottleneck_sums s = sums_of(LANE_PART_DATA, 1700);
    s.parts[LANE_PART_DATA].cpu_ns = 700 * MS;
    assert_int_equal(bottleneck_find(&s), BOTTLENECK_DISK);
    s = sums_of(LANE_PART_DATA, 1700);
    s.sync_ns = 1001 * MS;
    assert_int_equal(bottleneck_find(&s), BOTTLENECK_DISK);
}

static void the_ratio_counts_all_threads(void **state)
{
    (void)state;
    struct bottleneck_sums s = sums_of(LANE_PART_INFLATE, 750);
    assert_int_equal((int)(100 * bottleneck_busy_ratio(&s) + 0.5), 50);
    s.wall_ns = 0;
    assert_int_equal((int)bottleneck_busy_ratio(&s), 0);
}

static void every_one_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BOTTLENECKS; i++)
        assert_true(strlen(bottleneck_name((enum bottleneck)i)) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_threads_are_bound_by_the_largest_part),
        cmocka_unit_test(idle_threads_wait_for_one_stage),
        cmocka_unit_test(waiting_in_writes_is_the_disk),
        cmocka_unit_test(the_ratio_counts_all_threads),
        cmocka_unit_test(every_one_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
