/*
 * What image.bats needs of the image probes, without measuring:
 *     layers make SEED MIB DIR       writes DIR/0.tar.gz ... and prints the set's SHA-256
 *     layers unpack FILE.tar.gz DIR  unpacks one layer; prints "entries N" and what was left out
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/image/layer.h"
#include "probes/image/unpack.h"
#include "probes/kit/auto.h"

static int layers_fail(const struct err *e)
{
    (void)fprintf(stderr, "%s\n", e->msg);
    return 1;
}

static int layers_copy(const struct layer *layer, int dir_fd, unsigned number)
{
    char name[32];
    off_t at = 0;
    (void)snprintf(name, sizeof name, "%u.tar.gz", number);
    AUTO_CLOSE int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    while ((uint64_t)at < layer->packed_bytes) {
        if (sendfile(fd, layer->fd, &at, layer->packed_bytes) <= 0)
            return -1;
    }
    return 0;
}

static int layers_make(const char *seed, const char *mib, const char *dir)
{
    const struct layer_conf conf = { .seed = strtoull(seed, NULL, 10),
                                     .bytes = strtoull(mib, NULL, 10) << 20,
                                     .layers = 4,
                                     .level = 6,
                                     .threads = 2 };
    struct layer_set set;
    struct err e;
    AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layer_set_make(&conf, dir_fd, NULL, &set, &e))
        return layers_fail(&e);
    int failed = 0;
    for (unsigned i = 0; i < set.count; i++)
        failed = layers_copy(&set.layers[i], dir_fd, i) || failed;
    (void)printf("%s\n", set.sha256);
    layer_set_release(&set);
    return failed;
}

static int layers_unpack(const char *file, const char *dir)
{
    struct stat st = { 0 };
    struct unpack unpack;
    struct apply_count count = { 0 };
    const struct apply_limits limits = { 0 };
    struct err e;
    AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || dir_fd < 0 || fstat(fd, &st)) {
        perror(dir);
        return 1;
    }
    const struct stream_source source = { .fd = fd, .size = (uint64_t)st.st_size };
    if (unpack_open(&unpack, &e))
        return layers_fail(&e);
    int failed = unpack_layer(&unpack, &source, dir_fd, &limits, &count, &e);
    unpack_release(&unpack);
    (void)printf("entries %" PRIu64 "\n", count.entries);
    for (unsigned i = 0; i < APPLY_SKIPS; i++) {
        if (count.skipped[i])
            (void)printf("left out: %s\n", apply_skip_name((enum apply_skip)i));
    }
    return failed ? layers_fail(&e) : 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "make") == 0)
        return layers_make(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "unpack") == 0)
        return layers_unpack(argv[2], argv[3]);
    (void)fprintf(stderr, "usage: layers make SEED MIB DIR | layers unpack FILE DIR\n");
    return 3;
}
