#include "probes/image/layer_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/crate.h"

static struct layer_conf conf(void)
{
    return (
        struct layer_conf){ .seed = 1, .bytes = 2 << 20, .layers = 4, .level = 6, .threads = 2 };
}

static struct layer_set make(const struct layer_conf *conf)
{
    struct layer_set set;
    struct err e;
    char path[64];
    int dir = fake_dir(path);
    assert_int_equal(layer_set_make(conf, dir, NULL, &set, &e), 0);
    assert_int_equal(fake_names(path), 0); /* the files have no names */
    fake_dir_remove(dir, path);
    return set;
}

/* If this fails, figures do not compare with those of older versions. */
static void the_unpacked_bytes_of_a_seed_are_these(void **state)
{
    (void)state;
    struct layer_conf c = conf();
    struct layer_set set = make(&c);
    assert_string_equal(set.sha256,
                        "49734f1da449f5829bf05d2b44c51b2975a7b0947d22f304750ca6131891d0e1");
    layer_set_release(&set);
    layer_set_release(&set); /* may be called again */
}

static void neither_threads_nor_level_change_them(void **state)
{
    (void)state;
    struct layer_conf c = conf();
    struct layer_set one = make(&c);
    c.threads = 1;
    c.level = 1;
    struct layer_set other = make(&c);
    c.seed = 2;
    struct layer_set third = make(&c);
    assert_string_equal(one.sha256, other.sha256);
    assert_int_equal(one.tar_bytes, other.tar_bytes);
    assert_true(one.packed_bytes < other.packed_bytes);
    assert_string_not_equal(one.sha256, third.sha256);
    layer_set_release(&one);
    layer_set_release(&other);
    layer_set_release(&third);
}

/* The digest is that of what comes out of the packed file. */
static void layers_unpack_to_what_was_digested(void **state)
{
    (void)state;
    struct layer_conf c = conf();
    struct layer_set set = make(&c);
    struct stream stream;
    struct err e;
    assert_int_equal(stream_open(&stream, &e), 0);
    for (unsigned i = 0; i < set.count; i++) {
        const struct set_layer *layer = &set.layers[i];
        const struct stream_source source = { .fd = layer->fd, .size = layer->packed_bytes };
        struct sha256_ctx digest;
        uint8_t sum[SHA256_DIGEST_SIZE];
        const uint8_t *bytes = NULL;
        size_t size = 0;
        sha256_init(&digest);
        assert_int_equal(stream_start(&stream, &source, UINT64_MAX, &e), 0);
        do {
            assert_int_equal(stream_read(&stream, &bytes, &size, &e), 0);
            sha256_update(&digest, size, bytes);
        } while (size > 0);
        sha256_digest(&digest, sizeof sum, sum);
        assert_memory_equal(sum, layer->sha256, sizeof sum);
        assert_int_equal(stream.out_bytes, layer->tar_bytes);
    }
    stream_release(&stream);
    layer_set_release(&set);
}

static void sizes_and_ratio_are_those_of_the_header(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 13; seed++) {
        struct layer_conf c = conf();
        c.seed = seed;
        c.bytes = 8 << 20;
        struct layer_set set = make(&c);
        double ratio = (double)set.tar_bytes / (double)set.packed_bytes;
        assert_true(ratio > 2.2 && ratio < 3.6);
        assert_true(set.file_bytes <= c.bytes && set.file_bytes > c.bytes * 95 / 100);
        assert_true(set.packed_bytes <= layer_packed_bytes_max(c.bytes));
        assert_true(set.layers[0].tar_bytes > set.layers[1].tar_bytes);
        assert_true(set.layers[1].tar_bytes > set.layers[2].tar_bytes);
        layer_set_release(&set);
    }
}

static void from_one_layer_to_the_most_are_possible(void **state)
{
    (void)state;
    struct layer_conf c = conf();
    c.bytes = 1 << 20;
    for (c.layers = 1; c.layers <= LAYER_MAX; c.layers += LAYER_MAX - 1) {
        struct layer_set set = make(&c);
        assert_int_equal(set.count, c.layers);
        layer_set_release(&set);
    }
}

static void a_stop_ends_the_making(void **state)
{
    (void)state;
    struct layer_conf c = conf();
    struct layer_set set;
    struct err e;
    char path[64];
    int dir = fake_dir(path);
    volatile sig_atomic_t stopping = 1;
    assert_int_equal(layer_set_make(&c, dir, &stopping, &set, &e), -1);
    assert_int_equal(e.kind, ERR_INTERRUPTED);
    assert_int_equal(set.count, 0);
    fake_dir_remove(dir, path);
}

static void a_directory_that_is_gone_is_said(void **state)
{
    (void)state;
    struct layer_conf c = conf();
    struct layer_set set;
    struct err e;
    assert_int_equal(layer_set_make(&c, -1, NULL, &set, &e), -1);
    assert_int_equal(e.sys, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unpacked_bytes_of_a_seed_are_these),
        cmocka_unit_test(neither_threads_nor_level_change_them),
        cmocka_unit_test(layers_unpack_to_what_was_digested),
        cmocka_unit_test(sizes_and_ratio_are_those_of_the_header),
        cmocka_unit_test(from_one_layer_to_the_most_are_possible),
        cmocka_unit_test(a_stop_ends_the_making),
        cmocka_unit_test(a_directory_that_is_gone_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
