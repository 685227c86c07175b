#include "tests/lab/impair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    DRAWS = 200000,
    SEED = 5
};

/* A line of these rules, which end with NULL. */
static struct impair ruled(const char *const *rules)
{
    struct impair m = { 0 };
    prng_init(&m.prng, SEED);
    for (; *rules; rules++)
        assert_int_equal(impair_rule(&m, *rules), 0);
    return m;
}

static struct impair ruled_by(const char *rule)
{
    const char *rules[] = { rule, NULL };
    return ruled(rules);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%g is not %g within %g", value, expected, tolerance);
}

struct moments {
    double mean, deviation, least, most;
};

/* Of the delays, us, with a packet each ms. */
static struct moments delays(const char *rule)
{
    struct impair m = ruled_by(rule);
    struct moments out = { .least = INFINITY };
    double squares = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t now_ns = i * CLK_NS_PER_MS;
        struct impair_verdict v = impair_judge(&m, now_ns);
        double us = (double)(v.due_ns - now_ns) / CLK_NS_PER_US;
        assert_int_equal(v.fate, IMPAIR_PASSED);
        out.mean += us / DRAWS;
        squares += us * us / DRAWS;
        out.least = fmin(out.least, us);
        out.most = fmax(out.most, us);
    }
    out.deviation = sqrt(fmax(squares - out.mean * out.mean, 0));
    return out;
}

static void distributions_have_their_moments(void **state)
{
    (void)state;

    static const struct {
        const char *rule;
        double mean, deviation, least, most; /* of what can be at all */
    } rows[] = {
        {"delay=constant:2500",         2500, 0,     2500, 2500    },
        { "delay=uniform:2500:500",     2500, 288.7, 2000, 3000    },
        { "delay=normal:5000:1000",     5000, 1000,  0,    12000   },
        { "delay=exponential:1000:500", 1500, 500,   1000, INFINITY},
 /* Of shape 3: mean 1/2 and variance 3/4 of the scale, which is twice the spread. */
        { "delay=pareto:1000:500",      1500, 866,   1000, 51000   },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct moments m = delays(rows[i].rule);
        assert_near(m.mean, rows[i].mean, 15);
        assert_near(m.deviation, rows[i].deviation, rows[i].deviation * 0.15 + 1);
        assert_true(m.least >= rows[i].least && m.most <= rows[i].most + 1);
    }
}

static void a_delay_is_never_negative(void **state)
{
    (void)state;
    assert_true(delays("delay=normal:100:1000").least == 0);
}

/* How many of DRAWS packets, one a ms, met that fate. */
static unsigned count_of(struct impair *m, enum impair_fate fate)
{
    unsigned n = 0;
    for (uint64_t i = 0; i < DRAWS; i++)
        n += impair_judge(m, i * CLK_NS_PER_MS).fate == fate;
    return n;
}

static void losses_have_their_share(void **state)
{
    (void)state;
    struct impair m = ruled_by("loss=0.05");
    assert_near((double)count_of(&m, IMPAIR_LOST) / DRAWS, 0.05, 0.002);
    m = ruled_by("loss=0");
    assert_int_equal(count_of(&m, IMPAIR_LOST), 0);
    m = ruled_by("loss=1");
    assert_int_equal(count_of(&m, IMPAIR_LOST), DRAWS);
}

static void bursts_have_their_share_and_length(void **state)
{
    (void)state;
    struct impair m = ruled_by("burst=0.01:0.25");
    unsigned lost = 0;
    unsigned bursts = 0;
    bool before = false;
    for (uint64_t i = 0; i < DRAWS; i++) {
        bool now = impair_judge(&m, i * CLK_NS_PER_MS).fate == IMPAIR_BURST;
        lost += now;
        bursts += now && !before;
        before = now;
    }
    assert_near((double)lost / DRAWS, 0.01 / (0.01 + 0.25), 0.004);
    assert_near((double)lost / bursts, 4, 0.3);
}

static void a_dark_time_takes_all_and_ends(void **state)
{
    (void)state;
    struct impair m = ruled_by("dark=100:50");
    uint64_t first_ns = 77 * (uint64_t)CLK_NS_PER_S;
    for (uint64_t ms = 0; ms < 200; ms++)
        assert_int_equal(impair_judge(&m, first_ns + ms * CLK_NS_PER_MS).fate,
                         ms >= 100 && ms < 150 ? IMPAIR_DARK : IMPAIR_PASSED);
}

static void those_held_are_later_by_as_much(void **state)
{
    (void)state;
    static const char *const rules[] = { "delay=constant:1000", "hold=0.1:25000", NULL };
    struct impair m = ruled(rules);
    unsigned held = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct impair_verdict v = impair_judge(&m, i);
        uint64_t expected_us = v.fate == IMPAIR_HELD ? 26000 : 1000;
        assert_int_equal(v.due_ns - i, expected_us * CLK_NS_PER_US);
        held += v.fate == IMPAIR_HELD;
    }
    assert_near((double)held / DRAWS, 0.1, 0.003);
}

static void a_queue_keeps_the_order(void **state)
{
    (void)state;
    static const char *const rules[] = { "delay=exponential:0:5000", "ordered=1", NULL };
    struct impair ordered = ruled(rules);
    struct impair free = ruled_by("delay=exponential:0:5000");
    unsigned overtaken = 0;
    uint64_t last_ns = 0;
    uint64_t last_free_ns = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t due_ns = impair_judge(&ordered, i * CLK_NS_PER_MS).due_ns;
        uint64_t free_ns = impair_judge(&free, i * CLK_NS_PER_MS).due_ns;
        assert_true(due_ns >= last_ns && due_ns >= free_ns);
        overtaken += free_ns < last_free_ns;
        last_ns = due_ns;
        last_free_ns = free_ns;
    }
    assert_true(overtaken > 100);
}

static void one_more_rule_changes_no_other_fate(void **state)
{
    (void)state;
    static const char *const less[] = { "loss=0.1", NULL };
    static const char *const more[] = { "loss=0.1", "delay=normal:500:100", "duplicate=0.2", NULL };
    struct impair a = ruled(less);
    struct impair b = ruled(more);
    unsigned twice = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct impair_verdict v = impair_judge(&b, i);
        assert_int_equal(impair_judge(&a, i).fate, v.fate);
        assert_false(v.twice && v.fate == IMPAIR_LOST);
        twice += v.twice;
    }
    assert_near((double)twice / DRAWS, 0.2 * 0.9, 0.004);
}

static void what_is_no_rule_is_refused(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "",           "delay",         "delay=5",   "loss=",       "loss=x",
        "loss=0.1x",  "delay=normal:", "loss=-1",   "los=1",       "lossy=1",
        "loss=1:2:3", "loss=nan",      "delay=a:1", "delay=1:2:3", "delay=normal:1:2:3"
    };
    struct impair m = { 0 };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!impair_rule(&m, rules[i]))
            fail_msg("taken: %s", rules[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions_have_their_moments),
        cmocka_unit_test(a_delay_is_never_negative),
        cmocka_unit_test(losses_have_their_share),
        cmocka_unit_test(bursts_have_their_share_and_length),
        cmocka_unit_test(a_dark_time_takes_all_and_ends),
        cmocka_unit_test(those_held_are_later_by_as_much),
        cmocka_unit_test(a_queue_keeps_the_order),
        cmocka_unit_test(one_more_rule_changes_no_other_fate),
        cmocka_unit_test(what_is_no_rule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
