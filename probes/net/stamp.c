#include "probes/net/stamp.h"

#include <string.h>

#include "probes/kit/clk.h"

enum {
    AT_SEQUENCE = 0,
    AT_TIMESTAMP = 4,
    AT_ERROR = 12,
    AT_SSID = 14,
    AT_RECEIVED = 16,
    AT_REQUEST_SEQUENCE = 24,
    AT_REQUEST_SENT = 28,
    AT_REQUEST_ERROR = 36,
    AT_REQUEST_TTL = 40,
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

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint64_t get(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

void stamp_put_request(const struct stamp_request *r, uint8_t *packet)
{
    memset(packet, 0, STAMP_BYTES);
    put(packet + AT_SEQUENCE, r->sequence, 4);
    put(packet + AT_TIMESTAMP, r->sent, 8);
    put(packet + AT_ERROR, r->sent_error, 2);
    put(packet + AT_SSID, r->ssid, 2);
}

int stamp_get_request(const uint8_t *packet, size_t size, struct stamp_request *r)
{
    if (size < STAMP_LIGHT_BYTES)
        return -1;
    r->sequence = (uint32_t)get(packet + AT_SEQUENCE, 4);
    r->sent = get(packet + AT_TIMESTAMP, 8);
    r->sent_error = (uint16_t)get(packet + AT_ERROR, 2);
    r->ssid = size >= AT_SSID + 2 ? (uint16_t)get(packet + AT_SSID, 2) : 0;
    return 0;
}

void stamp_put_reply(const struct stamp_reply *r, uint8_t *packet, size_t size)
{
    uint8_t whole[STAMP_BYTES] = { 0 };
    put(whole + AT_SEQUENCE, r->sequence, 4);
    put(whole + AT_TIMESTAMP, r->reflected, 8);
    put(whole + AT_ERROR, r->reflected_error, 2);
    put(whole + AT_SSID, r->ssid, 2);
    put(whole + AT_RECEIVED, r->received, 8);
    put(whole + AT_REQUEST_SEQUENCE, r->request.sequence, 4);
    put(whole + AT_REQUEST_SENT, r->request.sent, 8);
    put(whole + AT_REQUEST_ERROR, r->request.sent_error, 2);
    put(whole + AT_REQUEST_TTL, r->request_ttl, 1);
    memcpy(packet, whole, size < STAMP_BYTES ? size : STAMP_BYTES);
}

void stamp_put_reflected(uint8_t *packet, uint64_t reflected)
{
    put(packet + AT_TIMESTAMP, reflected, 8);
}

int stamp_get_reply(const uint8_t *packet, size_t size, struct stamp_reply *r)
{
    if (size < STAMP_REFLECTED_BYTES)
        return -1;
    r->sequence = (uint32_t)get(packet + AT_SEQUENCE, 4);
    r->reflected = get(packet + AT_TIMESTAMP, 8);
    r->reflected_error = (uint16_t)get(packet + AT_ERROR, 2);
    r->ssid = (uint16_t)get(packet + AT_SSID, 2);
    r->received = get(packet + AT_RECEIVED, 8);
    r->request.sequence = (uint32_t)get(packet + AT_REQUEST_SEQUENCE, 4);
    r->request.sent = get(packet + AT_REQUEST_SENT, 8);
    r->request.sent_error = (uint16_t)get(packet + AT_REQUEST_ERROR, 2);
    r->request.ssid = r->ssid;
    r->request_ttl = packet[AT_REQUEST_TTL];
    return 0;
}

uint64_t stamp_ntp_of_ns(uint64_t unix_ns)
{
    uint64_t seconds = unix_ns / CLK_NS_PER_S + ntp_to_unix_s;
    uint64_t fraction = ((unix_ns % CLK_NS_PER_S << 32) + CLK_NS_PER_S / 2) / CLK_NS_PER_S;
    return (seconds << 32) + fraction;
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
