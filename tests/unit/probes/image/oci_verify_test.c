#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/album.h"

enum {
    BOMB_BYTES = OCI_RATIO_FREE_BYTES + (1 << 20)
};

/* An open image; what is done to its files before it is verified is the test's. */
static struct album *opened(struct album_image *m)
{
    struct album *a = album_of_one(m);
    assert_int_equal(album_read_dir(a), 0);
    return a;
}

static void assert_refused(struct album *a, const char *where, const char *why)
{
    assert_int_equal(album_verify(a), -1);
    if (a->e.kind != ERR_DATA || strncmp(a->e.msg, where, strlen(where)) != 0 ||
        !strstr(a->e.msg, why)) {
        fail_msg("said '%s' (kind %d), and not '%s: ... %s'", a->e.msg, a->e.kind, where, why);
    }
}

/* Overwrites the byte at so many from the end of a layer's file. */
static void spoil(struct album *a, unsigned layer, off_t back)
{
    char name[300];
    struct stat st;
    uint8_t byte = 0;
    (void)snprintf(name, sizeof name, "layout/%s", a->files[layer].name);
    AUTO_CLOSE int fd = openat(a->dir, name, O_RDWR | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pread(fd, &byte, 1, st.st_size - back), 1);
    byte ^= 0x55;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size - back), 1);
}

static void every_layer_is_counted(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = opened(&m);
    for (unsigned threads = 0; threads < 5; threads++) {
        assert_int_equal(oci_verify(&a->image, threads, 0, NULL, &a->e), 0);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(a->image.layers[i].entries, 2);
            assert_int_equal(a->image.layers[i].file_bytes, strlen("layer 0 of one"));
            assert_int_equal(a->image.layers[i].tar_bytes, 5 * TAR_BLOCK_BYTES);
        }
        assert_int_equal(a->image.entries, 6);
    }
    album_close(a);
}

static void a_byte_that_changed_is_found_in_every_form(void **state)
{
    (void)state;
    static const char *const where[] = { "layer 1 of 3: ", "layer 2 of 3: ", "layer 3 of 3: " };
    for (unsigned i = 0; i < 3; i++) {
        struct album_image m = { .text = "one" };
        struct album *a = opened(&m);
        /* In the zeros of the tar; in the checksums of gzip and zstd. */
        spoil(a, i, 2);
        assert_refused(a, where[i], "");
        album_close(a);
    }
}

/* The tar is what it was, and the bytes are other ones: as another gzip would pack it. */
static void another_packing_of_the_same_tar_is_refused(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = opened(&m);
    char name[300];
    uint8_t byte = 7; /* of the header's time, which nobody reads */
    (void)snprintf(name, sizeof name, "layout/%s", a->files[1].name);
    AUTO_CLOSE int fd = openat(a->dir, name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, &byte, 1, 4), 1);
    assert_refused(a, "layer 2 of 3: ", "as stored: its SHA-256 is");
    album_close(a);
}

static void a_tar_that_the_config_does_not_know_is_refused(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = opened(&m);
    a->image.layers[2].diff_id[31] ^= 1;
    assert_refused(a, "layer 3 of 3: ", "its tar (diff_id): its SHA-256 is");
    album_close(a);
}

static void a_layer_that_became_shorter_is_refused(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = opened(&m);
    char name[300];
    (void)snprintf(name, sizeof name, "layout/%s", a->files[2].name);
    AUTO_CLOSE int fd = openat(a->dir, name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 20), 0);
    assert_refused(a, "layer 3 of 3: ", "bytes early");
    album_close(a);
}

/* An image of one layer with these bytes in it; digests are right, whatever they are. */
static struct album *of_layer(const void *bytes, size_t size, const void *tar, size_t tar_size,
                              const char *suffix)
{
    struct album_image m = { .text = "one" };
    struct album *a = album_open();
    char type[128];
    char hex[DIGEST_HEX_BYTES];
    (void)snprintf(type, sizeof type, ALBUM_LAYER "%s", suffix);
    album_blob(album_put(a, "", bytes, size), type, "", m.layers[0]);
    album_hex(tar, tar_size, hex);
    album_blob(album_text(a, "",
                          "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":["
                          "\"sha256:%s\"]}}",
                          hex),
               ALBUM_CONFIG, "", m.config);
    album_blob(album_text(a, "", "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}", m.config,
                          m.layers[0]),
               ALBUM_MANIFEST, "", m.manifest);
    album_list(a, m.manifest);
    album_finish(a);
    assert_int_equal(album_read_archive(a), 0);
    return a;
}

static void garbage_behind_a_layer_is_refused(void **state)
{
    (void)state;
    struct album_tar tar;
    uint8_t packed[ALBUM_LAYER_BYTES];
    album_tar(&tar, "text");
    size_t size = press_gzip(packed, sizeof packed, tar.bytes, tar.size, NULL);
    packed[size] = 'x';
    struct album *a = of_layer(packed, size + 1, tar.bytes, tar.size, "+gzip");
    assert_refused(a, "layer 1 of 1: ", "garbage follows the gzip stream");
    album_close(a);
    size = press_zstd(packed, sizeof packed, tar.bytes, tar.size, 0);
    packed[size] = 'x';
    a = of_layer(packed, size + 1, tar.bytes, tar.size, "+zstd");
    assert_refused(a, "layer 1 of 1: ", "garbage follows the zstd stream");
    album_close(a);
}

static void a_layer_that_is_no_tar_is_refused(void **state)
{
    (void)state;
    char text[2048];
    memset(text, 'x', sizeof text);
    struct album *a = of_layer(text, sizeof text, text, sizeof text, "");
    assert_refused(a, "layer 1 of 1: ", "not a sound tar");
    album_close(a);
    struct album_tar tar;
    album_tar(&tar, "text");
    a = of_layer(tar.bytes, 1024, tar.bytes, 1024, ""); /* its file's content is missing */
    assert_refused(a, "layer 1 of 1: ", "not a sound tar");
    album_close(a);
}

/* What the type says and what the bytes say: SOURCE media.h. */
static void the_bytes_say_how_a_layer_is_packed_but_for_an_oci_tar(void **state)
{
    (void)state;
    struct album_tar tar;
    uint8_t packed[ALBUM_LAYER_BYTES];
    album_tar(&tar, "text");
    size_t size = press_zstd(packed, sizeof packed, tar.bytes, tar.size, 0);
    struct album *a = of_layer(packed, size, tar.bytes, tar.size, "+gzip");
    assert_int_equal(a->image.layers[0].source.form, STREAM_ZSTD);
    assert_int_equal(album_verify(a), 0);
    album_close(a);
    a = of_layer(tar.bytes, tar.size, tar.bytes, tar.size, "+gzip");
    assert_int_equal(a->image.layers[0].source.form, STREAM_PLAIN);
    assert_int_equal(album_verify(a), 0);
    album_close(a);
    a = of_layer(packed, size, tar.bytes, tar.size, "");
    assert_int_equal(a->image.layers[0].source.form, STREAM_PLAIN);
    assert_refused(a, "layer 1 of 1: ", "not a sound tar");
    album_close(a);
}

static void a_bomb_is_given_up(void **state)
{
    (void)state;
    uint8_t *zeros = calloc(1, BOMB_BYTES);
    uint8_t *packed = malloc(1 << 20);
    assert_non_null(zeros);
    assert_non_null(packed);
    size_t size = press_zstd(packed, 1 << 20, zeros, BOMB_BYTES, 0);
    struct album *a = of_layer(packed, size, zeros, 1, "+zstd");
    assert_refused(a, "layer 1 of 1: ", "more than 64 MiB come out of");
    album_close(a);
    free(zeros);
    free(packed);
}

static void who_asks_to_stop_is_heard(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = opened(&m);
    const volatile sig_atomic_t stopping = 1;
    assert_int_equal(oci_verify(&a->image, 2, 0, &stopping, &a->e), -1);
    assert_int_equal(a->e.kind, ERR_INTERRUPTED);
    album_close(a);
}

static void when_the_time_is_over_it_says_how_far_it_was(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = opened(&m);
    assert_int_equal(oci_verify(&a->image, 2, 1, NULL, &a->e), -1);
    assert_int_equal(a->e.kind, ERR_TIMEOUT);
    assert_non_null(strstr(a->e.msg, "layer 1 of "));
    assert_non_null(strstr(a->e.msg, "the time was over when 0 entries in 0.0 MB"));
    album_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_is_counted),
        cmocka_unit_test(a_byte_that_changed_is_found_in_every_form),
        cmocka_unit_test(another_packing_of_the_same_tar_is_refused),
        cmocka_unit_test(a_tar_that_the_config_does_not_know_is_refused),
        cmocka_unit_test(a_layer_that_became_shorter_is_refused),
        cmocka_unit_test(garbage_behind_a_layer_is_refused),
        cmocka_unit_test(a_layer_that_is_no_tar_is_refused),
        cmocka_unit_test(the_bytes_say_how_a_layer_is_packed_but_for_an_oci_tar),
        cmocka_unit_test(a_bomb_is_given_up),
        cmocka_unit_test(who_asks_to_stop_is_heard),
        cmocka_unit_test(when_the_time_is_over_it_says_how_far_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
