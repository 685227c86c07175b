/*
 * crate: archives made up in memory, and a temporary directory to unpack them in.
 */
#ifndef TESTS_UNIT_PROBES_IMAGE_CRATE_H
#define TESTS_UNIT_PROBES_IMAGE_CRATE_H

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "probes/image/tar.h"
#include "probes/image/unpack.h"
#include "tests/unit/probes/disk/fake.h"

struct crate {
    struct tar_sink sink;
    int fd; /* what unpack reads */
    uint64_t size;
    char path[64];
    int dir;
    const struct runtime *runtime;
    unsigned below; /* layers below */
    struct unpack unpack;
    struct rules_limits limits;
    struct rules_count count;
    struct err e;
};

static inline int crate_write(void *arg, const void *bytes, size_t size, struct err *e)
{
    struct crate *c = arg;
    c->size += size;
    return file_write_all(c->fd, bytes, size, e);
}

static inline struct crate *crate_open_as(const struct runtime *runtime)
{
    struct crate *c = calloc(1, sizeof *c);
    c->runtime = runtime;
    c->below = 1;
    c->sink = (struct tar_sink){ .write = crate_write, .arg = c };
    c->fd = memfd_create("crate", MFD_CLOEXEC);
    c->dir = fake_dir(c->path);
    assert_int_equal(unpack_open(&c->unpack, c->runtime, &c->e), 0);
    return c;
}

static inline struct crate *crate_open(void)
{
    return crate_open_as(NULL);
}

static inline void crate_close(struct crate *c)
{
    unpack_release(&c->unpack);
    unpack_release(&c->unpack); /* may be called again */
    fake_dir_remove(c->dir, c->path);
    (void)close(c->fd);
    free(c);
}

static inline void crate_raw(struct crate *c, const void *bytes, size_t size)
{
    assert_int_equal(crate_write(c, bytes, size, &c->e), 0);
}

/* A link's text is its target, a file's its content. */
static inline void crate_add(struct crate *c, enum tar_type type, const char *path,
                             const char *text)
{
    bool is_link = type == TAR_SYMLINK || type == TAR_HARDLINK;
    struct tar_entry entry = { .path = path,
                               .type = type,
                               .link = is_link ? text : NULL,
                               .mode = type == TAR_DIR ? 0755 : 0644,
                               .uid = geteuid(),
                               .gid = getegid(),
                               .mtime_s = 1700000000,
                               .size = is_link ? 0 : strlen(text) };
    assert_int_equal(tar_header(&c->sink, &entry, &c->e), 0);
    if (entry.size) {
        crate_raw(c, text, strlen(text));
        assert_int_equal(tar_pad(&c->sink, entry.size, &c->e), 0);
    }
}

static inline void crate_end(struct crate *c)
{
    assert_int_equal(tar_end(&c->sink, &c->e), 0);
}

static inline int crate_unpack_as(struct crate *c, enum stream_form form)
{
    const struct stream_source source = { .fd = c->fd, .size = c->size, .form = form };
    c->e = (struct err){ 0 };
    struct walk at;
    walk_start(&at, c->dir, -1, c->below);
    return unpack_layer(&c->unpack, &source, &at, &c->limits, &c->count, &c->e);
}

static inline int crate_unpack(struct crate *c)
{
    crate_end(c);
    return crate_unpack_as(c, STREAM_PLAIN);
}

/* Whether a file below the directory holds this text. */
static inline bool crate_holds(const struct crate *c, const char *path, const char *text)
{
    struct buf b = { 0 };
    struct err e;
    bool same = file_read_at(c->dir, path, &b, &e) == 0 && strcmp(buf_text(&b), text) == 0;
    buf_release(&b);
    return same;
}

static inline mode_t crate_mode(const struct crate *c, const char *path)
{
    struct stat st;
    return fstatat(c->dir, path, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_mode;
}

#endif
