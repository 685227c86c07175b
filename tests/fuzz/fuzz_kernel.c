/* A kernel config, as text and as gzip, and a release. */
#include <stdint.h>

#include "probes/host/kernel.h"
#include "probes/kit/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_options(const struct buf *text)
{
    AUTO(buf) struct buf words = { 0 };
    struct err e;
    (void)kernel_options(buf_text(text), &words, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf inflated = { .cap = 1 << 16 };
    struct err e;
    buf_add(&text, data, size);
    (void)kernel_version(buf_text(&text));
    read_options(&text);
    if (!kernel_gunzip(data, size, &inflated, &e))
        read_options(&inflated);
    return 0;
}
