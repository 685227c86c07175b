/*
 * What image.bats needs of the image probes, without measuring:
 *     layers image KIND SEED DIR     makes the OCI image layout DIR; KIND as --image has it:
 *                                    small, reference, small-zstd, reference-zstd
 *     layers unpack FILE.tar.gz DIR [BELOW]
 *                                    unpacks one layer, with so many below it (1); prints
 *                                    "entries N" and what was left out
 *     layers limit IMAGE DIR [ring]  the layers of an image into DIR/0 ... by the pipeline, small
 *                                    files through io_uring if so; the same
 *     layers pull IMAGE DIR          unpacks an image as image.runtime does, into DIR/pull-0/M/fs;
 *                                    prints seconds, and how many of them were modelled CPU time
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/image/mint.h"
#include "probes/image/oci.h"
#include "probes/image/pipeline.h"
#include "probes/image/pull.h"
#include "probes/image/unpack.h"
#include "probes/kit/auto.h"

static int layers_fail(const struct err *e)
{
    (void)fprintf(stderr, "%s\n", e->msg);
    return 1;
}

/* What --image calls them. */
static const struct layers_kind {
    const char *name;
    enum spec_kind kind;
    bool is_zstd;
} layers_kinds[] = {
    {"small",           SPEC_SMALL,     false},
    { "small-zstd",     SPEC_SMALL,     true },
    { "reference",      SPEC_REFERENCE, false},
    { "reference-zstd", SPEC_REFERENCE, true },
};

static const struct layers_kind *layers_find(const char *name)
{
    for (size_t i = 0; i < sizeof layers_kinds / sizeof *layers_kinds; i++) {
        if (strcmp(layers_kinds[i].name, name) == 0)
            return &layers_kinds[i];
    }
    return NULL;
}

static int layers_image(const char *name, const char *seed, const char *dir)
{
    const struct layers_kind *kind = layers_find(name);
    uint64_t written_bytes = 0;
    struct err e;
    if (!kind) {
        (void)fprintf(stderr, "'%s' is no image that is made\n", name);
        return 3;
    }
    const struct mint_conf conf = {
        .kind = kind->kind, .is_zstd = kind->is_zstd, .seed = strtoull(seed, NULL, 10), .threads = 2
    };
    if (mint_make(&conf, AT_FDCWD, dir, NULL, &written_bytes, &e))
        return layers_fail(&e);
    (void)printf("bytes %" PRIu64 "\n", written_bytes);
    return 0;
}

static void layers_tell(const struct rules_count *count)
{
    (void)printf("entries %" PRIu64 "\n", count->entries);
    for (unsigned i = 0; i < RULES_SKIPS; i++) {
        if (count->skipped[i])
            (void)printf("left out: %s\n", rules_skip_name((enum rules_skip)i));
    }
}

static int layers_unpack(const char *file, const char *dir, const char *below)
{
    struct stat st = { 0 };
    struct unpack unpack;
    struct rules_count count = { 0 };
    const struct rules_limits limits = { 0 };
    struct err e;
    AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || dir_fd < 0 || fstat(fd, &st)) {
        perror(dir);
        return 1;
    }
    const struct stream_source source = { .fd = fd, .size = (uint64_t)st.st_size };
    struct walk at;
    walk_start(&at, dir_fd, -1, (unsigned)strtoul(below, NULL, 10));
    if (unpack_open(&unpack, NULL, &e))
        return layers_fail(&e);
    int failed = unpack_layer(&unpack, &source, &at, &limits, &count, &e);
    unpack_release(&unpack);
    layers_tell(&count);
    return failed ? layers_fail(&e) : 0;
}

static int layers_limit(const char *path, const char *dir, bool is_batched)
{
    const struct oci_wish wish = { 0 };
    struct oci_image image;
    struct pipeline pipeline;
    struct pipeline_took took;
    struct err e;
    AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (oci_open(AT_FDCWD, path, &wish, &image, &e))
        return layers_fail(&e);
    const struct pipeline_job job = {
        .image = &image, .dir_fd = dir_fd, .lanes = 2, .is_batched = is_batched
    };
    int failed = pipeline_open(&pipeline, 2, 2, &e) ||
                 (is_batched && pipeline_open_batches(&pipeline, &e)) ||
                 pipeline_run(&pipeline, &job, &took, &e);
    if (!failed)
        layers_tell(&took.count);
    pipeline_release(&pipeline);
    oci_close(&image);
    return failed ? layers_fail(&e) : 0;
}

static int layers_pull(const char *image_path, const char *dir)
{
    static const volatile sig_atomic_t never = 0;
    const struct runtime_environment env = runtime_environment();
    struct runtime runtime;
    struct oci_image image;
    struct pull pull = { 0 };
    struct pull_took took;
    struct err e;
    AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (oci_open(AT_FDCWD, image_path, &(struct oci_wish){ 0 }, &image, &e) ||
        runtime_find(&env, &runtime, &e))
        return layers_fail(&e);
    const struct pull_conf conf = { .image = &image,
                                    .runtime = &runtime,
                                    .dir_fd = dir_fd,
                                    .budget_bytes = UINT64_MAX,
                                    .stopping = &never };
    if (pull_open(&pull, &conf, &e) || pull_once(&pull, 0, &took, &e))
        return layers_fail(&e);
    (void)printf("%.3f seconds, modelled %.3f + %.3f, cpu %.3f, entries %" PRIu64 ", bytes %" PRIu64
                 ", decoder %s, kib %.0f ns\n",
                 (double)took.wall_ns / 1e9, (double)took.modelled_ns / 1e9,
                 (double)took.beside_ns / 1e9, (double)took.cpu_ns / 1e9, took.entries,
                 took.stream_bytes, runtime_decoder_name(runtime.decoder), runtime.kib_ns);
    pull_release(&pull);
    oci_close(&image);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "image") == 0)
        return layers_image(argv[2], argv[3], argv[4]);
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "unpack") == 0)
        return layers_unpack(argv[2], argv[3], argc == 5 ? argv[4] : "1");
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "limit") == 0)
        return layers_limit(argv[2], argv[3], argc == 5 && strcmp(argv[4], "ring") == 0);
    if (argc == 4 && strcmp(argv[1], "pull") == 0)
        return layers_pull(argv[2], argv[3]);
    (void)fprintf(stderr, "usage: layers image KIND SEED DIR | layers unpack FILE DIR [BELOW] | "
                          "layers limit IMAGE DIR | layers pull IMAGE DIR\n");
    return 3;
}
