#include "probes/image/jsonfile.h"

#include "probes/image/beneath.h"
#include "probes/image/oci.h"
#include "probes/kit/auto.h"

int jsonfile_read(struct shelf *s, const char *name, struct jsonfile *t, struct err *e)
{
    AUTO(buf) struct buf text = { .cap = OCI_DOCUMENT_BYTES };
    char shown[BENEATH_SHOWN_BYTES];
    *t = (struct jsonfile){ 0 };
    if (shelf_read(s, name, &text, e))
        return err_wrap(e, "%s", beneath_show(name, shown));
    digest_of_bytes(buf_text(&text), text.size, t->digest);
    t->json = node_parse_foreign(buf_text(&text), text.size, beneath_show(name, shown), e);
    return t->json ? 0 : -1;
}

/* Size and digest come first: what is not what it should be is not parsed. */
static int jsonfile_take_blob(struct shelf *s, const struct descriptor *d, const char *path,
                              struct jsonfile *t, struct err *e)
{
    AUTO(buf) struct buf text = { .cap = OCI_DOCUMENT_BYTES };
    if (d->size > OCI_DOCUMENT_BYTES)
        return err_set(e, ERR_DATA, 0, "its descriptor says %llu bytes, and at most %d are read",
                       (unsigned long long)d->size, OCI_DOCUMENT_BYTES);
    if (shelf_read(s, path, &text, e))
        return -1;
    if (text.size != d->size)
        return err_set(e, ERR_DATA, 0, "%zu bytes, and its descriptor says %llu", text.size,
                       (unsigned long long)d->size);
    digest_of_bytes(buf_text(&text), text.size, t->digest);
    if (digest_compare(t->digest, d->digest, e))
        return -1;
    t->json = node_parse_foreign(buf_text(&text), text.size, "its text", e);
    return t->json ? 0 : -1;
}

int jsonfile_read_blob(struct shelf *s, const struct descriptor *d, struct jsonfile *t,
                       struct err *e)
{
    char path[DESCRIPTOR_PATH_BYTES];
    *t = (struct jsonfile){ 0 };
    descriptor_path(d, path);
    return jsonfile_take_blob(s, d, path, t, e) ? err_wrap(e, "%s", path) : 0;
}

void jsonfile_release(struct jsonfile *t)
{
    json_decref(t->json);
    t->json = NULL;
}
