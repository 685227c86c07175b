#include "probes/net/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void words_for_a_peer_are_understood(void **state)
{
    (void)state;

    static const struct {
        const char *text, *host;
        unsigned port;
    } rows[] = {
        {"192.0.2.7",            "192.0.2.7",      862  },
        { "192.0.2.7:8620",      "192.0.2.7",      8620 },
        { "node-b.example",      "node-b.example", 862  },
        { "node-b.example:1",    "node-b.example", 1    },
        { "2001:db8::7",         "2001:db8::7",    862  },
        { "[2001:db8::7]",       "2001:db8::7",    862  },
        { "[2001:db8::7]:65535", "2001:db8::7",    65535},
        { "fe80::1%eth0",        "fe80::1%eth0",   862  },
        { "[fe80::1%eth0]:862",  "fe80::1%eth0",   862  },
        { "::1",                 "::1",            862  },
        { "[192.0.2.7]:5",       "192.0.2.7",      5    },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer p;
        struct err e = { 0 };
        assert_int_equal(peer_parse(rows[i].text, &p, &e), 0);
        assert_string_equal(p.host, rows[i].host);
        assert_int_equal(p.port, rows[i].port);
    }
}

static void words_that_are_no_peer_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const words[] = {
        "",
        ":862",
        "host:",
        "host:0",
        "host:65536",
        "host:99999999999",
        "host:4294967298",
        "host:-1",
        "host: 1",
        "host:1x",
        "[::1",
        "[::1]x",
        "[::1]862",
        "[]:862",
        "ho st",
        "host\n",
        "::1]",
        "[[::1]]:1",
        "h\xc3\xb6st",
        "[::1]:",
        "a]:1",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct peer p;
        struct err e = { 0 };
        assert_int_equal(peer_parse(words[i], &p, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        for (const char *c = e.msg; *c; c++)
            assert_true(*c >= ' ' && *c <= '~');
    }
}

static void name_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[2 * PEER_HOST_BYTES];
    struct peer p;
    struct err e = { 0 };
    memset(text, 'a', sizeof text);
    text[PEER_HOST_BYTES - 1] = '\0';
    assert_int_equal(peer_parse(text, &p, &e), 0);
    text[PEER_HOST_BYTES - 1] = 'a';
    text[PEER_HOST_BYTES] = '\0';
    assert_int_equal(peer_parse(text, &p, &e), -1);
}

static void place_to_listen_at_may_lack_address_or_port(void **state)
{
    (void)state;
    struct peer p;
    struct err e = { 0 };
    assert_int_equal(peer_parse_local("", &p, &e), 0);
    assert_string_equal(p.host, "");
    assert_int_equal(p.port, 862);
    assert_int_equal(peer_parse_local(":8620", &p, &e), 0);
    assert_string_equal(p.host, "");
    assert_int_equal(p.port, 8620);
    assert_int_equal(peer_parse_local("127.0.0.1:0", &p, &e), 0);
    assert_int_equal(p.port, 0);
    assert_int_equal(peer_parse_local(":x", &p, &e), -1);
}

static void address_is_resolved_without_a_name_server(void **state)
{
    (void)state;
    struct peer p = { .host = "127.0.0.1", .port = 862 };
    struct peer_addresses all;
    struct err e = { 0 };
    char name[PEER_NAME_BYTES];
    assert_int_equal(peer_resolve(&p, false, &all, &e), 0);
    assert_int_equal(all.count, 1);
    assert_string_equal(peer_name(&all.items[0], name), "127.0.0.1:862");
    assert_int_equal(peer_sockaddr_port(&all.items[0]), 862);
    assert_int_equal(peer_sockaddr_size(&all.items[0]), sizeof(struct sockaddr_in));
    (void)memcpy(p.host, "2001:db8::7", 12);
    assert_int_equal(peer_resolve(&p, false, &all, &e), 0);
    assert_string_equal(peer_name(&all.items[0], name), "[2001:db8::7]:862");
    assert_int_equal(peer_sockaddr_size(&all.items[0]), sizeof(struct sockaddr_in6));
}

static void address_that_is_none_is_refused_with_its_name(void **state)
{
    (void)state;
    struct peer p = { .host = "192.0.2.300.", .port = 862 };
    struct peer_addresses all;
    struct err e = { 0 };
    (void)memcpy(p.host, "2001:db8::g", 12); /* no name: nothing is asked */
    assert_int_equal(peer_resolve(&p, false, &all, &e), -1);
    assert_int_equal(e.kind, ERR_PEER);
    assert_non_null(strstr(e.msg, "2001:db8::g"));
}

static void sameness_is_of_address_and_port(void **state)
{
    (void)state;
    union peer_sockaddr a = {
        .v4 = {.sin_family = AF_INET,
               .sin_port = htons(1),
               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}
    };
    union peer_sockaddr b = a;
    assert_true(peer_same(&a, &b));
    b.v4.sin_port = htons(2);
    assert_false(peer_same(&a, &b));
    b = a;
    b.v4.sin_addr.s_addr++;
    assert_false(peer_same(&a, &b));
    union peer_sockaddr c = {
        .v6 = {.sin6_family = AF_INET6, .sin6_port = htons(1), .sin6_addr = IN6ADDR_LOOPBACK_INIT}
    };
    union peer_sockaddr d = c;
    assert_true(peer_same(&c, &d));
    assert_false(peer_same(&a, &c));
    d.v6.sin6_addr.s6_addr[0] = 1;
    assert_false(peer_same(&c, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_for_a_peer_are_understood),
        cmocka_unit_test(words_that_are_no_peer_are_refused_by_name),
        cmocka_unit_test(name_that_is_too_long_is_refused),
        cmocka_unit_test(place_to_listen_at_may_lack_address_or_port),
        cmocka_unit_test(address_is_resolved_without_a_name_server),
        cmocka_unit_test(address_that_is_none_is_refused_with_its_name),
        cmocka_unit_test(sameness_is_of_address_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
