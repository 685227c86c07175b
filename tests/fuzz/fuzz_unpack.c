/*
 * Unpacks arbitrary bytes below "in": the first byte says whether the rest is gzip or a plain tar,
 * whose header checksums are then made right, so that mutations are read and not refused. Whatever
 * comes, nothing may appear beside "in".
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/image/tar.h"
#include "probes/image/unpack.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CHECKSUM_AT = 148, /* SOURCE: POSIX.1-2017 pax, "ustar Header Block" */
    CHECKSUM_BYTES = 8,
    MAGIC_AT = 257,
    INPUT_BYTES = 1 << 20
};

static void mend_checksums(uint8_t *bytes, size_t size)
{
    for (; size >= TAR_BLOCK_BYTES; bytes += TAR_BLOCK_BYTES, size -= TAR_BLOCK_BYTES) {
        unsigned sum = 0;
        if (memcmp(bytes + MAGIC_AT, "ustar", 5) != 0)
            continue;
        memset(bytes + CHECKSUM_AT, ' ', CHECKSUM_BYTES);
        for (unsigned i = 0; i < TAR_BLOCK_BYTES; i++)
            sum += bytes[i];
        (void)snprintf((char *)bytes + CHECKSUM_AT, CHECKSUM_BYTES, "%06o", sum);
    }
}

static unsigned count_names(int dir_fd)
{
    unsigned count = 0;
    DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *d = readdir(dir); d; d = readdir(dir))
        count++;
    (void)closedir(dir);
    return count - 2;
}

static void unpack_bytes(int base_fd, int in_fd, int source_fd, size_t size, bool gzip)
{
    const struct stream_source source = { .fd = source_fd,
                                          .size = size,
                                          .form = gzip ? STREAM_GZIP : STREAM_PLAIN };
    const struct rules_limits limits = { .bytes = 1 << 20, .entries = 64 };
    struct rules_count count = { 0 };
    static struct unpack unpack; /* one for all inputs, as one serves all layers */
    struct err e = { 0 };
    if (!unpack.untar.bytes && unpack_open(&unpack, NULL, &e))
        abort();
    struct walk at;
    walk_start(&at, in_fd, -1, gzip ? 0 : 1);
    if (unpack_layer(&unpack, &source, &at, &limits, &count, &e) && e.msg[0] == '\0')
        abort(); /* a refusal without a reason */
    if (count.entries > limits.entries || count.written_bytes > limits.bytes)
        abort();
    if (count_names(base_fd) != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char shm[] = "/dev/shm/plimsoll-fuzz-XXXXXX";
    char path[sizeof shm];
    static uint8_t bytes[INPUT_BYTES];
    struct err e;
    if (size < 1 || size > sizeof bytes)
        return 0;
    bool gzip = data[0] & 1;
    memcpy(bytes, data + 1, size - 1);
    if (!gzip)
        mend_checksums(bytes, size - 1);
    memcpy(path, shm, sizeof shm);
    if (!mkdtemp(path))
        return 0;
    AUTO_CLOSE int base_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_CLOSE int source_fd = memfd_create("layer", MFD_CLOEXEC);
    if (mkdirat(base_fd, "in", 0700) || file_write_all(source_fd, bytes, size - 1, &e))
        abort();
    AUTO_CLOSE int in_fd = openat(base_fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unpack_bytes(base_fd, in_fd, source_fd, size - 1, gzip);
    if (file_remove_tree_at(AT_FDCWD, path, &e))
        abort();
    return 0;
}
