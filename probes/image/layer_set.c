#include "probes/image/layer_set.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

#include "probes/disk/unnamed.h"
#include "probes/image/tar.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"

enum {
    LAYER_OUT_BYTES = 64 << 10,
    LAYER_WINDOW_BITS = 15 + 16, /* SOURCE: zlib.h, deflateInit2: 16 more writes a gzip header */
    LAYER_MEMORY_LEVEL = 8       /* zlib's default */
};

static const unsigned layer_shares[LAYER_MAX] = { 45, 33, 17, 5, 5, 5, 5, 5 };
static const unsigned layer_file_shares[LAYER_MAX] = { 38, 30, 27, 5, 5, 5, 5, 5 };

/* One layer on its way into its file. */
struct layer_pack {
    struct set_layer *layer;
    const struct content *content;
    const volatile sig_atomic_t *stopping;
    struct sha256_ctx digest;
    z_stream z;
    uint8_t out[LAYER_OUT_BYTES];
    uint8_t block[CONTENT_BLOCK_BYTES];
};

static int layer_deflate(struct layer_pack *p, int flush, struct err *e)
{
    int answer = Z_OK;
    do {
        p->z.next_out = p->out;
        p->z.avail_out = sizeof p->out;
        answer = deflate(&p->z, flush);
        if (answer == Z_STREAM_ERROR)
            return err_set(e, ERR_DATA, 0, "zlib refused to compress a layer");
        size_t size = sizeof p->out - p->z.avail_out;
        if (file_write_all(p->layer->fd, p->out, size, e))
            return err_wrap(e, "a layer of the image");
        p->layer->packed_bytes += size;
    } while (p->z.avail_out == 0 || (flush == Z_FINISH && answer != Z_STREAM_END));
    return 0;
}

static int layer_put(void *arg, const void *bytes, size_t size, struct err *e)
{
    struct layer_pack *p = arg;
    sha256_update(&p->digest, size, bytes);
    p->layer->tar_bytes += size;
    p->z.next_in = bytes;
    p->z.avail_in = (uInt)size;
    return layer_deflate(p, Z_NO_FLUSH, e);
}

static int layer_put_content(struct layer_pack *p, const struct tree_entry *entry, struct err *e)
{
    uint64_t left = entry->size;
    for (uint64_t block = 0; left > 0; block++) {
        size_t size = left < sizeof p->block ? (size_t)left : sizeof p->block;
        content_block(p->content, entry->kind, entry->seed, block, p->block);
        if (layer_put(p, p->block, size, e))
            return -1;
        left -= size;
    }
    return 0;
}

static enum tar_type layer_tar_type(enum tree_type type)
{
    static const enum tar_type types[] = {
        [TREE_DIR] = TAR_DIR,           [TREE_FILE] = TAR_FILE,     [TREE_SYMLINK] = TAR_SYMLINK,
        [TREE_HARDLINK] = TAR_HARDLINK, [TREE_WHITEOUT] = TAR_FILE, [TREE_OPAQUE] = TAR_FILE,
    };

    return types[type];
}

static int layer_put_entry(struct layer_pack *p, const struct tree_entry *entry, struct err *e)
{
    const struct tar_sink sink = { .write = layer_put, .arg = p };
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s%s", entry->path, entry->type == TREE_DIR ? "/" : "");
    struct tar_entry header = {
        .path = path,
        .link = entry->link,
        .type = layer_tar_type(entry->type),
        .mode = entry->mode,
        .uid = entry->uid,
        .gid = entry->gid,
        .size = entry->size,
        .mtime_s = entry->mtime_s,
        .xattr_name = entry->has_xattr ? TREE_XATTR : NULL,
        .xattr_value = entry->path,
    };
    if (p->stopping && *p->stopping)
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted while the image was being made");
    if (tar_header(&sink, &header, e) || layer_put_content(p, entry, e))
        return -1;
    return tar_pad(&sink, entry->size, e);
}

static int layer_put_all(struct layer_pack *p, struct err *e)
{
    const struct tar_sink sink = { .write = layer_put, .arg = p };
    for (unsigned i = 0; i < p->layer->tree.count; i++) {
        if (layer_put_entry(p, &p->layer->tree.entries[i], e))
            return -1;
    }
    if (tar_end(&sink, e) || layer_deflate(p, Z_FINISH, e))
        return -1;
    sha256_digest(&p->digest, SHA256_DIGEST_SIZE, p->layer->sha256);
    return 0;
}

/* What the threads share: each takes the next layer that nobody has. */
struct layer_work {
    struct layer_set *set;
    const struct layer_conf *conf;
    const struct content *content;
    const volatile sig_atomic_t *stopping;
    atomic_uint next;
    atomic_bool failed;
    struct err errs[LAYER_MAX];
};

static int layer_pack(struct layer_work *w, unsigned index, struct err *e)
{
    AUTO_FREE struct layer_pack *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to compress a layer");
    p->layer = &w->set->layers[index];
    p->content = w->content;
    p->stopping = w->stopping;
    sha256_init(&p->digest);
    if (deflateInit2(&p->z, w->conf->level, Z_DEFLATED, LAYER_WINDOW_BITS, LAYER_MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to compress a layer");
    }
    int failed = layer_put_all(p, e);
    (void)deflateEnd(&p->z);
    return failed;
}

static void *layer_worker(void *arg)
{
    struct layer_work *w = arg;
    unsigned index = atomic_fetch_add(&w->next, 1);
    for (; index < w->set->count && !w->failed; index = atomic_fetch_add(&w->next, 1)) {
        if (layer_pack(w, index, &w->errs[index]))
            w->failed = true;
    }
    return NULL;
}

static int layer_pack_all(struct layer_work *w, struct err *e)
{
    pthread_t threads[LAYER_MAX];
    unsigned count = 0;
    while (count + 1 < w->conf->threads && count + 1 < w->set->count &&
           pthread_create(&threads[count], NULL, layer_worker, w) == 0) {
        count++;
    }
    (void)layer_worker(w);
    for (unsigned i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < w->set->count; i++) {
        if (w->errs[i].kind != ERR_NONE) {
            *e = w->errs[i];
            return -1;
        }
    }
    return 0;
}

static unsigned layer_sum(const unsigned *shares, unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += shares[i];
    return sum;
}

static int layer_plan(const struct layer_conf *conf, int dirfd, struct layer_set *set,
                      struct err *e)
{
    uint64_t files = conf->bytes / LAYER_MEAN_FILE_BYTES + conf->layers;
    char name[LAYER_MAX + 8];
    for (unsigned i = 0; i < conf->layers; i++) {
        struct set_layer *layer = &set->layers[i];
        (void)snprintf(name, sizeof name, "layer %u", i);
        struct tree_conf tree = {
            .seed = conf->seed,
            .name = name,
            .file_bytes = conf->bytes * layer_shares[i] / layer_sum(layer_shares, conf->layers),
            .files = (unsigned)(files * layer_file_shares[i] /
                                layer_sum(layer_file_shares, conf->layers)) +
                     1,
            .below = i ? &set->layers[i - 1].tree : NULL,
        };
        layer->fd = unnamed_open(dirfd, 0, e);
        if (layer->fd < 0 || tree_make(&tree, &layer->tree, e))
            return -1;
    }
    return 0;
}

static void layer_sum_up(struct layer_set *set)
{
    struct sha256_ctx digest;
    uint8_t bytes[SHA256_DIGEST_SIZE];
    sha256_init(&digest);
    for (unsigned i = 0; i < set->count; i++) {
        const struct set_layer *layer = &set->layers[i];
        set->packed_bytes += layer->packed_bytes;
        set->tar_bytes += layer->tar_bytes;
        set->file_bytes += layer->tree.file_bytes;
        set->entries += layer->tree.count;
        sha256_update(&digest, sizeof layer->sha256, layer->sha256);
        set->stored[i] = (struct oci_layer){
            .source = {.fd = layer->fd, .size = layer->packed_bytes},
            .tar_bytes = layer->tar_bytes,
            .entries = layer->tree.count,
            .file_bytes = layer->tree.file_bytes,
        };
    }
    set->image = (struct oci_image){ .layers = set->stored,
                                     .count = set->count,
                                     .packed_bytes = set->packed_bytes,
                                     .tar_bytes = set->tar_bytes,
                                     .entries = set->entries,
                                     .file_bytes = set->file_bytes };
    sha256_digest(&digest, sizeof bytes, bytes);
    for (unsigned i = 0; i < sizeof bytes; i++)
        (void)snprintf(set->sha256 + (size_t)2 * i, 3, "%02x", bytes[i]);
}

int layer_set_make(const struct layer_conf *conf, int dirfd, const volatile sig_atomic_t *stopping,
                   struct layer_set *set, struct err *e)
{
    *set = (struct layer_set){ .count = conf->layers };
    for (unsigned i = 0; i < LAYER_MAX; i++)
        set->layers[i].fd = -1;
    AUTO_FREE struct content *content = malloc(sizeof *content);
    AUTO_FREE struct layer_work *work = calloc(1, sizeof *work);
    if (!content || !work)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to make an image");
    content_init(content, conf->seed);
    work->set = set;
    work->conf = conf;
    work->content = content;
    work->stopping = stopping;
    if (layer_plan(conf, dirfd, set, e) || layer_pack_all(work, e)) {
        layer_set_release(set);
        return -1;
    }
    layer_sum_up(set);
    return 0;
}

void layer_set_release(struct layer_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        auto_close_fd(&set->layers[i].fd);
        set->layers[i].fd = -1;
        tree_release(&set->layers[i].tree);
    }
    set->count = 0;
}

uint64_t layer_packed_bytes_max(uint64_t bytes)
{
    return bytes / 2 + (1 << 20); /* 3:1, and a margin for the seed */
}

uint64_t layer_unpacked_bytes_max(uint64_t bytes)
{
    return bytes + bytes / 3 + (1 << 20); /* a block's rest, an inode and a name a file */
}
