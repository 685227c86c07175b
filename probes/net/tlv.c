#include "probes/net/tlv.h"

#include <string.h>

#include "probes/net/octet.h"
#include "probes/net/stamp.h"

enum {
    AT_TYPE = 1,
    AT_LENGTH = 2,
    SEQUENCE_BYTES = 4,
    ECN_MASK = 3,
    DSCP_SHIFT = 2, /* in the TOS octet */
    RP_REFUSED = 1,
    CLASS_ITEM_BYTES = TLV_HEADER_BYTES + TLV_CLASS_BYTES,
    HMAC_ITEM_BYTES = TLV_HEADER_BYTES + AUTH_TAG_BYTES,
};

/* Of Class of Service: DSCP1 6 bits, DSCP2 6, ECN 2, RP 2, reserved 16. RFC 8972 4.4. */
enum {
    CLASS_ASKED_SHIFT = 26,
    CLASS_CAME_SHIFT = 20,
    CLASS_ECN_SHIFT = 18,
    CLASS_RP_SHIFT = 16,
};

enum tlv_step tlv_next(const uint8_t *packet, size_t size, size_t *at, struct tlv *t)
{
    *t = (struct tlv){ .at = *at };
    if (*at >= size)
        return TLV_END;
    size_t left = size - *at;
    t->flags = packet[*at];
    if (left < TLV_HEADER_BYTES)
        return TLV_CUT;
    t->type = packet[*at + AT_TYPE];
    t->length = (size_t)octet_get(packet + *at + AT_LENGTH, 2);
    if (t->length > left - TLV_HEADER_BYTES)
        return TLV_CUT;
    *at += TLV_HEADER_BYTES + t->length;
    return TLV_ITEM;
}

/* The only length that a value of this type may have; 0: any. */
static size_t length_of(uint8_t type)
{
    return type == TLV_CLASS ? TLV_CLASS_BYTES : type == TLV_HMAC ? AUTH_TAG_BYTES : 0;
}

static bool is_known(uint8_t type)
{
    return type == TLV_PADDING || length_of(type) != 0;
}

/* As tlv_next, and an item that we know by another length is cut as well. */
static enum tlv_step step(const uint8_t *packet, size_t size, size_t *at, struct tlv *t)
{
    size_t before = *at;
    enum tlv_step s = tlv_next(packet, size, at, t);
    size_t wanted = length_of(t->type);
    if (s != TLV_ITEM || wanted == 0 || t->length == wanted)
        return s;
    *at = before;
    return TLV_CUT;
}

static bool has_items(const uint8_t *packet, size_t size, size_t base)
{
    return size > base &&
           (size - base < TLV_HEADER_BYTES || packet[base] != 0 || packet[base + AT_TYPE] != 0);
}

/* What the HMAC item at `at` covers, sequence being four octets. */
static struct auth_text covered(const uint8_t *packet, const uint8_t *sequence, size_t base,
                                size_t at)
{
    return (struct auth_text){ .head = sequence,
                               .head_bytes = SEQUENCE_BYTES,
                               .body = packet + base,
                               .body_bytes = at - base };
}

/* Where the items are, before any of them is believed. */
struct survey {
    size_t signed_at; /* first HMAC item; 0: none */
    bool misplaced;   /* something but padding follows it */
    bool valuable;    /* there are others than padding and HMAC, or what may have been one */
};

static struct survey look_over(const uint8_t *packet, size_t size, size_t base)
{
    struct survey v = { 0 };
    struct tlv t;
    size_t at = base;
    enum tlv_step s = step(packet, size, &at, &t);
    for (; s == TLV_ITEM; s = step(packet, size, &at, &t)) {
        if (v.signed_at && t.type != TLV_PADDING)
            v.misplaced = true;
        else if (t.type == TLV_HMAC)
            v.signed_at = t.at;
        else if (t.type != TLV_PADDING)
            v.valuable = true;
    }
    v.valuable |= s == TLV_CUT && !v.signed_at;
    return v;
}

/* Whether the items may be believed. */
static bool is_true(const uint8_t *packet, size_t size, const struct auth_key *key)
{
    size_t base = stamp_base_bytes(key != NULL);
    struct survey v = look_over(packet, size, base);
    if (!v.signed_at)
        return !key || !v.valuable;
    if (!key || v.misplaced)
        return false;
    struct auth_text text = covered(packet, packet, base, v.signed_at);
    return auth_is_tag(key, &text, packet + v.signed_at + TLV_HEADER_BYTES);
}

/* Marks every item, as far as they can be told apart. */
static void mark_untrue(uint8_t *packet, size_t size, size_t base)
{
    struct tlv t;
    size_t at = base;
    enum tlv_step s = step(packet, size, &at, &t);
    for (; s == TLV_ITEM; s = step(packet, size, &at, &t))
        packet[t.at] |= TLV_UNTRUE;
    if (s == TLV_CUT)
        packet[t.at] |= TLV_UNTRUE | TLV_MALFORMED;
}

static bool may_use(const struct tlv_arrival *a, uint8_t dscp)
{
    return (a->dscp_allowed >> dscp & 1) != 0;
}

/* Fills in what arrived, and returns the TOS of the answer. */
static uint8_t put_class(uint8_t *value, const struct tlv_arrival *a)
{
    uint8_t asked = (uint8_t)(octet_get(value, TLV_CLASS_BYTES) >> CLASS_ASKED_SHIFT);
    uint8_t came = a->tos >> DSCP_SHIFT;
    bool allowed = may_use(a, asked);
    uint32_t filled = (uint32_t)asked << CLASS_ASKED_SHIFT | (uint32_t)came << CLASS_CAME_SHIFT |
                      (uint32_t)(a->tos & ECN_MASK) << CLASS_ECN_SHIFT |
                      (allowed ? 0U : (uint32_t)RP_REFUSED << CLASS_RP_SHIFT);
    octet_put(value, filled, TLV_CLASS_BYTES);
    return (uint8_t)((allowed ? asked : came) << DSCP_SHIFT);
}

static void put_tag(uint8_t *packet, size_t at, const struct auth_key *key, uint32_t sequence)
{
    uint8_t octets[SEQUENCE_BYTES];
    octet_put(octets, sequence, sizeof octets);
    struct auth_text text = covered(packet, octets, stamp_base_bytes(true), at);
    auth_put_tag(key, &text, packet + at + TLV_HEADER_BYTES);
}

uint8_t tlv_reflect(uint8_t *packet, size_t size, const struct auth_key *key,
                    const struct tlv_arrival *a)
{
    size_t base = stamp_base_bytes(key != NULL);
    uint8_t tos = a->tos_known ? a->tos & (uint8_t)~ECN_MASK : 0;
    if (!has_items(packet, size, base))
        return tos;
    if (!is_true(packet, size, key)) {
        mark_untrue(packet, size, base);
        return tos;
    }
    struct tlv t;
    size_t at = base;
    enum tlv_step s = step(packet, size, &at, &t);
    for (; s == TLV_ITEM; s = step(packet, size, &at, &t)) {
        bool done = is_known(t.type) && (t.type != TLV_CLASS || a->tos_known);
        packet[t.at] = done ? 0 : TLV_UNRECOGNISED;
        if (done && t.type == TLV_CLASS)
            tos = put_class(packet + t.at + TLV_HEADER_BYTES, a);
        else if (t.type == TLV_HMAC)
            put_tag(packet, t.at, key, a->sequence);
    }
    if (s == TLV_CUT)
        packet[t.at] = TLV_MALFORMED | (is_known(t.type) ? 0 : TLV_UNRECOGNISED);
    return tos;
}

/* Base packet and items, without padding. */
static size_t least_bytes(const struct tlv_wish *w, bool authenticated)
{
    size_t items = w->marks ? CLASS_ITEM_BYTES + (authenticated ? HMAC_ITEM_BYTES : 0) : 0;
    return stamp_base_bytes(authenticated) + items;
}

size_t tlv_request_bytes(const struct tlv_wish *w, bool authenticated)
{
    size_t least = least_bytes(w, authenticated);
    if (w->size <= least)
        return least;
    return w->size - least < TLV_HEADER_BYTES ? least + TLV_HEADER_BYTES : w->size;
}

/* Writes an item of zeros at *at and steps behind it; returns its value. */
static uint8_t *put_item(uint8_t *packet, size_t *at, enum tlv_type type, size_t length)
{
    uint8_t *item = packet + *at;
    memset(item, 0, TLV_HEADER_BYTES + length);
    item[0] = TLV_UNRECOGNISED;
    item[AT_TYPE] = (uint8_t)type;
    octet_put(item + AT_LENGTH, length, 2);
    *at += TLV_HEADER_BYTES + length;
    return item + TLV_HEADER_BYTES;
}

size_t tlv_put_request(const struct tlv_wish *w, const struct auth_key *key, uint8_t *packet)
{
    size_t size = tlv_request_bytes(w, key != NULL);
    size_t at = stamp_base_bytes(key != NULL);
    if (w->marks) {
        uint8_t *value = put_item(packet, &at, TLV_CLASS, TLV_CLASS_BYTES);
        octet_put(value, (uint64_t)(w->dscp & TLV_DSCP_MAX) << CLASS_ASKED_SHIFT, TLV_CLASS_BYTES);
    }
    if (w->marks && key) {
        size_t signed_at = at;
        (void)put_item(packet, &at, TLV_HMAC, AUTH_TAG_BYTES);
        put_tag(packet, signed_at, key, (uint32_t)octet_get(packet, SEQUENCE_BYTES));
    }
    if (size > at)
        (void)put_item(packet, &at, TLV_PADDING, size - at - TLV_HEADER_BYTES);
    return size;
}

static bool is_marked(const uint8_t *packet, size_t size, size_t base, uint8_t flag)
{
    struct tlv t;
    size_t at = base;
    enum tlv_step s = step(packet, size, &at, &t);
    for (; s == TLV_ITEM; s = step(packet, size, &at, &t)) {
        if (t.flags & flag)
            return true;
    }
    return s == TLV_CUT && (t.flags & flag) != 0;
}

static void get_class(const uint8_t *value, struct tlv_answer *a)
{
    uint32_t filled = (uint32_t)octet_get(value, TLV_CLASS_BYTES);
    a->marks_known = true;
    a->dscp = filled >> CLASS_CAME_SHIFT & TLV_DSCP_MAX;
    a->ecn = filled >> CLASS_ECN_SHIFT & ECN_MASK;
    a->refused = (filled >> CLASS_RP_SHIFT & ECN_MASK) != 0;
}

void tlv_get_answer(const uint8_t *packet, size_t size, const struct auth_key *key,
                    struct tlv_answer *a)
{
    size_t base = stamp_base_bytes(key != NULL);
    *a = (struct tlv_answer){ 0 };
    if (!has_items(packet, size, base))
        return;
    a->untrue = is_marked(packet, size, base, TLV_UNTRUE) || !is_true(packet, size, key);
    if (a->untrue)
        return;
    struct tlv t;
    size_t at = base;
    enum tlv_step s = step(packet, size, &at, &t);
    for (; s == TLV_ITEM && !(t.flags & TLV_MALFORMED); s = step(packet, size, &at, &t)) {
        if (t.flags & TLV_UNRECOGNISED)
            a->unknown++;
        else if (t.type == TLV_CLASS)
            get_class(packet + t.at + TLV_HEADER_BYTES, a);
    }
    a->malformed = s != TLV_END;
}
