#include "probes/net/sighting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Ethernet, IPv4 10.0.0.1 to 10.0.0.2, UDP 40000 to 862, four octets. */
static const uint8_t frame4[] = {
    2,    0,    0, 0,    0, 1,  2,    0, 0,   0,   0,   2,  8,  0,                    /* Ethernet */
    0x45, 0,    0, 32,   0, 0,  0x40, 0, 255, 17,  0,   0,  10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
    0x9c, 0x40, 3, 0x5e, 0, 12, 0,    0, 'a', 'b', 'c', 'd'                           /* UDP */
};

enum {
    LINK = 14,
    IPV4 = 20
};

static void assert_frame4(const struct sighting *s)
{
    assert_int_equal(s->from.v4.sin_family, AF_INET);
    assert_int_equal(ntohl(s->from.v4.sin_addr.s_addr), 0x0a000001);
    assert_int_equal(ntohl(s->to.v4.sin_addr.s_addr), 0x0a000002);
    assert_int_equal(peer_sockaddr_port(&s->from), 40000);
    assert_int_equal(peer_sockaddr_port(&s->to), 862);
    assert_int_equal(s->size, 4);
    assert_memory_equal(s->bytes, "abcd", 4);
}

static void ethernet_raw_cooked_and_tagged_are_read(void **state)
{
    (void)state;
    struct sighting s;
    uint8_t frame[sizeof frame4 + 4] = { 0 };
    assert_true(sighting_read(SIGHTING_ETHERNET, frame4, sizeof frame4, &s));
    assert_frame4(&s);
    assert_true(sighting_read(SIGHTING_IP, frame4 + LINK, sizeof frame4 - LINK, &s));
    assert_frame4(&s);
    memcpy(frame + 16, frame4 + LINK, sizeof frame4 - LINK);
    assert_true(sighting_read(SIGHTING_COOKED, frame, sizeof frame4 + 2, &s));
    assert_frame4(&s);
    memcpy(frame, frame4, 12);
    memcpy(frame + 12, "\x81\0\0\x05", 4);
    memcpy(frame + 16, frame4 + 12, sizeof frame4 - 12);
    assert_true(sighting_read(SIGHTING_ETHERNET, frame, sizeof frame, &s));
    assert_frame4(&s);
}

static void ipv6_is_read(void **state)
{
    (void)state;
    struct sighting s;
    uint8_t packet[40 + 12] = { 0x60, 0, 0, 0, 0, 12, 17, 64 };
    packet[8] = 0xfd;
    packet[23] = 1;
    packet[24] = 0xfd;
    packet[39] = 2;
    memcpy(packet + 40, frame4 + LINK + IPV4, 12);
    assert_true(sighting_read(SIGHTING_IP, packet, sizeof packet, &s));
    assert_int_equal(s.to.v6.sin6_family, AF_INET6);
    assert_int_equal(s.to.v6.sin6_addr.s6_addr[15], 2);
    assert_int_equal(s.from.v6.sin6_addr.s6_addr[15], 1);
    assert_int_equal(peer_sockaddr_port(&s.to), 862);
    assert_int_equal(s.size, 4);
    packet[6] = 6;
    assert_false(sighting_read(SIGHTING_IP, packet, sizeof packet, &s));
}

static void what_was_cut_is_as_long_as_it_is(void **state)
{
    (void)state;
    struct sighting s;
    assert_true(sighting_read(SIGHTING_ETHERNET, frame4, sizeof frame4 - 3, &s));
    assert_int_equal(s.size, 1);
    for (size_t size = 0; size < LINK + IPV4 + 8; size++)
        assert_false(sighting_read(SIGHTING_ETHERNET, frame4, size, &s));
    /* Trailing octets of a short Ethernet frame are not the datagram's. */
    uint8_t padded[64] = { 0 };
    memcpy(padded, frame4, sizeof frame4);
    assert_true(sighting_read(SIGHTING_ETHERNET, padded, sizeof padded, &s));
    assert_int_equal(s.size, 4);
}

static void refuse(size_t at, uint8_t octet)
{
    struct sighting s;
    uint8_t frame[sizeof frame4];
    memcpy(frame, frame4, sizeof frame);
    frame[at] = octet;
    assert_false(sighting_read(SIGHTING_ETHERNET, frame, sizeof frame, &s));
}

static void what_is_no_whole_udp_is_refused(void **state)
{
    (void)state;
    struct sighting s;
    refuse(LINK, 0x44);         /* header below 20 octets */
    refuse(LINK, 0x4f);         /* beyond the frame */
    refuse(LINK, 0x55);         /* version 5 */
    refuse(LINK + 6, 0x20);     /* more fragments */
    refuse(LINK + 7, 1);        /* a later fragment */
    refuse(LINK + 9, 6);        /* TCP */
    refuse(LINK + IPV4 + 5, 7); /* UDP length below its header */
    assert_false(sighting_read(SIGHTING_UNKNOWN, frame4, sizeof frame4, &s));
}

static void link_types_are_those_of_tcpdump_org(void **state)
{
    (void)state;
    assert_int_equal(sighting_link_of(1), SIGHTING_ETHERNET);
    assert_int_equal(sighting_link_of(12), SIGHTING_IP);
    assert_int_equal(sighting_link_of(101), SIGHTING_IP);
    assert_int_equal(sighting_link_of(113), SIGHTING_COOKED);
    assert_int_equal(sighting_link_of(105), SIGHTING_UNKNOWN); /* 802.11 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ethernet_raw_cooked_and_tagged_are_read),
        cmocka_unit_test(ipv6_is_read),
        cmocka_unit_test(what_was_cut_is_as_long_as_it_is),
        cmocka_unit_test(what_is_no_whole_udp_is_refused),
        cmocka_unit_test(link_types_are_those_of_tcpdump_org),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
