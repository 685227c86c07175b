/*
 * Whatever bytes: a document is read or refused with a sentence; one that was read is written, read
 * again and then written the same. The same bytes as a fragment must not hurt either.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int condition)
{
    if (!condition) {
        abort();
    }
}

static void try_document(const char *text, size_t size)
{
    struct err e = { 0 };
    AUTO(document) struct document d = { 0 };
    AUTO(document) struct document back = { 0 };
    AUTO(buf) struct buf once = { 0 };
    AUTO(buf) struct buf twice = { 0 };
    if (document_read(text, size, "fuzz", &d, &e) != 0) {
        demand(e.kind != ERR_NONE && e.msg[0] && !d.measurements);
        return;
    }
    demand(document_write(&d, &once, &e) == 0);
    demand(document_read(buf_text(&once), once.size, "again", &back, &e) == 0);
    demand(document_write(&back, &twice, &e) == 0);
    demand(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    for (unsigned i = 0; i < d.measurement_count; i++) {
        buf_clear(&twice);
        result_headline(&d.measurements[i], &twice);
        demand(result_summarise(&d.measurements[i], &e) == 0);
    }
}

static void try_fragment(const char *text, size_t size)
{
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    AUTO(result) struct result other = { 0 };
    AUTO(buf) struct buf out = { 0 };
    if (document_read_fragment(text, size, &r, &e) != 0) {
        demand(e.kind != ERR_NONE && e.msg[0] && !r.metrics);
        return;
    }
    demand(document_write_fragment(&r, &out, &e) == 0);
    demand(document_read_fragment(buf_text(&out), out.size, &other, &e) == 0);
    if (result_absorb(&r, &other, &e) == 0) {
        (void)result_summarise(&r, &e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of its own length, so that a read past the end is seen. */
    AUTO_FREE char *text = malloc(size ? size : 1);
    if (text) {
        memcpy(text, data, size);
        try_document(text, size);
        try_fragment(text, size);
    }
    return 0;
}
