#include "probes/image/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/album.h"

enum {
    LAYER_BYTES = DECODE_BYTES + (1 << 20)
};

static struct album *verified(struct album_image *m)
{
    struct album *a = album_of_one(m);
    assert_int_equal(album_read_dir(a), 0);
    assert_int_equal(album_verify(a), 0);
    return a;
}

static void every_way_takes_the_same_bytes(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = verified(&m);
    struct decode d;
    assert_int_equal(decode_open(&d, &a->image, NULL, &a->e), 0);
    assert_int_equal(d.size, a->image.layers[0].tar_bytes);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned way = 0; way < DECODE_WAYS; way++) {
            struct decode_took took;
            assert_int_equal(decode_run(&d, way, UINT64_MAX, &took, &a->e), 0);
            assert_int_equal(took.bytes, d.size);
        }
    }
    decode_release(&d);
    decode_release(&d); /* may be called again */
    album_close(a);
}

static void time_that_is_over_is_heeded(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = verified(&m);
    struct decode d;
    assert_int_equal(decode_open(&d, &a->image, NULL, &a->e), 0);
    for (unsigned way = 0; way < DECODE_WAYS; way++) {
        struct decode_took took;
        assert_int_equal(decode_run(&d, way, 0, &took, &a->e), 0);
        assert_int_equal(took.bytes, 0);
    }
    decode_release(&d);
    album_close(a);
}

static void what_is_packed_badly_is_found(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = verified(&m);
    for (unsigned way = 0; way < DECODE_HASH; way++) {
        struct decode d;
        struct decode_took took;
        assert_int_equal(decode_open(&d, &a->image, NULL, &a->e), 0);
        d.packed[way][d.packed_bytes[way] / 2] ^= 0xff;
        d.packed[way][0] ^= 0xff;
        assert_int_equal(decode_run(&d, way, UINT64_MAX, &took, &a->e), -1);
        assert_int_equal(a->e.kind, ERR_DATA);
        decode_release(&d);
    }
    album_close(a);
}

/* Of the largest layer, and not more of it than is kept. */
static void a_large_layer_is_cut(void **state)
{
    (void)state;
    struct oci_layer layers[2] = { { .tar_bytes = 1 }, { .tar_bytes = LAYER_BYTES } };
    struct oci_image image = { .layers = layers, .count = 2 };
    struct decode d;
    struct err e;
    uint8_t *bytes = malloc(LAYER_BYTES);
    assert_non_null(bytes);
    for (size_t i = 0; i < LAYER_BYTES; i++)
        bytes[i] = (uint8_t)(i >> 10);
    AUTO_CLOSE int fd = memfd_create("layer", MFD_CLOEXEC);
    assert_int_equal(file_write_all(fd, bytes, LAYER_BYTES, &e), 0);
    layers[0].source.fd = -1;
    layers[1].source =
        (struct stream_source){ .fd = fd, .size = LAYER_BYTES, .form = STREAM_PLAIN };
    assert_int_equal(decode_open(&d, &image, NULL, &e), 0);
    assert_int_equal(d.size, DECODE_BYTES);
    assert_memory_equal(d.plain, bytes, DECODE_BYTES);
    assert_true(d.packed_bytes[DECODE_ZLIB] < DECODE_BYTES / 2);
    decode_release(&d);
    const volatile sig_atomic_t stopping = 1;
    assert_int_equal(decode_open(&d, &image, &stopping, &e), -1);
    assert_int_equal(e.kind, ERR_INTERRUPTED);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_takes_the_same_bytes),
        cmocka_unit_test(time_that_is_over_is_heeded),
        cmocka_unit_test(what_is_packed_badly_is_found),
        cmocka_unit_test(a_large_layer_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
