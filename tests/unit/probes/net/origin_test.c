#include "probes/net/origin.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static union peer_sockaddr at4(const char *text)
{
    union peer_sockaddr a = {
        .v4 = {.sin_family = AF_INET, .sin_port = htons(7)}
    };
    assert_int_equal(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
    return a;
}

static union peer_sockaddr at6(const char *text)
{
    union peer_sockaddr a = {
        .v6 = {.sin6_family = AF_INET6, .sin6_port = htons(7)}
    };
    assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    return a;
}

static void ipv4_is_the_same_on_both_kinds_of_socket(void **state)
{
    (void)state;
    union peer_sockaddr plain = at4("192.0.2.7");
    union peer_sockaddr mapped = at6("::ffff:192.0.2.7");
    assert_true(origin_same(origin_of(&plain), origin_of(&mapped)));
    assert_true(origin_is_v4(origin_of(&plain)));
    union peer_sockaddr other = at6("2001:db8::7");
    assert_false(origin_is_v4(origin_of(&other)));
}

static void owner_of_a_link_is_one_site_and_an_ipv4_address_is_one(void **state)
{
    (void)state;
    union peer_sockaddr a = at6("2001:db8::1");
    union peer_sockaddr b = at6("2001:db8::2:3");
    union peer_sockaddr c = at6("2001:db8:0:1::1");
    assert_true(origin_same(origin_site(origin_of(&a)), origin_site(origin_of(&b))));
    assert_false(origin_same(origin_site(origin_of(&a)), origin_site(origin_of(&c))));
    union peer_sockaddr d = at4("192.0.2.1");
    union peer_sockaddr f = at4("192.0.2.2");
    assert_false(origin_same(origin_site(origin_of(&d)), origin_site(origin_of(&f))));
}

static void hash_is_even_and_of_the_seed(void **state)
{
    (void)state;

    enum {
        BINS = 256,
        SOURCES = 65536
    };

    static unsigned bins[BINS];
    struct origin_seed s = { 1, 2 };
    struct origin_seed other = { 3, 4 };
    for (unsigned i = 0; i < SOURCES; i++) /* neighbours, as a network has them */
        bins[origin_hash(s, (struct origin){ 0, UINT64_C(0xffff0a000000) + i }, 0) % BINS]++;
    for (unsigned i = 0; i < BINS; i++)
        assert_in_range(bins[i], 160, 352); /* 256 and six times its root */
    struct origin o = { 5, 6 };
    assert_true(origin_hash(s, o, 0) != origin_hash(other, o, 0));
    assert_true(origin_hash(s, o, 0) != origin_hash(s, o, 1));
    struct origin_seed first = origin_seed_random();
    struct origin_seed second = origin_seed_random();
    assert_true(first.a != second.a || first.b != second.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_the_same_on_both_kinds_of_socket),
        cmocka_unit_test(owner_of_a_link_is_one_site_and_an_ipv4_address_is_one),
        cmocka_unit_test(hash_is_even_and_of_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
