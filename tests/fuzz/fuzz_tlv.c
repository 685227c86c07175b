/*
 * Items of any bytes behind a base packet, with a key and without: walked to the end, answered in
 * their place without touching the base packet, and what we answer we can read. The first byte
 * chooses: bit 0 a key, bit 1 that the items are signed first, bit 2 that the mark is known; the
 * second is the mark.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/net/stamp.h"
#include "probes/net/tlv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_walk(const uint8_t *packet, size_t size, size_t base)
{
    struct tlv t;
    size_t at = base;
    size_t last = base;
    while (tlv_next(packet, size, &at, &t) == TLV_ITEM) {
        if (t.at != last || at != t.at + TLV_HEADER_BYTES + t.length || at > size)
            abort();
        last = at;
    }
}

/* Puts an HMAC item at the end, so that the fuzzer comes past it. */
static void sign(uint8_t *packet, size_t base, size_t size, const struct auth_key *key)
{
    size_t at = size - TLV_HEADER_BYTES - AUTH_TAG_BYTES;
    struct auth_text text = {
        .head = packet, .head_bytes = 4, .body = packet + base, .body_bytes = at - base
    };
    memcpy(packet + at, (const uint8_t[]){ TLV_UNRECOGNISED, TLV_HMAC, 0, AUTH_TAG_BYTES },
           TLV_HEADER_BYTES);
    auth_put_tag(key, &text, packet + at + TLV_HEADER_BYTES);
}

static void check_reflect(uint8_t *packet, size_t size, const struct auth_key *key,
                          const struct tlv_arrival *a)
{
    size_t base = stamp_base_bytes(key != NULL);
    struct tlv_answer before;
    struct tlv_answer after;
    uint8_t base_was[STAMP_AUTHENTICATED_BYTES];
    memcpy(base_was, packet, base);
    tlv_get_answer(packet, size, key, &before);
    uint8_t tos = tlv_reflect(packet, size, key, a);
    if (tos & 3 || memcmp(base_was, packet, base) != 0)
        abort();
    tlv_get_answer(packet, size, key, &after);
    if (after.marks_known && a->tos_known && after.dscp != a->tos >> 2)
        abort();
    if (after.marks_known && after.untrue)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[] = "a good secret";
    if (size < 2)
        return 0;
    struct auth_key key;
    auth_key_set(&key, secret, sizeof secret - 1);
    const struct auth_key *used = data[0] & 1 ? &key : NULL;
    struct tlv_arrival a = { .tos_known = (data[0] & 4) != 0,
                             .tos = data[1],
                             .dscp_allowed = 0x00ff00ff00ff00ff };
    size_t base = stamp_base_bytes(used != NULL);
    bool to_sign = used && data[0] & 2;
    size_t total = base + size - 2 + (to_sign ? TLV_HEADER_BYTES + AUTH_TAG_BYTES : 0);
    uint8_t *packet = calloc(1, total); /* of its very size, for the sanitizer */
    if (!packet)
        return 0;
    memcpy(packet + base, data + 2, size - 2);
    if (to_sign)
        sign(packet, base, total, used);
    check_walk(packet, total, base);
    check_reflect(packet, total, used, &a);
    free(packet);
    return 0;
}
