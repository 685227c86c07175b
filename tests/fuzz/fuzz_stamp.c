/*
 * Packets of any bytes through the codec, in both modes: what is read is written back as it was,
 * and what we seal is ours.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/net/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const uint8_t *data, size_t size, const struct auth_key *key)
{
    struct stamp_request r;
    struct stamp_request again;
    uint8_t packet[STAMP_AUTHENTICATED_BYTES];
    if (stamp_get_request(data, size, key != NULL, &r))
        return;
    stamp_put_request(&r, key, packet);
    if (!key && memcmp(packet, data, STAMP_LIGHT_BYTES) != 0)
        abort();
    if (key && !stamp_is_genuine(packet, key))
        abort();
    if (stamp_get_request(packet, stamp_base_bytes(key != NULL), key != NULL, &again) ||
        again.sent != r.sent || again.sequence != r.sequence || again.ssid != r.ssid ||
        again.sent_error != r.sent_error)
        abort();
}

/* Times of any kind, near to any time. */
static void check_times(const struct stamp_reply *r)
{
    uint64_t near_ns = r->request.sent % (UINT64_C(4102444800) * 1000000000);
    (void)stamp_unix_ns(r->received, r->reflected_error, near_ns);
    uint64_t ns = stamp_unix_ns(r->reflected, 0, near_ns);
    if (stamp_unix_ns(stamp_ntp_of_ns(ns), 0, ns) != ns)
        abort();
    uint16_t ptp = stamp_estimate_in(r->reflected_error, true);
    if (stamp_unix_ns(stamp_of_ns(ns, ptp), ptp, ns) != ns)
        abort();
    (void)stamp_error_ns(r->reflected_error);
    (void)stamp_error_estimate(true, r->received);
}

static void check_reply(const uint8_t *data, size_t size, const struct auth_key *key)
{
    struct stamp_reply r;
    struct stamp_reply again;
    uint8_t packet[STAMP_AUTHENTICATED_BYTES];
    size_t base = stamp_base_bytes(key != NULL);
    (void)stamp_is_reply(data, size, key != NULL);
    if (size < base || stamp_get_reply(data, size, key, &r) == STAMP_SHORT)
        return;
    memcpy(packet, data, base);
    stamp_put_reflected(packet, key, 1500000000); /* seals what came */
    if (stamp_get_reply(packet, base, key, &r))
        abort();
    check_times(&r);
    stamp_put_reply(&r, key != NULL, packet, base);
    stamp_put_reflected(packet, key, 1500000000);
    if (stamp_get_reply(packet, base, key, &again) || again.reflected != r.reflected ||
        again.received != r.received || again.request.sent != r.request.sent ||
        again.request_ttl != r.request_ttl || again.request.sequence != r.request.sequence)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[] = "a good secret";
    struct auth_key key;
    auth_key_set(&key, secret, sizeof secret - 1);
    check_request(data, size, NULL);
    check_request(data, size, &key);
    check_reply(data, size, NULL);
    check_reply(data, size, &key);
    return 0;
}
