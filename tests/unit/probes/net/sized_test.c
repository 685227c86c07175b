#include "probes/net/sized.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/net/answer.h"
#include "probes/net/tlv.h"

static const uint64_t now_ns = UINT64_C(1790000000123456789);

static struct sized_request request(size_t size, const struct auth_key *key)
{
    return (struct sized_request){ .size = size,
                                   .sequence = 0x01020304,
                                   .ssid = 77,
                                   .error_estimate = 1,
                                   .sent_ns = now_ns,
                                   .key = key };
}

/* What a reflector makes of it, a millisecond later, within 50 us. */
static void reflect(uint8_t *packet, size_t size, const struct auth_key *key)
{
    const struct answer_policy policy = { .error_estimate = 1, .key = key };
    struct answer_packet p = { .size = size,
                               .from_port = 40000,
                               .our_port = STAMP_PORT,
                               .ttl = 255,
                               .received_ns = now_ns + 1000000 };
    assert_int_equal(answer_check(packet, &p, &policy), ANSWER_GIVEN);
    (void)answer_make(packet, &p, &policy);
    answer_seal(packet, now_ns + 1050000, &policy);
}

static void answered_and_read_again(const struct auth_key *key)
{
    const size_t least = sized_bytes_min(key);
    const size_t sizes[] = { least, least + TLV_HEADER_BYTES, 548, 1472, SIZED_BYTES_MAX };
    static uint8_t packet[SIZED_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct sized_answer a;
        struct sized_request r = request(sizes[i], key);
        packet[sizes[i]] = 0xA5;
        sized_put(packet, &r);
        assert_int_equal(packet[sizes[i]], 0xA5);
        reflect(packet, sizes[i], key);
        assert_int_equal(sized_get(packet, sizes[i], key, 77, now_ns + 2000000, &a), 0);
        assert_int_equal(a.sequence, 0x01020304);
        assert_in_range(a.sent_ns, now_ns - 1, now_ns + 1);
        assert_in_range(a.residence_ns, 49990, 50010);
    }
}

static void every_size_is_answered_and_read_again(void **state)
{
    (void)state;
    struct auth_key key;
    auth_key_set(&key, (const uint8_t *)"a key", 5);
    answered_and_read_again(NULL);
    answered_and_read_again(&key);
}

static void an_answer_of_another_key_is_none(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct auth_key key;
    struct auth_key other;
    struct sized_answer a;
    struct sized_request r = request(sizeof packet, &key);
    auth_key_set(&key, (const uint8_t *)"a key", 5);
    auth_key_set(&other, (const uint8_t *)"a kex", 5);
    sized_put(packet, &r);
    reflect(packet, sizeof packet, &key);
    assert_int_equal(sized_get(packet, sizeof packet, &other, 77, now_ns, &a), -1);
    assert_int_equal(sized_get(packet, SIZED_KEYED_MIN - 1, &key, 77, now_ns, &a), -1);
    assert_int_equal(sized_get(packet, SIZED_KEYED_MIN, &key, 77, now_ns, &a), 0);
    packet[SIZED_KEYED_MIN - 1] ^= 1;
    assert_int_equal(sized_get(packet, sizeof packet, &key, 77, now_ns, &a), -1);
}

/* RFC 8972 4: flags with U, type 1, the length of what follows. */
static void padding_is_one_tlv_that_does_not_compress(void **state)
{
    uint8_t packet[1472];
    unsigned of_value[256] = { 0 };
    struct sized_request r = request(sizeof packet, NULL);
    (void)state;
    sized_put(packet, &r);
    assert_int_equal(packet[44], 0x80);
    assert_int_equal(packet[45], 1);
    assert_int_equal(packet[46] << 8 | packet[47], sizeof packet - 48);
    for (size_t i = 48; i < sizeof packet; i++)
        of_value[packet[i]]++;
    for (int i = 0; i < 256; i++)
        assert_true(of_value[i] < 32);
}

static void what_is_no_answer_to_us_is_refused(void **state)
{
    uint8_t packet[100];
    struct sized_answer a;
    struct sized_request r = request(sizeof packet, NULL);
    (void)state;
    sized_put(packet, &r);
    assert_int_equal(sized_get(packet, sizeof packet, NULL, 77, now_ns, &a),
                     -1); /* our own request */
    reflect(packet, sizeof packet, NULL);
    assert_int_equal(sized_get(packet, sizeof packet, NULL, 78, now_ns, &a), -1);
    assert_int_equal(sized_get(packet, 40, NULL, 77, now_ns, &a), -1);
    assert_int_equal(sized_get(packet, 0, NULL, 77, now_ns, &a), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_answered_and_read_again),
        cmocka_unit_test(an_answer_of_another_key_is_none),
        cmocka_unit_test(padding_is_one_tlv_that_does_not_compress),
        cmocka_unit_test(what_is_no_answer_to_us_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
