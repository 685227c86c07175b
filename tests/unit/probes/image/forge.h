/*
 * forge: makes a tiny image in a temporary directory, and reads it back without the program's own
 * reader.
 */
#ifndef TESTS_UNIT_PROBES_IMAGE_FORGE_H
#define TESTS_UNIT_PROBES_IMAGE_FORGE_H

#include <nettle/sha2.h>
#include <stdarg.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <jansson.h>

#include "probes/image/mint.h"
#include "probes/image/oci.h"
#include "tests/unit/probes/disk/fake.h"

static const struct mint_layer forge_layers[] = {
    {"base",          TREE_DISTRIBUTION, 40, 900000},
    { "dependencies", TREE_PACKAGES,     60, 600000},
    { "application",  TREE_DISTRIBUTION, 10, 100000},
};

static const struct mint_plan forge_plan = { "tiny", forge_layers, 3 };

static const struct mint_conf forge_conf = { .plan = &forge_plan, .seed = 1, .threads = 2 };

enum {
    FORGE_PATH_BYTES = 256,
    FORGE_DIGEST_BYTES = 96,
    FORGE_BYTES = 4 << 20 /* of one file, and of one layer unpacked */
};

struct forge {
    char path[64];
    char image_path[80]; /* of forge_image */
    int dir;
    volatile sig_atomic_t stopping;
    uint64_t written_bytes;
    struct err e;
    /* Found by forge_describe. */
    char config_digest[FORGE_DIGEST_BYTES];
    json_t *manifest; /* owned */
    uint64_t stored_bytes;
    uint8_t bytes[FORGE_BYTES], unpacked[FORGE_BYTES];
};

static inline struct forge *forge_open(void)
{
    struct forge *f = calloc(1, sizeof *f);
    f->dir = fake_dir(f->path);
    (void)snprintf(f->image_path, sizeof f->image_path, "%s/image", f->path);
    return f;
}

static inline void forge_close(struct forge *f)
{
    json_decref(f->manifest);
    fake_dir_remove(f->dir, f->path);
    free(f);
}

static inline int forge_make(struct forge *f, const struct mint_conf *conf, const char *name)
{
    return mint_make(conf, f->dir, name, &f->stopping, &f->written_bytes, &f->e);
}

/* Makes one, opens and verifies it; the caller closes it. */
static inline void forge_image(struct forge *f, struct oci_image *image)
{
    const struct oci_wish wish = { 0 };
    if (forge_make(f, &forge_conf, "image") || oci_open(f->dir, "image", &wish, image, &f->e) ||
        oci_verify(image, 1, 0, NULL, &f->e))
        fail_msg("%s", f->e.msg);
}

/* Reads a file into f->bytes; its size. */
static inline size_t forge_read(struct forge *f, const char *name)
{
    int fd = openat(f->dir, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size = read(fd, f->bytes, sizeof f->bytes);
    (void)close(fd);
    assert_true(size >= 0 && (size_t)size < sizeof f->bytes);
    return (size_t)size;
}

static inline void forge_digest(const void *bytes, size_t size, char digest[FORGE_DIGEST_BYTES])
{
    struct sha256_ctx ctx;
    uint8_t sum[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    sha256_update(&ctx, size, bytes);
    sha256_digest(&ctx, sizeof sum, sum);
    (void)strcpy(digest, "sha256:");
    for (unsigned i = 0; i < sizeof sum; i++)
        (void)snprintf(digest + 7 + (size_t)2 * i, 3, "%02x", sum[i]);
}

/* Reads the blob of a descriptor into f->bytes, and checks it; its size. */
static inline size_t forge_blob(struct forge *f, const char *name, const json_t *descriptor)
{
    char path[FORGE_PATH_BYTES];
    char digest[FORGE_DIGEST_BYTES];
    const char *said = json_string_value(json_object_get(descriptor, "digest"));
    assert_non_null(said);
    (void)snprintf(path, sizeof path, "%s/blobs/sha256/%s", name, said + strlen("sha256:"));
    size_t size = forge_read(f, path);
    forge_digest(f->bytes, size, digest);
    assert_string_equal(digest, said);
    assert_int_equal(json_integer_value(json_object_get(descriptor, "size")), size);
    f->stored_bytes += size;
    return size;
}

static inline json_t *forge_json(struct forge *f, size_t size)
{
    json_t *document = json_loadb((const char *)f->bytes, size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    return document;
}

/* From index.json to the config's digest; every document is checked on the way. */
static inline void forge_describe(struct forge *f, const char *name)
{
    char path[FORGE_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/oci-layout", name);
    f->stored_bytes = forge_read(f, path);
    assert_memory_equal(f->bytes, "{\"imageLayoutVersion\":\"1.0.0\"}", f->stored_bytes);
    (void)snprintf(path, sizeof path, "%s/index.json", name);
    size_t size = forge_read(f, path);
    json_t *index = forge_json(f, size);
    f->stored_bytes += size;
    const json_t *descriptor = json_array_get(json_object_get(index, "manifests"), 0);
    size = forge_blob(f, name, descriptor);
    json_decref(f->manifest);
    f->manifest = forge_json(f, size);
    json_decref(index);
    descriptor = json_object_get(f->manifest, "config");
    (void)snprintf(f->config_digest, sizeof f->config_digest, "%s",
                   json_string_value(json_object_get(descriptor, "digest")));
}

/* The config, a new reference. */
static inline json_t *forge_config(struct forge *f, const char *name)
{
    forge_describe(f, name);
    return forge_json(f, forge_blob(f, name, json_object_get(f->manifest, "config")));
}

static inline unsigned forge_blobs(const struct forge *f, const char *name)
{
    char path[FORGE_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s/blobs/sha256", f->path, name);
    return fake_names(path);
}

/* Unpacks f->bytes into f->unpacked, in one go. */
static inline size_t forge_unpack(struct forge *f, size_t size, bool is_zstd)
{
    if (is_zstd) {
        size_t made = ZSTD_decompress(f->unpacked, sizeof f->unpacked, f->bytes, size);
        assert_false(ZSTD_isError(made));
        return made;
    }
    z_stream z = { .next_in = f->bytes,
                   .avail_in = (uInt)size,
                   .next_out = f->unpacked,
                   .avail_out = sizeof f->unpacked };
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    (void)inflateEnd(&z);
    return z.total_out;
}

/* What is in the layer has the diff_id of the config. */
static inline void forge_check_layer(struct forge *f, const char *name, unsigned index)
{
    char digest[FORGE_DIGEST_BYTES];
    json_t *config = forge_config(f, name);
    const json_t *ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    const json_t *layer = json_array_get(json_object_get(f->manifest, "layers"), index);
    const char *type = json_string_value(json_object_get(layer, "mediaType"));
    size_t packed = forge_blob(f, name, layer);
    size_t size = forge_unpack(f, packed, strstr(type, "+zstd") != NULL);
    forge_digest(f->unpacked, size, digest);
    assert_string_equal(digest, json_string_value(json_array_get(ids, index)));
    assert_true(packed < size);
    json_decref(config);
}

/* One that holds an image, at image_path. */
static inline struct forge *forge_of_an_image(void)
{
    struct oci_image image;
    struct forge *f = forge_open();
    forge_image(f, &image);
    oci_close(&image);
    return f;
}

/* Whether two images are the same byte for byte: then their manifests have one digest. */
static inline bool forge_same(struct forge *f, const char *a, const char *b)
{
    forge_describe(f, a);
    json_t *first = json_incref(f->manifest);
    forge_describe(f, b);
    bool same = json_equal(first, f->manifest);
    json_decref(first);
    return same;
}

#endif
