#include "probes/image/oci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/album.h"

static void assert_is_whole(const struct album *a, const struct album_image *m)
{
    static const enum stream_form forms[] = { STREAM_PLAIN, STREAM_GZIP, STREAM_ZSTD };

    uint64_t packed = 0;
    char hex[DIGEST_HEX_BYTES];
    assert_int_equal(a->image.count, 3);
    assert_string_equal(a->image.platform, "linux/amd64");
    assert_non_null(strstr(m->config, a->image.id));
    for (unsigned i = 0; i < 3; i++) {
        const struct oci_layer *layer = &a->image.layers[i];
        assert_int_equal(layer->source.form, forms[i]);
        digest_hex(layer->diff_id, hex);
        assert_string_equal(hex, m->diff_ids[i]);
        digest_hex(layer->digest, hex);
        assert_true(layer->has_digest);
        assert_non_null(strstr(m->layers[i], hex));
        packed += layer->source.size;
    }
    assert_true(a->image.packed_bytes == packed);
}

static void a_layout_is_read_from_a_directory_and_from_a_tar(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = album_of_one(&m);
    assert_int_equal(album_read_dir(a), 0);
    assert_is_whole(a, &m);
    assert_string_equal(a->image.form, "OCI image layout");
    assert_int_equal(a->image.fd_count, 3);
    assert_int_equal(album_verify(a), 0);
    assert_int_equal(album_read_archive(a), 0);
    assert_is_whole(a, &m);
    assert_string_equal(a->image.form, "OCI archive");
    assert_int_equal(a->image.fd_count, 1);
    assert_int_equal(album_verify(a), 0);
    assert_int_equal(a->image.entries, 6);
    assert_int_equal(a->image.file_bytes, 3 * strlen("layer 0 of one"));
    assert_int_equal(a->image.tar_bytes, 3 * 2560);
    album_close(a);
}

static void the_platform_that_is_not_asked_for_is_this_machines(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct platform host;
    char more[128];
    struct album *a = album_open();
    assert_int_equal(platform_host(&host, &a->e), 0);
    (void)snprintf(more, sizeof more, "\"os\":\"linux\",\"architecture\":\"%s\",\"variant\":\"%s\"",
                   host.architecture, host.variant);
    m.platform = more;
    album_image(a, &m, "");
    album_list(a, m.manifest);
    album_finish(a);
    a->wish.platform = NULL;
    assert_int_equal(album_read_dir(a), 0);
    a->wish.platform = "linux";
    assert_int_equal(album_read_dir(a), -1);
    assert_int_equal(a->e.kind, ERR_USAGE);
    album_close(a);
}

/* Adds what docker save writes of an image: plain layers, the second one twice. */
static void save(struct album *a, const char *tags, const char *text, char hex[DIGEST_HEX_BYTES])
{
    struct album_tar tar;
    char name[128];
    char diff_id[DIGEST_HEX_BYTES];
    album_tar(&tar, text);
    album_hex(tar.bytes, tar.size, diff_id);
    (void)snprintf(name, sizeof name, "%s-a/layer.tar", text);
    (void)album_put(a, name, tar.bytes, tar.size);
    (void)snprintf(name, sizeof name, "%s-b/layer.tar", text);
    struct album_file *twin = album_text(a, name, "../%s-a/layer.tar", text);
    twin->bytes[twin->size] = '\0';
    twin->link = (const char *)twin->bytes;
    struct album_file *f = album_text(
        a, "",
        "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\"sha256:%s\","
        "\"sha256:%s\"]}}",
        diff_id, diff_id);
    album_hex(f->bytes, f->size, hex);
    (void)snprintf(f->name, sizeof f->name, "%s.json", hex);
    (void)snprintf(a->list + strlen(a->list), 1024,
                   "%s{\"Config\":\"%s.json\",\"RepoTags\":%s,\"Layers\":[\"%s-a/layer.tar\","
                   "\"%s-b/layer.tar\"]}",
                   a->list[0] ? "," : "", hex, tags, text, text);
}

static void what_docker_saved_is_read(void **state)
{
    (void)state;
    struct album *a = album_open();
    char hex[DIGEST_HEX_BYTES];
    save(a, "null", "one", hex);
    (void)album_text(a, "manifest.json", "[%s]", a->list);
    assert_int_equal(album_read_archive(a), 0);
    assert_string_equal(a->image.form, "docker-save archive");
    assert_string_equal(a->image.id, hex);
    assert_int_equal(a->image.count, 2);
    assert_int_equal(a->image.layers[0].source.form, STREAM_PLAIN);
    assert_false(a->image.layers[0].has_digest);
    assert_true(a->image.layers[0].source.offset == a->image.layers[1].source.offset);
    assert_int_equal(album_verify(a), 0);
    a->wish.platform = "linux/arm64";
    assert_int_equal(album_read_archive(a), -1);
    assert_int_equal(a->e.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(a->e.msg, "linux/amd64"));
    album_close(a);
}

static void of_several_saved_images_one_is_asked_for_by_its_tag(void **state)
{
    (void)state;
    struct album *a = album_open();
    char one[DIGEST_HEX_BYTES];
    char two[DIGEST_HEX_BYTES];
    save(a, "[\"a:1\",\"a:latest\"]", "one", one);
    save(a, "[\"b:1\"]", "two", two);
    (void)album_text(a, "manifest.json", "[%s]", a->list);
    assert_int_equal(album_read_archive(a), -1);
    assert_int_equal(a->e.kind, ERR_USAGE);
    assert_non_null(strstr(a->e.msg, "a:1, a:latest, b:1"));
    a->wish.name = "b:1";
    assert_int_equal(album_read_archive(a), 0);
    assert_string_equal(a->image.id, two);
    a->wish.name = "a:latest";
    assert_int_equal(album_read_archive(a), 0);
    assert_string_equal(a->image.id, one);
    a->wish.name = "c";
    assert_int_equal(album_read_archive(a), -1);
    assert_int_equal(a->e.kind, ERR_USAGE);
    assert_non_null(strstr(a->e.msg, "'c', but a:1, a:latest, b:1"));
    album_close(a);
}

static void hex_of(const char *descriptor, char hex[DIGEST_HEX_BYTES])
{
    memcpy(hex, strstr(descriptor, "sha256:") + strlen("sha256:"), DIGEST_HEX_BYTES - 1);
    hex[DIGEST_HEX_BYTES - 1] = '\0';
}

/* As newer Dockers write it: blobs by digest, and a manifest.json that names them so. */
static void a_layer_that_docker_saved_by_digest_is_held_to_it(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = album_open();
    char hex[3][DIGEST_HEX_BYTES];
    char config[DIGEST_HEX_BYTES];
    album_image(a, &m, "");
    for (unsigned i = 0; i < 3; i++)
        hex_of(m.layers[i], hex[i]);
    hex_of(m.config, config);
    (void)album_text(a, "manifest.json",
                     "[{\"Config\":\"blobs/sha256/%s\",\"Layers\":[\"blobs/sha256/%s\","
                     "\"blobs/sha256/%s\",\"blobs/sha256/%s\"]}]",
                     config, hex[0], hex[1], hex[2]);
    assert_int_equal(album_read_dir(a), 0);
    assert_string_equal(a->image.form, "docker-save directory");
    assert_is_whole(a, &m);
    assert_int_equal(album_read_archive(a), 0);
    assert_int_equal(album_verify(a), 0);
    album_close(a);
}

struct case_of_platform {
    const char *wanted;
    const char *text; /* of the image that is taken; NULL: refused */
};

static void the_platforms_own_manifest_is_taken(void **state)
{
    (void)state;
    static const char *const images[][2] = {
        {"amd64",    "\"os\":\"linux\",\"architecture\":\"amd64\""                   },
        { "armv6",   "\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\""  },
        { "armv7",   "\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\""  },
        { "arm64",   "\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\""},
        { "windows", "\"os\":\"windows\",\"architecture\":\"amd64\""                 },
        { "unknown", "\"os\":\"unknown\",\"architecture\":\"unknown\""               },
    };
    static const struct case_of_platform cases[] = {
        {"linux/amd64",     "amd64"  },
        { "linux/arm/v7",   "armv7"  },
        { "linux/arm/v8",   "armv7"  },
        { "linux/arm/v6",   "armv6"  },
        { "linux/arm/v5",   NULL     },
        { "linux/arm",      "armv7"  },
        { "linux/arm64",    "arm64"  },
        { "linux/s390x",    NULL     },
        { "windows/amd64",  "windows"},
        { "linux/arm64/v9", "arm64"  },
    };
    struct album *a = album_open();
    char ids[6][DIGEST_HEX_BYTES];
    char more[256];
    for (unsigned i = 0; i < 6; i++) {
        struct album_image m = { .text = images[i][0], .platform = images[i][1] };
        (void)snprintf(more, sizeof more, "\"platform\":{%s}", images[i][1]);
        album_image(a, &m, more);
        hex_of(m.config, ids[i]);
        album_list(a, m.manifest);
    }
    /* Once at the top, once in an index of its own. */
    for (unsigned deep = 0; deep < 2; deep++) {
        album_finish(a);
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            a->wish.platform = cases[c].wanted;
            assert_int_equal(album_read_dir(a), cases[c].text ? 0 : -1);
            if (!cases[c].text) {
                assert_int_equal(a->e.kind, ERR_UNSUPPORTED);
                assert_non_null(strstr(a->e.msg, "linux/amd64, linux/arm/v6"));
                assert_null(strstr(a->e.msg, "unknown"));
            }
            for (unsigned i = 0; cases[c].text && i < 6; i++) {
                if (strcmp(images[i][0], cases[c].text) == 0)
                    assert_string_equal(a->image.id, ids[i]);
            }
        }
        char index[ALBUM_DESCRIPTOR_BYTES];
        album_blob(album_text(a, "",
                              "{\"schemaVersion\":2,\"mediaType\":\"" ALBUM_INDEX
                              "\",\"manifests\":[%s]}",
                              a->list),
                   ALBUM_INDEX, "", index);
        (void)snprintf(a->list, sizeof a->list, "%s", index);
    }
    album_close(a);
}

static void a_manifest_without_a_platform_is_asked_for_its_configs(void **state)
{
    (void)state;
    struct album *a = album_open();
    struct album_image arm = { .text = "arm",
                               .platform = "\"os\":\"linux\",\"architecture\":\"arm64\"" };
    struct album_image amd = { .text = "amd" };
    album_image(a, &arm, "");
    album_image(a, &amd, "");
    album_list(a, arm.manifest);
    album_list(a, amd.manifest);
    album_finish(a);
    assert_int_equal(album_read_archive(a), 0);
    assert_non_null(strstr(amd.config, a->image.id));
    a->wish.platform = "linux/arm64";
    assert_int_equal(album_read_archive(a), 0);
    assert_non_null(strstr(arm.config, a->image.id));
    album_close(a);
}

static void what_is_about_an_image_is_passed_over(void **state)
{
    (void)state;
    struct album *a = album_open();
    struct album_image m = { .text = "one" };
    char chart[ALBUM_DESCRIPTOR_BYTES];
    char config[ALBUM_DESCRIPTOR_BYTES];
    album_blob(album_text(a, "", "{}"), "application/vnd.cncf.helm.config.v1+json", "", config);
    album_blob(album_text(a, "", "{\"schemaVersion\":2,\"config\":%s,\"layers\":[]}", config),
               ALBUM_MANIFEST, "", chart);
    album_list(a, chart);
    album_blob(album_text(a, "", "{}"), ALBUM_MANIFEST,
               "\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"},"
               "\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}",
               chart);
    album_list(a, chart);
    album_blob(album_text(a, "", "{}"), "application/x-whatever", "", chart);
    album_list(a, chart);
    (void)album_text(a, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    (void)album_text(a, "index.json", "{\"schemaVersion\":2,\"manifests\":[%s]}", a->list);
    assert_int_equal(album_read_dir(a), -1);
    assert_int_equal(a->e.kind, ERR_DATA);
    assert_non_null(strstr(a->e.msg, "no container image"));
    album_image(a, &m, "");
    album_list(a, m.manifest);
    album_finish(a);
    assert_int_equal(album_read_dir(a), 0);
    assert_is_whole(a, &m);
    album_close(a);
}

static void of_several_images_one_is_asked_for_by_its_name(void **state)
{
    (void)state;
    struct album *a = album_open();
    struct album_image one = { .text = "one" };
    struct album_image two = { .text = "two" };
    album_image(a, &one,
                "\"annotations\":{\"org.opencontainers.image.ref.name\":\"1\","
                "\"io.containerd.image.name\":\"docker.io/library/a:1\"}");
    album_list(a, one.manifest);
    album_manifest(a, &one, "\"annotations\":{\"org.opencontainers.image.ref.name\":\"again\"}");
    album_list(a, one.manifest);
    album_finish(a);
    assert_int_equal(album_read_dir(a), 0); /* two names of one image are no question */
    album_image(a, &two, "\"annotations\":{\"org.opencontainers.image.ref.name\":\"2\\u001b[m\"}");
    album_list(a, two.manifest);
    album_finish(a);
    assert_int_equal(album_read_dir(a), -1);
    assert_int_equal(a->e.kind, ERR_USAGE);
    assert_non_null(strstr(a->e.msg, "docker.io/library/a:1, again, 2?[m"));
    static const char *const names[][2] = {
        {"1",                      "one"},
        { "docker.io/library/a:1", "one"},
        { "again",                 "one"},
        { "2?[m",                  "two"}
    };
    for (unsigned i = 0; i < 4; i++) {
        a->wish.name = names[i][0];
        assert_int_equal(album_read_dir(a), 0);
        assert_non_null(strstr(names[i][1][0] == 'o' ? one.config : two.config, a->image.id));
    }
    a->wish.name = "3";
    assert_int_equal(album_read_dir(a), -1);
    assert_int_equal(a->e.kind, ERR_USAGE);
    assert_non_null(strstr(a->e.msg, "'3', but docker.io/library/a:1"));
    album_close(a);
}

/* An index in an index in an index ... */
static void indexes_may_be_nested_but_not_without_end(void **state)
{
    (void)state;
    struct album *a = album_open();
    struct album_image m = { .text = "one" };
    char index[ALBUM_DESCRIPTOR_BYTES];
    album_image(a, &m, "");
    (void)snprintf(index, sizeof index, "%s", m.manifest);
    for (unsigned depth = 0; depth < 5; depth++) {
        (void)snprintf(a->list, sizeof a->list, "%s", index);
        album_finish(a);
        assert_int_equal(album_read_dir(a), depth < 4 ? 0 : -1);
        album_blob(album_text(a, "", "{\"schemaVersion\":2,\"manifests\":[%s]}", index),
                   ALBUM_INDEX, "", index);
    }
    assert_int_equal(a->e.kind, ERR_DATA);
    assert_non_null(strstr(a->e.msg, "indexes within indexes"));
    album_close(a);
}

/* Each index lists the one below a hundred times: 100^3 documents, if all were read. */
static void indexes_that_fan_out_are_given_up(void **state)
{
    (void)state;
    struct album *a = album_open();
    struct album_image m = { .text = "one",
                             .platform = "\"os\":\"linux\",\"architecture\":\"arm64\"" };
    char index[ALBUM_DESCRIPTOR_BYTES];
    album_image(a, &m, "");
    (void)snprintf(index, sizeof index, "%s", m.manifest);
    for (unsigned depth = 0; depth < 3; depth++) {
        a->list[0] = '\0';
        for (unsigned i = 0; i < 100; i++)
            album_list(a, index);
        album_blob(album_text(a, "", "{\"schemaVersion\":2,\"manifests\":[%s]}", a->list),
                   ALBUM_INDEX, "", index);
    }
    (void)snprintf(a->list, sizeof a->list, "%s", index);
    album_finish(a);
    assert_int_equal(album_read_dir(a), -1);
    assert_int_equal(a->e.kind, ERR_DATA);
    assert_non_null(strstr(a->e.msg, "more than 128 documents"));
    album_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layout_is_read_from_a_directory_and_from_a_tar),
        cmocka_unit_test(the_platform_that_is_not_asked_for_is_this_machines),
        cmocka_unit_test(what_docker_saved_is_read),
        cmocka_unit_test(of_several_saved_images_one_is_asked_for_by_its_tag),
        cmocka_unit_test(a_layer_that_docker_saved_by_digest_is_held_to_it),
        cmocka_unit_test(the_platforms_own_manifest_is_taken),
        cmocka_unit_test(a_manifest_without_a_platform_is_asked_for_its_configs),
        cmocka_unit_test(what_is_about_an_image_is_passed_over),
        cmocka_unit_test(of_several_images_one_is_asked_for_by_its_name),
        cmocka_unit_test(indexes_may_be_nested_but_not_without_end),
        cmocka_unit_test(indexes_that_fan_out_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
