#include "probes/net/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4231 4.2, 4.3, 4.6 and 4.7, cut to 128 bits; 4.6 is published so cut. */
static const struct {
    const char *key;
    size_t key_bytes;
    const char *text;
    uint8_t tag[AUTH_TAG_BYTES];
} vectors[] = {
    {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
     20, "Hi There",
     { 0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53, 0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1,
        0x2b }},
    { "Jefe",
     4,  "what do ya want for nothing?",
     { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75,
        0xc7 }},
    { "\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c",
     20, "Test With Truncation",
     { 0xa3, 0xb6, 0x16, 0x74, 0x73, 0x10, 0x0e, 0xe0, 0x6e, 0x0c, 0x79, 0x6c, 0x29, 0x55, 0x55,
        0x2b }},
};

enum {
    VECTORS = sizeof vectors / sizeof vectors[0]
};

static struct auth_text text_of(const char *s, size_t head)
{
    const uint8_t *octets = (const uint8_t *)s;
    return (struct auth_text){
        .head = octets, .head_bytes = head, .body = octets + head, .body_bytes = strlen(s) - head
    };
}

static void tags_are_those_of_rfc_4231(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        struct auth_key key;
        uint8_t tag[AUTH_TAG_BYTES];
        auth_key_set(&key, (const uint8_t *)vectors[i].key, vectors[i].key_bytes);
        /* In two pieces wherever it is cut, and the key is as good as new each time. */
        for (size_t head = 0; head <= strlen(vectors[i].text); head++) {
            struct auth_text text = text_of(vectors[i].text, head);
            auth_put_tag(&key, &text, tag);
            assert_memory_equal(tag, vectors[i].tag, AUTH_TAG_BYTES);
            assert_true(auth_is_tag(&key, &text, tag));
        }
    }
}

static void key_longer_than_a_block_is_hashed_first(void **state)
{
    (void)state;
    static const uint8_t wanted[] = { 0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f,
                                      0x0d, 0x8a, 0x26, 0xaa, 0xcb, 0xf5, 0xb7, 0x7f };
    uint8_t bytes[131];
    struct auth_key key;
    struct auth_text text = text_of("Test Using Larger Than Block-Size Key - Hash Key First", 0);
    memset(bytes, 0xaa, sizeof bytes);
    auth_key_set(&key, bytes, sizeof bytes);
    assert_true(auth_is_tag(&key, &text, wanted));
}

static void one_wrong_bit_anywhere_is_seen(void **state)
{
    (void)state;
    struct auth_key key;
    char words[] = "what do ya want for nothing?";
    struct auth_text text = text_of(words, 4);
    auth_key_set(&key, (const uint8_t *)"Jefe", 4);
    for (unsigned bit = 0; bit < 8 * AUTH_TAG_BYTES; bit++) {
        uint8_t tag[AUTH_TAG_BYTES];
        memcpy(tag, vectors[1].tag, sizeof tag);
        tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(auth_is_tag(&key, &text, tag));
    }
    for (size_t i = 0; i < sizeof words - 1; i++) {
        words[i] ^= 1;
        assert_false(auth_is_tag(&key, &text, vectors[1].tag));
        words[i] ^= 1;
    }
    auth_key_set(&key, (const uint8_t *)"jefe", 4);
    assert_false(auth_is_tag(&key, &text, vectors[1].tag));
}

static void wiped_key_is_gone(void **state)
{
    (void)state;
    struct auth_key key;
    static const struct auth_key nothing;
    auth_key_set(&key, (const uint8_t *)"Jefe", 4);
    assert_memory_not_equal(&key, &nothing, sizeof key);
    auth_key_wipe(&key);
    assert_memory_equal(&key, &nothing, sizeof key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_those_of_rfc_4231),
        cmocka_unit_test(key_longer_than_a_block_is_hashed_first),
        cmocka_unit_test(one_wrong_bit_anywhere_is_seen),
        cmocka_unit_test(wiped_key_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
