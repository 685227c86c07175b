#include "probes/image/oci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/image/beneath.h"
#include "probes/image/index.h"
#include "probes/image/manifest.h"
#include "probes/image/media.h"
#include "probes/image/saved.h"
#include "probes/kit/auto.h"

/* An image on its way from the shelf. */
struct oci_reading {
    struct shelf *shelf;
    const char *name;
    struct platform wanted;
    struct oci_image *image;
};

/* Room for the layers, of which there are as many as the config has diff_ids. */
static int oci_prepare(struct oci_reading *r, const struct config *c, unsigned count, struct err *e)
{
    struct oci_image *i = r->image;
    char shown[PLATFORM_SHOWN_BYTES];
    if (count != c->count)
        return err_set(e, ERR_DATA, 0, "%u layers, and its config has %u diff_ids", count,
                       c->count);
    if (count == 0)
        return err_set(e, ERR_DATA, 0, "it has no layers");
    i->layers = calloc(count, sizeof *i->layers);
    if (!i->layers)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to open an image");
    i->count = count;
    for (unsigned n = 0; n < count; n++)
        memcpy(i->layers[n].diff_id, c->diff_ids[n], DIGEST_BYTES);
    (void)snprintf(i->platform, sizeof i->platform, "%s", platform_show(&c->platform, shown));
    digest_hex(c->digest, i->id);
    return 0;
}

static int oci_take(struct oci_reading *r, unsigned n, const char *path, const char *media_type,
                    struct err *e)
{
    struct oci_layer *layer = &r->image->layers[n];
    struct shelf_book book;
    if (shelf_take(r->shelf, path, &book, e))
        return -1;
    layer->source =
        (struct stream_source){ .fd = book.fd, .offset = book.offset, .size = book.size };
    r->image->packed_bytes += book.size;
    return media_judge(media_type, &layer->source, e);
}

static int oci_take_described(struct oci_reading *r, unsigned n, const struct descriptor *d,
                              struct err *e)
{
    struct oci_layer *layer = &r->image->layers[n];
    char path[DESCRIPTOR_PATH_BYTES];
    descriptor_path(d, path);
    if (oci_take(r, n, path, d->media_type, e))
        return -1;
    if (layer->source.size != d->size)
        return err_set(e, ERR_DATA, 0, "%s has %llu bytes, and its descriptor says %llu", path,
                       (unsigned long long)layer->source.size, (unsigned long long)d->size);
    memcpy(layer->digest, d->digest, DIGEST_BYTES);
    layer->has_digest = true;
    return 0;
}

static int oci_read_manifest(struct oci_reading *r, const struct manifest *m, struct err *e)
{
    AUTO(jsonfile) struct jsonfile file = { 0 };
    struct config config = { 0 };
    if (!manifest_is_image(m))
        return err_set(e, ERR_UNSUPPORTED, 0, "it is no container image: its config is '%s'",
                       m->config.media_type);
    if (jsonfile_read_blob(r->shelf, &m->config, &file, e))
        return err_wrap(e, "config");
    int failed = manifest_read_config(&file, &config, e) || oci_prepare(r, &config, m->count, e);
    manifest_release_config(&config);
    for (unsigned n = 0; !failed && n < m->count; n++) {
        failed = oci_take_described(r, n, &m->layers[n], e);
        if (failed)
            (void)err_wrap(e, "layer %u of %u", n + 1, m->count);
    }
    return failed ? -1 : 0;
}

/* SOURCE: image-layout.md, "oci-layout file". */
static int oci_check_layout(struct shelf *s, struct err *e)
{
    AUTO(jsonfile) struct jsonfile file = { 0 };
    char version[16];
    if (jsonfile_read(s, "oci-layout", &file, e))
        return -1;
    struct node root = node_root(file.json);
    if (node_text(&root, "imageLayoutVersion", version, sizeof version, e))
        return err_wrap(e, "oci-layout");
    if (strncmp(version, "1.", 2) != 0)
        return err_set(e, ERR_UNSUPPORTED, 0, "oci-layout: its version is not 1, which is read");
    return 0;
}

static int oci_read_layout(struct oci_reading *r, struct err *e)
{
    struct descriptor found;
    struct manifest manifest;
    if (oci_check_layout(r->shelf, e) || index_find(r->shelf, r->name, &r->wanted, &found, e) ||
        manifest_read(r->shelf, &found, &manifest, e)) {
        return -1;
    }
    int failed = oci_read_manifest(r, &manifest, e);
    manifest_release(&manifest);
    return failed;
}

static int oci_check_platform(const struct oci_reading *r, const struct config *c, struct err *e)
{
    char wanted[PLATFORM_SHOWN_BYTES];
    char found[PLATFORM_SHOWN_BYTES];
    if (platform_rank(&r->wanted, &c->platform) >= 0)
        return 0;
    return err_set(e, ERR_UNSUPPORTED, 0, "it holds no image for %s, but for: %s",
                   platform_show(&r->wanted, wanted), platform_show(&c->platform, found));
}

static int oci_read_saved_config(struct oci_reading *r, const struct saved *v, struct config *c,
                                 struct err *e)
{
    AUTO(jsonfile) struct jsonfile file = { 0 };
    char shown[BENEATH_SHOWN_BYTES];
    if (jsonfile_read(r->shelf, v->config, &file, e))
        return err_wrap(e, "config");
    if (v->has_config_digest && digest_compare(file.digest, v->config_digest, e))
        return err_wrap(e, "config %s", beneath_show(v->config, shown));
    return manifest_read_config(&file, c, e);
}

static int oci_take_saved(struct oci_reading *r, const struct saved *v, struct err *e)
{
    for (unsigned n = 0; n < v->count; n++) {
        struct oci_layer *layer = &r->image->layers[n];
        if (oci_take(r, n, v->layers[n].path, "", e))
            return err_wrap(e, "layer %u of %u", n + 1, v->count);
        layer->has_digest = v->layers[n].has_digest;
        memcpy(layer->digest, v->layers[n].digest, DIGEST_BYTES);
    }
    return 0;
}

static int oci_read_saved(struct oci_reading *r, struct err *e)
{
    AUTO(saved) struct saved saved = { 0 };
    struct config config = { 0 };
    if (saved_read(r->shelf, r->name, &saved, e))
        return -1;
    int failed = oci_read_saved_config(r, &saved, &config, e) ||
                 oci_check_platform(r, &config, e) || oci_prepare(r, &config, saved.count, e) ||
                 oci_take_saved(r, &saved, e);
    manifest_release_config(&config);
    return failed ? -1 : 0;
}

/* What an image is known by, the first that is there. */
struct oci_form {
    const char *marker;
    const char *names[2]; /* as a directory, as an archive */
    int (*read)(struct oci_reading *r, struct err *e);
};

static const struct oci_form oci_forms[] = {
    {"index.json",     { "OCI image layout", "OCI archive" },              oci_read_layout},
    { "manifest.json", { "docker-save directory", "docker-save archive" }, oci_read_saved },
};

static int oci_read(struct oci_reading *r, struct err *e)
{
    for (size_t n = 0; n < sizeof oci_forms / sizeof *oci_forms; n++) {
        const struct oci_form *form = &oci_forms[n];
        if (!shelf_has(r->shelf, form->marker))
            continue;
        (void)snprintf(r->image->form, sizeof r->image->form, "%s",
                       form->names[r->shelf->is_archive]);
        return form->read(r, e) || shelf_surrender(r->shelf, &r->image->fds, &r->image->fd_count, e)
                   ? -1
                   : 0;
    }
    return err_set(e, ERR_DATA, 0,
                   "it is no image: neither index.json (OCI image layout) nor manifest.json "
                   "(docker save) is in it");
}

int oci_open(int dir_fd, const char *path, const struct oci_wish *wish, struct oci_image *i,
             struct err *e)
{
    AUTO(shelf) struct shelf shelf = { .fd = -1 };
    char shown[BENEATH_SHOWN_BYTES];
    struct oci_reading reading = { .shelf = &shelf,
                                   .image = i,
                                   .name = wish->name ? wish->name : "" };
    *i = (struct oci_image){ 0 };
    int failed = wish->platform ? platform_parse(wish->platform, &reading.wanted, e)
                                : platform_host(&reading.wanted, e);
    if (failed)
        return -1;
    if (shelf_open(&shelf, dir_fd, path, e) || oci_read(&reading, e)) {
        oci_close(i);
        return err_wrap(e, "image '%s'", beneath_show(path, shown));
    }
    return 0;
}

void oci_close(struct oci_image *i)
{
    for (unsigned n = 0; n < i->fd_count; n++)
        auto_close_fd(&i->fds[n]);
    free(i->fds);
    free(i->layers);
    *i = (struct oci_image){ 0 };
}
