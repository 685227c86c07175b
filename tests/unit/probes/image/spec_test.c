#include "probes/image/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/fake.h"

struct word {
    const char *text;
    enum spec_kind kind;
    bool is_zstd;
    uint64_t seed;
};

static void the_programs_own_images_have_names(void **state)
{
    (void)state;
    static const struct word words[] = {
        {NULL,                                   SPEC_SMALL,     false, SPEC_SEED },
        { "",                                    SPEC_SMALL,     false, SPEC_SEED },
        { "small",                               SPEC_SMALL,     false, SPEC_SEED },
        { "reference",                           SPEC_REFERENCE, false, SPEC_SEED },
        { "small-zstd",                          SPEC_SMALL,     true,  SPEC_SEED },
        { "reference-zstd",                      SPEC_REFERENCE, true,  SPEC_SEED },
        { "small:0",                             SPEC_SMALL,     false, 0         },
        { "reference-zstd:18446744073709551615", SPEC_REFERENCE, true,  UINT64_MAX},
    };
    struct spec s;
    struct err e;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_int_equal(spec_parse(words[i].text, &s, &e), 0);
        assert_int_equal(s.kind, words[i].kind);
        assert_int_equal(s.is_zstd, words[i].is_zstd);
        assert_true(s.seed == words[i].seed);
        assert_string_equal(s.path, "");
    }
}

static void a_seed_is_a_whole_number(void **state)
{
    (void)state;
    static const char *const texts[] = { "small:",   "small:x",  "small:7x",
                                         "small:-1", "small: 7", "small:18446744073709551616" };
    struct spec s;
    struct err e;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(spec_parse(texts[i], &s, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_non_null(strstr(e.msg, "small:7"));
    }
}

static void a_misspelt_word_is_told_from_a_path(void **state)
{
    (void)state;
    static const char *const texts[] = { "smal",           "Small",  "small-gzip",
                                         "reference_zstd", "smal:7", "@name" };
    struct spec s;
    struct err e;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(spec_parse(texts[i], &s, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_non_null(strstr(e.msg, texts[i]));
        assert_non_null(strstr(e.msg, "small, reference, small-zstd and reference-zstd"));
        assert_non_null(strstr(e.msg, "./"));
    }
}

struct path {
    const char *text, *path, *name;
};

static void a_slash_or_a_dot_makes_a_path(void **state)
{
    (void)state;
    static const struct path paths[] = {
        {"./small",                             "./small",      ""                     },
        { "image.tar",                          "image.tar",    ""                     },
        { "/no/such/dir",                       "/no/such/dir", ""                     },
        { "/no/such/dir@latest",                "/no/such/dir", "latest"               },
        { "/no/such/dir@docker.io/library/a:1", "/no/such/dir", "docker.io/library/a:1"},
        { "./a@b@sha256:00",                    "./a",          "b@sha256:00"          },
    };
    struct spec s;
    struct err e;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(spec_parse(paths[i].text, &s, &e), 0);
        assert_int_equal(s.kind, SPEC_PATH);
        assert_string_equal(s.path, paths[i].path);
        assert_string_equal(s.name, paths[i].name);
    }
}

static void what_exists_says_where_the_path_ends(void **state)
{
    (void)state;
    char dir[64];
    char text[128];
    struct spec s;
    struct err e;
    int fd = fake_dir(dir);
    assert_int_equal(mkdirat(fd, "a@b", 0700), 0);
    (void)snprintf(text, sizeof text, "%s/a@b", dir);
    assert_int_equal(spec_parse(text, &s, &e), 0);
    assert_string_equal(s.path, text);
    assert_string_equal(s.name, "");
    (void)snprintf(text, sizeof text, "%s/a@b@c", dir);
    assert_int_equal(spec_parse(text, &s, &e), 0);
    assert_string_equal(s.path + strlen(dir), "/a@b");
    assert_string_equal(s.name, "c");
    fake_dir_remove(fd, dir);
}

static void what_is_too_long_or_missing_is_said(void **state)
{
    (void)state;
    struct spec s;
    struct err e;
    char text[PATH_MAX + 16] = "./";
    assert_int_equal(spec_parse("./a@", &s, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    memset(text + 2, 'x', PATH_MAX);
    assert_int_equal(spec_parse(text, &s, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    memcpy(text, "./a@", 4);
    text[4 + SPEC_NAME_BYTES] = '\0';
    assert_int_equal(spec_parse(text, &s, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    text[4 + SPEC_NAME_BYTES - 1] = '\0';
    assert_int_equal(spec_parse(text, &s, &e), 0);
    assert_int_equal(strlen(s.name), SPEC_NAME_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_programs_own_images_have_names),
        cmocka_unit_test(a_seed_is_a_whole_number),
        cmocka_unit_test(a_misspelt_word_is_told_from_a_path),
        cmocka_unit_test(a_slash_or_a_dot_makes_a_path),
        cmocka_unit_test(what_exists_says_where_the_path_ends),
        cmocka_unit_test(what_is_too_long_or_missing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
