#include "probes/image/mint.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "probes/image/layer.h"
#include "probes/image/layout.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"

enum {
    MINT_NAME_BYTES = 256
};

static const struct mint_layer mint_small[] = {
    {"base",          TREE_DISTRIBUTION, 1250, 29000000},
    { "dependencies", TREE_PACKAGES,     1000, 16500000},
    { "application",  TREE_DISTRIBUTION, 550,  13000000},
};

static const struct mint_layer mint_reference[] = {
    {"base",           TREE_DISTRIBUTION, 4200, 97000000 },
    { "libraries",     TREE_DISTRIBUTION, 3000, 95000000 },
    { "runtime",       TREE_DISTRIBUTION, 3000, 110000000},
    { "dependencies",  TREE_PACKAGES,     9000, 150000000},
    { "application",   TREE_PACKAGES,     750,  35000000 },
    { "configuration", TREE_DISTRIBUTION, 50,   1000000  },
};

static const struct mint_plan mint_plans[] = {
    [SPEC_SMALL] = {"small",      mint_small,     sizeof mint_small / sizeof *mint_small},
    [SPEC_REFERENCE] = { "reference", mint_reference,
                    sizeof mint_reference / sizeof *mint_reference                      },
};

/* What the threads share: each takes the next layer that nobody has. */
struct mint_work {
    const struct mint_plan *plan;
    const struct mint_conf *conf;
    const volatile sig_atomic_t *stopping;
    struct content content;
    struct layout layout;
    struct layer layers[MINT_LAYERS_MAX];
    unsigned order[MINT_LAYERS_MAX]; /* the largest first: nobody waits long for the last */
    struct err errs[MINT_LAYERS_MAX];
    atomic_uint next;
    atomic_bool failed;
};

static void mint_sort(struct mint_work *w)
{
    for (unsigned i = 0; i < w->plan->count; i++) {
        unsigned at = i;
        uint64_t bytes = w->plan->layers[i].file_bytes;
        for (; at > 0 && w->plan->layers[w->order[at - 1]].file_bytes < bytes; at--)
            w->order[at] = w->order[at - 1];
        w->order[at] = i;
    }
}

static int mint_layer(struct mint_work *w, unsigned index, struct err *e)
{
    enum packer_form form = w->conf->is_zstd ? PACKER_ZSTD : PACKER_GZIP;
    AUTO_CLOSE int fd = layout_open_blob(&w->layout, index, e);
    if (fd < 0 || layer_write(&w->layers[index], &w->content, form, fd, w->stopping, e))
        return err_wrap(e, "layer %u of %u", index + 1, w->plan->count);
    return 0;
}

static void *mint_worker(void *arg)
{
    struct mint_work *w = arg;
    unsigned turn = atomic_fetch_add(&w->next, 1);
    for (; turn < w->plan->count && !w->failed; turn = atomic_fetch_add(&w->next, 1)) {
        if (mint_layer(w, w->order[turn], &w->errs[turn]))
            w->failed = true;
    }
    return NULL;
}

static int mint_layers(struct mint_work *w, struct err *e)
{
    pthread_t threads[MINT_LAYERS_MAX];
    unsigned count = 0;
    while (count + 1 < w->conf->threads && count + 1 < w->plan->count &&
           pthread_create(&threads[count], NULL, mint_worker, w) == 0) {
        count++;
    }
    (void)mint_worker(w);
    for (unsigned i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < w->plan->count; i++) {
        if (w->errs[i].kind != ERR_NONE) {
            *e = w->errs[i];
            return -1;
        }
    }
    return 0;
}

static int mint_trees(struct mint_work *w, struct err *e)
{
    for (unsigned i = 0; i < w->plan->count; i++) {
        const struct mint_layer *layer = &w->plan->layers[i];
        const struct tree_conf tree = {
            .seed = w->conf->seed,
            .name = layer->name,
            .mix = layer->mix,
            .file_bytes = layer->file_bytes,
            .files = layer->files,
            .below = i ? &w->layers[i - 1].tree : NULL,
        };
        if (tree_make(&tree, &w->layers[i].tree, e))
            return -1;
    }
    return 0;
}

/* Everything of the layout but its name. */
static int mint_fill(struct mint_work *w, struct err *e)
{
    const char *created_by[MINT_LAYERS_MAX];
    if (mint_trees(w, e) || mint_layers(w, e))
        return -1;
    for (unsigned i = 0; i < w->plan->count; i++) {
        created_by[i] = w->plan->layers[i].name;
        if (layout_add(&w->layout, i, &w->layers[i], e))
            return -1;
    }
    const struct layout_image image = {
        .name = w->plan->name,
        .layers = w->layers,
        .created_by = created_by,
        .count = w->plan->count,
        .form = w->conf->is_zstd ? PACKER_ZSTD : PACKER_GZIP,
    };
    return layout_describe(&w->layout, &image, e);
}

static int mint_write(struct mint_work *w, int dir_fd, const char *part, const char *name,
                      struct err *e)
{
    int failed = layout_create(&w->layout, dir_fd, part, e) || mint_fill(w, e) ? -1 : 0;
    layout_release(&w->layout);
    for (unsigned i = 0; i < w->plan->count; i++)
        layer_release(&w->layers[i]);
    if (!failed && renameat(dir_fd, part, dir_fd, name))
        failed = err_set(e, err_kind_of(errno), errno, "rename '%s' to '%s'", part, name);
    return failed;
}

int mint_make(const struct mint_conf *conf, int dir_fd, const char *name,
              const volatile sig_atomic_t *stopping, uint64_t *written_bytes, struct err *e)
{
    char part[MINT_NAME_BYTES];
    struct err ignored;
    *written_bytes = 0;
    AUTO_FREE struct mint_work *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to make an image");
    w->plan = conf->plan ? conf->plan : &mint_plans[conf->kind];
    w->conf = conf;
    w->stopping = stopping;
    mint_sort(w);
    content_init(&w->content, conf->seed);
    (void)snprintf(part, sizeof part, "%s.part", name);
    /* What a killed run has left. */
    if (file_remove_tree_at(dir_fd, part, e))
        return -1;
    int failed = mint_write(w, dir_fd, part, name, e);
    *written_bytes = w->layout.written_bytes;
    if (failed)
        (void)file_remove_tree_at(dir_fd, part, &ignored);
    return failed ? err_wrap(e, "make the image '%s'", w->plan->name) : 0;
}

uint64_t mint_file_bytes(enum spec_kind kind)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < mint_plans[kind].count; i++)
        bytes += mint_plans[kind].layers[i].file_bytes;
    return bytes;
}

uint64_t mint_packed_bytes_max(enum spec_kind kind)
{
    return mint_file_bytes(kind) / 2 + (1 << 20); /* 3:1, and a margin for the seed */
}

uint64_t mint_unpacked_bytes_max(enum spec_kind kind)
{
    uint64_t bytes = mint_file_bytes(kind);
    return bytes + bytes / 3 + (1 << 20); /* a block's rest, an inode and a name a file */
}
