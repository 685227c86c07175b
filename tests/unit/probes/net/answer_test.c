#include "probes/net/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/net/stamp.h"
#include "probes/net/tlv.h"

static const struct stamp_request a_request = {
    .sequence = 0x01020304, .sent = 0x1112131415161718, .sent_error = 0x2122, .ssid = 0x3132
};

static const struct answer_policy a_policy = { .error_estimate = 0x4142,
                                               .dscp_allowed = UINT64_MAX };

/* T3 is written by answer_seal. T2 is 1970-01-01 00:00:01.5. */
static const uint8_t an_answer[STAMP_BYTES] = {
    0x01, 0x02, 0x03, 0x04,                         /* sequence */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* T3 */
    0x01, 0x42,                                     /* our error estimate, not PTP */
    0x31, 0x32,                                     /* SSID */
    0x83, 0xaa, 0x7e, 0x81, 0x80, 0x00, 0x00, 0x00, /* T2 */
    0x01, 0x02, 0x03, 0x04,                         /* the sender's sequence */
    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, /* T1 */
    0x21, 0x22,                                     /* the sender's error estimate */
    0x00, 0x00,                                     /* zero */
    0x3f,                                           /* TTL */
    0x00, 0x00, 0x00,                               /* zero */
};

static struct answer_packet packet_of(size_t size)
{
    return (struct answer_packet){
        .size = size, .from_port = 50000, .our_port = 862, .ttl = 63, .received_ns = 1500000000
    };
}

static void answer_has_the_octets_of_the_rfc(void **state)
{
    (void)state;
    uint8_t bytes[STAMP_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    stamp_put_request(&a_request, NULL, bytes);
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_GIVEN);
    (void)answer_make(bytes, &p, &a_policy);
    assert_memory_equal(bytes, an_answer, sizeof bytes);
}

static void answer_to_a_short_packet_is_as_short(void **state)
{
    (void)state;
    for (size_t size = STAMP_LIGHT_BYTES; size < STAMP_BYTES; size++) {
        uint8_t bytes[STAMP_BYTES];
        uint8_t wanted[STAMP_BYTES];
        struct answer_packet p = packet_of(size);
        stamp_put_request(&a_request, NULL, bytes);
        memset(bytes + size, 0xa5, sizeof bytes - size);
        memcpy(wanted, an_answer, size);
        memset(wanted + size, 0xa5, sizeof wanted - size);
        assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_GIVEN);
        (void)answer_make(bytes, &p, &a_policy);
        if (size >= 16) /* shorter: the SSID was taken as zero, and there is no room for it */
            assert_memory_equal(bytes, wanted, sizeof bytes);
        else
            assert_memory_equal(bytes, wanted, 14);
        for (size_t i = size; i < sizeof bytes; i++)
            assert_int_equal(bytes[i], 0xa5);
    }
}

static void padding_of_a_twamp_sender_comes_back_as_it_was(void **state)
{
    (void)state;
    uint8_t bytes[200];
    struct answer_packet p = packet_of(sizeof bytes);
    stamp_put_request(&a_request, NULL, bytes);
    for (size_t i = STAMP_BYTES; i < sizeof bytes; i++)
        bytes[i] = i < STAMP_BYTES + 2 ? 0 : (uint8_t)i;
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_GIVEN);
    (void)answer_make(bytes, &p, &a_policy);
    assert_memory_equal(bytes, an_answer, STAMP_BYTES);
    for (size_t i = STAMP_BYTES; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], i < STAMP_BYTES + 2 ? 0 : (uint8_t)i);
}

static void answer_is_sealed_with_its_time(void **state)
{
    (void)state;
    static const uint8_t t3[] = { 0x83, 0xaa, 0x7e, 0x82, 0x40, 0x00, 0x00, 0x00 };
    uint8_t bytes[STAMP_BYTES];
    uint8_t wanted[STAMP_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    stamp_put_request(&a_request, NULL, bytes);
    (void)answer_make(bytes, &p, &a_policy);
    answer_seal(bytes, 2250000000, &a_policy);
    memcpy(wanted, an_answer, sizeof wanted);
    memcpy(wanted + 4, t3, sizeof t3);
    assert_memory_equal(bytes, wanted, sizeof wanted);
}

static void times_are_in_the_format_of_the_request(void **state)
{
    (void)state;
    struct stamp_request request = a_request;
    struct stamp_reply r;
    uint8_t bytes[STAMP_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    request.sent_error = stamp_estimate_in(request.sent_error, true);
    stamp_put_request(&request, NULL, bytes);
    (void)answer_make(bytes, &p, &a_policy);
    answer_seal(bytes, 2250000001, &a_policy);
    assert_int_equal(stamp_get_reply(bytes, sizeof bytes, NULL, &r), STAMP_FINE);
    assert_int_equal(r.reflected_error, 0x4142);
    assert_true(r.received == (UINT64_C(1) << 32 | 500000000));
    assert_true(r.reflected == (UINT64_C(2) << 32 | 250000001));
}

static void stateful_reflector_counts_itself(void **state)
{
    (void)state;
    struct answer_policy policy = a_policy;
    struct stamp_reply r;
    uint8_t bytes[STAMP_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    policy.stateful = true;
    p.sequence = 7;
    stamp_put_request(&a_request, NULL, bytes);
    (void)answer_make(bytes, &p, &policy);
    answer_seal(bytes, 1500000009, &policy);
    assert_int_equal(stamp_get_reply(bytes, sizeof bytes, NULL, &r), STAMP_FINE);
    assert_int_equal(r.sequence, 7);
    assert_int_equal(r.request.sequence, a_request.sequence);
    assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_REFLECTED);
}

static struct auth_key a_key(const char *secret)
{
    struct auth_key key;
    auth_key_set(&key, (const uint8_t *)secret, strlen(secret));
    return key;
}

static void authenticated_packet_is_answered_so(void **state)
{
    (void)state;
    struct auth_key key = a_key("a good secret");
    struct answer_policy policy = a_policy;
    struct stamp_reply r;
    uint8_t bytes[STAMP_AUTHENTICATED_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    policy.key = &key;
    stamp_put_request(&a_request, &key, bytes);
    assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_GIVEN);
    (void)answer_make(bytes, &p, &policy);
    answer_seal(bytes, 2250000000, &policy);
    assert_int_equal(stamp_get_reply(bytes, sizeof bytes, &key, &r), STAMP_FINE);
    assert_int_equal(r.sequence, a_request.sequence);
    assert_int_equal(r.ssid, a_request.ssid);
    assert_int_equal(r.reflected_error, 0x0142);
    assert_true(r.received == 0x83aa7e8180000000);
    assert_true(r.reflected == 0x83aa7e8240000000);
    assert_int_equal(r.request.sequence, a_request.sequence);
    assert_true(r.request.sent == a_request.sent);
    assert_int_equal(r.request.sent_error, a_request.sent_error);
    assert_int_equal(r.request_ttl, 63);
    /* And is not answered again, though its HMAC is ours. */
    assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_REFLECTED);
}

static void items_of_an_authenticated_packet_are_signed_again(void **state)
{
    (void)state;
    struct auth_key key = a_key("a good secret");
    struct tlv_wish wish = { .marks = true, .dscp = 46, .size = 250 };
    for (int stateful = 0; stateful < 2; stateful++) {
        struct answer_policy policy = a_policy;
        struct tlv_answer a;
        struct stamp_reply r;
        uint8_t bytes[250];
        struct answer_packet p = packet_of(sizeof bytes);
        policy.key = &key;
        policy.stateful = stateful;
        p.sequence = 7;
        p.tos_known = true;
        p.tos = 10 << 2;
        stamp_put_request(&a_request, &key, bytes);
        assert_int_equal(tlv_put_request(&wish, &key, bytes), sizeof bytes);
        assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_GIVEN);
        assert_int_equal(answer_make(bytes, &p, &policy), 46 << 2);
        answer_seal(bytes, 2250000000, &policy);
        assert_int_equal(stamp_get_reply(bytes, sizeof bytes, &key, &r), STAMP_FINE);
        assert_int_equal(r.sequence, stateful ? 7 : a_request.sequence);
        tlv_get_answer(bytes, sizeof bytes, &key, &a);
        assert_true(a.marks_known && !a.untrue);
        assert_int_equal(a.dscp, 10);
    }
}

static void with_a_key_nothing_else_is_answered(void **state)
{
    (void)state;
    struct auth_key key = a_key("a good secret");
    struct auth_key other = a_key("another secret");
    struct answer_policy policy = a_policy;
    uint8_t bytes[200] = { 0 };
    struct answer_packet p = packet_of(STAMP_BYTES);
    policy.key = &key;
    stamp_put_request(&a_request, NULL, bytes);
    for (p.size = STAMP_LIGHT_BYTES; p.size <= sizeof bytes; p.size++)
        assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_UNAUTHENTICATED);
    p.size = STAMP_AUTHENTICATED_BYTES;
    stamp_put_request(&a_request, &other, bytes);
    assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_FORGED);
    stamp_put_request(&a_request, &key, bytes);
    bytes[3] ^= 1;
    assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_FORGED);
    bytes[3] ^= 1;
    assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_GIVEN);
    p.size--; /* the HMAC is cut */
    assert_int_equal(answer_check(bytes, &p, &policy), ANSWER_UNAUTHENTICATED);
}

static void without_a_key_an_authenticated_packet_is_not_answered(void **state)
{
    (void)state;
    struct auth_key key = a_key("a good secret");
    uint8_t bytes[STAMP_AUTHENTICATED_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    stamp_put_request(&a_request, &key, bytes);
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_KEYLESS);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_GIVEN);
    stamp_put_request(&a_request, NULL, bytes);
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_GIVEN);
}

static void answer_bears_the_mark_that_was_asked_for_or_came(void **state)
{
    (void)state;
    struct tlv_wish wish = { .marks = true, .dscp = 46 };
    struct tlv_answer a;
    uint8_t bytes[64];
    struct answer_packet p = packet_of(STAMP_BYTES);
    stamp_put_request(&a_request, NULL, bytes);
    assert_int_equal(answer_make(bytes, &p, &a_policy), 0); /* not known */
    p.tos_known = true;
    p.tos = 10 << 2 | 3;
    stamp_put_request(&a_request, NULL, bytes);
    assert_int_equal(answer_make(bytes, &p, &a_policy), 10 << 2);
    stamp_put_request(&a_request, NULL, bytes);
    p.size = tlv_put_request(&wish, NULL, bytes);
    assert_int_equal(answer_make(bytes, &p, &a_policy), 46 << 2);
    tlv_get_answer(bytes, p.size, NULL, &a);
    assert_true(a.marks_known && !a.refused);
    assert_int_equal(a.dscp, 10);
    assert_int_equal(a.ecn, 3);
}

static void hostile_lengths_get_nothing(void **state)
{
    (void)state;
    uint8_t bytes[STAMP_BYTES] = { 0 };
    struct answer_packet p = packet_of(0);
    for (p.size = 0; p.size < STAMP_LIGHT_BYTES; p.size++)
        assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_SHORT);
    p.size = STAMP_BYTES;
    p.cut = true;
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_LONG);
}

static void answer_is_not_answered(void **state)
{
    (void)state;
    uint8_t bytes[STAMP_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    stamp_put_request(&a_request, NULL, bytes);
    (void)answer_make(bytes, &p, &a_policy);
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_REFLECTED);
    p.size = STAMP_REFLECTED_BYTES;
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_REFLECTED);
}

static void padding_of_any_kind_is_no_answer(void **state)
{
    (void)state;
    uint8_t bytes[STAMP_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    stamp_put_request(&a_request, NULL, bytes);
    memset(bytes + STAMP_LIGHT_BYTES, 0xff, sizeof bytes - STAMP_LIGHT_BYTES);
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_GIVEN);
    memset(bytes, 0, sizeof bytes); /* sequence 0, all zero */
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_GIVEN);
}

static void server_ports_and_our_own_are_not_answered(void **state)
{
    (void)state;
    uint8_t bytes[STAMP_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    stamp_put_request(&a_request, NULL, bytes);
    static const uint16_t refused[] = { 0, 7, 19, 53, 123, 862, 1023 };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        p.from_port = refused[i];
        assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_PORT);
    }
    p.from_port = p.our_port = 8620;
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_PORT);
    p.from_port = 1024;
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_GIVEN);
}

static void packet_sent_to_many_is_not_answered(void **state)
{
    (void)state;
    uint8_t bytes[STAMP_BYTES];
    struct answer_packet p = packet_of(sizeof bytes);
    p.to_many = true;
    stamp_put_request(&a_request, NULL, bytes);
    assert_int_equal(answer_check(bytes, &p, &a_policy), ANSWER_MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_has_the_octets_of_the_rfc),
        cmocka_unit_test(answer_to_a_short_packet_is_as_short),
        cmocka_unit_test(padding_of_a_twamp_sender_comes_back_as_it_was),
        cmocka_unit_test(answer_is_sealed_with_its_time),
        cmocka_unit_test(times_are_in_the_format_of_the_request),
        cmocka_unit_test(stateful_reflector_counts_itself),
        cmocka_unit_test(authenticated_packet_is_answered_so),
        cmocka_unit_test(items_of_an_authenticated_packet_are_signed_again),
        cmocka_unit_test(with_a_key_nothing_else_is_answered),
        cmocka_unit_test(without_a_key_an_authenticated_packet_is_not_answered),
        cmocka_unit_test(answer_bears_the_mark_that_was_asked_for_or_came),
        cmocka_unit_test(hostile_lengths_get_nothing),
        cmocka_unit_test(answer_is_not_answered),
        cmocka_unit_test(padding_of_any_kind_is_no_answer),
        cmocka_unit_test(server_ports_and_our_own_are_not_answered),
        cmocka_unit_test(packet_sent_to_many_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
