#include "probes/image/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

#define LAYOUT_BLOBS   "blobs/sha256"
#define LAYOUT_CREATED "1970-01-01T00:00:00Z"

enum {
    LAYOUT_NAME_BYTES = 2 * SHA256_DIGEST_SIZE + 1,
    LAYOUT_DIGEST_BYTES = LAYOUT_NAME_BYTES + sizeof "sha256:",
};

static int layout_mkdir(int fd, const char *name, struct err *e)
{
    if (mkdirat(fd, name, 0755))
        return err_set(e, err_kind_of(errno), errno, "create the directory '%s'", name);
    return 0;
}

static int layout_open_dir(int fd, const char *name, struct err *e)
{
    int opened = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return opened >= 0 ? opened : err_set(e, err_kind_of(errno), errno, "open '%s'", name);
}

int layout_create(struct layout *l, int dir_fd, const char *name, struct err *e)
{
    *l = (struct layout){ .root_fd = -1, .blobs_fd = -1 };
    if (layout_mkdir(dir_fd, name, e))
        return -1;
    l->root_fd = layout_open_dir(dir_fd, name, e);
    if (l->root_fd < 0 || layout_mkdir(l->root_fd, "blobs", e) ||
        layout_mkdir(l->root_fd, LAYOUT_BLOBS, e))
        return -1;
    l->blobs_fd = layout_open_dir(l->root_fd, LAYOUT_BLOBS, e);
    return l->blobs_fd < 0 ? -1 : 0;
}

void layout_release(struct layout *l)
{
    auto_close_fd(&l->root_fd);
    auto_close_fd(&l->blobs_fd);
    l->root_fd = -1;
    l->blobs_fd = -1;
}

static void layout_hex(const uint8_t digest[SHA256_DIGEST_SIZE], char hex[LAYOUT_NAME_BYTES])
{
    for (unsigned i = 0; i < SHA256_DIGEST_SIZE; i++)
        (void)snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
}

static json_t *layout_digest(const uint8_t digest[SHA256_DIGEST_SIZE])
{
    char text[LAYOUT_DIGEST_BYTES] = "sha256:";
    layout_hex(digest, text + strlen(text));
    return json_string(text);
}

/* "layer-3" */
static void layout_part(unsigned number, char name[LAYOUT_NAME_BYTES])
{
    (void)snprintf(name, LAYOUT_NAME_BYTES, "layer-%u", number);
}

static int layout_open_file(int fd, const char *name, struct err *e)
{
    int opened = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    return opened >= 0 ? opened : err_set(e, err_kind_of(errno), errno, "create '%s'", name);
}

int layout_open_blob(const struct layout *l, unsigned number, struct err *e)
{
    char part[LAYOUT_NAME_BYTES];
    layout_part(number, part);
    return layout_open_file(l->blobs_fd, part, e);
}

int layout_add(struct layout *l, unsigned number, const struct layer *layer, struct err *e)
{
    char part[LAYOUT_NAME_BYTES];
    char name[LAYOUT_NAME_BYTES];
    layout_part(number, part);
    layout_hex(layer->digest, name);
    l->written_bytes += layer->packed_bytes;
    if (renameat(l->blobs_fd, part, l->blobs_fd, name))
        return err_set(e, err_kind_of(errno), errno, "rename '%s'", part);
    return 0;
}

static int layout_write(struct layout *l, int fd, const char *name, const char *text, struct err *e)
{
    AUTO_CLOSE int file = layout_open_file(fd, name, e);
    if (file < 0)
        return -1;
    if (file_write_all(file, text, strlen(text), e))
        return err_wrap(e, "'%s'", name);
    l->written_bytes += strlen(text);
    return 0;
}

/* Takes the document; NULL when out of memory. */
static char *layout_text(json_t *document)
{
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}

/* Takes the document, writes it as a blob and gives the descriptor of it; NULL on failure. */
static json_t *layout_put_blob(struct layout *l, const char *media_type, json_t *document,
                               struct err *e)
{
    AUTO_FREE char *text = layout_text(document);
    struct sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char name[LAYOUT_NAME_BYTES];
    if (!text) {
        (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory to describe an image");
        return NULL;
    }
    sha256_init(&ctx);
    sha256_update(&ctx, strlen(text), (const uint8_t *)text);
    sha256_digest(&ctx, sizeof digest, digest);
    layout_hex(digest, name);
    if (layout_write(l, l->blobs_fd, name, text, e))
        return NULL;
    return json_pack("{s:s,s:o,s:I}", "mediaType", media_type, "digest", layout_digest(digest),
                     "size", (json_int_t)strlen(text));
}

static json_t *layout_config(const struct layout_image *image)
{
    json_t *diff_ids = json_array();
    json_t *history = json_array();
    for (unsigned i = 0; i < image->count; i++) {
        (void)json_array_append_new(diff_ids, layout_digest(image->layers[i].diff_id));
        (void)json_array_append_new(history, json_pack("{s:s,s:s}", "created", LAYOUT_CREATED,
                                                       "created_by", image->created_by[i]));
    }
    return json_pack("{s:s,s:s,s:s,s:{},s:{s:s,s:o},s:o}", "created", LAYOUT_CREATED,
                     "architecture", "unknown", "os", "linux", "config", "rootfs", "type", "layers",
                     "diff_ids", diff_ids, "history", history);
}

static json_t *layout_layers(const struct layout_image *image)
{
    json_t *layers = json_array();
    for (unsigned i = 0; i < image->count; i++) {
        const struct layer *layer = &image->layers[i];
        (void)json_array_append_new(layers, json_pack("{s:s,s:o,s:I}", "mediaType",
                                                      packer_media_type(image->form), "digest",
                                                      layout_digest(layer->digest), "size",
                                                      (json_int_t)layer->packed_bytes));
    }
    return layers;
}

static json_t *layout_manifest(const struct layout_image *image, json_t *config)
{
    return json_pack("{s:i,s:s,s:o,s:o}", "schemaVersion", 2, "mediaType",
                     "application/vnd.oci.image.manifest.v1+json", "config", config, "layers",
                     layout_layers(image));
}

/* Takes the manifest's descriptor. */
static json_t *layout_index(const struct layout_image *image, json_t *manifest)
{
    (void)json_object_set_new(manifest, "annotations",
                              json_pack("{s:s}", "org.opencontainers.image.ref.name", image->name));
    return json_pack("{s:i,s:s,s:[o]}", "schemaVersion", 2, "mediaType",
                     "application/vnd.oci.image.index.v1+json", "manifests", manifest);
}

int layout_describe(struct layout *l, const struct layout_image *image, struct err *e)
{
    json_t *config =
        layout_put_blob(l, "application/vnd.oci.image.config.v1+json", layout_config(image), e);
    if (!config)
        return -1;
    json_t *manifest = layout_put_blob(l, "application/vnd.oci.image.manifest.v1+json",
                                       layout_manifest(image, config), e);
    if (!manifest)
        return -1;
    AUTO_FREE char *index = layout_text(layout_index(image, manifest));
    if (!index)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to describe an image");
    if (layout_write(l, l->root_fd, "index.json", index, e))
        return -1;
    return layout_write(l, l->root_fd, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", e);
}
