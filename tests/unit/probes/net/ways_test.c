#include "probes/net/ways.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A reflector that numbers what arrives, and what becomes of each packet. */
struct play {
    struct ways ways;
    uint32_t asked, numbered;
};

enum fate {
    THERE_AND_BACK,
    LOST_THERE,
    LOST_BACK,
    DOUBLED_THERE,
    DOUBLED_THERE_ONE_LOST_BACK,
};

static void send(struct play *p, enum fate fate)
{
    uint32_t asked = p->asked++;
    if (fate == LOST_THERE)
        return;
    uint32_t numbered = p->numbered++;
    if (fate == LOST_BACK)
        return;
    ways_answered(&p->ways, asked, numbered);
    if (fate == THERE_AND_BACK)
        return;
    numbered = p->numbered++;
    if (fate == DOUBLED_THERE)
        ways_doubled(&p->ways, numbered);
}

static void assert_sum(const struct play *p, uint64_t asked, uint64_t arrived, uint64_t answered)
{
    struct ways_sum sum = ways_total(&p->ways);
    assert_int_equal(sum.asked, asked);
    assert_int_equal(sum.arrived, arrived);
    assert_int_equal(sum.answered, answered);
}

static void begin(struct play *p, uint32_t first)
{
    *p = (struct play){ .asked = first };
    ways_begin(&p->ways, first);
}

static void nothing_answered_is_nothing_told(void **state)
{
    (void)state;
    struct play p;
    begin(&p, 0);
    send(&p, LOST_THERE);
    send(&p, LOST_BACK);
    assert_sum(&p, 0, 0, 0);
}

static void each_loss_is_on_its_own_way(void **state)
{
    (void)state;
    struct play p;
    begin(&p, 0);

    static const enum fate fates[] = { LOST_THERE,     LOST_BACK,  THERE_AND_BACK, LOST_THERE,
                                       THERE_AND_BACK, LOST_BACK,  LOST_BACK,      THERE_AND_BACK,
                                       THERE_AND_BACK, LOST_THERE, THERE_AND_BACK };

    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++)
        send(&p, fates[i]);
    /* 11 sent, 3 lost there, of the 8 that arrived 3 lost back. */
    assert_sum(&p, 11, 8, 5);
}

static void what_follows_the_last_answer_is_not_told(void **state)
{
    (void)state;
    struct play p;
    begin(&p, 7);
    send(&p, THERE_AND_BACK);
    send(&p, LOST_THERE);
    send(&p, LOST_BACK);
    assert_sum(&p, 1, 1, 1);
}

static void doubled_there_is_no_loss_back(void **state)
{
    (void)state;
    struct play p;
    begin(&p, 0);
    send(&p, THERE_AND_BACK);
    send(&p, DOUBLED_THERE);
    send(&p, LOST_THERE);
    send(&p, THERE_AND_BACK);
    assert_sum(&p, 4, 3, 3);
}

static void doubled_there_and_one_answer_lost_hides_a_loss_there(void **state)
{
    (void)state;
    struct play p;
    begin(&p, 0);
    send(&p, DOUBLED_THERE_ONE_LOST_BACK);
    send(&p, LOST_THERE);
    send(&p, THERE_AND_BACK);
    /* Numbers alone cannot know better; none of it becomes negative. */
    assert_sum(&p, 3, 3, 2);
}

static void overtaking_on_the_way_there_is_no_loss(void **state)
{
    (void)state;
    struct play p;
    begin(&p, 0);
    send(&p, THERE_AND_BACK); /* 0 */
    ways_answered(&p.ways, 2, 1);
    ways_answered(&p.ways, 1, 2);
    ways_answered(&p.ways, 3, 3);
    assert_sum(&p, 4, 4, 4);
}

static void restarted_reflector_begins_a_new_stretch(void **state)
{
    (void)state;
    struct play p;
    begin(&p, 0);
    for (int i = 0; i < 100; i++)
        send(&p, i % 10 == 3 ? LOST_THERE : THERE_AND_BACK);
    for (int i = 0; i < 20; i++)
        send(&p, LOST_THERE); /* it is gone */
    p.numbered = 0;
    for (int i = 0; i < 50; i++)
        send(&p, i % 10 == 5 ? LOST_BACK : THERE_AND_BACK);
    /* 100 and 49 of 50, without the first of the new stretch; the 20 are in neither. */
    assert_int_equal(p.ways.restarts, 1);
    assert_sum(&p, 149, 139, 134);
}

static void numbers_wrap(void **state)
{
    (void)state;
    struct play p;
    begin(&p, UINT32_MAX - 1);
    for (int i = 0; i < 5; i++)
        send(&p, i == 2 ? LOST_THERE : THERE_AND_BACK);
    assert_sum(&p, 5, 4, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_answered_is_nothing_told),
        cmocka_unit_test(each_loss_is_on_its_own_way),
        cmocka_unit_test(what_follows_the_last_answer_is_not_told),
        cmocka_unit_test(doubled_there_is_no_loss_back),
        cmocka_unit_test(doubled_there_and_one_answer_lost_hides_a_loss_there),
        cmocka_unit_test(overtaking_on_the_way_there_is_no_loss),
        cmocka_unit_test(restarted_reflector_begins_a_new_stretch),
        cmocka_unit_test(numbers_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
