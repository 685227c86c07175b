#include "probes/net/door.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum door heard(bool udp, bool v6, uint8_t type, uint8_t code)
{
    struct icmp_report r = { .heard = true, .v6 = v6, .type = type, .code = code };
    return door_of(udp, EHOSTUNREACH, &r);
}

static void without_icmp_the_errno_tells(void **state)
{
    (void)state;
    assert_int_equal(door_of(false, 0, NULL), DOOR_OPEN);
    assert_int_equal(door_of(false, ECONNREFUSED, NULL), DOOR_REFUSED);
    assert_int_equal(door_of(false, ETIMEDOUT, NULL), DOOR_FILTERED);
    assert_int_equal(door_of(true, ETIMEDOUT, NULL), DOOR_SILENT);
    assert_int_equal(door_of(true, ECONNREFUSED, NULL), DOOR_REFUSED);
    assert_int_equal(door_of(false, EPERM, NULL), DOOR_FILTERED);
    assert_int_equal(door_of(false, ENETUNREACH, NULL), DOOR_UNREACHABLE);
    assert_int_equal(door_of(true, EHOSTUNREACH, NULL), DOOR_UNREACHABLE);
}

/* A report that the kernel made by itself is no message of anyone's. */
static void what_nobody_said_is_the_errno_s(void **state)
{
    struct icmp_report r = { .heard = false, .type = 3, .code = 13 };
    (void)state;
    assert_int_equal(door_of(false, ECONNREFUSED, &r), DOOR_REFUSED);
}

/* RFC 1122 4.2.2.12, 3.2.2.1: a host's TCP answers with a reset, its UDP with port unreachable. */
static void port_unreachable_is_a_closed_udp_port_and_a_firewall_before_a_tcp_one(void **state)
{
    (void)state;
    assert_int_equal(heard(true, false, 3, 3), DOOR_REFUSED);
    assert_int_equal(heard(false, false, 3, 3), DOOR_FILTERED);
    assert_int_equal(heard(true, true, 1, 4), DOOR_REFUSED);
    assert_int_equal(heard(false, true, 1, 4), DOOR_FILTERED);
}

static void prohibited_is_filtered_and_no_route_is_no_way(void **state)
{
    static const uint8_t codes4[] = { 2, 9, 10, 13 };
    static const uint8_t codes6[] = { 1, 5, 6 };
    (void)state;
    for (size_t i = 0; i < sizeof codes4; i++)
        assert_int_equal(heard(i % 2, false, 3, codes4[i]), DOOR_FILTERED);
    for (size_t i = 0; i < sizeof codes6; i++)
        assert_int_equal(heard(i % 2, true, 1, codes6[i]), DOOR_FILTERED);
    assert_int_equal(heard(false, false, 3, 0), DOOR_UNREACHABLE);
    assert_int_equal(heard(false, false, 3, 1), DOOR_UNREACHABLE);
    assert_int_equal(heard(true, true, 1, 0), DOOR_UNREACHABLE);
    assert_int_equal(heard(true, true, 1, 3), DOOR_UNREACHABLE);
    assert_int_equal(heard(true, false, 11, 0), DOOR_UNREACHABLE); /* TTL exceeded: a loop */
    /* The same numbers mean other things in the other family. */
    assert_int_equal(heard(true, true, 3, 3), DOOR_UNREACHABLE);
}

static void each_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < DOOR_KINDS; i++)
        assert_true(strlen(door_name((enum door)i)) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_icmp_the_errno_tells),
        cmocka_unit_test(what_nobody_said_is_the_errno_s),
        cmocka_unit_test(port_unreachable_is_a_closed_udp_port_and_a_firewall_before_a_tcp_one),
        cmocka_unit_test(prohibited_is_filtered_and_no_route_is_no_way),
        cmocka_unit_test(each_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
