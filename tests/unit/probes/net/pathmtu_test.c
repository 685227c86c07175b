#include "probes/net/pathmtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    ROUNDS_MAX = 64
};

/* What a path of that MTU answers to each question; lie: the number of the one that is lost. */
static unsigned search(unsigned floor, unsigned top, unsigned mtu, unsigned hint, int lie,
                       unsigned *asked)
{
    struct pathmtu p;
    pathmtu_init(&p, floor, top);
    *asked = 0;
    for (unsigned size = pathmtu_next(&p); size; size = pathmtu_next(&p)) {
        assert_in_range(size, floor, top);
        assert_true(*asked < ROUNDS_MAX);
        bool lost = (int)(*asked)++ == lie;
        if (size <= mtu && !lost) {
            pathmtu_carried(&p, size);
            continue;
        }
        if (size > mtu)
            pathmtu_hint(&p, hint);
        pathmtu_not_carried(&p, size);
    }
    return p.low;
}

static void every_limit_is_found_to_the_octet(void **state)
{
    unsigned asked;
    (void)state;
    for (unsigned mtu = 576; mtu <= 1500; mtu++) {
        assert_int_equal(search(576, 1500, mtu, 0, -1, &asked), mtu);
        assert_true(asked <= 14); /* the top, the floor, ten halvings, the limit again */
    }
    assert_int_equal(search(576, 9216, 8951, 0, -1, &asked), 8951);
    assert_int_equal(search(1280, 1500, 1280, 0, -1, &asked), 1280);
    assert_int_equal(search(500, 500, 500, 0, -1, &asked), 500);
}

static void a_whole_path_is_one_question(void **state)
{
    unsigned asked;
    (void)state;
    assert_int_equal(search(576, 1500, 9000, 0, -1, &asked), 1500);
    assert_int_equal(asked, 1);
}

static void a_router_s_word_is_tried_first_and_not_believed(void **state)
{
    unsigned asked;
    (void)state;
    assert_int_equal(search(576, 1500, 1400, 1400, -1, &asked), 1400);
    assert_int_equal(asked, 5); /* top, floor, 1400, 1401, 1401 */
    /* It lies, either way, or says what cannot be. */
    assert_int_equal(search(576, 1500, 1400, 1300, -1, &asked), 1400);
    assert_int_equal(search(576, 1500, 1400, 1450, -1, &asked), 1400);
    assert_int_equal(search(576, 1500, 1400, 68, -1, &asked), 1400);
    assert_int_equal(search(576, 1500, 1400, 65535, -1, &asked), 1400);
}

static void a_loss_at_any_question_is_not_the_limit(void **state)
{
    unsigned asked;
    (void)state;
    for (unsigned mtu = 576; mtu <= 1500; mtu += 7) {
        for (int lie = 0; lie < 14; lie++) {
            assert_int_equal(search(576, 1500, mtu, 0, lie, &asked), mtu);
            assert_int_equal(search(576, 1500, mtu, mtu, lie, &asked), mtu);
        }
    }
}

static void a_path_that_carries_nothing_is_none(void **state)
{
    unsigned asked;
    (void)state;
    assert_int_equal(search(576, 1500, 100, 0, -1, &asked), 0);
    assert_int_equal(asked, 3);
    assert_int_equal(search(500, 500, 100, 0, -1, &asked), 0);
}

/* All answers at random: it ends, whatever it says. */
static void nonsense_ends(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 2000; seed++) {
        unsigned x = seed;
        unsigned asked = 0;
        struct pathmtu p;
        pathmtu_init(&p, 576, 9216);
        for (unsigned size = pathmtu_next(&p); size; size = pathmtu_next(&p)) {
            x = x * 1664525 + 1013904223;
            assert_true(asked++ < 200);
            pathmtu_hint(&p, x >> 18);
            if (x >> 31)
                pathmtu_carried(&p, size);
            else
                pathmtu_not_carried(&p, size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_is_found_to_the_octet),
        cmocka_unit_test(a_whole_path_is_one_question),
        cmocka_unit_test(a_router_s_word_is_tried_first_and_not_believed),
        cmocka_unit_test(a_loss_at_any_question_is_not_the_limit),
        cmocka_unit_test(a_path_that_carries_nothing_is_none),
        cmocka_unit_test(nonsense_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
