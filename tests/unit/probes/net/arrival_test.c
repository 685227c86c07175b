#include "probes/net/arrival.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A control part as the kernel writes it. */
struct control {
    _Alignas(struct cmsghdr) char bytes[ARRIVAL_CONTROL_BYTES];
    struct msghdr m;
    size_t used;
};

static void add(struct control *c, int level, int type, const void *data, size_t size)
{
    assert_true(c->used + CMSG_SPACE(size) <= sizeof c->bytes);
    struct cmsghdr *h = (struct cmsghdr *)(void *)(c->bytes + c->used);
    h->cmsg_level = level;
    h->cmsg_type = type;
    h->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(h), data, size);
    c->used += CMSG_SPACE(size);
    c->m.msg_control = c->bytes;
    c->m.msg_controllen = c->used;
}

static void nothing_told_is_nothing_known(void **state)
{
    (void)state;
    struct control c = { 0 };
    struct arrival a;
    arrival_read(&c.m, &a);
    assert_true(a.real_ns == 0);
    assert_int_equal(a.ttl, 0);
    assert_int_equal(a.family, AF_UNSPEC);
    struct msghdr out;
    arrival_answer_from(&a, c.bytes, &out);
    assert_null(out.msg_control);
    assert_int_equal(out.msg_controllen, 0);
}

static void time_ttl_and_address_of_ipv4_are_read(void **state)
{
    (void)state;
    struct control c = { 0 };
    struct arrival a;
    struct timespec t = { .tv_sec = 1790000000, .tv_nsec = 123456789 };
    int ttl = 63;
    struct in_pktinfo info = { .ipi_ifindex = 2 };
    info.ipi_spec_dst.s_addr = info.ipi_addr.s_addr = htonl(0x7f050607);
    add(&c, SOL_SOCKET, SCM_TIMESTAMPNS, &t, sizeof t);
    add(&c, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    add(&c, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    arrival_read(&c.m, &a);
    assert_true(a.real_ns == 1790000000123456789);
    assert_int_equal(a.ttl, 63);
    assert_false(a.to_many);

    struct msghdr out;
    struct in_pktinfo from;
    arrival_answer_from(&a, c.bytes, &out);
    struct cmsghdr *h = CMSG_FIRSTHDR(&out);
    assert_int_equal(h->cmsg_level, IPPROTO_IP);
    assert_int_equal(h->cmsg_type, IP_PKTINFO);
    memcpy(&from, CMSG_DATA(h), sizeof from);
    assert_int_equal(from.ipi_spec_dst.s_addr, htonl(0x7f050607));
    assert_int_equal(from.ipi_ifindex, 0); /* the route decides */
}

static void broadcast_was_sent_to_many(void **state)
{
    (void)state;
    struct control c = { 0 };
    struct arrival a;
    struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(0x0a630002),
                               .ipi_addr.s_addr = htonl(0x0a6300ff) };
    add(&c, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    arrival_read(&c.m, &a);
    assert_true(a.to_many);
}

/* An IPv6 socket that takes IPv4 as well tells of such a packet in both ways. */
static void broadcast_is_seen_whichever_is_told_first(void **state)
{
    (void)state;
    struct in_pktinfo v4 = { .ipi_spec_dst.s_addr = htonl(0x0a630002),
                             .ipi_addr.s_addr = htonl(0x0a6300ff) };
    struct in6_pktinfo v6 = { .ipi6_ifindex = 5 };
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.99.0.255", &v6.ipi6_addr), 1);
    for (int turn = 0; turn < 2; turn++) {
        struct control c = { 0 };
        struct arrival a;
        if (turn)
            add(&c, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof v6);
        add(&c, IPPROTO_IP, IP_PKTINFO, &v4, sizeof v4);
        if (!turn)
            add(&c, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof v6);
        arrival_read(&c.m, &a);
        assert_true(a.to_many);
        assert_int_equal(a.family, AF_INET);
    }
}

static struct arrival arrival_at6(const char *address)
{
    struct control c = { 0 };
    struct arrival a;
    struct in6_pktinfo info = { .ipi6_ifindex = 5 };
    int hops = 64;
    assert_int_equal(inet_pton(AF_INET6, address, &info.ipi6_addr), 1);
    add(&c, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    add(&c, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops);
    arrival_read(&c.m, &a);
    assert_int_equal(a.family, AF_INET6);
    assert_int_equal(a.ttl, 64);
    return a;
}

static void link_is_kept_for_link_local_addresses_only(void **state)
{
    (void)state;
    assert_int_equal(arrival_at6("fe80::1").to6.ipi6_ifindex, 5);
    assert_int_equal(arrival_at6("2001:db8::1").to6.ipi6_ifindex, 0);
    assert_int_equal(arrival_at6("::ffff:192.0.2.1").to6.ipi6_ifindex, 0);
}

static void multicast_was_sent_to_many(void **state)
{
    (void)state;
    assert_true(arrival_at6("ff02::1").to_many);
    assert_true(arrival_at6("::ffff:224.0.0.1").to_many);
    assert_true(arrival_at6("::ffff:255.255.255.255").to_many);
    assert_false(arrival_at6("2001:db8::1").to_many);
    assert_false(arrival_at6("::ffff:192.0.2.1").to_many);
}

static void part_that_is_too_short_is_passed_over(void **state)
{
    (void)state;
    struct control c = { 0 };
    struct arrival a;
    uint32_t half = 7;
    int ttl = 9;
    add(&c, SOL_SOCKET, SCM_TIMESTAMPNS, &half, sizeof half);
    add(&c, IPPROTO_IP, IP_PKTINFO, &half, sizeof half);
    add(&c, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    arrival_read(&c.m, &a);
    assert_true(a.real_ns == 0);
    assert_int_equal(a.family, AF_UNSPEC);
    assert_int_equal(a.ttl, 9);
}

static void ttl_that_cannot_be_is_not_known(void **state)
{
    (void)state;
    static const int wrong[] = { -1, 0, 256, 1 << 30 };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct control c = { 0 };
        struct arrival a;
        add(&c, IPPROTO_IP, IP_TTL, &wrong[i], sizeof wrong[i]);
        arrival_read(&c.m, &a);
        assert_int_equal(a.ttl, 0);
    }
}

static void tos_of_both_kinds_is_read(void **state)
{
    (void)state;
    struct control c4 = { 0 };
    struct control c6 = { 0 };
    struct arrival a;
    uint8_t tos4 = 0xb9;
    int tos6 = 0x28;
    arrival_read(&c4.m, &a);
    assert_false(a.tos_known);
    add(&c4, IPPROTO_IP, IP_TOS, &tos4, sizeof tos4);
    arrival_read(&c4.m, &a);
    assert_true(a.tos_known && a.tos == 0xb9);
    add(&c6, IPPROTO_IPV6, IPV6_TCLASS, &tos6, sizeof tos6);
    arrival_read(&c6.m, &a);
    assert_true(a.tos_known && a.tos == 0x28);
}

static void software_stamp_counts_and_none_is_none(void **state)
{
    (void)state;
    struct control c = { 0 };
    struct control none = { 0 };
    struct arrival a;
    struct timespec t[3] = {
        [0] = {.tv_sec = 1790000000, .tv_nsec = 5 },
          [2] = { .tv_sec = 7                  }
    };
    add(&c, SOL_SOCKET, SCM_TIMESTAMPING, t, sizeof t);
    arrival_read(&c.m, &a);
    assert_true(a.real_ns == 1790000000000000005);
    t[0] = (struct timespec){ 0 };
    add(&none, SOL_SOCKET, SCM_TIMESTAMPING, t, sizeof t);
    arrival_read(&none.m, &a);
    assert_true(a.real_ns == 0);
}

static void answer_says_whence_how_and_that_it_is_stamped(void **state)
{
    (void)state;
    struct control c = { 0 };
    struct arrival a = { .family = AF_INET };
    struct msghdr out = { 0 };
    int value;
    arrival_answer_from(&a, c.bytes, &out);
    arrival_answer_tos(false, 0xb8, c.bytes, &out);
    arrival_answer_stamped(c.bytes, &out);
    struct cmsghdr *h = CMSG_FIRSTHDR(&out);
    assert_int_equal(h->cmsg_type, IP_PKTINFO);
    h = CMSG_NXTHDR(&out, h);
    assert_true(h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_TOS);
    memcpy(&value, CMSG_DATA(h), sizeof value);
    assert_int_equal(value, 0xb8);
    h = CMSG_NXTHDR(&out, h);
    assert_true(h->cmsg_level == SOL_SOCKET && h->cmsg_type == SO_TIMESTAMPING);
    assert_null(CMSG_NXTHDR(&out, h));
    assert_int_equal(out.msg_controllen, CMSG_SPACE(sizeof(struct in_pktinfo)) +
                                             CMSG_SPACE(sizeof(int)) +
                                             CMSG_SPACE(sizeof(uint32_t)));
    out = (struct msghdr){ 0 };
    arrival_answer_tos(true, 0xb8, c.bytes, &out); /* the first of all is good as well */
    h = CMSG_FIRSTHDR(&out);
    assert_true(h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_TCLASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_told_is_nothing_known),
        cmocka_unit_test(time_ttl_and_address_of_ipv4_are_read),
        cmocka_unit_test(broadcast_was_sent_to_many),
        cmocka_unit_test(broadcast_is_seen_whichever_is_told_first),
        cmocka_unit_test(link_is_kept_for_link_local_addresses_only),
        cmocka_unit_test(multicast_was_sent_to_many),
        cmocka_unit_test(part_that_is_too_short_is_passed_over),
        cmocka_unit_test(ttl_that_cannot_be_is_not_known),
        cmocka_unit_test(tos_of_both_kinds_is_read),
        cmocka_unit_test(software_stamp_counts_and_none_is_none),
        cmocka_unit_test(answer_says_whence_how_and_that_it_is_stamped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
