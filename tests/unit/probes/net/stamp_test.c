#include "probes/net/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/clk.h"

/* Written by hand from the figures of RFC 8762 4.2.1 and 4.3.1 with the SSID of RFC 8972 3. */
static const uint8_t request_bytes[STAMP_BYTES] = {
    0x00, 0x00, 0x01, 0x02,                         /* sequence 258 */
    0x83, 0xaa, 0x7e, 0x81, 0x80, 0x00, 0x00, 0x00, /* 1970-01-01 00:00:01.5 */
    0x85, 0x07,                                     /* S, not Z, scale 5, multiplier 7 */
    0xbe, 0xef,                                     /* SSID */
};

static const uint8_t reply_bytes[STAMP_BYTES] = {
    0x00, 0x00, 0x01, 0x02,                         /* sequence, stateless */
    0x83, 0xaa, 0x7e, 0x83, 0x40, 0x00, 0x00, 0x00, /* T3: 3.25 s */
    0x01, 0x02,                                     /* scale 1, multiplier 2 */
    0xbe, 0xef,                                     /* SSID */
    0x83, 0xaa, 0x7e, 0x82, 0xc0, 0x00, 0x00, 0x00, /* T2: 2.75 s */
    0x00, 0x00, 0x01, 0x02,                         /* the sender's sequence */
    0x83, 0xaa, 0x7e, 0x81, 0x80, 0x00, 0x00, 0x00, /* T1 */
    0x85, 0x07,                                     /* the sender's error estimate */
    0x00, 0x00,                                     /* must be zero */
    0xfe,                                           /* TTL 254 */
    0x00, 0x00, 0x00,                               /* must be zero */
};

static const struct stamp_request a_request = {
    .sequence = 258, .sent = 0x83aa7e8180000000, .sent_error = 0x8507, .ssid = 0xbeef
};

static const struct stamp_reply a_reply = {
    .sequence = 258,
    .reflected = 0x83aa7e8340000000,
    .reflected_error = 0x0102,
    .ssid = 0xbeef,
    .received = 0x83aa7e82c0000000,
    .request = {.sequence = 258, .sent = 0x83aa7e8180000000, .sent_error = 0x8507},
    .request_ttl = 254,
};

static void request_has_the_octets_of_the_rfc(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    memset(packet, 0xa5, sizeof packet);
    stamp_put_request(&a_request, NULL, packet);
    assert_memory_equal(packet, request_bytes, STAMP_BYTES);
}

static void request_is_read_back(void **state)
{
    (void)state;
    struct stamp_request r = { 0 };
    assert_int_equal(stamp_get_request(request_bytes, STAMP_BYTES, false, &r), 0);
    assert_int_equal(r.sequence, 258);
    assert_true(r.sent == a_request.sent);
    assert_int_equal(r.sent_error, 0x8507);
    assert_int_equal(r.ssid, 0xbeef);
}

static void short_request_lacks_its_ssid_only(void **state)
{
    (void)state;
    struct stamp_request r = { .ssid = 1 };
    assert_int_equal(stamp_get_request(request_bytes, STAMP_LIGHT_BYTES, false, &r), 0);
    assert_int_equal(r.sequence, 258);
    assert_true(r.sent == a_request.sent);
    assert_int_equal(r.ssid, 0);
    assert_int_equal(stamp_get_request(request_bytes, 15, false, &r), 0);
    assert_int_equal(r.ssid, 0);
    assert_int_equal(stamp_get_request(request_bytes, 16, false, &r), 0);
    assert_int_equal(r.ssid, 0xbeef);
}

static void thirteen_octets_are_no_request(void **state)
{
    (void)state;
    struct stamp_request r;
    for (size_t size = 0; size < STAMP_LIGHT_BYTES; size++)
        assert_int_equal(stamp_get_request(request_bytes, size, false, &r), STAMP_SHORT);
}

static void reply_has_the_octets_of_the_rfc(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    memset(packet, 0xa5, sizeof packet);
    stamp_put_reply(&a_reply, false, packet, sizeof packet);
    assert_memory_equal(packet, reply_bytes, STAMP_BYTES);
}

static void reply_writes_no_more_than_its_size_nor_beyond_the_base(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES + 16];
    for (size_t size = 0; size <= sizeof packet; size++) {
        size_t written = size < STAMP_BYTES ? size : STAMP_BYTES;
        memset(packet, 0xa5, sizeof packet);
        stamp_put_reply(&a_reply, false, packet, size);
        assert_memory_equal(packet, reply_bytes, written);
        for (size_t i = written; i < sizeof packet; i++)
            assert_int_equal(packet[i], 0xa5);
    }
}

static void reply_is_read_back(void **state)
{
    (void)state;
    struct stamp_reply r = { 0 };
    assert_int_equal(stamp_get_reply(reply_bytes, STAMP_REFLECTED_BYTES, NULL, &r), 0);
    assert_int_equal(r.sequence, 258);
    assert_true(r.reflected == a_reply.reflected);
    assert_int_equal(r.reflected_error, 0x0102);
    assert_int_equal(r.ssid, 0xbeef);
    assert_true(r.received == a_reply.received);
    assert_int_equal(r.request.sequence, 258);
    assert_true(r.request.sent == a_request.sent);
    assert_int_equal(r.request.sent_error, 0x8507);
    assert_int_equal(r.request_ttl, 254);
    assert_int_equal(stamp_get_reply(reply_bytes, STAMP_REFLECTED_BYTES - 1, NULL, &r),
                     STAMP_SHORT);
}

static void transmit_time_alone_can_be_written_last(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    memcpy(packet, reply_bytes, sizeof packet);
    memset(packet + 4, 0, 8);
    stamp_put_reflected(packet, NULL, 3250000000);
    assert_memory_equal(packet, reply_bytes, STAMP_BYTES);
}

/*
 * The same packets authenticated, by the figures of RFC 8762 4.2.2 and 4.3.2. Key 00 01 .. 1f; the
 * HMACs were computed by Python's hmac module over octets 0 to 95.
 */
static const struct {
    size_t at, size;
    uint8_t octets[16];
} sealed_request[] = {
    {0, 4, {0x00, 0x00, 0x01, 0x02}},
    {16, 8, {0x83, 0xaa, 0x7e, 0x81, 0x80, 0x00, 0x00, 0x00}},
    {24, 4, {0x85, 0x07, 0xbe, 0xef}},
    {96, 16, {0x49, 0x56, 0x44, 0x3d, 0x6c, 0xf7, 0x4d, 0x07, 0x65, 0x56, 0x12, 0x72, 0x6d, 0x87, 0x96, 0x5c}},
}, sealed_reply[] = {
    {0, 4, {0x00, 0x00, 0x01, 0x02}},
    {16, 8, {0x83, 0xaa, 0x7e, 0x83, 0x40, 0x00, 0x00, 0x00}},
    {24, 4, {0x01, 0x02, 0xbe, 0xef}},
    {32, 8, {0x83, 0xaa, 0x7e, 0x82, 0xc0, 0x00, 0x00, 0x00}},
    {48, 4, {0x00, 0x00, 0x01, 0x02}},
    {64, 8, {0x83, 0xaa, 0x7e, 0x81, 0x80, 0x00, 0x00, 0x00}},
    {72, 2, {0x85, 0x07}},
    {80, 1, {0xfe}},
    {96, 16, {0x08, 0xe6, 0xfa, 0x6a, 0x21, 0x9d, 0x04, 0xd8, 0x17, 0xbe, 0xd1, 0xc4, 0xe6, 0x6c, 0x8e, 0x2d}},
};

static struct auth_key a_key(void)
{
    struct auth_key key;
    uint8_t octets[32];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)i;
    auth_key_set(&key, octets, sizeof octets);
    return key;
}

static void write_request(uint8_t *packet)
{
    memset(packet, 0, STAMP_AUTHENTICATED_BYTES);
    for (size_t i = 0; i < sizeof sealed_request / sizeof sealed_request[0]; i++)
        memcpy(packet + sealed_request[i].at, sealed_request[i].octets, sealed_request[i].size);
}

static void write_reply(uint8_t *packet)
{
    memset(packet, 0, STAMP_AUTHENTICATED_BYTES);
    for (size_t i = 0; i < sizeof sealed_reply / sizeof sealed_reply[0]; i++)
        memcpy(packet + sealed_reply[i].at, sealed_reply[i].octets, sealed_reply[i].size);
}

static void authenticated_request_has_the_octets_of_the_rfc(void **state)
{
    (void)state;
    struct auth_key key = a_key();
    struct stamp_request r = { 0 };
    uint8_t wanted[STAMP_AUTHENTICATED_BYTES];
    uint8_t packet[STAMP_AUTHENTICATED_BYTES];
    write_request(wanted);
    memset(packet, 0xa5, sizeof packet);
    stamp_put_request(&a_request, &key, packet);
    assert_memory_equal(packet, wanted, sizeof packet);
    assert_true(stamp_is_genuine(packet, &key));
    assert_int_equal(stamp_get_request(packet, sizeof packet, true, &r), STAMP_FINE);
    assert_int_equal(r.sequence, 258);
    assert_true(r.sent == a_request.sent);
    assert_int_equal(r.sent_error, 0x8507);
    assert_int_equal(r.ssid, 0xbeef);
    assert_int_equal(stamp_get_request(packet, sizeof packet - 1, true, &r), STAMP_SHORT);
}

static void authenticated_reply_has_the_octets_of_the_rfc(void **state)
{
    (void)state;
    struct auth_key key = a_key();
    struct stamp_reply r = { 0 };
    uint8_t wanted[STAMP_AUTHENTICATED_BYTES];
    uint8_t packet[STAMP_AUTHENTICATED_BYTES];
    write_reply(wanted);
    memset(packet, 0xa5, sizeof packet);
    stamp_put_reply(&a_reply, true, packet, sizeof packet);
    assert_memory_equal(packet, wanted, STAMP_SEALED_BYTES);
    memset(packet + 16, 0, 8);
    stamp_put_reflected(packet, &key, 3250000000);
    assert_memory_equal(packet, wanted, sizeof packet);
    assert_int_equal(stamp_get_reply(packet, sizeof packet, &key, &r), STAMP_FINE);
    assert_int_equal(r.sequence, 258);
    assert_true(r.reflected == a_reply.reflected);
    assert_int_equal(r.reflected_error, 0x0102);
    assert_int_equal(r.ssid, 0xbeef);
    assert_true(r.received == a_reply.received);
    assert_int_equal(r.request.sequence, 258);
    assert_true(r.request.sent == a_request.sent);
    assert_int_equal(r.request.sent_error, 0x8507);
    assert_int_equal(r.request_ttl, 254);
    assert_int_equal(stamp_get_reply(packet, sizeof packet - 1, &key, &r), STAMP_SHORT);
}

static void any_bit_of_an_authenticated_packet_that_is_not_ours_is_seen(void **state)
{
    (void)state;
    struct auth_key key = a_key();
    struct stamp_reply r = { .sequence = 99 };
    uint8_t packet[STAMP_AUTHENTICATED_BYTES];
    write_reply(packet);
    for (unsigned bit = 0; bit < 8 * sizeof packet; bit++) {
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(stamp_is_genuine(packet, &key));
        assert_int_equal(stamp_get_reply(packet, sizeof packet, &key, &r), STAMP_FORGED);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(r.sequence, 99);
    auth_key_set(&key, (const uint8_t *)"another secret", 14);
    assert_int_equal(stamp_get_reply(packet, sizeof packet, &key, &r), STAMP_FORGED);
}

static void reply_is_told_from_a_request(void **state)
{
    (void)state;
    struct stamp_reply stateful = a_reply;
    uint8_t packet[STAMP_AUTHENTICATED_BYTES];
    stateful.sequence = 7;
    for (int authenticated = 0; authenticated < 2; authenticated++) {
        size_t size = stamp_base_bytes(authenticated);
        stamp_put_reply(&a_reply, authenticated, packet, size);
        assert_true(stamp_is_reply(packet, size, authenticated));
        assert_false(stamp_is_reply(packet, authenticated ? 111 : 40, authenticated));
        stamp_put_reply(&stateful, authenticated, packet, size);
        assert_true(stamp_is_reply(packet, size, authenticated));
    }
    stateful.received -= UINT64_C(60) << 32; /* no packet stays so long: random padding */
    stamp_put_reply(&stateful, false, packet, STAMP_BYTES);
    assert_false(stamp_is_reply(packet, STAMP_BYTES, false));
    assert_false(stamp_is_reply(request_bytes, STAMP_BYTES, false));
    write_request(packet);
    assert_false(stamp_is_reply(packet, sizeof packet, true));
}

static void ntp_counts_from_1900(void **state)
{
    (void)state;
    assert_true(stamp_ntp_of_ns(0) == UINT64_C(2208988800) << 32);
    assert_true(stamp_ntp_of_ns(500000000) == 0x83aa7e8080000000);
    assert_true(stamp_ntp_of_ns(1000000000) == 0x83aa7e8100000000);
    /* 2004-01-01 00:00:00 is 3281904000 s after 1900. */
    assert_true(stamp_ntp_of_ns(UINT64_C(1072915200) * CLK_NS_PER_S) >> 32 == 3281904000);
}

static void ntp_and_back_is_the_same_nanosecond(void **state)
{
    (void)state;
    uint64_t base_ns = UINT64_C(1790000000) * CLK_NS_PER_S;
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t ns = base_ns + i * 10007 + (i < 10 ? 999999990 : 0);
        assert_true(stamp_unix_ns(stamp_ntp_of_ns(ns), 0x0001, base_ns) == ns);
    }
}

static void ntp_turns_over_in_2036(void **state)
{
    (void)state;
    /* 2036-02-07 06:28:16 UTC is second 2^32 of NTP. */
    uint64_t turn_ns = UINT64_C(2085978496) * CLK_NS_PER_S;
    assert_true(stamp_ntp_of_ns(turn_ns) == 0);
    assert_true(stamp_unix_ns(0, 0x0001, turn_ns - CLK_NS_PER_S) == turn_ns);
    uint64_t before_ns = turn_ns - 5 * (uint64_t)CLK_NS_PER_S;
    assert_true(stamp_unix_ns(stamp_ntp_of_ns(before_ns), 0x0001, turn_ns + CLK_NS_PER_S) ==
                before_ns);
}

static void clock_that_was_never_set_gives_no_time_before_1970(void **state)
{
    (void)state;
    /* Five seconds before 1970 seen three seconds after it. */
    uint64_t timestamp = (UINT64_C(2208988800) - 5) << 32;
    assert_true(stamp_unix_ns(timestamp, 0x0001, 3 * (uint64_t)CLK_NS_PER_S) ==
                ((UINT64_C(1) << 32) - 5) * CLK_NS_PER_S);
    assert_true(stamp_unix_ns(timestamp + (UINT64_C(6) << 32), 0x0001,
                              3 * (uint64_t)CLK_NS_PER_S) == CLK_NS_PER_S);
}

static void ptp_is_seconds_and_nanoseconds_since_1970(void **state)
{
    (void)state;
    uint64_t near_ns = UINT64_C(1790000000) * CLK_NS_PER_S;
    uint64_t ptp = UINT64_C(1790000037) << 32 | 123456789;
    assert_true(stamp_unix_ns(ptp, 0x4001, near_ns) ==
                UINT64_C(1790000037) * CLK_NS_PER_S + 123456789);
    assert_true(stamp_is_ptp(0x4001));
    assert_false(stamp_is_ptp(0x8001));
}

static void ptp_is_written_as_it_is_read(void **state)
{
    (void)state;
    uint64_t ns = UINT64_C(1790000000) * CLK_NS_PER_S + 123456789;
    uint64_t ptp = UINT64_C(1790000000) << 32 | 123456789;
    assert_true(stamp_ptp_of_ns(ns) == ptp);
    assert_true(stamp_of_ns(ns, 0x4001) == ptp);
    assert_true(stamp_of_ns(ns, 0x8001) == stamp_ntp_of_ns(ns));
    assert_true(stamp_unix_ns(ptp, 0x4001, ns) == ns);
    /* 2106-02-07 06:28:16 UTC is second 2^32. */
    uint64_t turn_ns = (UINT64_C(1) << 32) * CLK_NS_PER_S;
    assert_true(stamp_ptp_of_ns(turn_ns + 5) == 5);
    assert_true(stamp_unix_ns(5, 0x4001, turn_ns - CLK_NS_PER_S) == turn_ns + 5);
}

static void format_of_an_estimate_is_one_bit(void **state)
{
    (void)state;
    assert_int_equal(stamp_estimate_in(0x8507, true), 0xc507);
    assert_int_equal(stamp_estimate_in(0xc507, true), 0xc507);
    assert_int_equal(stamp_estimate_in(0xc507, false), 0x8507);
    assert_int_equal(stamp_estimate_in(0x8507, false), 0x8507);
}

static void error_estimate_is_never_below_the_error(void **state)
{
    (void)state;
    static const uint64_t errors_ns[] = { 0,         1,      59,          60,
                                          1000,      999999, 16000000000, 4294967296000000000,
                                          UINT64_MAX };
    for (size_t i = 0; i < sizeof errors_ns / sizeof errors_ns[0]; i++) {
        uint16_t estimate = stamp_error_estimate(false, errors_ns[i]);
        uint64_t said_ns = stamp_error_ns(estimate);
        uint64_t most_ns = UINT64_C(1) << 61; /* what it is capped at */
        uint64_t wanted_ns = errors_ns[i] < most_ns ? errors_ns[i] : most_ns;
        assert_true((estimate & 0xff) != 0);
        assert_true((estimate & 0xc000) == 0);
        assert_true(said_ns + 1 >= wanted_ns); /* + 1: said_ns is rounded down */
        assert_true(said_ns <= wanted_ns + wanted_ns / 100 + 1);
    }
}

static void error_estimate_has_the_bits_of_the_rfc(void **state)
{
    (void)state;
    /* 1 s = 2^32 units = 128 * 2^25. */
    assert_int_equal(stamp_error_estimate(false, CLK_NS_PER_S), 25 << 8 | 128);
    assert_int_equal(stamp_error_estimate(true, CLK_NS_PER_S), 0x8000 | 25 << 8 | 128);
    assert_true(stamp_error_ns(0x8000 | 25 << 8 | 128) == CLK_NS_PER_S);
    assert_true(stamp_error_ns(32 << 8 | 3) == 3 * (uint64_t)CLK_NS_PER_S);
    assert_true(stamp_error_ns(63 << 8 | 255) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_has_the_octets_of_the_rfc),
        cmocka_unit_test(request_is_read_back),
        cmocka_unit_test(short_request_lacks_its_ssid_only),
        cmocka_unit_test(thirteen_octets_are_no_request),
        cmocka_unit_test(reply_has_the_octets_of_the_rfc),
        cmocka_unit_test(reply_writes_no_more_than_its_size_nor_beyond_the_base),
        cmocka_unit_test(reply_is_read_back),
        cmocka_unit_test(transmit_time_alone_can_be_written_last),
        cmocka_unit_test(authenticated_request_has_the_octets_of_the_rfc),
        cmocka_unit_test(authenticated_reply_has_the_octets_of_the_rfc),
        cmocka_unit_test(any_bit_of_an_authenticated_packet_that_is_not_ours_is_seen),
        cmocka_unit_test(reply_is_told_from_a_request),
        cmocka_unit_test(ntp_counts_from_1900),
        cmocka_unit_test(ntp_and_back_is_the_same_nanosecond),
        cmocka_unit_test(ntp_turns_over_in_2036),
        cmocka_unit_test(clock_that_was_never_set_gives_no_time_before_1970),
        cmocka_unit_test(ptp_is_seconds_and_nanoseconds_since_1970),
        cmocka_unit_test(ptp_is_written_as_it_is_read),
        cmocka_unit_test(format_of_an_estimate_is_one_bit),
        cmocka_unit_test(error_estimate_is_never_below_the_error),
        cmocka_unit_test(error_estimate_has_the_bits_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
