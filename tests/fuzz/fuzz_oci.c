/*
 * Opens and verifies an image of arbitrary bytes. By the first byte the rest is
 *     0  an archive, whose header checksums are made right
 *     1  parts with "\n--\n" between them: the name of a file, a line end, its text. In the text
 *        "#dN" and "#sN" stand for digest and size of part N, which comes later; a part without a
 *        name is a blob
 * so that mutations are read and not refused for their digests.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probes/image/digest.h"
#include "probes/image/oci.h"
#include "probes/image/tar.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CHECKSUM_AT = 148, /* SOURCE: POSIX.1-2017 pax, "ustar Header Block" */
    CHECKSUM_BYTES = 8,
    MAGIC_AT = 257,
    INPUT_BYTES = 64 << 10,
    PARTS = 10,
    LAYERS = 4
};

struct part {
    char name[96];
    char hex[DIGEST_HEX_BYTES];
    struct buf text;
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

/* The text with what stands for digests and sizes of later parts. */
static void fill_in(struct part *parts, unsigned own, const char *text, size_t size)
{
    struct part *p = &parts[own];
    for (size_t i = 0; i < size; i++) {
        unsigned other = i + 2 < size ? (unsigned)(text[i + 2] - '0') : PARTS;
        bool is_known = text[i] == '#' && other < PARTS && other > own;
        if (is_known && text[i + 1] == 'd')
            buf_addf(&p->text, "sha256:%s", parts[other].hex);
        else if (is_known && text[i + 1] == 's')
            buf_addf(&p->text, "%zu", parts[other].text.size);
        else
            buf_add(&p->text, &text[i], 1);
        i += is_known && (text[i + 1] == 'd' || text[i + 1] == 's') ? 2 : 0;
    }
}

static void make_part(struct part *parts, unsigned own, const char *text, size_t size)
{
    struct part *p = &parts[own];
    uint8_t digest[DIGEST_BYTES];
    const char *line_end = memchr(text, '\n', size);
    size_t name = line_end ? (size_t)(line_end - text) : size;
    size_t body = line_end ? name + 1 : size;
    fill_in(parts, own, text + body, size - body);
    digest_of_bytes(buf_text(&p->text), p->text.size, digest);
    digest_hex(digest, p->hex);
    if (name == 0)
        (void)snprintf(p->name, sizeof p->name, "blobs/sha256/%s", p->hex);
    else
        (void)snprintf(p->name, sizeof p->name, "%.*s", (int)name, text);
}

/* From the last part to the first: a part names later ones. */
static unsigned make_parts(struct part *parts, const char *text, size_t size)
{
    const char *starts[PARTS + 1] = { text };
    unsigned count = 1;
    const char *end = text + size;
    for (const char *at = text; count < PARTS; count++) {
        at = memmem(at, (size_t)(end - at), "\n--\n", 4);
        if (!at)
            break;
        at += 4;
        starts[count] = at;
    }
    starts[count] = end + 4;
    for (unsigned i = count; i > 0; i--)
        make_part(parts, i - 1, starts[i - 1], (size_t)(starts[i] - starts[i - 1]) - 4);
    return count;
}

static int put(void *arg, const void *bytes, size_t size, struct err *e)
{
    return file_write_all(*(int *)arg, bytes, size, e);
}

static void write_parts(int fd, const char *text, size_t size)
{
    struct part *parts = calloc(PARTS, sizeof *parts);
    const struct tar_sink sink = { .write = put, .arg = &fd };
    struct err e;
    unsigned count = make_parts(parts, text, size);
    for (unsigned i = 0; i < count; i++) {
        const struct tar_entry entry = { .path = parts[i].name,
                                         .type = TAR_FILE,
                                         .size = parts[i].text.size };
        if (tar_header(&sink, &entry, &e) == 0) {
            (void)file_write_all(fd, buf_text(&parts[i].text), parts[i].text.size, &e);
            (void)tar_pad(&sink, entry.size, &e);
        }
        buf_release(&parts[i].text);
    }
    (void)tar_end(&sink, &e);
    free(parts);
}

static void read_image(int fd)
{
    const struct oci_wish wish = { .platform = "linux/amd64" };
    char path[64];
    struct oci_image image;
    struct err e = { 0 };
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int failed = oci_open(AT_FDCWD, path, &wish, &image, &e);
    if (!failed && (image.count == 0 || image.count > OCI_LAYERS_MAX || !image.id[0]))
        abort();
    if (!failed && image.count <= LAYERS)
        failed = oci_verify(&image, 1, 0, NULL, &e);
    if (failed && e.msg[0] == '\0')
        abort(); /* a refusal without a reason */
    oci_close(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[INPUT_BYTES];
    struct err e;
    if (size < 1 || size > sizeof bytes)
        return 0;
    memcpy(bytes, data + 1, size - 1);
    AUTO_CLOSE int fd = memfd_create("archive", MFD_CLOEXEC);
    if (fd < 0)
        abort();
    if (data[0] & 1) {
        write_parts(fd, (const char *)bytes, size - 1);
    } else {
        mend_checksums(bytes, size - 1);
        if (file_write_all(fd, bytes, size - 1, &e))
            abort();
    }
    read_image(fd);
    return 0;
}
