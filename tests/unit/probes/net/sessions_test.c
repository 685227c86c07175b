#include "probes/net/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct origin_seed seed = { 11, 22 };
static const struct sessions_name a_name = {
    .from = {0, 7},
      .port = 5000, .ssid = 1
};
static const uint64_t start_ns = CLK_NS_PER_S;

static struct sessions open_sessions(void)
{
    struct sessions s;
    struct err e = { 0 };
    assert_int_equal(sessions_open(&s, seed, &e), 0);
    return s;
}

static void each_session_counts_from_zero(void **state)
{
    (void)state;
    struct sessions s = open_sessions();
    struct sessions_name port = a_name;
    struct sessions_name ssid = a_name;
    struct sessions_name from = a_name;
    port.port++;
    ssid.ssid++;
    from.from.high++;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(sessions_next(&s, &a_name, start_ns), i);
        assert_int_equal(sessions_next(&s, &port, start_ns), i);
        assert_int_equal(sessions_next(&s, &ssid, start_ns), i);
        assert_int_equal(sessions_next(&s, &from, start_ns), i);
    }
    assert_true(s.begun == 4 && s.pushed_out == 0);
    sessions_release(&s);
    sessions_release(&s);
}

static void long_silence_ends_a_session(void **state)
{
    (void)state;
    struct sessions s = open_sessions();
    uint64_t now_ns = start_ns;
    assert_int_equal(sessions_next(&s, &a_name, now_ns), 0);
    now_ns += SESSIONS_QUIET_NS - 1;
    assert_int_equal(sessions_next(&s, &a_name, now_ns), 1);
    now_ns += SESSIONS_QUIET_NS;
    assert_int_equal(sessions_next(&s, &a_name, now_ns), 0);
    assert_true(s.begun == 2 && s.pushed_out == 0);
    sessions_release(&s);
}

static void flood_of_forged_sessions_pushes_out_its_own(void **state)
{
    (void)state;
    struct sessions s = open_sessions();
    struct sessions_name forged = {
        .from = {1, 0}
    };
    for (unsigned i = 0; i < 3; i++)
        (void)sessions_next(&s, &a_name, start_ns);
    for (unsigned i = 0; i < 10 * SESSIONS_SETS * SESSIONS_WAYS; i++, forged.from.low++)
        assert_int_equal(sessions_next(&s, &forged, start_ns + i), 0);
    assert_int_equal(sessions_next(&s, &a_name, start_ns + CLK_NS_PER_S), 3);
    assert_true(s.pushed_out > 0);
    sessions_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_session_counts_from_zero),
        cmocka_unit_test(long_silence_ends_a_session),
        cmocka_unit_test(flood_of_forged_sessions_pushes_out_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
