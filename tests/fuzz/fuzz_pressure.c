/* The texts of /proc/pressure and cpu.stat, hostile. */
#include <stdint.h>
#include <stdlib.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/pressure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    uint64_t some_us = 1;
    uint64_t full_us = 1;
    uint64_t throttled_ns = 0;
    struct err e;
    buf_add(&text, data, size);
    if (pressure_parse(buf_text(&text), &some_us, &full_us, &e) != 0 && some_us != 0) {
        abort();
    }
    (void)pressure_parse_throttled(buf_text(&text), &throttled_ns, &e);
    return 0;
}
