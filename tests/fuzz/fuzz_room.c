/* The texts that bound the ring of noise.speed, hostile: the first byte says which. */
#include <stdint.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/noise/cache.h"
#include "probes/noise/room.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    if (size == 0)
        return 0;
    buf_add(&text, data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        (void)room_parse_available(buf_text(&text));
        break;
    case 1:
        (void)room_limit_bytes(-1, buf_text(&text));
        break;
    default:
        (void)cache_parse_size(buf_text(&text));
        break;
    }
    return 0;
}
