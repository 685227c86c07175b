#include "probes/net/sized.h"

#include "probes/kit/prng.h"
#include "probes/net/tlv.h"

static void pad(uint8_t *at, size_t size, uint32_t seed)
{
    struct prng p;
    size_t length = size - TLV_HEADER_BYTES;
    at[0] = TLV_UNRECOGNISED; /* a sender sets it */
    at[1] = TLV_PADDING;
    at[2] = (uint8_t)(length >> 8);
    at[3] = (uint8_t)length;
    prng_init(&p, seed);
    prng_fill(&p, at + TLV_HEADER_BYTES, length);
}

size_t sized_bytes_min(const struct auth_key *key)
{
    return stamp_base_bytes(key != NULL);
}

void sized_put(uint8_t *packet, const struct sized_request *r)
{
    struct stamp_request request = { .sequence = r->sequence,
                                     .sent = stamp_ntp_of_ns(r->sent_ns),
                                     .sent_error = r->error_estimate,
                                     .ssid = r->ssid };
    size_t base = sized_bytes_min(r->key);
    stamp_put_request(&request, r->key, packet);
    if (r->size >= base + TLV_HEADER_BYTES)
        pad(packet + base, r->size - base, r->sequence);
}

int sized_get(const uint8_t *packet, size_t size, const struct auth_key *key, uint16_t ssid,
              uint64_t now_ns, struct sized_answer *a)
{
    struct stamp_reply reply;
    if (stamp_get_reply(packet, size, key, &reply) != STAMP_FINE || reply.ssid != ssid ||
        !reply.received)
        return -1;
    uint64_t sent_ns = stamp_unix_ns(reply.request.sent, reply.request.sent_error, now_ns);
    uint64_t received_ns = stamp_unix_ns(reply.received, reply.reflected_error, now_ns);
    uint64_t reflected_ns = stamp_unix_ns(reply.reflected, reply.reflected_error, now_ns);
    *a = (struct sized_answer){ .sequence = reply.request.sequence,
                                .sent_ns = sent_ns,
                                .residence_ns =
                                    reflected_ns > received_ns ? reflected_ns - received_ns : 0 };
    return 0;
}
