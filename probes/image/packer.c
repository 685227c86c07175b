#include "probes/image/packer.h"

#include <stdbool.h>

#include "probes/kit/file.h"

enum {
    PACKER_GZIP_LEVEL = 6,
    PACKER_ZSTD_LEVEL = 3,
    PACKER_WINDOW_BITS = 15 + 16, /* SOURCE: zlib.h, deflateInit2: 16 more writes a gzip header */
    PACKER_MEMORY_LEVEL = 8       /* zlib's default */
};

/* One library's way. */
struct packer_row {
    const char *media_type;
    bool (*open)(struct packer *p);
    int (*run)(struct packer *p, const void *bytes, size_t size, bool is_last, struct err *e);
    void (*release)(struct packer *p);
};

static int packer_flush(struct packer *p, size_t size, struct err *e)
{
    p->packed_bytes += size;
    sha256_update(&p->digest, size, p->out);
    return file_write_all(p->fd, p->out, size, e);
}

static bool packer_open_gzip(struct packer *p)
{
    return deflateInit2(&p->z, PACKER_GZIP_LEVEL, Z_DEFLATED, PACKER_WINDOW_BITS,
                        PACKER_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
}

static int packer_run_gzip(struct packer *p, const void *bytes, size_t size, bool is_last,
                           struct err *e)
{
    int answer = Z_OK;
    p->z.next_in = bytes;
    p->z.avail_in = (uInt)size;
    do {
        p->z.next_out = p->out;
        p->z.avail_out = sizeof p->out;
        answer = deflate(&p->z, is_last ? Z_FINISH : Z_NO_FLUSH);
        if (answer == Z_STREAM_ERROR)
            return err_set(e, ERR_DATA, 0, "zlib refused to compress");
        if (packer_flush(p, sizeof p->out - p->z.avail_out, e))
            return -1;
    } while (is_last ? answer != Z_STREAM_END : p->z.avail_out == 0);
    return 0;
}

static void packer_release_gzip(struct packer *p)
{
    (void)deflateEnd(&p->z);
}

static bool packer_open_zstd(struct packer *p)
{
    p->zstd = ZSTD_createCCtx();
    return p->zstd &&
           !ZSTD_isError(
               ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, PACKER_ZSTD_LEVEL)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1));
}

static int packer_run_zstd(struct packer *p, const void *bytes, size_t size, bool is_last,
                           struct err *e)
{
    ZSTD_inBuffer in = { .src = bytes, .size = size };
    size_t left = 0;
    do {
        ZSTD_outBuffer out = { .dst = p->out, .size = sizeof p->out };
        left = ZSTD_compressStream2(p->zstd, &out, &in, is_last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return err_set(e, ERR_DATA, 0, "zstd refused to compress: %s", ZSTD_getErrorName(left));
        if (packer_flush(p, out.pos, e))
            return -1;
    } while (is_last ? left > 0 : in.pos < in.size);
    return 0;
}

static void packer_release_zstd(struct packer *p)
{
    (void)ZSTD_freeCCtx(p->zstd);
    p->zstd = NULL;
}

static const struct packer_row packer_rows[] = {
    [PACKER_GZIP] = {"application/vnd.oci.image.layer.v1.tar+gzip",  packer_open_gzip,
                     packer_run_gzip, packer_release_gzip},
    [PACKER_ZSTD] = { "application/vnd.oci.image.layer.v1.tar+zstd", packer_open_zstd,
                     packer_run_zstd, packer_release_zstd},
};

int packer_open(struct packer *p, enum packer_form form, int fd, struct err *e)
{
    *p = (struct packer){ .fd = fd, .row = &packer_rows[form] };
    sha256_init(&p->digest);
    return p->row->open(p) ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory to compress");
}

int packer_put(struct packer *p, const void *bytes, size_t size, struct err *e)
{
    return p->row->run(p, bytes, size, false, e);
}

int packer_end(struct packer *p, uint8_t digest[SHA256_DIGEST_SIZE], struct err *e)
{
    if (p->row->run(p, NULL, 0, true, e))
        return -1;
    sha256_digest(&p->digest, SHA256_DIGEST_SIZE, digest);
    return 0;
}

void packer_release(struct packer *p)
{
    if (p->row)
        p->row->release(p);
    p->row = NULL;
}

const char *packer_media_type(enum packer_form form)
{
    return packer_rows[form].media_type;
}
