#include "probes/kit/outbox.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void they_come_out_as_they_went_in(void **state)
{
    (void)state;
    static struct outbox box;
    struct episode got[4];
    assert_int_equal(outbox_take(&box, got, 4), 0);
    for (uint64_t i = 0; i < 6; i++)
        assert_true(outbox_put(&box, &(struct episode){ .at_ns = i, .cpu = (uint32_t)i }));
    assert_int_equal(outbox_take(&box, got, 4), 4);
    assert_int_equal(got[0].at_ns, 0);
    assert_int_equal(got[3].cpu, 3);
    assert_int_equal(outbox_take(&box, got, 4), 2);
    assert_int_equal(got[1].at_ns, 5);
    assert_int_equal(outbox_take(&box, got, 0), 0);
}

static void a_full_one_keeps_the_oldest_and_counts_the_rest(void **state)
{
    (void)state;
    static struct outbox box;
    static struct episode got[OUTBOX_EPISODES + 1];
    box.put = box.taken = UINT32_MAX - 5; /* the counts wrap meanwhile */
    for (uint64_t i = 0; i < OUTBOX_EPISODES + 3; i++)
        assert_int_equal(outbox_put(&box, &(struct episode){ .at_ns = i }), i < OUTBOX_EPISODES);
    assert_int_equal(box.missed, 3);
    assert_int_equal(outbox_take(&box, got, OUTBOX_EPISODES + 1), OUTBOX_EPISODES);
    for (uint64_t i = 0; i < OUTBOX_EPISODES; i++)
        assert_int_equal(got[i].at_ns, i);
    assert_true(outbox_put(&box, &(struct episode){ .at_ns = 7 }));
}

enum {
    MANY = 100000
};

static void *put_many(void *arg)
{
    struct outbox *box = arg;
    for (uint64_t i = 1; i <= MANY; i++) {
        while (!outbox_put(box, &(struct episode){ .at_ns = i, .length_ns = ~i }))
            continue;
    }
    return NULL;
}

/* Two threads at once: none is lost, torn or told twice. */
static void a_writer_and_a_reader_do_not_disturb_each_other(void **state)
{
    (void)state;
    static struct outbox box;
    struct episode got[7];
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, put_many, &box), 0);
    uint64_t last = 0;
    while (last < MANY) {
        unsigned count = outbox_take(&box, got, 7);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(got[i].at_ns, last + 1);
            assert_int_equal(got[i].length_ns, ~got[i].at_ns);
            last = got[i].at_ns;
        }
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_out_as_they_went_in),
        cmocka_unit_test(a_full_one_keeps_the_oldest_and_counts_the_rest),
        cmocka_unit_test(a_writer_and_a_reader_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
