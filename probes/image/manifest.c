#include "probes/image/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "probes/image/oci.h"
#include "probes/kit/auto.h"

enum {
    MANIFEST_SCHEMA = 2
};

int manifest_check_form(const struct node *at, const struct descriptor *d, const char *banned,
                        struct err *e)
{
    uint64_t version = 0;
    char media_type[DESCRIPTOR_TYPE_BYTES];
    if (!json_is_object(at->value))
        return node_refuse(at, "an object", e);
    if (node_u64(at, "schemaVersion", &version, e))
        return -1;
    if (version != MANIFEST_SCHEMA)
        return err_set(e, ERR_UNSUPPORTED, 0, "schemaVersion %llu, and %d is read",
                       (unsigned long long)version, MANIFEST_SCHEMA);
    if (node_text_or_empty(at, "mediaType", media_type, sizeof media_type, e))
        return -1;
    if (media_type[0] && strcmp(media_type, d->media_type) != 0)
        return err_set(e, ERR_DATA, 0, "its media type is not the '%s' it was called",
                       d->media_type);
    if (node_has(at, banned))
        return err_set(e, ERR_DATA, 0, "it has '%s', which no %s has", banned,
                       d->kind == DESCRIPTOR_INDEX ? "index" : "manifest");
    return 0;
}

static int manifest_read_layers(const struct node *at, struct manifest *m, struct err *e)
{
    struct node layers;
    if (node_array(at, "layers", &layers, e))
        return -1;
    size_t count = node_count(&layers);
    if (count > OCI_LAYERS_MAX)
        return err_set(e, ERR_DATA, 0, "%zu layers, and at most %d are read", count,
                       OCI_LAYERS_MAX);
    m->layers = calloc(count + 1, sizeof *m->layers);
    if (!m->layers)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read a manifest");
    for (; m->count < count; m->count++) {
        struct node layer = node_item(&layers, m->count);
        if (descriptor_read(&layer, &m->layers[m->count], e))
            return -1;
    }
    return 0;
}

static int manifest_take(const struct jsonfile *t, const struct descriptor *d, struct manifest *m,
                         struct err *e)
{
    struct node root = node_root(t->json);
    struct node config;
    if (manifest_check_form(&root, d, "manifests", e) || node_object(&root, "config", &config, e) ||
        descriptor_read(&config, &m->config, e)) {
        return -1;
    }
    return manifest_read_layers(&root, m, e);
}

int manifest_read(struct shelf *s, const struct descriptor *d, struct manifest *m, struct err *e)
{
    AUTO(jsonfile) struct jsonfile file = { 0 };
    *m = (struct manifest){ 0 };
    if (jsonfile_read_blob(s, d, &file, e) || manifest_take(&file, d, m, e)) {
        manifest_release(m);
        return err_wrap(e, "manifest");
    }
    return 0;
}

void manifest_release(struct manifest *m)
{
    free(m->layers);
    *m = (struct manifest){ 0 };
}

bool manifest_is_image(const struct manifest *m)
{
    return m->config.kind == DESCRIPTOR_CONFIG;
}

static int manifest_take_config(const struct node *root, struct config *c, struct err *e)
{
    struct node rootfs;
    struct node diff_ids;
    if (!json_is_object(root->value))
        return node_refuse(root, "an object", e);
    if (platform_read(root, &c->platform, e) || node_object(root, "rootfs", &rootfs, e) ||
        node_array(&rootfs, "diff_ids", &diff_ids, e)) {
        return -1;
    }
    size_t count = node_count(&diff_ids);
    if (count > OCI_LAYERS_MAX)
        return err_set(e, ERR_DATA, 0, "%zu diff_ids, and at most %d are read", count,
                       OCI_LAYERS_MAX);
    c->diff_ids = calloc(count + 1, sizeof *c->diff_ids);
    if (!c->diff_ids)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read a config");
    for (; c->count < count; c->count++) {
        struct node item = node_item(&diff_ids, c->count);
        const char *text = json_string_value(item.value);
        if (!text)
            return node_refuse(&item, "a string", e);
        if (digest_parse(text, c->diff_ids[c->count], e))
            return err_wrap(e, "%s", item.where);
    }
    return 0;
}

int manifest_read_config(const struct jsonfile *t, struct config *c, struct err *e)
{
    struct node root = node_root(t->json);
    *c = (struct config){ 0 };
    memcpy(c->digest, t->digest, sizeof c->digest);
    if (manifest_take_config(&root, c, e)) {
        manifest_release_config(c);
        return err_wrap(e, "config");
    }
    return 0;
}

void manifest_release_config(struct config *c)
{
    free(c->diff_ids);
    *c = (struct config){ 0 };
}
