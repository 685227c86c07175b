/*
 * Frames of any content: what is taken out of one lies inside it.
 */
#include <stdlib.h>

#include "probes/net/sighting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum sighting_link links[] = { SIGHTING_UNKNOWN, SIGHTING_ETHERNET, SIGHTING_IP,
                                                SIGHTING_COOKED };
    struct sighting s;
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (!sighting_read(links[i], data, size, &s))
            continue;
        if (s.bytes < data || s.size > size || s.bytes + s.size > data + size ||
            s.from.any.sa_family != s.to.any.sa_family)
            abort();
    }
    return 0;
}
