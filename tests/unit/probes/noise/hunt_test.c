#include "probes/noise/hunt.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probes/kit/prng.h"

#define MS UINT64_C(1000000)

enum {
    STEP_NS = 2000
};

/* A thief who has the CPU for the last `takes` of each period, and a clock that costs a step. */
static struct {
    uint64_t now_ns, period_ns, takes_ns;
} thief;

static void thief_skip(void)
{
    uint64_t phase_ns = thief.takes_ns ? thief.now_ns % thief.period_ns : 0;
    if (thief.takes_ns && phase_ns >= thief.period_ns - thief.takes_ns)
        thief.now_ns += thief.period_ns - phase_ns;
}

static uint64_t thief_read(void)
{
    thief.now_ns += STEP_NS;
    thief_skip();
    return thief.now_ns;
}

static int thief_sleep(uint64_t when_ns)
{
    if (when_ns > thief.now_ns)
        thief.now_ns = when_ns;
    thief_skip();
    return 0;
}

static volatile sig_atomic_t stopping;

/* Nothing is read of the host: there is no /proc. */
static int made(struct hunt *h)
{
    struct err e = { 0 };
    struct hunt_site site = {
        .proc_fd = -1, .sys_fd = -1, .host.tick_ns = 10 * MS, .stopping = &stopping
    };
    stopping = 0;
    if (hunt_open(h, &site, &e))
        return -1;
    h->clock = tick_clock;
    h->clock.read_ns = thief_read;
    h->clock.sleep_until = thief_sleep;
    h->spin.step_ns = STEP_NS;
    h->spin.threshold_ns = 3000;
    h->looked_ns = 0;
    return 0;
}

static void a_quiet_cpu_loses_nothing(void **state)
{
    (void)state;
    struct hunt h;
    struct hunt_cpu c = { 0 };
    thief.now_ns = 500 * MS;
    thief.takes_ns = 0;
    assert_int_equal(made(&h), 0);
    hunt_turn_loose(&h, &c, 600 * MS, 850 * MS);
    assert_int_equal(c.turns, 1);
    assert_int_equal(c.gaps, 0);
    assert_in_range(c.spun_ns, 249 * MS, 250 * MS);
    assert_in_range(thief.now_ns, 850 * MS, 851 * MS);
    hunt_release(&h);
    hunt_release(&h);
}

/* 50 ms of each 100, wherever the turns fall: the share and the rate are right on the mean. */
static void turns_tell_a_regular_thief_without_bias(void **state)
{
    (void)state;
    uint64_t seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 6;
    struct prng prng;
    struct hunt h;
    struct hunt_cpu c = { 0 };

    enum {
        TURNS = 400
    };

    print_message("SEED=%llu\n", (unsigned long long)seed);
    prng_init(&prng, seed);
    thief.now_ns = 1000 * MS;
    thief.period_ns = 100 * MS;
    thief.takes_ns = 50 * MS;
    assert_int_equal(made(&h), 0);
    for (int i = 0; i < TURNS; i++) {
        uint64_t due_ns = thief.now_ns + 300 * MS + (uint64_t)(prng_unit(&prng) * 100) * MS;
        hunt_turn_loose(&h, &c, due_ns, due_ns + 130 * MS);
    }
    float share = (float)c.lost_ns / (float)c.spun_ns;
    float rate = (float)c.gaps * 1e9F / (float)c.spun_ns;
    assert_float_equal(share, 0.5F, 0.02F);
    assert_float_equal(rate, 10, 0.4F);
    assert_int_equal(h.gaps.total, c.gaps);
    assert_in_range(h.gaps.min, 50 * MS - STEP_NS, 50 * MS + STEP_NS);
    assert_int_equal(c.longest_ns, h.gaps.max);
    hunt_release(&h);
}

/* Back to back, as with a share of all the time: no gap is lost between two turns, none counted
 * twice. */
static void turns_back_to_back_miss_nothing(void **state)
{
    (void)state;
    struct hunt h;
    struct hunt_cpu c = { 0 };
    thief.now_ns = 1000 * MS;
    thief.period_ns = 100 * MS;
    thief.takes_ns = 50 * MS;
    assert_int_equal(made(&h), 0);
    for (uint64_t i = 0; i < 20; i++)
        hunt_turn_loose(&h, &c, (1000 + i * 120) * MS, (1120 + i * 120) * MS);
    assert_in_range(c.gaps, 23, 24);
    assert_float_equal((float)c.lost_ns / (float)c.spun_ns, 0.5F, 0.03F);
    hunt_release(&h);
}

static void long_gaps_are_cases_and_short_ones_are_told_together(void **state)
{
    (void)state;
    struct hunt h;
    struct hunt_cpu c = { 0 };
    struct inquest_blame b;
    thief.now_ns = 1000 * MS;
    thief.period_ns = 10 * MS;
    thief.takes_ns = MS / 10;
    assert_int_equal(made(&h), 0);
    hunt_turn_loose(&h, &c, 1000 * MS, 1100 * MS);
    assert_int_equal(c.gaps, 10);
    thief.takes_ns = MS;
    hunt_turn_loose(&h, &c, 1100 * MS, 1200 * MS);
    hunt_close(&h);
    struct inquest_case worst[INQUEST_CASES];
    unsigned count = inquest_worst(h.inquest, worst, INQUEST_CASES);
    assert_in_range(count, 9, 10);
    assert_in_range(worst[0].episode.length_ns, MS - STEP_NS, MS + STEP_NS);
    hunt_blame(&h, &c, &b);
    uint64_t lost_ns = 0;
    for (int i = 0; i < CAUSES; i++)
        lost_ns += b.lost_ns[i];
    assert_int_equal(lost_ns, c.lost_ns); /* short and long */
    assert_int_equal(b.observed_ns, c.spun_ns);
    hunt_release(&h);
}

static void a_stop_ends_a_turn(void **state)
{
    (void)state;
    struct hunt h;
    struct hunt_cpu c = { 0 };
    thief.now_ns = 1000 * MS;
    thief.takes_ns = 0;
    assert_int_equal(made(&h), 0);
    stopping = 1;
    hunt_turn_loose(&h, &c, 1000 * MS, UINT64_MAX / 2);
    assert_in_range(thief.now_ns, 1000 * MS, 1001 * MS);
    hunt_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_cpu_loses_nothing),
        cmocka_unit_test(turns_tell_a_regular_thief_without_bias),
        cmocka_unit_test(turns_back_to_back_miss_nothing),
        cmocka_unit_test(long_gaps_are_cases_and_short_ones_are_told_together),
        cmocka_unit_test(a_stop_ends_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
