/*
 * A packet of any bytes to the reflector: nothing beyond it is touched, what it answers it answers
 * once (an answer is not answered), and what lies beyond the base packet comes back as it was.
 * The first two bytes are the sender's port.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/net/answer.h"
#include "probes/net/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct answer_packet p = { .size = size - 2,
                               .from_port = (uint16_t)(data[0] << 8 | data[1]),
                               .our_port = STAMP_PORT,
                               .ttl = 255,
                               .received_ns = 1500000000 };
    struct answer_policy a_policy = { .error_estimate = 1, .dscp_allowed = UINT64_MAX };
    uint8_t *bytes = malloc(p.size ? p.size : 1); /* of its very size, for the sanitizer */
    if (!bytes)
        return 0;
    memcpy(bytes, data + 2, p.size);
    if (answer_check(bytes, &p, &a_policy) == ANSWER_GIVEN) {
        (void)answer_make(bytes, &p, &a_policy);
        answer_seal(bytes, 1500000000, &a_policy);
        if (p.size > STAMP_BYTES &&
            memcmp(bytes + STAMP_BYTES, data + 2 + STAMP_BYTES, p.size - STAMP_BYTES) != 0)
            abort();
        if (p.size >= STAMP_BYTES && answer_check(bytes, &p, &a_policy) != ANSWER_REFLECTED)
            abort();
    }
    free(bytes);
    return 0;
}
