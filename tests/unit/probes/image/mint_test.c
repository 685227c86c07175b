#include "probes/image/mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/probes/image/forge.h"

/* If this fails, figures do not compare with those of older versions. */
static void the_image_of_a_seed_is_this(void **state)
{
    (void)state;
    static const char *const diff_ids[] = {
        "sha256:7df7d0340d9a3238a7201a6c0cc222e1040ffe0d1a0909b7d2b7c6127d06d16a",
        "sha256:9b68cbcb5eefa460169855e7c833da4f75034332881bd99af122b82700cf5367",
        "sha256:4f54fe8d7fad20ec797c715275f0dc6aced7c59f0cd05d3dcfe6076f08c08ddc",
    };
    struct forge *f = forge_open();
    assert_int_equal(forge_make(f, &forge_conf, "image"), 0);
    json_t *config = forge_config(f, "image");
    const json_t *ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    assert_int_equal(json_array_size(ids), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(json_string_value(json_array_get(ids, i)), diff_ids[i]);
    json_decref(config);
    assert_string_equal(f->config_digest,
                        "sha256:99a2b3d00a757da3584f287d525141719ae3c213ff566640aad35f133976a9ff");
    forge_close(f);
}

static void the_small_image_is_this(void **state)
{
    (void)state;
    const struct mint_conf conf = { .kind = SPEC_SMALL, .seed = SPEC_SEED, .threads = 2 };
    uint64_t written_bytes = 0;
    struct forge *f = forge_open();
    assert_int_equal(mint_make(&conf, f->dir, "image", NULL, &written_bytes, &f->e), 0);
    forge_describe(f, "image");
    assert_string_equal(f->config_digest,
                        "sha256:d70f58b72c412d9970281c521f3ea6f28c3db9965b7270a6d2196bd73f1cb565");
    assert_true(written_bytes <= mint_packed_bytes_max(SPEC_SMALL));
    forge_close(f);
}

/* Each blob is what its name and the descriptor say; and none is there that nobody names. */
static void every_blob_is_what_its_descriptor_says(void **state)
{
    (void)state;
    for (int is_zstd = 0; is_zstd < 2; is_zstd++) {
        struct mint_conf conf = forge_conf;
        struct forge *f = forge_open();
        conf.is_zstd = is_zstd;
        assert_int_equal(forge_make(f, &conf, "image"), 0);
        json_decref(forge_config(f, "image"));
        for (unsigned i = 0; i < 3; i++)
            (void)forge_blob(f, "image", json_array_get(json_object_get(f->manifest, "layers"), i));
        assert_int_equal(f->stored_bytes, f->written_bytes);
        assert_int_equal(forge_blobs(f, "image"), 3 + 2);
        for (unsigned i = 0; i < 3; i++)
            forge_check_layer(f, "image", i);
        forge_close(f);
    }
}

static void neither_threads_nor_packing_change_the_image_id(void **state)
{
    (void)state;
    struct mint_conf conf = forge_conf;
    char id[sizeof((struct forge *)0)->config_digest];
    struct forge *f = forge_open();
    assert_int_equal(forge_make(f, &conf, "a"), 0);
    forge_describe(f, "a");
    memcpy(id, f->config_digest, sizeof id);
    conf.threads = 1;
    assert_int_equal(forge_make(f, &conf, "b"), 0);
    assert_true(forge_same(f, "a", "b"));
    conf.is_zstd = true;
    assert_int_equal(forge_make(f, &conf, "c"), 0);
    forge_describe(f, "c");
    assert_string_equal(f->config_digest, id);
    assert_false(forge_same(f, "a", "c"));
    conf.seed = 2;
    assert_int_equal(forge_make(f, &conf, "d"), 0);
    forge_describe(f, "d");
    assert_string_not_equal(f->config_digest, id);
    forge_close(f);
}

/* There is no program in it: no platform passes it over. */
static void every_platform_may_have_it(void **state)
{
    (void)state;
    static const char *const platforms[] = { NULL, "linux/arm64", "linux/s390x" };
    struct forge *f = forge_open();
    struct oci_image image;
    assert_int_equal(forge_make(f, &forge_conf, "image"), 0);
    for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++) {
        const struct oci_wish wish = { .platform = platforms[i] };
        if (oci_open(f->dir, "image", &wish, &image, &f->e))
            fail_msg("%s", f->e.msg);
        assert_int_equal(image.count, 3);
        oci_close(&image);
    }
    forge_close(f);
}

static void a_stop_leaves_nothing(void **state)
{
    (void)state;
    struct forge *f = forge_open();
    f->stopping = 1;
    assert_int_equal(forge_make(f, &forge_conf, "image"), -1);
    assert_int_equal(f->e.kind, ERR_INTERRUPTED);
    assert_int_equal(fake_names(f->path), 0);
    forge_close(f);
}

/* A limit of this process on the size of files stands for a full filesystem. */
static void a_failed_write_names_layer_and_reason_and_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit before;
    struct forge *f = forge_open();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit narrow = { .rlim_cur = 65536, .rlim_max = before.rlim_max };
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &narrow), 0);
    int failed = forge_make(f, &forge_conf, "image");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(failed, -1);
    assert_int_equal(f->e.sys, EFBIG);
    assert_non_null(strstr(f->e.msg, "make the image 'tiny': layer "));
    assert_non_null(strstr(f->e.msg, "File too large"));
    assert_int_equal(fake_names(f->path), 0);
    forge_close(f);
}

static void what_a_killed_run_has_left_is_no_hindrance(void **state)
{
    (void)state;
    struct forge *f = forge_open();
    assert_int_equal(mkdirat(f->dir, "image.part", 0755), 0);
    assert_int_equal(mkdirat(f->dir, "image.part/blobs", 0755), 0);
    assert_int_equal(forge_make(f, &forge_conf, "image"), 0);
    assert_int_equal(fake_names(f->path), 1);
    forge_close(f);
}

static void an_image_that_is_there_is_not_replaced(void **state)
{
    (void)state;
    struct forge *f = forge_open();
    assert_int_equal(forge_make(f, &forge_conf, "image"), 0);
    assert_int_equal(forge_make(f, &forge_conf, "image"), -1);
    assert_non_null(strstr(f->e.msg, "'image'"));
    assert_int_equal(fake_names(f->path), 1);
    forge_close(f);
}

static void a_directory_that_is_gone_is_said(void **state)
{
    (void)state;
    uint64_t written_bytes = 1;
    struct err e;
    assert_int_equal(mint_make(&forge_conf, -1, "image", NULL, &written_bytes, &e), -1);
    assert_int_equal(e.sys, EBADF);
    assert_int_equal(written_bytes, 0);
}

static void bounds_are_in_order(void **state)
{
    (void)state;
    for (int kind = SPEC_SMALL; kind <= SPEC_REFERENCE; kind++) {
        uint64_t files = mint_file_bytes((enum spec_kind)kind);
        assert_true(mint_packed_bytes_max((enum spec_kind)kind) < files);
        assert_true(mint_unpacked_bytes_max((enum spec_kind)kind) > files);
    }
    assert_in_range(mint_file_bytes(SPEC_SMALL), 55000000, 62000000);
    assert_in_range(mint_file_bytes(SPEC_REFERENCE), 485000000, 515000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_of_a_seed_is_this),
        cmocka_unit_test(the_small_image_is_this),
        cmocka_unit_test(every_blob_is_what_its_descriptor_says),
        cmocka_unit_test(neither_threads_nor_packing_change_the_image_id),
        cmocka_unit_test(every_platform_may_have_it),
        cmocka_unit_test(a_stop_leaves_nothing),
        cmocka_unit_test(a_failed_write_names_layer_and_reason_and_leaves_nothing),
        cmocka_unit_test(what_a_killed_run_has_left_is_no_hindrance),
        cmocka_unit_test(an_image_that_is_there_is_not_replaced),
        cmocka_unit_test(a_directory_that_is_gone_is_said),
        cmocka_unit_test(bounds_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
