#include "reports/formats.h"

static int write_document(const struct report *r, struct buf *out, struct err *e)
{
    return document_write(r->document, out, e);
}

const struct renderer render_json = { .name = "json", .suffix = "json", .render = write_document };
