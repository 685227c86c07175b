#include "probes/net/tlv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/net/stamp.h"

/*
 * A request of sequence 258, key 00 01 .. 1f, that asks for DSCP 46 and arrives with DSCP 10 and
 * ECN 1. The HMACs were computed by Python's hmac module over the octets written out.
 */
static const uint8_t asked_items[] = {
    0x80, 0x04, 0x00, 0x04, 0xb8, 0x00, 0x00, 0x00, /* Class of Service, DSCP1 46 */
    0x80, 0x08, 0x00, 0x10,                         /* HMAC of 00000102 and the 8 octets above */
    0xf9, 0x17, 0x8e, 0x76, 0x07, 0xd1, 0xa7, 0xda, 0x92, 0xc2, 0xff, 0x81, 0xfc, 0x80, 0x77, 0x0c,
};

static const uint8_t answered_items[] = {
    0x00, 0x04, 0x00, 0x04, 0xb8, 0xa4, 0x00, 0x00, /* DSCP1 46, DSCP2 10, ECN 1 */
    0x00, 0x08, 0x00, 0x10, 0x1f, 0xc2, 0xeb, 0xb4, 0xf2, 0xd8,
    0x5f, 0x4d, 0xad, 0x29, 0x3e, 0xa8, 0xb1, 0x5b, 0x13, 0x5f,
};

/* The same answer of a stateful reflector: sequence 7. */
static const uint8_t seventh_tag[] = { 0x15, 0x60, 0x82, 0xf9, 0xfa, 0x8f, 0x17, 0xd9,
                                       0xb1, 0x47, 0x46, 0x9f, 0x9e, 0x7d, 0xfc, 0x70 };

enum {
    EF = 46,
    CAME = 10 << 2 | 1, /* DSCP 10, ECN 1 */
    ROOM = 512,
};

static const struct tlv_arrival an_arrival = {
    .sequence = 258, .tos_known = true, .tos = CAME, .dscp_allowed = UINT64_MAX
};

struct bench {
    struct auth_key key;
    uint8_t packet[ROOM]; /* base of sequence 258, then what a test puts */
    size_t size;
};

static void set_up(struct bench *b, bool authenticated)
{
    static const struct stamp_request request = { .sequence = 258, .sent = 1, .sent_error = 1 };
    uint8_t octets[32];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)i;
    memset(b, 0, sizeof *b);
    auth_key_set(&b->key, octets, sizeof octets);
    stamp_put_request(&request, authenticated ? &b->key : NULL, b->packet);
    b->size = stamp_base_bytes(authenticated);
}

static void add(struct bench *b, const void *octets, size_t size)
{
    memcpy(b->packet + b->size, octets, size);
    b->size += size;
}

static void request_has_the_octets_of_the_rfc(void **state)
{
    (void)state;
    struct bench b;
    struct tlv_wish wish = { .marks = true, .dscp = EF };
    set_up(&b, false);
    assert_int_equal(tlv_request_bytes(&wish, false), STAMP_BYTES + 8);
    assert_int_equal(tlv_put_request(&wish, NULL, b.packet), STAMP_BYTES + 8);
    assert_memory_equal(b.packet + STAMP_BYTES, asked_items, 8);
    set_up(&b, true);
    assert_int_equal(tlv_put_request(&wish, &b.key, b.packet), STAMP_AUTHENTICATED_BYTES + 28);
    assert_memory_equal(b.packet + STAMP_AUTHENTICATED_BYTES, asked_items, sizeof asked_items);
}

static void padding_makes_any_size_but_three(void **state)
{
    (void)state;
    for (size_t size = 0; size < 400; size++) {
        struct bench b;
        struct tlv_wish wish = { .size = size };
        size_t wanted = size <= STAMP_BYTES       ? STAMP_BYTES
                        : size <= STAMP_BYTES + 4 ? STAMP_BYTES + 4
                                                  : size;
        set_up(&b, false);
        memset(b.packet + STAMP_BYTES, 0xa5, sizeof b.packet - STAMP_BYTES);
        assert_int_equal(tlv_put_request(&wish, NULL, b.packet), wanted);
        assert_int_equal(b.packet[wanted], 0xa5);
        if (wanted == STAMP_BYTES)
            continue;
        assert_int_equal(b.packet[STAMP_BYTES], 0x80);
        assert_int_equal(b.packet[STAMP_BYTES + 1], TLV_PADDING);
        assert_int_equal(b.packet[STAMP_BYTES + 2] << 8 | b.packet[STAMP_BYTES + 3],
                         wanted - STAMP_BYTES - 4);
    }
}

static void padding_comes_last_and_is_answered_as_it_was(void **state)
{
    (void)state;
    struct bench b;
    struct tlv_wish wish = { .marks = true, .dscp = EF, .size = 300 };
    set_up(&b, true);
    assert_int_equal(tlv_put_request(&wish, &b.key, b.packet), 300);
    uint8_t *padding = b.packet + STAMP_AUTHENTICATED_BYTES + sizeof asked_items;
    assert_int_equal(padding[1], TLV_PADDING);
    padding[9] = 0x77; /* what a sender likes, and is not signed */
    assert_int_equal(tlv_reflect(b.packet, 300, &b.key, &an_arrival), EF << 2);
    assert_memory_equal(b.packet + STAMP_AUTHENTICATED_BYTES, answered_items,
                        sizeof answered_items);
    assert_int_equal(padding[0], 0);
    assert_int_equal(padding[9], 0x77);
}

static void marks_are_answered_and_read(void **state)
{
    (void)state;
    for (int authenticated = 0; authenticated < 2; authenticated++) {
        struct bench b;
        struct tlv_answer a;
        struct tlv_wish wish = { .marks = true, .dscp = EF };
        set_up(&b, authenticated);
        struct auth_key *key = authenticated ? &b.key : NULL;
        b.size = tlv_put_request(&wish, key, b.packet);
        size_t base = stamp_base_bytes(authenticated);
        assert_int_equal(tlv_reflect(b.packet, b.size, key, &an_arrival), EF << 2);
        assert_memory_equal(b.packet + base, answered_items, b.size - base);
        tlv_get_answer(b.packet, b.size, key, &a);
        assert_false(a.untrue || a.malformed || a.unknown || a.refused);
        assert_true(a.marks_known);
        assert_int_equal(a.dscp, 10);
        assert_int_equal(a.ecn, 1);
    }
}

static void forbidden_dscp_is_answered_with_the_one_that_came(void **state)
{
    (void)state;
    static const uint8_t refused[] = { 0x00, 0x04, 0x00, 0x04, 0xb8, 0xa5, 0x00, 0x00 };
    struct bench b;
    struct tlv_answer a;
    struct tlv_arrival arrival = an_arrival;
    arrival.dscp_allowed = ~(UINT64_C(1) << EF);
    set_up(&b, false);
    add(&b, asked_items, 8);
    assert_int_equal(tlv_reflect(b.packet, b.size, NULL, &arrival), 10 << 2);
    assert_memory_equal(b.packet + STAMP_BYTES, refused, sizeof refused);
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_true(a.marks_known && a.refused);
}

static void dscp_asked_for_is_cut_to_six_bits_and_no_more_is_asked(void **state)
{
    (void)state;
    static const uint8_t wild[] = { 0x80, 0x04, 0x00, 0x04, 0xff, 0xff, 0xff, 0xff };
    static const uint8_t tamed[] = { 0x00, 0x04, 0x00, 0x04, 0xfc, 0xa4, 0x00, 0x00 };
    struct bench b;
    struct tlv_wish wish = { .marks = true, .dscp = 0xff };
    set_up(&b, false);
    add(&b, wild, sizeof wild);
    assert_int_equal(tlv_reflect(b.packet, b.size, NULL, &an_arrival), 63 << 2);
    assert_memory_equal(b.packet + STAMP_BYTES, tamed, sizeof tamed);
    (void)tlv_put_request(&wish, NULL, b.packet);
    assert_int_equal(b.packet[STAMP_BYTES + 4], 0xfc);
    assert_int_equal(b.packet[STAMP_BYTES + 5], 0);
}

static void marks_that_the_kernel_did_not_tell_are_not_made_up(void **state)
{
    (void)state;
    struct bench b;
    struct tlv_answer a;
    struct tlv_arrival arrival = an_arrival;
    arrival.tos_known = false;
    set_up(&b, false);
    add(&b, asked_items, 8);
    assert_int_equal(tlv_reflect(b.packet, b.size, NULL, &arrival), 0);
    assert_memory_equal(b.packet + STAMP_BYTES, asked_items, 8);
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_false(a.marks_known);
    assert_int_equal(a.unknown, 1);
}

static void packet_without_items_goes_back_as_it_was_marked(void **state)
{
    (void)state;
    struct bench b;
    struct bench before;
    set_up(&b, false);
    before = b;
    assert_int_equal(tlv_reflect(b.packet, b.size, NULL, &an_arrival), 10 << 2);
    assert_int_equal(tlv_reflect(b.packet, 14, NULL, &an_arrival), 10 << 2);
    assert_memory_equal(b.packet, before.packet, sizeof b.packet);
}

static void unknown_items_come_back_with_u_alone(void **state)
{
    (void)state;
    /* All that are assigned and not understood, one that is reserved, one for private use. */
    static const uint8_t types[] = { 2, 3, 5, 6, 7, 9, 10, 11, 12, 255, 253, 0 };
    struct tlv_answer a;
    struct bench b;
    set_up(&b, false);
    for (size_t i = 0; i < sizeof types; i++) {
        /* Whatever flags a sender sets, those of the answer are ours. */
        uint8_t item[] = { (uint8_t)(i * 0x25 | 1), types[i], 0, 3, 0xaa, 0xbb, 0xcc };
        add(&b, item, sizeof item);
    }
    (void)tlv_reflect(b.packet, b.size, NULL, &an_arrival);
    for (size_t i = 0; i < sizeof types; i++) {
        uint8_t item[] = { TLV_UNRECOGNISED, types[i], 0, 3, 0xaa, 0xbb, 0xcc };
        assert_memory_equal(b.packet + STAMP_BYTES + i * sizeof item, item, sizeof item);
    }
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_int_equal(a.unknown, sizeof types);
    assert_false(a.malformed || a.untrue || a.marks_known);
}

/* What is malformed is marked, what is before it answered, what is behind it left alone. */
static void check_malformed(const uint8_t *item, size_t size, uint8_t flags)
{
    struct bench b;
    struct tlv_answer a;
    set_up(&b, false);
    add(&b, asked_items, 8);
    add(&b, item, size);
    (void)tlv_reflect(b.packet, b.size, NULL, &an_arrival);
    assert_memory_equal(b.packet + STAMP_BYTES, answered_items, 8);
    assert_int_equal(b.packet[STAMP_BYTES + 8], flags);
    assert_memory_equal(b.packet + STAMP_BYTES + 9, item + 1, size - 1);
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_true(a.malformed && a.marks_known);
    assert_int_equal(a.unknown, 0);
    assert_int_equal(a.dscp, 10);
}

static void malformed_item_ends_the_reading(void **state)
{
    (void)state;
    /* A class of 3 octets, then one that would be well. */
    static const uint8_t wrong[] = { 0x80, 4, 0, 3, 1, 2, 3, 0x80, 4, 0, 4, 0xb8, 0, 0, 0 };
    static const uint8_t beyond[] = { 0x80, 1, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8 };
    static const uint8_t strange[] = { 0x80, 99, 0xff, 0xff, 1, 2 };
    static const uint8_t rest[] = { 0x80, 1, 0 };
    check_malformed(wrong, sizeof wrong, TLV_MALFORMED);
    check_malformed(beyond, sizeof beyond, TLV_MALFORMED);
    check_malformed(strange, sizeof strange, TLV_MALFORMED | TLV_UNRECOGNISED);
    for (size_t size = 1; size <= sizeof rest; size++)
        check_malformed(rest, size, TLV_MALFORMED | TLV_UNRECOGNISED);
}

static void answer_is_read_up_to_what_the_reflector_called_malformed(void **state)
{
    (void)state;
    uint8_t items[] = { 0x40, 1, 0, 1, 9, 0x00, 4, 0, 4, 0xb8, 0xa4, 0, 0 };
    struct bench b;
    struct tlv_answer a;
    set_up(&b, false);
    add(&b, items, sizeof items);
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_true(a.malformed);
    assert_false(a.marks_known);
}

static void answer_that_the_reflector_called_untrue_is_not_believed(void **state)
{
    (void)state;
    static const uint8_t last[] = { TLV_UNTRUE, 1, 0, 0 };
    struct bench b;
    struct tlv_answer a;
    set_up(&b, false);
    add(&b, answered_items, 8);
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_true(a.marks_known && !a.untrue);
    add(&b, last, sizeof last);
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_true(a.untrue && !a.marks_known);
    tlv_get_answer(b.packet, b.size - 1, NULL, &a); /* cut, and its flags are there */
    assert_true(a.untrue && !a.marks_known);
}

static void untouched_items_are_not_believed(void **state)
{
    (void)state;
    /* A reflector that knows no items copies them: U is still set. */
    struct bench b;
    struct tlv_answer a;
    set_up(&b, false);
    add(&b, asked_items, 8);
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_false(a.marks_known);
    assert_int_equal(a.unknown, 1);
}

static void padding_of_a_twamp_sender_is_left_alone(void **state)
{
    (void)state;
    static const uint8_t zeros[100];
    struct bench b;
    struct tlv_answer a;
    set_up(&b, false);
    add(&b, zeros, sizeof zeros);
    b.packet[b.size - 1] = 0x5a;
    struct bench before = b;
    assert_int_equal(tlv_reflect(b.packet, b.size, NULL, &an_arrival), 10 << 2);
    assert_memory_equal(b.packet, before.packet, sizeof b.packet);
    tlv_get_answer(b.packet, b.size, NULL, &a);
    assert_false(a.malformed || a.untrue || a.unknown);
}

/* Every item of the answer has I, and its value is as it was asked. */
static void check_untrue(struct bench *b, const struct auth_key *key)
{
    struct bench before = *b;
    struct tlv_answer a;
    size_t at = stamp_base_bytes(key != NULL);
    struct tlv t;
    assert_int_equal(tlv_reflect(b->packet, b->size, key, &an_arrival), 10 << 2);
    unsigned items = 0;
    for (; tlv_next(b->packet, b->size, &at, &t) == TLV_ITEM; items++) {
        assert_true(t.flags & TLV_UNTRUE);
        before.packet[t.at] |= TLV_UNTRUE;
    }
    assert_true(items > 0);
    assert_memory_equal(b->packet, before.packet, b->size);
    tlv_get_answer(b->packet, b->size, key, &a);
    assert_true(a.untrue);
    assert_false(a.marks_known);
}

static void forged_items_come_back_with_i(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 8 * sizeof asked_items; bit++) {
        size_t octet = bit / 8;
        struct bench b;
        if (octet == 2 || octet == 3 || (octet > 7 && octet < 12))
            continue; /* lengths make it malformed; the HMAC's own header is not covered */
        set_up(&b, true);
        add(&b, asked_items, sizeof asked_items);
        b.packet[STAMP_AUTHENTICATED_BYTES + octet] ^= (uint8_t)(1 << bit % 8);
        check_untrue(&b, &b.key);
    }
}

static void items_of_another_packet_come_back_with_i(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, true);
    add(&b, asked_items, sizeof asked_items);
    b.packet[3] ^= 1; /* the sequence number */
    check_untrue(&b, &b.key);
}

static void unsigned_items_of_an_authenticated_packet_come_back_with_i(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, true);
    add(&b, asked_items, 8);
    check_untrue(&b, &b.key);
}

static void padding_alone_needs_no_signature(void **state)
{
    (void)state;
    static const uint8_t padding[] = { 0x80, 1, 0, 4, 1, 2, 3, 4 };
    struct bench b;
    struct tlv_answer a;
    set_up(&b, true);
    add(&b, padding, sizeof padding);
    add(&b, padding, sizeof padding);
    (void)tlv_reflect(b.packet, b.size, &b.key, &an_arrival);
    assert_int_equal(b.packet[STAMP_AUTHENTICATED_BYTES], 0);
    assert_int_equal(b.packet[STAMP_AUTHENTICATED_BYTES + 8], 0);
    tlv_get_answer(b.packet, b.size, &b.key, &a);
    assert_false(a.untrue || a.malformed || a.unknown);
}

static void signature_before_other_items_is_wrong(void **state)
{
    (void)state;
    static const uint8_t other[] = { 0x80, 99, 0, 0 };
    struct bench b;
    set_up(&b, true);
    add(&b, asked_items, sizeof asked_items);
    add(&b, other, sizeof other);
    check_untrue(&b, &b.key);
    set_up(&b, true);
    add(&b, asked_items, sizeof asked_items);
    add(&b, asked_items + 8, sizeof asked_items - 8); /* twice */
    check_untrue(&b, &b.key);
}

static void signature_without_a_key_is_wrong(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, false);
    add(&b, asked_items, sizeof asked_items);
    check_untrue(&b, NULL);
}

static void malformed_before_the_signature_is_both(void **state)
{
    (void)state;
    static const uint8_t wrong[] = { 0x80, 4, 0, 3, 1, 2, 3 };
    struct bench b;
    struct tlv_answer a;
    set_up(&b, true);
    add(&b, wrong, sizeof wrong);
    add(&b, asked_items, sizeof asked_items);
    (void)tlv_reflect(b.packet, b.size, &b.key, &an_arrival);
    uint8_t *items = b.packet + STAMP_AUTHENTICATED_BYTES;
    assert_int_equal(items[0], 0x80 | TLV_UNTRUE | TLV_MALFORMED);
    assert_memory_equal(items + 7, asked_items, sizeof asked_items);
    tlv_get_answer(b.packet, b.size, &b.key, &a);
    assert_true(a.untrue);
}

static void answer_of_a_stateful_reflector_is_signed_with_its_own_sequence(void **state)
{
    (void)state;
    struct bench b;
    struct tlv_answer a;
    struct tlv_arrival arrival = an_arrival;
    arrival.sequence = 7;
    set_up(&b, true);
    add(&b, asked_items, sizeof asked_items);
    (void)tlv_reflect(b.packet, b.size, &b.key, &arrival);
    assert_memory_equal(b.packet + STAMP_AUTHENTICATED_BYTES + 12, seventh_tag, sizeof seventh_tag);
    b.packet[2] = 0;
    b.packet[3] = 7;
    tlv_get_answer(b.packet, b.size, &b.key, &a);
    assert_true(a.marks_known && !a.untrue);
}

static void forged_answer_is_not_believed(void **state)
{
    (void)state;
    struct bench b;
    struct tlv_answer a;
    set_up(&b, true);
    add(&b, answered_items, sizeof answered_items);
    tlv_get_answer(b.packet, b.size, &b.key, &a);
    assert_true(a.marks_known && !a.untrue);
    b.packet[STAMP_AUTHENTICATED_BYTES + 5] ^= 0x10;
    tlv_get_answer(b.packet, b.size, &b.key, &a);
    assert_true(a.untrue && !a.marks_known);
    tlv_get_answer(b.packet, STAMP_AUTHENTICATED_BYTES + 8, &b.key, &a); /* the HMAC cut off */
    assert_true(a.untrue && !a.marks_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_has_the_octets_of_the_rfc),
        cmocka_unit_test(padding_makes_any_size_but_three),
        cmocka_unit_test(padding_comes_last_and_is_answered_as_it_was),
        cmocka_unit_test(marks_are_answered_and_read),
        cmocka_unit_test(forbidden_dscp_is_answered_with_the_one_that_came),
        cmocka_unit_test(dscp_asked_for_is_cut_to_six_bits_and_no_more_is_asked),
        cmocka_unit_test(marks_that_the_kernel_did_not_tell_are_not_made_up),
        cmocka_unit_test(packet_without_items_goes_back_as_it_was_marked),
        cmocka_unit_test(unknown_items_come_back_with_u_alone),
        cmocka_unit_test(malformed_item_ends_the_reading),
        cmocka_unit_test(answer_is_read_up_to_what_the_reflector_called_malformed),
        cmocka_unit_test(answer_that_the_reflector_called_untrue_is_not_believed),
        cmocka_unit_test(untouched_items_are_not_believed),
        cmocka_unit_test(padding_of_a_twamp_sender_is_left_alone),
        cmocka_unit_test(forged_items_come_back_with_i),
        cmocka_unit_test(items_of_another_packet_come_back_with_i),
        cmocka_unit_test(unsigned_items_of_an_authenticated_packet_come_back_with_i),
        cmocka_unit_test(padding_alone_needs_no_signature),
        cmocka_unit_test(signature_before_other_items_is_wrong),
        cmocka_unit_test(signature_without_a_key_is_wrong),
        cmocka_unit_test(malformed_before_the_signature_is_both),
        cmocka_unit_test(answer_of_a_stateful_reflector_is_signed_with_its_own_sequence),
        cmocka_unit_test(forged_answer_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
