/*
 * album: images made up in memory, and put down as a directory or as a tar.
 *
 * Files are collected by name first, so that a test can spoil one, then written.
 */
#ifndef TESTS_UNIT_PROBES_IMAGE_ALBUM_H
#define TESTS_UNIT_PROBES_IMAGE_ALBUM_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "probes/image/digest.h"
#include "probes/image/oci.h"
#include "probes/image/platform.h"
#include "probes/image/tar.h"
#include "probes/kit/auto.h"
#include "tests/unit/probes/disk/fake.h"
#include "tests/unit/probes/image/press.h"

enum {
    ALBUM_FILES = 256,
    ALBUM_TEXT_BYTES = 64 << 10,
    ALBUM_LAYER_BYTES = 16 << 10,
    ALBUM_DESCRIPTOR_BYTES = 1024
};

#define ALBUM_INDEX    "application/vnd.oci.image.index.v1+json"
#define ALBUM_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define ALBUM_CONFIG   "application/vnd.oci.image.config.v1+json"
#define ALBUM_LAYER    "application/vnd.oci.image.layer.v1.tar"

struct album_file {
    char name[256];
    uint8_t *bytes;
    size_t size;
    const char *link; /* the tar has a symbolic link to it instead */
};

struct album {
    char path[64];
    int dir;
    struct album_file files[ALBUM_FILES];
    unsigned count;
    char list[ALBUM_TEXT_BYTES]; /* descriptors of index.json, with commas */
    struct oci_wish wish;
    struct oci_image image;
    struct err e;
};

static inline struct album *album_open(void)
{
    struct album *a = calloc(1, sizeof *a);
    a->dir = fake_dir(a->path);
    assert_true(a->dir >= 0);
    a->wish.platform = "linux/amd64";
    return a;
}

static inline void album_close(struct album *a)
{
    oci_close(&a->image);
    oci_close(&a->image); /* may be called again */
    for (unsigned i = 0; i < a->count; i++)
        free(a->files[i].bytes);
    fake_dir_remove(a->dir, a->path);
    free(a);
}

/* The last one of that name. */
static inline struct album_file *album_file(struct album *a, const char *name)
{
    for (unsigned i = a->count; i > 0; i--) {
        if (strcmp(a->files[i - 1].name, name) == 0)
            return &a->files[i - 1];
    }
    return NULL;
}

static inline struct album_file *album_put(struct album *a, const char *name, const void *bytes,
                                           size_t size)
{
    struct album_file *f = &a->files[a->count++];
    assert_true(a->count <= ALBUM_FILES);
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    f->bytes = malloc(size + 1);
    assert_non_null(f->bytes);
    memcpy(f->bytes, bytes, size);
    f->size = size;
    return f;
}

__attribute__((format(printf, 3, 4))) static inline struct album_file *album_text(
    struct album *a, const char *name, const char *format, ...)
{
    char *text = malloc(ALBUM_TEXT_BYTES);
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, ALBUM_TEXT_BYTES, format, args);
    va_end(args);
    assert_true(size >= 0 && size < ALBUM_TEXT_BYTES);
    struct album_file *f = album_put(a, name, text, (size_t)size);
    free(text);
    return f;
}

static inline void album_hex(const void *bytes, size_t size, char hex[DIGEST_HEX_BYTES])
{
    uint8_t digest[DIGEST_BYTES];
    digest_of_bytes(bytes, size, digest);
    digest_hex(digest, hex);
}

/* Gives a file the name that its content has, and describes it. `more` are further members. */
static inline void album_blob(struct album_file *f, const char *type, const char *more,
                              char descriptor[ALBUM_DESCRIPTOR_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    album_hex(f->bytes, f->size, hex);
    (void)snprintf(f->name, sizeof f->name, "blobs/sha256/%s", hex);
    (void)snprintf(descriptor, ALBUM_DESCRIPTOR_BYTES,
                   "{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu%s%s}", type, hex,
                   f->size, more[0] ? "," : "", more);
}

struct album_tar {
    uint8_t bytes[ALBUM_LAYER_BYTES];
    size_t size;
};

static inline int album_tar_write(void *arg, const void *bytes, size_t size, struct err *e)
{
    struct album_tar *t = arg;
    (void)e;
    assert_true(t->size + size <= sizeof t->bytes);
    memcpy(t->bytes + t->size, bytes, size);
    t->size += size;
    return 0;
}

/* A layer of a directory and a file that holds the text. */
static inline void album_tar(struct album_tar *t, const char *text)
{
    struct err e;
    const struct tar_sink sink = { .write = album_tar_write, .arg = t };
    const struct tar_entry dir = { .path = "etc/", .type = TAR_DIR, .mode = 0755 };
    const struct tar_entry file = {
        .path = "etc/text", .type = TAR_FILE, .mode = 0644, .size = strlen(text)
    };
    t->size = 0;
    assert_int_equal(tar_header(&sink, &dir, &e), 0);
    assert_int_equal(tar_header(&sink, &file, &e), 0);
    assert_int_equal(album_tar_write(t, text, strlen(text), &e), 0);
    assert_int_equal(tar_pad(&sink, strlen(text), &e), 0);
    assert_int_equal(tar_end(&sink, &e), 0);
}

static inline struct album_file *album_packed(struct album *a, const struct album_tar *t,
                                              enum stream_form form)
{
    uint8_t *packed = malloc(press_room(t->size));
    size_t size = t->size;
    memcpy(packed, t->bytes, t->size);
    if (form == STREAM_GZIP)
        size = press_gzip(packed, press_room(t->size), t->bytes, t->size, NULL);
    if (form == STREAM_ZSTD)
        size = press_zstd(packed, press_room(t->size), t->bytes, t->size, 0);
    struct album_file *f = album_put(a, "layer", packed, size);
    free(packed);
    return f;
}

/* An image of a plain, a gzip and a zstd layer. */
struct album_image {
    const char *text;     /* in its files, so that two images differ */
    const char *platform; /* members of the config; NULL: linux/amd64 */
    char diff_ids[3][DIGEST_HEX_BYTES];
    char layers[3][ALBUM_DESCRIPTOR_BYTES];
    char config[ALBUM_DESCRIPTOR_BYTES];
    char manifest[ALBUM_DESCRIPTOR_BYTES]; /* without its closing brace */
};

static inline void album_layers(struct album *a, struct album_image *m)
{
    static const char *const suffixes[] = { "", "+gzip", "+zstd" };

    static const enum stream_form forms[] = { STREAM_PLAIN, STREAM_GZIP, STREAM_ZSTD };

    char text[512];
    char type[128];
    struct album_tar tar;
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof text, "layer %u of %s", i, m->text);
        album_tar(&tar, text);
        album_hex(tar.bytes, tar.size, m->diff_ids[i]);
        (void)snprintf(type, sizeof type, ALBUM_LAYER "%s", suffixes[i]);
        album_blob(album_packed(a, &tar, forms[i]), type, "", m->layers[i]);
    }
}

/* Line ends and tabs are in every real history. */
static inline void album_config(struct album *a, struct album_image *m)
{
    album_blob(album_text(a, "",
                          "{%s,\"history\":[{\"created_by\":\"RUN set -eux; \\n\\tdo it\"}],"
                          "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\","
                          "\"sha256:%s\",\"sha256:%s\"]}}",
                          m->platform ? m->platform : "\"os\":\"linux\",\"architecture\":\"amd64\"",
                          m->diff_ids[0], m->diff_ids[1], m->diff_ids[2]),
               ALBUM_CONFIG, "", m->config);
}

static inline void album_manifest(struct album *a, struct album_image *m, const char *more)
{
    album_blob(album_text(a, "", "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s,%s,%s]}",
                          m->config, m->layers[0], m->layers[1], m->layers[2]),
               ALBUM_MANIFEST, more, m->manifest);
}

static inline void album_list(struct album *a, const char *descriptor)
{
    size_t used = strlen(a->list);
    (void)snprintf(a->list + used, sizeof a->list - used, "%s%s", used ? "," : "", descriptor);
}

/* All of it, and its manifest's descriptor with `more` members. */
static inline void album_image(struct album *a, struct album_image *m, const char *more)
{
    album_layers(a, m);
    album_config(a, m);
    album_manifest(a, m, more);
}

/* oci-layout and index.json over what is listed. */
static inline void album_finish(struct album *a)
{
    (void)album_text(a, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    (void)album_text(a, "index.json", "{\"schemaVersion\":2,\"manifests\":[%s]}", a->list);
}

/* An image layout of one image. */
static inline struct album *album_of_one(struct album_image *m)
{
    struct album *a = album_open();
    album_image(a, m, "");
    album_list(a, m->manifest);
    album_finish(a);
    return a;
}

static inline void album_write_file(struct album *a, int dir, const struct album_file *f)
{
    AUTO_CLOSE int fd = openat(dir, f->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, f->bytes, f->size, &a->e), 0);
}

/* As a directory named "layout". */
static inline void album_write_dir(struct album *a)
{
    (void)mkdirat(a->dir, "layout", 0700);
    (void)mkdirat(a->dir, "layout/blobs", 0700);
    (void)mkdirat(a->dir, "layout/blobs/sha256", 0700);
    AUTO_CLOSE int dir = openat(a->dir, "layout", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < a->count; i++)
        album_write_file(a, dir, &a->files[i]);
}

static inline int album_sink_write(void *arg, const void *bytes, size_t size, struct err *e)
{
    return file_write_all(*(int *)arg, bytes, size, e);
}

/* As a tar named "archive". */
static inline void album_write_archive(struct album *a)
{
    AUTO_CLOSE int fd = openat(a->dir, "archive", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const struct tar_sink sink = { .write = album_sink_write, .arg = &fd };
    for (unsigned i = 0; i < a->count; i++) {
        const struct album_file *f = &a->files[i];
        char name[300];
        (void)snprintf(name, sizeof name, "./%s", f->name);
        const struct tar_entry entry = { .path = name,
                                         .type = f->link ? TAR_SYMLINK : TAR_FILE,
                                         .link = f->link,
                                         .mode = 0644,
                                         .size = f->link ? 0 : f->size };
        assert_int_equal(tar_header(&sink, &entry, &a->e), 0);
        assert_int_equal(file_write_all(fd, f->bytes, entry.size, &a->e), 0);
        assert_int_equal(tar_pad(&sink, entry.size, &a->e), 0);
    }
    assert_int_equal(tar_end(&sink, &a->e), 0);
}

static inline int album_read(struct album *a, const char *name)
{
    oci_close(&a->image);
    a->e = (struct err){ 0 };
    return oci_open(a->dir, name, &a->wish, &a->image, &a->e);
}

static inline int album_read_dir(struct album *a)
{
    album_write_dir(a);
    return album_read(a, "layout");
}

static inline int album_read_archive(struct album *a)
{
    album_write_archive(a);
    return album_read(a, "archive");
}

static inline int album_verify(struct album *a)
{
    a->e = (struct err){ 0 };
    return oci_verify(&a->image, 2, 0, NULL, &a->e);
}

#endif
