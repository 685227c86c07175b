#include "probes/net/cidr.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct origin origin_at(const char *text)
{
    uint8_t octets[16] = { [10] = 0xff, [11] = 0xff };
    if (inet_pton(AF_INET, text, octets + 12) != 1)
        assert_int_equal(inet_pton(AF_INET6, text, octets), 1);
    return origin_of_octets(octets);
}

static bool holds(const char *range, const char *address)
{
    struct cidr c;
    struct err e = { 0 };
    assert_int_equal(cidr_parse(range, &c, &e), 0);
    return cidr_holds(&c, origin_at(address));
}

static void range_ends_where_its_bits_say(void **state)
{
    (void)state;
    assert_true(holds("10.0.0.0/8", "10.255.255.255"));
    assert_false(holds("10.0.0.0/8", "11.0.0.0"));
    assert_false(holds("10.0.0.0/8", "9.255.255.255"));
    assert_true(holds("192.0.2.4/30", "192.0.2.7"));
    assert_false(holds("192.0.2.4/30", "192.0.2.8"));
    assert_true(holds("192.0.2.7", "192.0.2.7"));
    assert_false(holds("192.0.2.7/32", "192.0.2.6"));
    assert_true(holds("2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(holds("2001:db8::/32", "2001:db9::"));
    assert_true(holds("2001:db8::10/124", "2001:db8::1f"));
    assert_false(holds("2001:db8::10/124", "2001:db8::20"));
    assert_true(holds("2001:db8:0:1::/64", "2001:db8:0:1:ffff::"));
    assert_false(holds("2001:db8:0:1::/64", "2001:db8:0:2::"));
    assert_true(holds("2001:db8::/65", "2001:db8::7fff:0:0:0"));
    assert_false(holds("2001:db8::/65", "2001:db8::8000:0:0:0"));
    assert_false(holds("::1", "::2"));
}

static void all_of_one_kind_is_not_all(void **state)
{
    (void)state;
    assert_true(holds("0.0.0.0/0", "203.0.113.9"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1"));
    assert_true(holds("::/0", "2001:db8::1"));
    assert_false(holds("::/0", "203.0.113.9"));
}

static void nonsense_is_refused_with_an_example(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",
                                         "/8",
                                         "ten.0.0.0/8",
                                         "10.0.0/8",
                                         "10.0.0.0/8/",
                                         "10.0.0.0/33",
                                         "::/129",
                                         "10.0.0.0/",
                                         "10.0.0.0/-1",
                                         "10.0.0.0/ 8",
                                         "fe80::1%lo",
                                         "[::1]/128",
                                         "10.0.0.0/0008" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct cidr c;
        struct err e = { 0 };
        assert_int_equal(cidr_parse(wrong[i], &c, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_true(strstr(e.msg, "10.0.0.0/8 or") || strstr(e.msg, "a number from 0 to"));
    }
}

static void address_inside_a_range_is_refused_with_the_range(void **state)
{
    (void)state;
    struct cidr c;
    struct err e = { 0 };
    assert_int_equal(cidr_parse("10.1.2.3/8", &c, &e), -1);
    assert_non_null(strstr(e.msg, "did you mean 10.0.0.0/8?"));
    assert_int_equal(cidr_parse("2001:db8::1/32", &c, &e), -1);
    assert_non_null(strstr(e.msg, "did you mean 2001:db8::/32?"));
}

static void list_holds_what_any_of_it_holds(void **state)
{
    (void)state;
    struct cidr_list l = { 0 };
    struct err e = { 0 };
    assert_false(cidr_list_holds(&l, origin_at("10.0.0.1")));
    assert_int_equal(cidr_list_add(&l, "10.0.0.0/8", &e), 0);
    assert_int_equal(cidr_list_add(&l, "2001:db8::/32", &e), 0);
    assert_int_equal(cidr_list_add(&l, "300.0.0.0/8", &e), -1);
    assert_int_equal(l.count, 2);
    assert_true(cidr_list_holds(&l, origin_at("10.0.0.1")));
    assert_true(cidr_list_holds(&l, origin_at("2001:db8::1")));
    assert_false(cidr_list_holds(&l, origin_at("192.0.2.1")));
    while (l.count < CIDR_LIST_MAX)
        assert_int_equal(cidr_list_add(&l, "192.0.2.1", &e), 0);
    assert_int_equal(cidr_list_add(&l, "192.0.2.1", &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_ends_where_its_bits_say),
        cmocka_unit_test(all_of_one_kind_is_not_all),
        cmocka_unit_test(nonsense_is_refused_with_an_example),
        cmocka_unit_test(address_inside_a_range_is_refused_with_the_range),
        cmocka_unit_test(list_holds_what_any_of_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
