#include "probes/net/dissect.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <pcap/dlt.h>

enum {
    TAG_BYTES = 4,
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    TCP_BYTES = 20,
    AH = 51,
    ETHERTYPE_QINQ_OLD = 0x9100,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_ANY_IP = 0 /* the version field of the packet says which */
};

/* What is still to be read: size octets captured of wire. */
struct rest {
    const uint8_t *at;
    uint32_t size;
    uint32_t wire;
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static bool skip(struct rest *r, uint32_t bytes)
{
    if (bytes > r->size || bytes > r->wire)
        return false;
    r->at += bytes;
    r->size -= bytes;
    r->wire -= bytes;
    return true;
}

/* Where a link layer says what it carries, and how long it is. */
static const struct link {
    int dlt;
    uint8_t header_bytes;
    int8_t type_at; /* of the two octets of an EtherType; -1: IP follows at once */
} links[] = {
    {DLT_EN10MB,      14, 12},
    { DLT_LINUX_SLL,  16, 14},
    { DLT_LINUX_SLL2, 20, 0 },
    { DLT_RAW,        0,  -1},
    { DLT_IPV4,       0,  -1},
    { DLT_IPV6,       0,  -1},
    { DLT_NULL,       4,  -1},
    { DLT_LOOP,       4,  -1},
};

static const struct link *find_link(int dlt)
{
    for (unsigned i = 0; i < sizeof links / sizeof *links; i++) {
        if (links[i].dlt == dlt)
            return &links[i];
    }
    return NULL;
}

bool dissect_knows(int link)
{
    return find_link(link) != NULL;
}

static bool is_tag(uint16_t type)
{
    return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ || type == ETHERTYPE_QINQ_OLD;
}

/* Behind the tags; the EtherType in *type. */
static bool skip_link(const struct link *link, struct rest *r, uint16_t *type)
{
    const uint8_t *header = r->at;
    if (!skip(r, link->header_bytes))
        return false;
    *type = link->type_at < 0 ? ETHERTYPE_ANY_IP : get16(header + link->type_at);
    for (unsigned depth = 0; is_tag(*type) && depth < DISSECT_TAGS; depth++) {
        const uint8_t *tag = r->at;
        if (!skip(r, TAG_BYTES))
            return false;
        *type = get16(tag + 2);
    }
    return true;
}

/* What follows the IP header is no longer than that says; 0 is a segment that the NIC will cut. */
static bool bound(struct rest *r, uint32_t bytes)
{
    if (bytes == 0)
        return true;
    bool fits = bytes <= r->wire;
    r->wire = fits ? bytes : r->wire;
    r->size = r->size < r->wire ? r->size : r->wire;
    return fits;
}

static enum dissect_kind take_timestamps(const uint8_t *options, uint32_t size,
                                         struct dissect_segment *s)
{
    enum {
        END = 0,
        NOP = 1,
        TIMESTAMPS = 8,
        TIMESTAMPS_BYTES = 10
    };

    for (uint32_t at = 0; at < size && options[at] != END;) {
        if (options[at] == NOP) {
            at++;
            continue;
        }
        uint32_t length = at + 1 < size ? options[at + 1] : 0;
        if (length < 2 || length > size - at)
            return DISSECT_TCP; /* cut, or odd: the rest of the header stands */
        if (options[at] == TIMESTAMPS && length == TIMESTAMPS_BYTES) {
            s->stamped = true;
            s->tsval = get32(options + at + 2);
            s->tsecr = get32(options + at + 6);
        }
        at += length;
    }
    return DISSECT_TCP;
}

static enum dissect_kind take_tcp(struct rest r, struct dissect_segment *s)
{
    if (r.wire < TCP_BYTES)
        return DISSECT_MALFORMED;
    if (r.size < TCP_BYTES)
        return DISSECT_CUT;
    uint32_t header = (uint32_t)(r.at[12] >> 4) * 4;
    if (header < TCP_BYTES || header > r.wire)
        return DISSECT_MALFORMED;
    s->from.port = get16(r.at);
    s->to.port = get16(r.at + 2);
    s->seq = get32(r.at + 4);
    s->ack = get32(r.at + 8);
    s->flags = r.at[13];
    s->window = get16(r.at + 14);
    s->payload_bytes = r.wire - header;
    uint32_t captured = header < r.size ? header : r.size;
    return take_timestamps(r.at + TCP_BYTES, captured - TCP_BYTES, s);
}

static enum dissect_kind take_ipv4(struct rest r, struct dissect_segment *s)
{
    if (r.size < IPV4_BYTES)
        return DISSECT_CUT;
    uint32_t header = (uint32_t)(r.at[0] & 15) * 4;
    uint32_t total = get16(r.at + 2);
    if (header < IPV4_BYTES || (total && total < header) || !bound(&r, total))
        return DISSECT_MALFORMED;
    if (r.at[9] != IPPROTO_TCP)
        return DISSECT_OTHER;
    if (get16(r.at + 6) & 0x3fff) /* more follow, or it is not the first */
        return DISSECT_FRAGMENT;
    s->version = 4;
    s->id = get16(r.at + 4);
    memcpy(s->from.address, r.at + 12, 4);
    memcpy(s->to.address, r.at + 16, 4);
    return skip(&r, header) ? take_tcp(r, s) : DISSECT_CUT;
}

/* The length of an extension header that may be skipped; 0 when it is none. */
static uint32_t extension_bytes(uint8_t type, const uint8_t *at)
{
    if (type == AH)
        return ((uint32_t)at[1] + 2) * 4;
    bool skipped = type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_DSTOPTS;
    return skipped ? ((uint32_t)at[1] + 1) * 8 : 0;
}

static enum dissect_kind take_extensions(struct rest r, uint8_t type, struct dissect_segment *s)
{
    for (unsigned i = 0; type != IPPROTO_TCP && i < DISSECT_EXTENSIONS; i++) {
        if (type == IPPROTO_FRAGMENT)
            return DISSECT_FRAGMENT;
        uint8_t none[2] = { 0 };
        if (!extension_bytes(type, none))
            return DISSECT_OTHER;
        if (r.wire < 8)
            return DISSECT_MALFORMED;
        if (r.size < 2)
            return DISSECT_CUT;
        uint32_t bytes = extension_bytes(type, r.at);
        type = r.at[0];
        if (bytes > r.wire)
            return DISSECT_MALFORMED;
        if (!skip(&r, bytes))
            return DISSECT_CUT;
    }
    return type == IPPROTO_TCP ? take_tcp(r, s) : DISSECT_OTHER;
}

static enum dissect_kind take_ipv6(struct rest r, struct dissect_segment *s)
{
    if (r.size < IPV6_BYTES)
        return DISSECT_CUT;
    const uint8_t *header = r.at;
    uint32_t payload = get16(header + 4);
    if (!bound(&r, payload ? payload + IPV6_BYTES : 0) || !skip(&r, IPV6_BYTES))
        return DISSECT_MALFORMED;
    s->version = 6;
    memcpy(s->from.address, header + 8, 16);
    memcpy(s->to.address, header + 24, 16);
    return take_extensions(r, header[6], s);
}

enum dissect_kind dissect_packet(int link, const uint8_t *bytes, uint32_t size, uint32_t wire,
                                 struct dissect_segment *s)
{
    struct rest r = { bytes, size < wire ? size : wire, wire };
    const struct link *layer = find_link(link);
    uint16_t type = 0;
    *s = (struct dissect_segment){ 0 };
    if (!layer)
        return DISSECT_OTHER;
    if (!skip_link(layer, &r, &type))
        return DISSECT_CUT;
    if (type != ETHERTYPE_ANY_IP && type != ETHERTYPE_IP && type != ETHERTYPE_IPV6)
        return DISSECT_OTHER;
    if (r.size == 0)
        return DISSECT_CUT;
    unsigned version = r.at[0] >> 4;
    if (version == 4 && type != ETHERTYPE_IPV6)
        return take_ipv4(r, s);
    if (version == 6 && type != ETHERTYPE_IP)
        return take_ipv6(r, s);
    return type == ETHERTYPE_ANY_IP ? DISSECT_OTHER : DISSECT_MALFORMED;
}

const char *dissect_name(const struct dissect_end *end, uint8_t version,
                         char name[DISSECT_NAME_BYTES])
{
    char text[INET6_ADDRSTRLEN] = "?";
    bool v6 = version == 6;
    (void)inet_ntop(v6 ? AF_INET6 : AF_INET, end->address, text, sizeof text);
    (void)snprintf(name, DISSECT_NAME_BYTES, v6 ? "[%s]:%u" : "%s:%u", text, end->port);
    return name;
}
