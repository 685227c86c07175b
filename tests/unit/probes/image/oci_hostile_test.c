/* Images that nobody should make: each is refused with its reason, and nothing hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/album.h"

enum {
    A_MANIFEST = 4 /* in album_of_one's files: layers 0 to 2, config, manifest */
};

struct spoilt {
    const char *file;      /* "manifest": its blob */
    const char *from, *to; /* text in it; from NULL: all of it */
    enum err_kind kind;
    const char *why;
};

#define A_DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"

/* The first `from` in the file becomes `to`. */
static void spoil(struct album_file *f, const char *from, const char *to)
{
    char *text = calloc(1, f->size + strlen(to) + 1);
    char *at = from ? memmem(f->bytes, f->size, from, strlen(from)) : (char *)f->bytes;
    size_t cut = from ? strlen(from) : f->size;
    assert_non_null(at);
    size_t before = (size_t)(at - (char *)f->bytes);
    memcpy(text, f->bytes, before);
    memcpy(text + before, to, strlen(to));
    memcpy(text + before + strlen(to), at + cut, f->size - before - cut);
    f->size = f->size - cut + strlen(to);
    free(f->bytes);
    f->bytes = (uint8_t *)text;
}

static void assert_refused(struct album *a, enum err_kind kind, const char *why)
{
    if (a->e.kind != kind || !strstr(a->e.msg, why))
        fail_msg("said '%s' (kind %d), and not '%s' (kind %d)", a->e.msg, a->e.kind, why, kind);
    assert_null(a->image.layers);
}

static const struct spoilt outer[] = {
    {"oci-layout",  NULL,                "",                              ERR_DATA,        "oci-layout: it is empty"         },
    { "oci-layout", "1.0.0",             "2.0.0",                         ERR_UNSUPPORTED, "version"                         },
    { "oci-layout", NULL,                "[]",                            ERR_DATA,        "imageLayoutVersion"              },
    { "index.json", NULL,                "",                              ERR_DATA,        "index.json: it is empty"         },
    { "index.json", NULL,                "null",                          ERR_DATA,        "expected an object"              },
    { "index.json", NULL,                "{",                             ERR_DATA,        "not JSON"                        },
    { "index.json", NULL,                "{\"schemaVersion\":2}",         ERR_DATA,        "manifests: expected an array"    },
    { "index.json", ":2",                ":1",                            ERR_UNSUPPORTED, "schemaVersion 1"                 },
    { "index.json", "[{",                "[7,{",                          ERR_DATA,        "manifests[0]: expected an object"},
    { "index.json", "{\"schema",         "{\"layers\":[],\"schema",       ERR_DATA,        "has 'layers'"                    },
    { "index.json", "sha256:",           "sha256:../../../../etc/passwd", ERR_DATA,        "is no digest"                    },
    { "index.json", "sha256:",           "sha512:",                       ERR_UNSUPPORTED, "not by SHA-256"                  },
    { "index.json", "sha256:",           "md5",                           ERR_DATA,        "is no digest"                    },
    { "index.json", "\"size\":",         "\"size\":-",                    ERR_DATA,        "a whole number from 0"           },
    { "index.json", "\"size\":",         "\"size\":1",                    ERR_DATA,        "and its descriptor says 1"       },
    { "index.json", "\"size\":",         "\"size\":9999999",              ERR_DATA,        "at most 4194304"                 },
    { "index.json", "\"size\"",          "\"sise\"",                      ERR_DATA,        "size: expected"                  },
    { "index.json", "sha256:",           "sha256:\\u0000",                ERR_DATA,        "not JSON"                        },
    { "index.json", "image.manifest.v1", "image.manifest.v9",             ERR_DATA,        "no container image"              },
    { "index.json", "image.manifest.v1", "image.index.v1",                ERR_DATA,        "has 'layers'"                    },
    { "manifest",   NULL,                "{}",                            ERR_DATA,        "bytes, and its descriptor says"  },
    { "manifest",   ":2",                ":3",                            ERR_DATA,        "its SHA-256 is"                  },
};

static const struct spoilt inner[] = {
    {"manifest",  ":2",                              ":1",                                           ERR_UNSUPPORTED, "schemaVersion 1"              },
    { "manifest", "{\"schema",                       "{\"manifests\":[],\"schema",                   ERR_DATA,        "has 'manifests'"              },
    { "manifest", "{\"schema",                       "{\"mediaType\":\"x\",\"schema",                ERR_DATA,        "media type"                   },
    { "manifest", "\"config\"",                      "\"confog\"",                                   ERR_DATA,        "config: expected an object"   },
    { "manifest", "\"layers\":[",                    "\"layers\":[[],",                              ERR_DATA,        "layers[0]: expected an object"},
    { "manifest", "image.config.v1",                 "image.config.v9",                              ERR_DATA,        "no container image"           },
    { "manifest", "v1.tar\"",                        "v1.tar+encrypted\"",                           ERR_UNSUPPORTED, "encrypted"                    },
    { "manifest", "layer.v1.tar\"",                  "layer.nondistributable.v1.tar\"",              ERR_UNSUPPORTED, "foreign"                      },
    { "manifest", "layer.v1.tar\"",                  "layer.v1.erofs\"",                             ERR_UNSUPPORTED, "no layer of a kind"           },
    { "manifest", "layers\":[{",                     "layers\":[],\"x\":[{",                         ERR_DATA,        "0 layers"                     },
    { "manifest", "tar+gzip\",\"digest\":\"sha256:", "tar+gzip\",\"digest\":\"sha256:/",             ERR_DATA,
     "is no digest"                                                                                                                                  },
    { "manifest", "tar+gzip\",\"digest\"",           "tar+gzip\",\"digest\":\"" A_DIGEST "\",\"x\"", ERR_DATA,
     "layer 2 of 3"                                                                                                                                  },
    { "manifest", "\"size\":2560",                   "\"size\":2561",                                ERR_DATA,        "its descriptor says 2561"     },
};

/* Spoils the file and, where it is a blob, calls it by its new digest or by the old one. */
static void refuse_all(const struct spoilt *cases, size_t count, bool call_anew)
{
    for (size_t i = 0; i < count; i++) {
        const struct spoilt *c = &cases[i];
        struct album_image m = { .text = "one" };
        struct album *a = album_of_one(&m);
        bool is_manifest = strcmp(c->file, "manifest") == 0;
        struct album_file *f = is_manifest ? &a->files[A_MANIFEST] : album_file(a, c->file);
        spoil(f, c->from, c->to);
        if (call_anew) {
            album_blob(f, ALBUM_MANIFEST, "", m.manifest);
            (void)snprintf(a->list, sizeof a->list, "%s", m.manifest);
            album_finish(a);
        }
        assert_int_equal(album_read_dir(a), -1);
        assert_refused(a, c->kind, c->why);
        assert_int_equal(album_read_archive(a), -1);
        assert_refused(a, c->kind, c->why);
        album_close(a);
    }
}

static void a_layout_that_is_spoilt_is_refused(void **state)
{
    (void)state;
    refuse_all(outer, sizeof outer / sizeof *outer, false);
}

static void a_manifest_that_is_spoilt_is_refused(void **state)
{
    (void)state;
    refuse_all(inner, sizeof inner / sizeof *inner, true);
}

struct spoilt_config {
    const char *from, *to;
    enum err_kind kind;
    const char *why;
};

static void a_config_that_is_spoilt_is_refused(void **state)
{
    (void)state;
    static const struct spoilt_config cases[] = {
        {"\"diff_ids\":[",           "\"diff_ids\":[\"" A_DIGEST "\",",  ERR_DATA,
         "3 layers, and its config has 4 diff_ids"                                                                               },
        { "\"diff_ids\":[\"sha256:", "\"diff_ids\":[\"sha256:/",         ERR_DATA,        "is no digest"                         },
        { "\"diff_ids\":[",          "\"diff_ids\":[7,",                 ERR_DATA,        "expected a string, found 7"           },
        { "\"diff_ids\"",            "\"diff_odds\"",                    ERR_DATA,        "diff_ids: expected an array"          },
        { "\"rootfs\"",              "\"rootfs\":7,\"x\"",               ERR_DATA,        "rootfs: expected an object"           },
        { "\"os\"",                  "\"so\"",                           ERR_DATA,        "os: expected a string"                },
        { "\"linux\"",               "\"plan9\"",                        ERR_UNSUPPORTED, "for linux/amd64, but for: plan9/amd64"},
        { "\"linux\"",               "\"a name of more than 24 bytes\"", ERR_DATA,        "at most 23 fit"                       },
        { NULL,                      "[]",                               ERR_DATA,        "expected an object"                   },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct album_image m = { .text = "one" };
        struct album *a = album_open();
        album_layers(a, &m);
        album_config(a, &m);
        struct album_file *f = &a->files[a->count - 1];
        spoil(f, cases[i].from, cases[i].to);
        album_blob(f, ALBUM_CONFIG, "", m.config);
        album_manifest(a, &m, "");
        album_list(a, m.manifest);
        album_finish(a);
        assert_int_equal(album_read_dir(a), -1);
        assert_refused(a, cases[i].kind, cases[i].why);
        album_close(a);
    }
}

static void json_without_bounds_is_refused(void **state)
{
    (void)state;
    static const char open[] = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";
    struct album_image m = { .text = "one" };
    struct album *a = album_of_one(&m);
    size_t size = OCI_DOCUMENT_BYTES + 1;
    char *text = malloc(size);
    memset(text, ' ', size);
    (void)album_put(a, "index.json", text, size);
    free(text);
    assert_int_equal(album_read_dir(a), -1);
    assert_refused(a, ERR_DATA, "4194305 bytes, and at most 4194304 are read");
    (void)album_text(a, "index.json", "%s", open);
    assert_int_equal(album_read_dir(a), -1);
    assert_refused(a, ERR_DATA, "nested");
    (void)album_text(a, "index.json", "{\"schemaVersion\":1e999}");
    assert_int_equal(album_read_dir(a), -1);
    assert_refused(a, ERR_DATA, "not JSON");
    (void)album_text(a, "index.json", "{\"schemaVersion\":2,\"schemaVersion\":2}");
    assert_int_equal(album_read_dir(a), -1);
    assert_refused(a, ERR_DATA, "duplicate");
    album_close(a);
}

static void more_layers_than_any_system_takes_are_refused(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = album_of_one(&m);
    char *text = calloc(1, ALBUM_TEXT_BYTES);
    size_t used = (size_t)snprintf(text, ALBUM_TEXT_BYTES,
                                   "{\"schemaVersion\":2,\"config\":%s,\"layers\":[{}", m.config);
    for (unsigned i = 0; i < OCI_LAYERS_MAX; i++)
        used += (size_t)snprintf(text + used, ALBUM_TEXT_BYTES - used, ",{}");
    (void)snprintf(text + used, ALBUM_TEXT_BYTES - used, "]}");
    album_blob(album_text(a, "", "%s", text), ALBUM_MANIFEST, "", m.manifest);
    free(text);
    (void)snprintf(a->list, sizeof a->list, "%s", m.manifest);
    album_finish(a);
    assert_int_equal(album_read_dir(a), -1);
    assert_refused(a, ERR_DATA, "513 layers, and at most 512 are read");
    album_close(a);
}

/* Nobody writes to a FIFO here: opening one would not return. */
static void blobs_that_are_no_files_are_refused(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 3; which++) {
        struct album_image m = { .text = "one" };
        struct album *a = album_of_one(&m);
        char name[300];
        album_write_dir(a);
        (void)snprintf(name, sizeof name, "layout/%s", a->files[which * 2].name);
        assert_int_equal(unlinkat(a->dir, name, 0), 0);
        assert_int_equal(mkfifoat(a->dir, name, 0600), 0);
        assert_int_equal(album_read(a, "layout"), -1);
        assert_refused(a, ERR_DATA, "is no regular file");
        assert_int_equal(unlinkat(a->dir, name, 0), 0);
        assert_int_equal(mkdirat(a->dir, name, 0700), 0);
        assert_int_equal(album_read(a, "layout"), -1);
        assert_refused(a, ERR_DATA, "is a directory");
        assert_int_equal(unlinkat(a->dir, name, AT_REMOVEDIR), 0);
        assert_int_equal(symlinkat("/etc/passwd", a->dir, name), 0);
        assert_int_equal(album_read(a, "layout"), -1);
        assert_refused(a, ERR_DATA, "is a symbolic link, which is not followed");
        album_close(a);
    }
}

static void directories_that_are_links_are_not_followed(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = album_of_one(&m);
    album_write_dir(a);
    assert_int_equal(renameat(a->dir, "layout/blobs", a->dir, "elsewhere"), 0);
    assert_int_equal(symlinkat("../elsewhere", a->dir, "layout/blobs"), 0);
    assert_int_equal(album_read(a, "layout"), -1);
    assert_refused(a, ERR_DATA, "'blobs' is a symbolic link");
    album_close(a);
}

static void what_is_no_image_is_said_to_be_none(void **state)
{
    (void)state;
    struct album *a = album_open();
    assert_int_equal(album_read(a, "nothing"), -1);
    assert_int_equal(a->e.sys, ENOENT);
    assert_int_equal(album_read(a, "."), -1);
    assert_refused(a, ERR_DATA, "neither index.json");
    assert_int_equal(album_read(a, "/dev/null"), -1);
    assert_refused(a, ERR_DATA, "is no regular file");
    assert_int_equal(mkfifoat(a->dir, "fifo", 0600), 0);
    assert_int_equal(album_read(a, "fifo"), -1);
    assert_refused(a, ERR_DATA, "is no regular file");
    assert_int_equal(album_read_archive(a), -1);
    assert_refused(a, ERR_DATA, "neither index.json");
    (void)album_text(a, "index.json", "{}");
    assert_int_equal(album_read_archive(a), -1);
    assert_refused(a, ERR_DATA, "the archive holds no 'oci-layout'");
    album_close(a);
}

static void a_packed_archive_is_refused_with_the_remedy(void **state)
{
    (void)state;
    struct album *a = album_open();
    struct album_tar tar;
    album_tar(&tar, "text");
    struct album_file *f = album_packed(a, &tar, STREAM_GZIP);
    album_write_file(a, a->dir, f);
    assert_int_equal(album_read(a, "layer"), -1);
    assert_refused(a, ERR_DATA, "compressed by gzip");
    assert_non_null(strstr(a->e.msg, "gunzip"));
    f = album_packed(a, &tar, STREAM_ZSTD);
    album_write_file(a, a->dir, f);
    assert_int_equal(album_read(a, "layer"), -1);
    assert_refused(a, ERR_DATA, "compressed by zstd");
    album_close(a);
}

static void an_archive_that_is_cut_off_is_refused_wherever_it_is(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = album_of_one(&m);
    struct stat st;
    assert_int_equal(album_read_archive(a), 0);
    assert_int_equal(fstatat(a->dir, "archive", &st, 0), 0);
    AUTO_CLOSE int fd = openat(a->dir, "archive", O_RDWR | O_CLOEXEC);
    for (off_t size = st.st_size - 1025; size >= 0; size -= 171) {
        assert_int_equal(ftruncate(fd, size), 0);
        assert_int_equal(album_read(a, "archive"), -1);
        assert_refused(a, ERR_DATA, "");
    }
    album_close(a);
}

static void of_members_of_one_name_the_last_counts(void **state)
{
    (void)state;
    struct album_image m = { .text = "one" };
    struct album *a = album_of_one(&m);
    unsigned good = a->count - 1;
    (void)album_text(a, "index.json", "{}");
    assert_int_equal(album_read_archive(a), -1);
    assert_refused(a, ERR_DATA, "schemaVersion");
    (void)album_put(a, "index.json", a->files[good].bytes, a->files[good].size);
    assert_int_equal(album_read_archive(a), 0);
    album_close(a);
}

static void a_saved_image_that_is_spoilt_is_refused(void **state)
{
    (void)state;
    static const struct spoilt_config cases[] = {
        {NULL,  "",                                                       ERR_DATA, "manifest.json: it is empty"                 },
        { NULL, "{\"schemaVersion\":2}",                                  ERR_DATA, "expected an array, as docker save writes it"},
        { NULL, "[]",                                                     ERR_DATA, "lists no image"                             },
        { NULL, "[7]",                                                    ERR_DATA, "Config: expected a string"                  },
        { NULL, "[{\"Config\":\"c\",\"Layers\":7}]",                      ERR_DATA, "Layers: expected an array"                  },
        { NULL, "[{\"Config\":\"c\",\"Layers\":[7]}]",                    ERR_DATA, "Layers[0]: expected a string"               },
        { NULL, "[{\"Config\":\"../c\",\"Layers\":[]}]",                  ERR_DATA, "config"                                     },
        { NULL, "[{\"Config\":\"none\",\"Layers\":[]}]",                  ERR_DATA, "config: none"                               },
        { NULL, "[{\"Config\":\"c\",\"Layers\":[]}]",                     ERR_DATA,
         "0 layers, and its config has 1 diff_ids"                                                                               },
        { NULL, "[{\"Config\":\"c\",\"Layers\":[\"/etc/passwd\"]}]",      ERR_DATA, "layer 1 of 1"                               },
        { NULL, "[{\"Config\":\"c\",\"Layers\":[\"../../etc/passwd\"]}]", ERR_DATA,
         "layer 1 of 1"                                                                                                          },
        { NULL, "[{\"Config\":\"c\",\"Layers\":[\"\"]}]",                 ERR_DATA, "layer 1 of 1"                               },
        { NULL,
         "[{\"Config\":\"0000000000000000000000000000000000000000000000000000000000000000"
          ".json\",\"Layers\":[\"l\"]}]",                                 ERR_DATA, "its SHA-256 is"                             },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct album *a = album_open();
        static const char config[] = "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":"
                                     "{\"diff_ids\":[\"" A_DIGEST "\"]}}";
        (void)album_text(a, "c", "%s", config);
        (void)album_text(a, &A_DIGEST[strlen("sha256:")], "%s", config);
        (void)strcat(a->files[1].name, ".json");
        (void)album_text(a, "l", "layer");
        (void)album_text(a, "manifest.json", "%s", cases[i].to);
        assert_int_equal(album_read_archive(a), -1);
        assert_refused(a, cases[i].kind, cases[i].why);
        album_write_dir(a);
        assert_int_equal(album_read(a, "layout"), -1);
        album_close(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layout_that_is_spoilt_is_refused),
        cmocka_unit_test(a_manifest_that_is_spoilt_is_refused),
        cmocka_unit_test(a_config_that_is_spoilt_is_refused),
        cmocka_unit_test(json_without_bounds_is_refused),
        cmocka_unit_test(more_layers_than_any_system_takes_are_refused),
        cmocka_unit_test(blobs_that_are_no_files_are_refused),
        cmocka_unit_test(directories_that_are_links_are_not_followed),
        cmocka_unit_test(what_is_no_image_is_said_to_be_none),
        cmocka_unit_test(a_packed_archive_is_refused_with_the_remedy),
        cmocka_unit_test(an_archive_that_is_cut_off_is_refused_wherever_it_is),
        cmocka_unit_test(of_members_of_one_name_the_last_counts),
        cmocka_unit_test(a_saved_image_that_is_spoilt_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
