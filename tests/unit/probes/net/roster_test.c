#include "probes/net/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static union peer_sockaddr v4(uint32_t address, uint16_t port)
{
    return (union peer_sockaddr){
        .v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)}
    };
}

static void every_member_is_found_and_no_other(void **state)
{
    (void)state;

    enum {
        MEMBERS = 1000
    };
    struct roster r;
    struct err e;
    assert_int_equal(roster_open(&r, MEMBERS, &e), 0);
    for (int i = 0; i < MEMBERS; i++) {
        union peer_sockaddr at = v4(0x7f000001 + (uint32_t)i, 862);
        roster_add(&r, &at, i);
    }
    for (int i = 0; i < MEMBERS; i++) {
        union peer_sockaddr at = v4(0x7f000001 + (uint32_t)i, 862);
        int64_t place = ROSTER_NONE;
        assert_int_equal(roster_next(&r, &at, &place), i);
        assert_int_equal(roster_next(&r, &at, &place), ROSTER_NONE);
        at.v4.sin_port = htons(863);
        place = ROSTER_NONE;
        assert_int_equal(roster_next(&r, &at, &place), ROSTER_NONE);
    }
    roster_release(&r);
    roster_release(&r);
}

static void members_with_one_address_come_one_by_one(void **state)
{
    (void)state;
    struct roster r;
    struct err e;
    union peer_sockaddr at = v4(1, 2);
    union peer_sockaddr six = {
        .v6 = {.sin6_family = AF_INET6, .sin6_port = htons(2), .sin6_addr = in6addr_loopback}
    };
    assert_int_equal(roster_open(&r, 3, &e), 0);
    roster_add(&r, &at, 0);
    roster_add(&r, &six, 1);
    roster_add(&r, &at, 2);
    int64_t place = ROSTER_NONE;
    assert_int_equal(roster_next(&r, &at, &place), 0);
    assert_int_equal(roster_next(&r, &at, &place), 2);
    assert_int_equal(roster_next(&r, &at, &place), ROSTER_NONE);
    place = ROSTER_NONE;
    assert_int_equal(roster_next(&r, &six, &place), 1);
    assert_int_equal(roster_next(&r, &six, &place), ROSTER_NONE);
    roster_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_found_and_no_other),
        cmocka_unit_test(members_with_one_address_come_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
