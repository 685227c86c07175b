#include "probes/image/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/fake.h"

/* A ring and a directory. */
struct bay {
    struct chain *chain;
    char path[64];
    int dir;
    struct err e;
};

/* Skips where the kernel gives no ring. */
static struct bay *bay_open(void)
{
    struct err e;
    struct chain *chain = chain_open(&e);
    if (!chain) {
        print_message("%s\n", e.msg);
        assert_int_not_equal(e.kind, ERR_NONE);
        skip();
    }
    struct bay *b = calloc(1, sizeof *b);
    b->chain = chain;
    b->dir = fake_dir(b->path);
    return b;
}

static void bay_close(struct bay *b)
{
    chain_close(b->chain);
    fake_dir_remove(b->dir, b->path);
    free(b);
}

static void bay_read(const struct bay *b, const char *name, char *text, size_t size, mode_t *mode)
{
    struct stat st;
    int fd = openat(b->dir, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, size - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_int_equal(fstat(fd, &st), 0);
    *mode = st.st_mode & 07777;
    (void)close(fd);
}

static void files_have_name_mode_and_content(void **state)
{
    (void)state;
    struct bay *b = bay_open();
    char names[CHAIN_FILES][8];
    struct chain_file files[CHAIN_FILES];
    char text[8];
    mode_t mode = 0;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < CHAIN_FILES; i++) {
            (void)snprintf(names[i], sizeof names[i], "%u-%u", round, i);
            files[i] = (struct chain_file){ .dir_fd = b->dir,
                                            .name = names[i],
                                            .bytes = (const uint8_t *)names[i],
                                            .size = i % 5 ? strlen(names[i]) : 0,
                                            .mode = i % 2 ? 0600 : 0400 };
        }
        assert_int_equal(chain_make(b->chain, files, CHAIN_FILES, &b->e), 0);
        for (unsigned i = 0; i < CHAIN_FILES; i++) {
            assert_true(files[i].is_made);
            bay_read(b, names[i], text, sizeof text, &mode);
            assert_string_equal(text, i % 5 ? names[i] : "");
            assert_int_equal(mode, i % 2 ? 0600 : 0400);
        }
    }
    assert_int_equal(fake_names(b->path), 3 * CHAIN_FILES);
    bay_close(b);
}

static void what_has_a_name_stays_and_the_others_are_made(void **state)
{
    (void)state;
    struct bay *b = bay_open();
    char text[8];
    mode_t mode = 0;
    const uint8_t *bytes = (const uint8_t *)"new";
    struct chain_file files[] = {
        {.dir_fd = b->dir,  .name = "a",       .bytes = bytes, .size = 3, .mode = 0600},
        { .dir_fd = b->dir, .name = "link",    .bytes = bytes, .size = 3, .mode = 0600},
        { .dir_fd = -1,     .name = "nowhere", .bytes = bytes, .size = 3, .mode = 0600},
        { .dir_fd = b->dir, .name = "a",       .bytes = bytes, .size = 2, .mode = 0600},
        { .dir_fd = b->dir, .name = "b",       .bytes = bytes, .size = 3, .mode = 0600},
    };
    assert_int_equal(symlinkat("target", b->dir, "link"), 0);
    assert_int_equal(chain_make(b->chain, files, 5, &b->e), 0);
    assert_true(files[0].is_made != files[3].is_made); /* one of them was the first */
    assert_false(files[1].is_made);
    assert_false(files[2].is_made);
    assert_true(files[4].is_made);
    bay_read(b, "b", text, sizeof text, &mode);
    assert_string_equal(text, "new");
    assert_int_equal(faccessat(b->dir, "target", F_OK, 0), -1);
    bay_close(b);
}

static void none_are_none(void **state)
{
    (void)state;
    struct bay *b = bay_open();
    assert_int_equal(chain_make(b->chain, NULL, 0, &b->e), 0);
    bay_close(b);
    chain_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_name_mode_and_content),
        cmocka_unit_test(what_has_a_name_stays_and_the_others_are_made),
        cmocka_unit_test(none_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
