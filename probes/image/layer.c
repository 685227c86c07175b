#include "probes/image/layer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "probes/image/tar.h"
#include "probes/kit/auto.h"

/* One layer on its way into its file. */
struct layer_press {
    struct layer *layer;
    const struct content *content;
    const volatile sig_atomic_t *stopping;
    struct sha256_ctx diff_id;
    struct packer packer;
    uint8_t block[CONTENT_BLOCK_BYTES];
};

static int layer_put(void *arg, const void *bytes, size_t size, struct err *e)
{
    struct layer_press *p = arg;
    sha256_update(&p->diff_id, size, bytes);
    p->layer->tar_bytes += size;
    return packer_put(&p->packer, bytes, size, e);
}

static int layer_put_content(struct layer_press *p, const struct tree_entry *entry, struct err *e)
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

static int layer_put_entry(struct layer_press *p, const struct tree_entry *entry, struct err *e)
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

static int layer_put_all(struct layer_press *p, struct err *e)
{
    const struct tar_sink sink = { .write = layer_put, .arg = p };
    for (unsigned i = 0; i < p->layer->tree.count; i++) {
        if (layer_put_entry(p, &p->layer->tree.entries[i], e))
            return -1;
    }
    if (tar_end(&sink, e) || packer_end(&p->packer, p->layer->digest, e))
        return -1;
    sha256_digest(&p->diff_id, SHA256_DIGEST_SIZE, p->layer->diff_id);
    p->layer->packed_bytes = p->packer.packed_bytes;
    return 0;
}

int layer_write(struct layer *layer, const struct content *content, enum packer_form form, int fd,
                const volatile sig_atomic_t *stopping, struct err *e)
{
    AUTO_FREE struct layer_press *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to make a layer");
    p->layer = layer;
    p->content = content;
    p->stopping = stopping;
    layer->tar_bytes = 0;
    sha256_init(&p->diff_id);
    int failed = packer_open(&p->packer, form, fd, e) || layer_put_all(p, e) ? -1 : 0;
    packer_release(&p->packer);
    return failed;
}

void layer_release(struct layer *layer)
{
    tree_release(&layer->tree);
}
