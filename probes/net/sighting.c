#include "probes/net/sighting.h"

#include <string.h>

#include "probes/net/octet.h"

enum {
    ETHERNET_BYTES = 14,
    COOKED_BYTES = 16,
    TAG_BYTES = 4,
    TAG_TYPE = 0x8100,
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    UDP_BYTES = 8,
    UDP_PROTOCOL = 17,
};

enum sighting_link sighting_link_of(int linktype)
{
    /* SOURCE: LINKTYPE_ETHERNET, _RAW as DLT_RAW on Linux and as in files, _LINUX_SLL, _IPV4,
     * _IPV6. */
    static const struct {
        int linktype;
        enum sighting_link link;
    } rows[] = {
        {1,    SIGHTING_ETHERNET},
        { 12,  SIGHTING_IP      },
        { 101, SIGHTING_IP      },
        { 113, SIGHTING_COOKED  },
        { 228, SIGHTING_IP      },
        { 229, SIGHTING_IP      },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].linktype == linktype)
            return rows[i].link;
    }
    return SIGHTING_UNKNOWN;
}

/* Octets before the IP header. */
static size_t link_bytes(enum sighting_link link, const uint8_t *frame, size_t size)
{
    if (link == SIGHTING_COOKED)
        return COOKED_BYTES;
    if (link != SIGHTING_ETHERNET)
        return 0;
    bool is_tagged = size >= ETHERNET_BYTES + TAG_BYTES && octet_get(frame + 12, 2) == TAG_TYPE;
    return ETHERNET_BYTES + (is_tagged ? TAG_BYTES : 0);
}

/* Reads the addresses; octets of the header, 0 when it is none that carries UDP. */
static size_t read_ipv4(const uint8_t *ip, size_t size, struct sighting *s)
{
    if (size < IPV4_BYTES)
        return 0;
    size_t header = (size_t)(ip[0] & 15) * 4;
    bool is_fragment = (octet_get(ip + 6, 2) & 0x3fff) != 0;
    if (header < IPV4_BYTES || is_fragment || ip[9] != UDP_PROTOCOL)
        return 0;
    s->from.v4.sin_family = s->to.v4.sin_family = AF_INET;
    memcpy(&s->from.v4.sin_addr, ip + 12, sizeof s->from.v4.sin_addr);
    memcpy(&s->to.v4.sin_addr, ip + 16, sizeof s->to.v4.sin_addr);
    return header;
}

static size_t read_ipv6(const uint8_t *ip, size_t size, struct sighting *s)
{
    if (size < IPV6_BYTES || ip[6] != UDP_PROTOCOL)
        return 0;
    s->from.v6.sin6_family = s->to.v6.sin6_family = AF_INET6;
    memcpy(&s->from.v6.sin6_addr, ip + 8, sizeof s->from.v6.sin6_addr);
    memcpy(&s->to.v6.sin6_addr, ip + 24, sizeof s->to.v6.sin6_addr);
    return IPV6_BYTES;
}

static void set_port(union peer_sockaddr *a, const uint8_t *port)
{
    uint16_t n;
    memcpy(&n, port, sizeof n);
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = n;
    else
        a->v4.sin_port = n;
}

bool sighting_read(enum sighting_link link, const uint8_t *frame, size_t size, struct sighting *s)
{
    size_t at = link_bytes(link, frame, size);
    *s = (struct sighting){ 0 };
    if (link == SIGHTING_UNKNOWN || at >= size)
        return false;
    unsigned version = frame[at] >> 4;
    size_t header = version == 4   ? read_ipv4(frame + at, size - at, s)
                    : version == 6 ? read_ipv6(frame + at, size - at, s)
                                   : 0;
    if (header == 0 || size - at < header + UDP_BYTES)
        return false;
    const uint8_t *udp = frame + at + header;
    size_t said = (size_t)octet_get(udp + 4, 2);
    size_t there = size - at - header;
    size_t whole = said < there ? said : there;
    if (said < UDP_BYTES)
        return false;
    set_port(&s->from, udp);
    set_port(&s->to, udp + 2);
    s->bytes = udp + UDP_BYTES;
    s->size = whole - UDP_BYTES;
    return true;
}
