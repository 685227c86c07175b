/*
 * Packets of any bytes, of every link layer: read within their bounds, and what is told of a
 * segment fits in the packet. The first octet is the link layer, the next two what was cut off.
 */
#include <stdlib.h>
#include <string.h>

#include <pcap/dlt.h>

#include "probes/net/dissect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int links[] = { DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_IPV4,
                             DLT_IPV6,   DLT_NULL,      DLT_LOOP,       DLT_PPI };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dissect_segment s;
    char name[DISSECT_NAME_BYTES];
    if (size < 3)
        return 0;
    int link = links[data[0] % (sizeof links / sizeof *links)];
    uint32_t captured = (uint32_t)size - 3;
    uint32_t wire = captured + (uint32_t)(data[1] << 8 | data[2]);
    uint8_t *packet = malloc(captured ? captured : 1); /* so that one octet too far is seen */
    if (!packet)
        return 0;
    memcpy(packet, data + 3, captured);
    enum dissect_kind kind = dissect_packet(link, packet, captured, wire, &s);
    free(packet);
    if (kind >= DISSECT_KINDS || (kind == DISSECT_TCP && s.version != 4 && s.version != 6))
        abort();
    if (kind == DISSECT_TCP && s.payload_bytes + 40 > wire)
        abort();
    if (!*dissect_name(&s.from, s.version, name))
        abort();
    return 0;
}
