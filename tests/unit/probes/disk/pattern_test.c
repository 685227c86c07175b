#include "probes/disk/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

enum {
    BLOCK = 4096
};

static void random_offsets_are_aligned_and_stay_inside_the_file(void **state)
{
    (void)state;
    struct pattern p;
    uint64_t span = 100 * BLOCK + 4095; /* a rest that is no block */
    pattern_init(&p, PATTERN_RANDOM, span, BLOCK, 7);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t offset = pattern_next(&p);
        assert_int_equal(offset % BLOCK, 0);
        assert_true(offset + BLOCK <= span);
    }
}

static void random_offsets_reach_every_block(void **state)
{
    (void)state;
    struct pattern p;
    bool seen[64] = { 0 };
    pattern_init(&p, PATTERN_RANDOM, UINT64_C(64) * BLOCK, BLOCK, 3);
    for (unsigned i = 0; i < 64 * 20; i++)
        seen[pattern_next(&p) / BLOCK] = true;
    for (unsigned i = 0; i < 64; i++)
        assert_true(seen[i]);
}

static void the_same_seed_gives_the_same_offsets_and_another_does_not(void **state)
{
    (void)state;
    struct pattern a;
    struct pattern b;
    struct pattern c;
    unsigned same = 0;
    pattern_init(&a, PATTERN_RANDOM, UINT64_C(1) << 30, BLOCK, 1);
    pattern_init(&b, PATTERN_RANDOM, UINT64_C(1) << 30, BLOCK, 1);
    pattern_init(&c, PATTERN_RANDOM, UINT64_C(1) << 30, BLOCK, 2);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t offset = pattern_next(&a);
        assert_int_equal(offset, pattern_next(&b));
        same += offset == pattern_next(&c);
    }
    assert_true(same < 10);
}

static void sequential_offsets_walk_the_file_and_begin_again(void **state)
{
    (void)state;
    struct pattern p;
    pattern_init(&p, PATTERN_SEQUENTIAL, UINT64_C(3) * BLOCK, BLOCK, 1);
    for (uint64_t i = 0; i < 7; i++)
        assert_int_equal(pattern_next(&p), i % 3 * BLOCK);
}

static void a_stamp_changes_every_sector_every_time(void **state)
{
    (void)state;
    struct pattern p;
    unsigned char before[BLOCK];
    unsigned char bytes[BLOCK];
    pattern_init(&p, PATTERN_RANDOM, BLOCK, BLOCK, 5);
    prng_fill(&p.prng, bytes, sizeof bytes);
    for (unsigned round = 0; round < 100; round++) {
        memcpy(before, bytes, sizeof bytes);
        pattern_stamp(&p, bytes, sizeof bytes);
        for (size_t at = 0; at < BLOCK; at += PATTERN_STAMP_STEP)
            assert_memory_not_equal(bytes + at, before + at, PATTERN_STAMP_STEP);
    }
}

static void a_stamped_buffer_stays_incompressible(void **state)
{
    (void)state;
    struct pattern p;
    unsigned char bytes[BLOCK];
    unsigned char packed[2 * BLOCK];
    uLongf size = sizeof packed;
    pattern_init(&p, PATTERN_RANDOM, BLOCK, BLOCK, 5);
    prng_fill(&p.prng, bytes, sizeof bytes);
    for (unsigned round = 0; round < 1000; round++)
        pattern_stamp(&p, bytes, sizeof bytes);
    assert_int_equal(compress2(packed, &size, bytes, sizeof bytes, 9), Z_OK);
    assert_true(size > BLOCK * 95 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_offsets_are_aligned_and_stay_inside_the_file),
        cmocka_unit_test(random_offsets_reach_every_block),
        cmocka_unit_test(the_same_seed_gives_the_same_offsets_and_another_does_not),
        cmocka_unit_test(sequential_offsets_walk_the_file_and_begin_again),
        cmocka_unit_test(a_stamp_changes_every_sector_every_time),
        cmocka_unit_test(a_stamped_buffer_stays_incompressible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
