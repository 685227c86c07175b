#include "probes/net/answer.h"

#include "probes/net/octet.h"
#include "probes/net/stamp.h"
#include "probes/net/tlv.h"

enum {
    ANSWER_SERVER_PORTS = 1024 /* echo 7, chargen 19, DNS 53, NTP 123, other reflectors 862 */
};

/* Octets 4 to 15 of a base packet: zero when authenticated, else a time and its error. */
static bool has_gap(const uint8_t *bytes)
{
    return octet_get(bytes + 4, 8) == 0 && octet_get(bytes + 12, 4) == 0;
}

static enum answer_kind check_mode(const uint8_t *bytes, size_t size, const struct auth_key *key)
{
    struct stamp_request r;
    bool authenticated = !stamp_get_request(bytes, size, true, &r) && has_gap(bytes);
    if (!key) /* a sender that has no time has no error either: no packet of zeros */
        return authenticated && r.sent && r.sent_error ? ANSWER_KEYLESS : ANSWER_GIVEN;
    if (size >= STAMP_AUTHENTICATED_BYTES && stamp_is_genuine(bytes, key))
        return ANSWER_GIVEN;
    return authenticated ? ANSWER_FORGED : ANSWER_UNAUTHENTICATED;
}

enum answer_kind answer_check(const uint8_t *bytes, const struct answer_packet *p,
                              const struct answer_policy *policy)
{
    if (p->cut)
        return ANSWER_LONG;
    if (p->size < STAMP_LIGHT_BYTES)
        return ANSWER_SHORT;
    if (p->to_many)
        return ANSWER_MANY;
    if (p->from_port < ANSWER_SERVER_PORTS || p->from_port == p->our_port)
        return ANSWER_PORT;
    enum answer_kind kind = check_mode(bytes, p->size, policy->key);
    if (kind != ANSWER_GIVEN)
        return kind;
    return stamp_is_reply(bytes, p->size, policy->key != NULL) ? ANSWER_REFLECTED : ANSWER_GIVEN;
}

uint8_t answer_make(uint8_t *bytes, const struct answer_packet *p,
                    const struct answer_policy *policy)
{
    bool authenticated = policy->key != NULL;
    struct stamp_request request = { 0 };
    (void)stamp_get_request(bytes, p->size, authenticated, &request);
    uint16_t error = stamp_estimate_in(policy->error_estimate, stamp_is_ptp(request.sent_error));
    struct stamp_reply reply = { .sequence = policy->stateful ? p->sequence : request.sequence,
                                 .reflected_error = error,
                                 .ssid = request.ssid,
                                 .received = stamp_of_ns(p->received_ns, error),
                                 .request = request,
                                 .request_ttl = p->ttl };
    struct tlv_arrival arrival = { .sequence = reply.sequence,
                                   .tos_known = p->tos_known,
                                   .tos = p->tos,
                                   .dscp_allowed = policy->dscp_allowed };
    uint8_t tos = tlv_reflect(bytes, p->size, policy->key, &arrival);
    stamp_put_reply(&reply, authenticated, bytes, p->size);
    return tos;
}

void answer_seal(uint8_t *bytes, uint64_t t3_ns, const struct answer_policy *policy)
{
    stamp_put_reflected(bytes, policy->key, t3_ns);
}
