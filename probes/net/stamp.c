#include "probes/net/stamp.h"

#include <string.h>

#include "probes/kit/clk.h"
#include "probes/net/octet.h"

/* Where a field begins; the sequence number is at 0. */
struct layout {
    size_t bytes;
    size_t timestamp, error, ssid, received;
    size_t request_sequence, request_sent, request_error, request_ttl;
};

static const struct layout layouts[] = {
    [false] = {.bytes = STAMP_BYTES,
               .timestamp = 4,
               .error = 12,
               .ssid = 14,
               .received = 16,
               .request_sequence = 24,
               .request_sent = 28,
               .request_error = 36,
               .request_ttl = 40},
    [true] = { .bytes = STAMP_AUTHENTICATED_BYTES,
               .timestamp = 16,
               .error = 24,
               .ssid = 26,
               .received = 32,
               .request_sequence = 48,
               .request_sent = 64,
               .request_error = 72,
               .request_ttl = 80},
};

enum {
    REPLY_SPAN_S = 60, /* between T2 and T3 of any reflector */
};

enum {
    ERROR_SYNCHRONISED = 0x8000, /* S */
    ERROR_PTP = 0x4000,          /* Z */
    ERROR_SCALE_SHIFT = 8,
    ERROR_SCALE_MAX = 63, /* six bits */
    ERROR_MULTIPLIER_MAX = 255,
};

/* SOURCE: RFC 868, RFC 5905 figure 4: 1900-01-01 to 1970-01-01. */
static const uint64_t ntp_to_unix_s = 2208988800U;

size_t stamp_base_bytes(bool authenticated)
{
    return layouts[authenticated].bytes;
}

static struct auth_text sealed_text(const uint8_t *packet)
{
    return (struct auth_text){ .head = packet, .head_bytes = STAMP_SEALED_BYTES };
}

static void seal(uint8_t *packet, const struct auth_key *key)
{
    struct auth_text text = sealed_text(packet);
    if (key)
        auth_put_tag(key, &text, packet + STAMP_SEALED_BYTES);
}

bool stamp_is_genuine(const uint8_t *packet, const struct auth_key *key)
{
    struct auth_text text = sealed_text(packet);
    return auth_is_tag(key, &text, packet + STAMP_SEALED_BYTES);
}

void stamp_put_request(const struct stamp_request *r, const struct auth_key *key, uint8_t *packet)
{
    const struct layout *l = &layouts[key != NULL];
    memset(packet, 0, l->bytes);
    octet_put(packet, r->sequence, 4);
    octet_put(packet + l->timestamp, r->sent, 8);
    octet_put(packet + l->error, r->sent_error, 2);
    octet_put(packet + l->ssid, r->ssid, 2);
    seal(packet, key);
}

enum stamp_fault stamp_get_request(const uint8_t *packet, size_t size, bool authenticated,
                                   struct stamp_request *r)
{
    const struct layout *l = &layouts[authenticated];
    if (size < (authenticated ? l->bytes : STAMP_LIGHT_BYTES))
        return STAMP_SHORT;
    r->sequence = (uint32_t)octet_get(packet, 4);
    r->sent = octet_get(packet + l->timestamp, 8);
    r->sent_error = (uint16_t)octet_get(packet + l->error, 2);
    r->ssid = size >= l->ssid + 2 ? (uint16_t)octet_get(packet + l->ssid, 2) : 0;
    return STAMP_FINE;
}

void stamp_put_reply(const struct stamp_reply *r, bool authenticated, uint8_t *packet, size_t size)
{
    const struct layout *l = &layouts[authenticated];
    uint8_t whole[STAMP_AUTHENTICATED_BYTES] = { 0 };
    octet_put(whole, r->sequence, 4);
    octet_put(whole + l->timestamp, r->reflected, 8);
    octet_put(whole + l->error, r->reflected_error, 2);
    octet_put(whole + l->ssid, r->ssid, 2);
    octet_put(whole + l->received, r->received, 8);
    octet_put(whole + l->request_sequence, r->request.sequence, 4);
    octet_put(whole + l->request_sent, r->request.sent, 8);
    octet_put(whole + l->request_error, r->request.sent_error, 2);
    octet_put(whole + l->request_ttl, r->request_ttl, 1);
    memcpy(packet, whole, size < l->bytes ? size : l->bytes);
}

void stamp_put_reflected(uint8_t *packet, const struct auth_key *key, uint64_t t3_ns)
{
    const struct layout *l = &layouts[key != NULL];
    uint16_t error = (uint16_t)octet_get(packet + l->error, 2);
    octet_put(packet + l->timestamp, stamp_of_ns(t3_ns, error), 8);
    seal(packet, key);
}

static void read_reply(const uint8_t *packet, const struct layout *l, struct stamp_reply *r)
{
    r->sequence = (uint32_t)octet_get(packet, 4);
    r->reflected = octet_get(packet + l->timestamp, 8);
    r->reflected_error = (uint16_t)octet_get(packet + l->error, 2);
    r->ssid = (uint16_t)octet_get(packet + l->ssid, 2);
    r->received = octet_get(packet + l->received, 8);
    r->request.sequence = (uint32_t)octet_get(packet + l->request_sequence, 4);
    r->request.sent = octet_get(packet + l->request_sent, 8);
    r->request.sent_error = (uint16_t)octet_get(packet + l->request_error, 2);
    r->request.ssid = r->ssid;
    r->request_ttl = packet[l->request_ttl];
}

static bool holds_reply(size_t size, bool authenticated)
{
    return size >= (authenticated ? STAMP_AUTHENTICATED_BYTES : STAMP_REFLECTED_BYTES);
}

enum stamp_fault stamp_get_reply(const uint8_t *packet, size_t size, const struct auth_key *key,
                                 struct stamp_reply *r)
{
    if (!holds_reply(size, key != NULL))
        return STAMP_SHORT;
    if (key && !stamp_is_genuine(packet, key))
        return STAMP_FORGED;
    read_reply(packet, &layouts[key != NULL], r);
    return STAMP_FINE;
}

bool stamp_is_reply(const uint8_t *packet, size_t size, bool authenticated)
{
    struct stamp_reply r;
    if (!holds_reply(size, authenticated))
        return false;
    read_reply(packet, &layouts[authenticated], &r);
    uint32_t apart_s = (uint32_t)(r.reflected >> 32) - (uint32_t)(r.received >> 32);
    return r.received != 0 && (r.request.sequence == r.sequence || apart_s < REPLY_SPAN_S);
}

uint64_t stamp_ntp_of_ns(uint64_t unix_ns)
{
    uint64_t seconds = unix_ns / CLK_NS_PER_S + ntp_to_unix_s;
    uint64_t fraction = ((unix_ns % CLK_NS_PER_S << 32) + CLK_NS_PER_S / 2) / CLK_NS_PER_S;
    return (seconds << 32) + fraction;
}

uint64_t stamp_ptp_of_ns(uint64_t unix_ns)
{
    return unix_ns / CLK_NS_PER_S << 32 | unix_ns % CLK_NS_PER_S;
}

uint64_t stamp_of_ns(uint64_t unix_ns, uint16_t error_estimate)
{
    return stamp_is_ptp(error_estimate) ? stamp_ptp_of_ns(unix_ns) : stamp_ntp_of_ns(unix_ns);
}

/* Seconds since 1970 that equal `seconds` modulo 2^32 and lie nearest to near. */
static uint64_t nearest_turn(uint32_t seconds, uint64_t near)
{
    int32_t distance = (int32_t)(seconds - (uint32_t)near);
    if (distance < 0 && near < (uint64_t) - (int64_t)distance)
        return seconds;
    return near + (uint64_t)(int64_t)distance;
}

uint64_t stamp_unix_ns(uint64_t timestamp, uint16_t error_estimate, uint64_t near_ns)
{
    uint32_t seconds = (uint32_t)(timestamp >> 32);
    uint64_t part = timestamp & UINT32_MAX;
    if (stamp_is_ptp(error_estimate))
        return nearest_turn(seconds, near_ns / CLK_NS_PER_S) * CLK_NS_PER_S + part;
    seconds -= (uint32_t)ntp_to_unix_s;
    uint64_t ns = (part * CLK_NS_PER_S + (UINT64_C(1) << 31)) >> 32;
    return nearest_turn(seconds, near_ns / CLK_NS_PER_S) * CLK_NS_PER_S + ns;
}

bool stamp_is_ptp(uint16_t error_estimate)
{
    return (error_estimate & ERROR_PTP) != 0;
}

uint16_t stamp_estimate_in(uint16_t error_estimate, bool ptp)
{
    return (uint16_t)(ptp ? error_estimate | ERROR_PTP : error_estimate & ~ERROR_PTP);
}

uint16_t stamp_error_estimate(bool synchronised, uint64_t error_ns)
{
    uint64_t most_ns = UINT64_C(1) << 61; /* 73 years: units below still fit into 64 bits */
    uint64_t ns = error_ns < most_ns ? error_ns : most_ns;
    uint64_t part = ((ns % CLK_NS_PER_S << 32) + CLK_NS_PER_S - 1) / CLK_NS_PER_S;
    uint64_t units = (ns / CLK_NS_PER_S << 32) + part; /* of 2^-32 s */
    unsigned scale = 0;
    for (; units > ERROR_MULTIPLIER_MAX; scale++)
        units = (units + 1) / 2;
    unsigned multiplier = units ? (unsigned)units : 1; /* RFC 4656 4.1.2: must not be 0 */
    unsigned sign = synchronised ? ERROR_SYNCHRONISED : 0;
    return (uint16_t)(sign | scale << ERROR_SCALE_SHIFT | multiplier);
}

uint64_t stamp_error_ns(uint16_t error_estimate)
{
    unsigned scale = (error_estimate >> ERROR_SCALE_SHIFT) & ERROR_SCALE_MAX;
    uint64_t multiplier = error_estimate & ERROR_MULTIPLIER_MAX;
    if (scale >= 32) {
        uint64_t seconds = multiplier << (scale - 32);
        return seconds > UINT64_MAX / CLK_NS_PER_S ? UINT64_MAX : seconds * CLK_NS_PER_S;
    }
    uint64_t units = multiplier << scale;
    return (units >> 32) * CLK_NS_PER_S + ((units & UINT32_MAX) * CLK_NS_PER_S >> 32);
}
