#include "probes/net/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/dlt.h>

enum {
    PACKET_BYTES = 256,
    PAYLOAD = 7
};

/* 192.0.2.1:50000 to 192.0.2.2:2379, SYN and ACK, NOP NOP timestamps, 7 octets of payload. */
static const uint8_t tcp[] = {
    0xc3, 0x50, 0x09, 0x4b, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x80,
    0x12, 0x10, 0x00, 0xab, 0xcd, 0x00, 0x00, 0x01, 0x01, 0x08, 0x0a, 0x11, 0x22,
    0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 'p',  'a',  'y',  'l',  'o',  'a',  'd',
};
static const uint8_t ipv4[] = {
    0x45, 0x00, 0x00, 20 + sizeof tcp,
    0x12, 0x34, 0x40, 0x00,
    0x40, 0x06, 0x00, 0x00,
    192,  0,    2,    1,
    192,  0,    2,    2,
};
static const uint8_t ipv6[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, sizeof tcp, 0x06, 0x40, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,       0x00, 0x00, 0x00, 0x01, 0x20, 0x01, 0x0d, 0xb8,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,       0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
};
static const uint8_t ethernet[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00 };

struct packet {
    uint8_t bytes[PACKET_BYTES];
    uint32_t size;
};

static void add(struct packet *p, const void *bytes, size_t size)
{
    assert_true(p->size + size <= PACKET_BYTES);
    memcpy(p->bytes + p->size, bytes, size);
    p->size += (uint32_t)size;
}

static void add_ipv4(struct packet *p)
{
    add(p, ipv4, sizeof ipv4);
    add(p, tcp, sizeof tcp);
}

static struct packet ethernet_ipv4(void)
{
    struct packet p = { .size = 0 };
    add(&p, ethernet, sizeof ethernet);
    add_ipv4(&p);
    return p;
}

static void check_whole(const struct dissect_segment *s)
{
    char name[DISSECT_NAME_BYTES];
    assert_int_equal(s->from.port, 50000);
    assert_int_equal(s->to.port, 2379);
    assert_int_equal(s->seq, 0x01020304);
    assert_int_equal(s->ack, 0x05060708);
    assert_int_equal(s->flags, DISSECT_SYN | DISSECT_ACK);
    assert_int_equal(s->window, 0x1000);
    assert_int_equal(s->payload_bytes, PAYLOAD);
    assert_true(s->stamped);
    assert_int_equal(s->tsval, 0x11223344);
    assert_int_equal(s->tsecr, 0x55667788);
    assert_string_equal(dissect_name(&s->to, s->version, name),
                        s->version == 6 ? "[2001:db8::2]:2379" : "192.0.2.2:2379");
    assert_int_equal(s->id, s->version == 4 ? 0x1234 : 0);
}

static enum dissect_kind dissect(int link, const struct packet *p, struct dissect_segment *s)
{
    return dissect_packet(link, p->bytes, p->size, p->size, s);
}

static void every_link_layer_is_read(void **state)
{
    (void)state;
    static const uint8_t sll[16] = { 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00 };
    static const uint8_t sll2[20] = { 0x08, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6 };
    static const uint8_t null[4] = { 2, 0, 0, 0 };

    static const struct {
        int link;
        const uint8_t *header;
        size_t size;
    } rows[] = {
        {DLT_EN10MB,      ethernet, sizeof ethernet},
        { DLT_LINUX_SLL,  sll,      sizeof sll     },
        { DLT_LINUX_SLL2, sll2,     sizeof sll2    },
        { DLT_RAW,        null,     0              },
        { DLT_IPV4,       null,     0              },
        { DLT_NULL,       null,     sizeof null    },
        { DLT_LOOP,       null,     sizeof null    },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct packet p = { .size = 0 };
        struct dissect_segment s;
        add(&p, rows[i].header, rows[i].size);
        add_ipv4(&p);
        assert_true(dissect_knows(rows[i].link));
        assert_int_equal(dissect(rows[i].link, &p, &s), DISSECT_TCP);
        check_whole(&s);
    }
    struct packet p = ethernet_ipv4();
    struct dissect_segment s;
    assert_false(dissect_knows(DLT_IEEE802_11));
    assert_int_equal(dissect(DLT_IEEE802_11, &p, &s), DISSECT_OTHER);
}

static void add_tags(struct packet *p, const uint16_t *types, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t tag[4] = { (uint8_t)(types[i] >> 8), (uint8_t)types[i], 0x20, 0x64 };
        add(p, tag, sizeof tag);
    }
}

static void vlan_tags_are_passed_over_to_any_usual_depth(void **state)
{
    (void)state;
    static const uint16_t types[] = { 0x88a8, 0x8100, 0x9100, 0x8100, 0x8100 };
    for (unsigned depth = 1; depth <= DISSECT_TAGS + 1; depth++) {
        struct packet p = { .size = 0 };
        struct dissect_segment s;
        add(&p, ethernet, 12);
        add_tags(&p, types, depth);
        add(&p, ethernet + 12, 2);
        add_ipv4(&p);
        bool fits = depth <= DISSECT_TAGS;
        assert_int_equal(dissect(DLT_EN10MB, &p, &s), fits ? DISSECT_TCP : DISSECT_OTHER);
        if (fits)
            check_whole(&s);
    }
}

static void ipv6_is_read_behind_its_extension_headers(void **state)
{
    (void)state;
    static const uint8_t hop[8] = { 60, 0, 1, 4 };       /* then destination options */
    static const uint8_t options[16] = { 43, 1, 1, 12 }; /* of 16 octets, then routing */
    static const uint8_t routing[8] = { 51, 0, 4, 0 };   /* then authentication */
    static const uint8_t authentication[12] = { 6, 1 };  /* then TCP */
    const size_t extra = sizeof hop + sizeof options + sizeof routing + sizeof authentication;
    struct packet p = { .size = 0 };
    struct dissect_segment s;
    add(&p, ipv6, sizeof ipv6);
    add(&p, tcp, sizeof tcp);
    assert_int_equal(dissect(DLT_IPV6, &p, &s), DISSECT_TCP);
    check_whole(&s);
    p.size = sizeof ipv6;
    p.bytes[5] = (uint8_t)(sizeof tcp + extra);
    p.bytes[6] = 0;
    add(&p, hop, sizeof hop);
    add(&p, options, sizeof options);
    add(&p, routing, sizeof routing);
    add(&p, authentication, sizeof authentication);
    add(&p, tcp, sizeof tcp);
    assert_int_equal(dissect(DLT_RAW, &p, &s), DISSECT_TCP);
    check_whole(&s);
    p.bytes[sizeof ipv6] = 44; /* a fragment header follows */
    assert_int_equal(dissect(DLT_RAW, &p, &s), DISSECT_FRAGMENT);
    p.bytes[sizeof ipv6] = 17;
    assert_int_equal(dissect(DLT_RAW, &p, &s), DISSECT_OTHER);
    p.bytes[sizeof ipv6] = 60;
    p.bytes[sizeof ipv6 + 1] = 40; /* longer than the packet */
    assert_int_equal(dissect(DLT_RAW, &p, &s), DISSECT_MALFORMED);
}

static void a_chain_of_extensions_without_end_is_left(void **state)
{
    (void)state;
    struct packet p = { .size = 0 };
    struct dissect_segment s;
    static const uint8_t again[8] = { 60, 0, 1, 4 };
    add(&p, ipv6, sizeof ipv6);
    p.bytes[6] = 60;
    p.bytes[5] = 20 * sizeof again;
    for (unsigned i = 0; i < 20; i++)
        add(&p, again, sizeof again);
    assert_int_equal(dissect(DLT_RAW, &p, &s), DISSECT_OTHER);
}

static void fragments_and_other_protocols_are_no_segments(void **state)
{
    (void)state;
    struct packet p = ethernet_ipv4();
    struct dissect_segment s;
    p.bytes[14 + 6] = 0x20; /* more follow */
    assert_int_equal(dissect(DLT_EN10MB, &p, &s), DISSECT_FRAGMENT);
    p.bytes[14 + 6] = 0;
    p.bytes[14 + 7] = 1; /* a later piece */
    assert_int_equal(dissect(DLT_EN10MB, &p, &s), DISSECT_FRAGMENT);
    p.bytes[14 + 9] = 17;
    assert_int_equal(dissect(DLT_EN10MB, &p, &s), DISSECT_OTHER);
    p.bytes[13] = 6; /* ARP */
    assert_int_equal(dissect(DLT_EN10MB, &p, &s), DISSECT_OTHER);
}

static void payload_is_what_ip_says_not_what_was_captured(void **state)
{
    (void)state;
    struct packet p = ethernet_ipv4();
    struct dissect_segment s;
    uint32_t whole = p.size;
    assert_int_equal(dissect_packet(DLT_EN10MB, p.bytes, whole, whole + 6, &s), DISSECT_TCP);
    assert_int_equal(s.payload_bytes, PAYLOAD); /* a short frame is padded */
    assert_int_equal(dissect_packet(DLT_EN10MB, p.bytes, whole - PAYLOAD, whole, &s), DISSECT_TCP);
    check_whole(&s);
    p.bytes[14 + 2] = 0xff; /* 65 kB by IP, captured to the headers */
    assert_int_equal(dissect_packet(DLT_EN10MB, p.bytes, whole, 14 + 0xff00 + 59, &s), DISSECT_TCP);
    assert_int_equal(s.payload_bytes, PAYLOAD + 0xff00);
    p.bytes[14 + 2] = p.bytes[14 + 3] = 0; /* larger than the field holds: left to the NIC */
    assert_int_equal(dissect_packet(DLT_EN10MB, p.bytes, whole, 100000, &s), DISSECT_TCP);
    assert_int_equal(s.payload_bytes, 100000 - 14 - 20 - 32);
}

/* Cut anywhere, never more than its bytes are read, and what is told is of whole headers. */
static void every_cut_is_told_as_such(void **state)
{
    (void)state;
    struct packet p = ethernet_ipv4();
    struct dissect_segment s;
    for (uint32_t size = 0; size <= p.size; size++) {
        enum dissect_kind kind = dissect_packet(DLT_EN10MB, p.bytes, size, p.size, &s);
        assert_int_equal(kind, size < 14 + 20 + 20 ? DISSECT_CUT : DISSECT_TCP);
        if (kind == DISSECT_TCP)
            assert_int_equal(s.stamped, size >= 14 + 20 + 32);
    }
}

static void lengths_that_contradict_are_malformed(void **state)
{
    (void)state;

    static const struct {
        unsigned at;
        uint8_t value;
    } rows[] = {
        {14,       0x44}, /* an IP header of 16 octets */
        { 14,      0x65}, /* version 6 in a frame of IPv4 */
        { 14 + 3,  19  }, /* shorter than its header */
        { 14 + 3,  39  }, /* no room for a TCP header */
        { 14 + 3,  255 }, /* longer than the frame */
        { 34 + 12, 0x40}, /* a TCP header of 16 octets */
        { 34 + 12, 0xf0}, /* longer than the packet */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct packet p = ethernet_ipv4();
        struct dissect_segment s;
        p.bytes[rows[i].at] = rows[i].value;
        assert_int_equal(dissect(DLT_EN10MB, &p, &s), DISSECT_MALFORMED);
    }
}

static void odd_options_cost_only_the_timestamps(void **state)
{
    (void)state;
    static const uint8_t odd[][4] = {
        {8,    0,  0, 0},
        { 8,   1,  1, 1},
        { 254, 99, 0, 0}
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct packet p = ethernet_ipv4();
        struct dissect_segment s;
        memcpy(p.bytes + 14 + 20 + 20, odd[i], 4);
        assert_int_equal(dissect(DLT_EN10MB, &p, &s), DISSECT_TCP);
        assert_false(s.stamped);
        assert_int_equal(s.payload_bytes, PAYLOAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_link_layer_is_read),
        cmocka_unit_test(vlan_tags_are_passed_over_to_any_usual_depth),
        cmocka_unit_test(ipv6_is_read_behind_its_extension_headers),
        cmocka_unit_test(a_chain_of_extensions_without_end_is_left),
        cmocka_unit_test(fragments_and_other_protocols_are_no_segments),
        cmocka_unit_test(payload_is_what_ip_says_not_what_was_captured),
        cmocka_unit_test(every_cut_is_told_as_such),
        cmocka_unit_test(lengths_that_contradict_are_malformed),
        cmocka_unit_test(odd_options_cost_only_the_timestamps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
