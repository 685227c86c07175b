/* Packets of any bytes through the codec: what is read is written back as it was. */
#include <stdlib.h>
#include <string.h>

#include "probes/net/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const uint8_t *data, size_t size)
{
    struct stamp_request r;
    uint8_t packet[STAMP_BYTES];
    if (stamp_get_request(data, size, false, &r))
        return;
    stamp_put_request(&r, NULL, packet);
    if (memcmp(packet, data, STAMP_LIGHT_BYTES) != 0)
        abort();
}

static void check_reply(const uint8_t *data, size_t size)
{
    struct stamp_reply r;
    struct stamp_reply again;
    uint8_t packet[STAMP_BYTES] = { 0 };
    if (stamp_get_reply(data, size, NULL, &r))
        return;
    stamp_put_reply(&r, false, packet, sizeof packet);
    if (memcmp(packet, data, 38) != 0 || packet[40] != data[40])
        abort();
    if (stamp_get_reply(packet, sizeof packet, NULL, &again) || again.reflected != r.reflected)
        abort();
    /* Times of any kind, near to any time. */
    uint64_t near_ns = r.request.sent % (UINT64_C(4102444800) * 1000000000);
    (void)stamp_unix_ns(r.received, r.reflected_error, near_ns);
    uint64_t ns = stamp_unix_ns(r.reflected, 0, near_ns);
    if (stamp_unix_ns(stamp_ntp_of_ns(ns), 0, ns) != ns)
        abort();
    (void)stamp_error_ns(r.reflected_error);
    (void)stamp_error_estimate(true, r.received);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_request(data, size);
    check_reply(data, size);
    return 0;
}
