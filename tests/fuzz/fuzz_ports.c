/* The sockets of /proc/net: first byte odd for UDP. */
#include <stdint.h>

#include "probes/host/ports.h"
#include "probes/kit/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf words = { 0 };
    struct ports p = { 0 };
    if (size == 0)
        return 0;
    buf_add(&text, data + 1, size - 1);
    ports_parse(buf_text(&text), data[0] & 1U, &p);
    ports_words(&p, &words);
    return 0;
}
