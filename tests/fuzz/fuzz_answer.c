/*
 * A packet of any bytes to the reflector, with a key and without: nothing beyond it is touched, and
 * what it answers it answers once, for an answer is not answered. The first two bytes are the
 * sender's port, and their lowest bits choose: 0 a key, 1 that the packet is signed first, 2 a
 * stateful reflector.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/net/answer.h"
#include "probes/net/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sign(uint8_t *bytes, size_t size, const struct auth_key *key)
{
    struct auth_text text = { .head = bytes, .head_bytes = STAMP_SEALED_BYTES };
    if (size >= STAMP_AUTHENTICATED_BYTES)
        auth_put_tag(key, &text, bytes + STAMP_SEALED_BYTES);
}

static void check_answer(uint8_t *bytes, const struct answer_packet *p,
                         const struct answer_policy *policy)
{
    struct stamp_reply r;
    if (answer_check(bytes, p, policy) != ANSWER_GIVEN)
        return;
    uint8_t tos = answer_make(bytes, p, policy);
    answer_seal(bytes, 1500000009, policy);
    if (tos & 3)
        abort();
    if (p->size < stamp_base_bytes(policy->key != NULL))
        return;
    if (stamp_get_reply(bytes, p->size, policy->key, &r) ||
        answer_check(bytes, p, policy) != ANSWER_REFLECTED)
        abort();
    if (policy->stateful && r.sequence != p->sequence)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[] = "a good secret";
    if (size < 2)
        return 0;
    struct auth_key key;
    auth_key_set(&key, secret, sizeof secret - 1);
    struct answer_packet p = { .size = size - 2,
                               .from_port = (uint16_t)(data[0] << 8 | data[1]),
                               .our_port = STAMP_PORT,
                               .ttl = 255,
                               .tos_known = true,
                               .tos = data[1],
                               .received_ns = 1500000000,
                               .sequence = 7 };
    struct answer_policy policy = { .key = data[1] & 1 ? &key : NULL,
                                    .stateful = (data[1] & 4) != 0,
                                    .error_estimate = 1,
                                    .dscp_allowed = 0x00ff00ff00ff00ff };
    uint8_t *bytes = malloc(p.size ? p.size : 1); /* of its very size, for the sanitizer */
    if (!bytes)
        return 0;
    memcpy(bytes, data + 2, p.size);
    if (policy.key && data[1] & 2)
        sign(bytes, p.size, policy.key);
    check_answer(bytes, &p, &policy);
    free(bytes);
    return 0;
}
