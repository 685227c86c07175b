#include "probes/net/answer.h"

#include "probes/net/stamp.h"

enum {
    ANSWER_SERVER_PORTS = 1024 /* echo 7, chargen 19, DNS 53, NTP 123, other reflectors 862 */
};

/* Stateless, and with a time of reception, which a request has not. */
static bool is_answer(const uint8_t *bytes, size_t size)
{
    struct stamp_reply r;
    return stamp_get_reply(bytes, size, &r) == 0 && r.received != 0 &&
           r.request.sequence == r.sequence;
}

enum answer_kind answer_check(const uint8_t *bytes, const struct answer_packet *p)
{
    if (p->cut)
        return ANSWER_LONG;
    if (p->size < STAMP_LIGHT_BYTES)
        return ANSWER_SHORT;
    if (p->to_many)
        return ANSWER_MANY;
    if (p->from_port < ANSWER_SERVER_PORTS || p->from_port == p->our_port)
        return ANSWER_PORT;
    return is_answer(bytes, p->size) ? ANSWER_REFLECTED : ANSWER_GIVEN;
}

void answer_make(uint8_t *bytes, const struct answer_packet *p, uint16_t error_estimate)
{
    struct stamp_request request = { 0 };
    (void)stamp_get_request(bytes, p->size, &request);
    struct stamp_reply reply = { .sequence = request.sequence,
                                 .reflected_error = error_estimate,
                                 .ssid = request.ssid,
                                 .received = p->received,
                                 .request = request,
                                 .request_ttl = p->ttl };
    stamp_put_reply(&reply, bytes, p->size);
}
