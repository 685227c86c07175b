/*
 * Any bytes as the answer to a sized request: nothing beyond them is read, an answer to another
 * SSID is none, nor is one of a key that nobody has, and what was accepted tells a residence only
 * where the reflector's times can be.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/net/sized.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t now_ns = UINT64_C(1790000000123456789);
    struct sized_answer a = { .sequence = 0 };
    uint8_t *bytes = malloc(size ? size : 1); /* of its very size, for the sanitizer */
    if (!bytes)
        return 0;
    if (size)
        memcpy(bytes, data, size);
    uint16_t ssid = size >= 16 ? (uint16_t)(bytes[14] << 8 | bytes[15]) : 1;
    int refused = sized_get(bytes, size, NULL, ssid, now_ns, &a);
    if (!refused && size < STAMP_REFLECTED_BYTES)
        abort();
    if (!refused && sized_get(bytes, size, NULL, (uint16_t)(ssid + 1), now_ns, &a) == 0)
        abort();
    struct auth_key key;
    auth_key_set(&key, (const uint8_t *)"not in the corpus", 17);
    if (sized_get(bytes, size, &key, ssid, now_ns, &a) == 0)
        abort();
    free(bytes);
    return 0;
}
