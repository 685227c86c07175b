#include "probes/image/packer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/prng.h"

enum {
    BYTES = 3 << 20,
    ROOM = BYTES + (64 << 10)
};

struct press {
    uint8_t plain[BYTES], packed[ROOM], unpacked[ROOM];
    struct packer packer;
    uint8_t digest[SHA256_DIGEST_SIZE];
    int fd;
    struct err e;
};

/* Half of it packs, half does not. */
static struct press *press_open(void)
{
    struct press *p = calloc(1, sizeof *p);
    struct prng prng;
    prng_init(&prng, 7);
    prng_fill(&prng, p->plain, BYTES / 2);
    p->fd = memfd_create("press", MFD_CLOEXEC);
    return p;
}

static void press_close(struct press *p)
{
    packer_release(&p->packer);
    packer_release(&p->packer); /* may be called again */
    (void)close(p->fd);
    free(p);
}

/* In pieces of random sizes, none and large ones among them. */
static void press_all(struct press *p, enum packer_form form, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    assert_int_equal(packer_open(&p->packer, form, p->fd, &p->e), 0);
    for (size_t at = 0; at < BYTES;) {
        size_t size = (size_t)prng_below(&prng, prng_below(&prng, 3) ? 1000 : 400000);
        size = size < BYTES - at ? size : BYTES - at;
        assert_int_equal(packer_put(&p->packer, p->plain + at, size, &p->e), 0);
        at += size;
    }
    assert_int_equal(packer_end(&p->packer, p->digest, &p->e), 0);
}

static size_t unpack_gzip(struct press *p, size_t size)
{
    z_stream z = { .next_in = p->packed,
                   .avail_in = (uInt)size,
                   .next_out = p->unpacked,
                   .avail_out = sizeof p->unpacked };
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    (void)inflateEnd(&z);
    return z.total_out;
}

static size_t unpack_zstd(struct press *p, size_t size)
{
    size_t made = ZSTD_decompress(p->unpacked, sizeof p->unpacked, p->packed, size);
    assert_false(ZSTD_isError(made));
    return made;
}

static void what_comes_out_is_what_went_in_and_the_digest_is_the_files(void **state)
{
    (void)state;
    static size_t (*const unpack[])(struct press *, size_t) = { unpack_gzip, unpack_zstd };
    for (int form = PACKER_GZIP; form <= PACKER_ZSTD; form++) {
        struct press *p = press_open();
        struct sha256_ctx ctx;
        uint8_t digest[SHA256_DIGEST_SIZE];
        press_all(p, (enum packer_form)form, 1);
        ssize_t size = pread(p->fd, p->packed, sizeof p->packed, 0);
        assert_int_equal(size, p->packer.packed_bytes);
        assert_true(size < BYTES);
        assert_int_equal(unpack[form](p, (size_t)size), BYTES);
        assert_memory_equal(p->unpacked, p->plain, BYTES);
        sha256_init(&ctx);
        sha256_update(&ctx, (size_t)size, p->packed);
        sha256_digest(&ctx, sizeof digest, digest);
        assert_memory_equal(digest, p->digest, sizeof digest);
        press_close(p);
    }
}

static void an_empty_stream_is_a_sound_one(void **state)
{
    (void)state;
    static size_t (*const unpack[])(struct press *, size_t) = { unpack_gzip, unpack_zstd };
    for (int form = PACKER_GZIP; form <= PACKER_ZSTD; form++) {
        struct press *p = press_open();
        assert_int_equal(packer_open(&p->packer, (enum packer_form)form, p->fd, &p->e), 0);
        assert_int_equal(packer_end(&p->packer, p->digest, &p->e), 0);
        ssize_t size = pread(p->fd, p->packed, sizeof p->packed, 0);
        assert_true(size > 0);
        assert_int_equal(unpack[form](p, (size_t)size), 0);
        press_close(p);
    }
}

static void a_failed_write_is_told(void **state)
{
    (void)state;
    for (int form = PACKER_GZIP; form <= PACKER_ZSTD; form++) {
        struct press *p = press_open();
        assert_int_equal(packer_open(&p->packer, (enum packer_form)form, -1, &p->e), 0);
        assert_int_equal(packer_put(&p->packer, p->plain, BYTES, &p->e), -1);
        assert_non_null(strstr(p->e.msg, "Bad file descriptor"));
        press_close(p);
    }
}

static void media_types_are_the_specifications(void **state)
{
    (void)state;
    assert_string_equal(packer_media_type(PACKER_GZIP),
                        "application/vnd.oci.image.layer.v1.tar+gzip");
    assert_string_equal(packer_media_type(PACKER_ZSTD),
                        "application/vnd.oci.image.layer.v1.tar+zstd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_out_is_what_went_in_and_the_digest_is_the_files),
        cmocka_unit_test(an_empty_stream_is_a_sound_one),
        cmocka_unit_test(a_failed_write_is_told),
        cmocka_unit_test(media_types_are_the_specifications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
