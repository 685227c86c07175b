#include "probes/image/saved.h"

#include <stdlib.h>
#include <string.h>

#include "probes/image/beneath.h"
#include "probes/image/jsonfile.h"
#include "probes/image/listing.h"
#include "probes/image/oci.h"
#include "probes/kit/auto.h"

/* The digest that a path ends with, if it does: "blobs/sha256/DIGEST", "DIGEST.json". */
static bool saved_digest_of(const char *path, const char *before, const char *behind,
                            uint8_t digest[DIGEST_BYTES])
{
    size_t size = strlen(before);
    return strncmp(path, before, size) == 0 && digest_of_hex(path + size, digest) &&
           strcmp(path + size + (size_t)2 * DIGEST_BYTES, behind) == 0;
}

static bool saved_has_tag(const struct node *image, const char *name)
{
    struct node tags = node_member(image, "RepoTags");
    for (size_t i = 0; i < node_count(&tags); i++) {
        const char *tag = json_string_value(json_array_get(tags.value, i));
        if (tag && strcmp(tag, name) == 0)
            return true;
    }
    return false;
}

static void saved_list(const struct node *images, struct listing *names)
{
    for (size_t i = 0; i < node_count(images); i++) {
        struct node image = node_item(images, i);
        struct node tags = node_member(&image, "RepoTags");
        if (node_count(&tags) == 0)
            listing_add(names, "(one without a name)");
        for (size_t k = 0; k < node_count(&tags); k++) {
            const char *tag = json_string_value(json_array_get(tags.value, k));
            listing_add(names, tag ? tag : "?");
        }
    }
}

static int saved_choose(const struct node *images, const char *name, struct node *chosen,
                        struct err *e)
{
    struct listing names = { 0 };
    char more[LISTING_MORE_BYTES];
    char shown[BENEATH_SHOWN_BYTES];
    size_t count = node_count(images);
    if (count == 0)
        return err_set(e, ERR_DATA, 0, "it lists no image");
    for (size_t i = 0; i < count; i++) {
        *chosen = node_item(images, i);
        if (name[0] ? saved_has_tag(chosen, name) : count == 1)
            return 0;
    }
    saved_list(images, &names);
    (void)listing_more(&names, more);
    if (name[0])
        return err_set(e, ERR_USAGE, 0, "it holds no image named '%s', but %s%s",
                       beneath_show(name, shown), names.text, more);
    return err_set(e, ERR_USAGE, 0, "it holds several images; add @ and the name of one: %s%s",
                   names.text, more);
}

static int saved_take_layers(const struct node *image, struct saved *v, struct err *e)
{
    struct node layers;
    if (node_array(image, "Layers", &layers, e))
        return -1;
    size_t count = node_count(&layers);
    if (count > OCI_LAYERS_MAX)
        return err_set(e, ERR_DATA, 0, "%zu layers, and at most %d are read", count,
                       OCI_LAYERS_MAX);
    v->layers = calloc(count + 1, sizeof *v->layers);
    if (!v->layers)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read a list of layers");
    for (; v->count < count; v->count++) {
        struct saved_layer *layer = &v->layers[v->count];
        struct node item = node_item(&layers, v->count);
        if (node_copy(&item, layer->path, sizeof layer->path, e))
            return -1;
        layer->has_digest = saved_digest_of(layer->path, "blobs/sha256/", "", layer->digest);
    }
    return 0;
}

static int saved_take(const struct node *root, const char *name, struct saved *v, struct err *e)
{
    struct node image;
    if (!json_is_array(root->value))
        return node_refuse(root, "an array, as docker save writes it", e);
    if (saved_choose(root, name, &image, e) ||
        node_text(&image, "Config", v->config, sizeof v->config, e)) {
        return -1;
    }
    v->has_config_digest = saved_digest_of(v->config, "", ".json", v->config_digest) ||
                           saved_digest_of(v->config, "blobs/sha256/", "", v->config_digest);
    return saved_take_layers(&image, v, e);
}

int saved_read(struct shelf *s, const char *name, struct saved *v, struct err *e)
{
    AUTO(jsonfile) struct jsonfile file = { 0 };
    *v = (struct saved){ 0 };
    if (jsonfile_read(s, "manifest.json", &file, e))
        return -1;
    struct node root = node_root(file.json);
    if (saved_take(&root, name, v, e) == 0)
        return 0;
    saved_release(v);
    return e->kind == ERR_USAGE ? -1 : err_wrap(e, "manifest.json");
}

void saved_release(struct saved *v)
{
    free(v->layers);
    *v = (struct saved){ 0 };
}
