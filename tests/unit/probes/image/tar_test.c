#include "probes/image/tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

enum {
    ROOM = 64 << 10
};

struct shelf {
    struct tar_sink sink;
    char bytes[ROOM];
    size_t size;
    struct err e;
};

static int keep(void *arg, const void *bytes, size_t size, struct err *e)
{
    struct shelf *s = arg;
    (void)e;
    assert_true(s->size + size <= ROOM);
    memcpy(s->bytes + s->size, bytes, size);
    s->size += size;
    return 0;
}

static struct shelf *shelf(void)
{
    struct shelf *s = calloc(1, sizeof *s);
    s->sink = (struct tar_sink){ .write = keep, .arg = s };
    return s;
}

static struct tar_entry plain(const char *path)
{
    return (struct tar_entry){ .path = path,
                               .type = TAR_FILE,
                               .mode = 0640,
                               .uid = 7,
                               .gid = 8,
                               .size = 600,
                               .mtime_s = 1700000000 };
}

/* Reads the only entry back with libarchive; the caller frees reader. */
static struct archive *read_back(struct shelf *s, struct archive_entry **entry)
{
    struct archive *reader = archive_read_new();
    assert_int_equal(tar_end(&s->sink, &s->e), 0);
    assert_int_equal(archive_read_support_format_tar(reader), ARCHIVE_OK);
    assert_int_equal(archive_read_open_memory(reader, s->bytes, s->size), ARCHIVE_OK);
    assert_true(archive_read_next_header(reader, entry) >= ARCHIVE_WARN);
    return reader;
}

static void a_reader_finds_what_was_written(void **state)
{
    (void)state;
    struct shelf *s = shelf();
    struct tar_entry entry = plain("etc/motd");
    char content[600] = "hello";
    struct archive_entry *back = NULL;
    assert_int_equal(tar_header(&s->sink, &entry, &s->e), 0);
    assert_int_equal(s->size, 512);
    assert_int_equal(keep(s, content, sizeof content, &s->e), 0);
    assert_int_equal(tar_pad(&s->sink, entry.size, &s->e), 0);
    assert_int_equal(s->size, 512 + 1024);
    struct archive *reader = read_back(s, &back);
    assert_string_equal(archive_entry_pathname(back), "etc/motd");
    assert_int_equal(archive_entry_perm(back), 0640);
    assert_int_equal(archive_entry_uid(back), 7);
    assert_int_equal(archive_entry_gid(back), 8);
    assert_int_equal(archive_entry_size(back), 600);
    assert_int_equal(archive_entry_mtime(back), 1700000000);
    (void)archive_read_free(reader);
    free(s);
}

static void a_whole_block_needs_no_padding(void **state)
{
    (void)state;
    struct shelf *s = shelf();
    assert_int_equal(tar_pad(&s->sink, 0, &s->e), 0);
    assert_int_equal(tar_pad(&s->sink, 1024, &s->e), 0);
    assert_int_equal(s->size, 0);
    free(s);
}

/* Lengths around the point where the length of a record grows by a digit. */
static void names_of_every_length_come_back_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = { 99, 100, 101, 987, 988, 989, 990, 991, 992, 993, 4000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct shelf *s = shelf();
        char name[4096];
        struct archive_entry *back = NULL;
        memset(name, 'n', sizes[i]);
        name[sizes[i]] = '\0';
        struct tar_entry entry = plain(name);
        assert_int_equal(tar_header(&s->sink, &entry, &s->e), 0);
        struct archive *reader = read_back(s, &back);
        assert_string_equal(archive_entry_pathname(back), name);
        (void)archive_read_free(reader);
        free(s);
    }
}

static void names_beyond_ascii_and_long_links_get_records(void **state)
{
    (void)state;
    struct shelf *s = shelf();
    struct archive_entry *back = NULL;
    char target[201] = { 0 };
    memset(target, 't', 200);
    struct tar_entry entry = plain("caf\xc3\xa9");
    entry.type = TAR_SYMLINK;
    entry.link = target;
    assert_int_equal(tar_header(&s->sink, &entry, &s->e), 0);
    struct archive *reader = read_back(s, &back);
    assert_string_equal(archive_entry_pathname(back), "caf\xc3\xa9");
    assert_string_equal(archive_entry_symlink(back), target);
    assert_int_equal(archive_entry_size(back), 0);
    (void)archive_read_free(reader);
    free(s);
}

static void an_attribute_is_found_by_its_name(void **state)
{
    (void)state;
    struct shelf *s = shelf();
    struct archive_entry *back = NULL;
    struct tar_entry entry = plain("a");
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    entry.xattr_name = "user.note";
    entry.xattr_value = "a=b\nc";
    assert_int_equal(tar_header(&s->sink, &entry, &s->e), 0);
    struct archive *reader = read_back(s, &back);
    assert_int_equal(archive_entry_xattr_reset(back), 1);
    assert_int_equal(archive_entry_xattr_next(back, &name, &value, &size), ARCHIVE_OK);
    assert_string_equal(name, "user.note");
    assert_int_equal(size, 5);
    assert_memory_equal(value, "a=b\nc", 5);
    (void)archive_read_free(reader);
    free(s);
}

static void records_that_do_not_fit_are_refused_and_not_left_out(void **state)
{
    (void)state;
    struct shelf *s = shelf();
    static char name[TAR_RECORDS_BYTES + 1];
    memset(name, 'n', TAR_RECORDS_BYTES);
    struct tar_entry entry = plain(name);
    assert_int_equal(tar_header(&s->sink, &entry, &s->e), -1);
    assert_int_equal(s->e.kind, ERR_DATA);
    assert_int_equal(s->size, 0);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_finds_what_was_written),
        cmocka_unit_test(a_whole_block_needs_no_padding),
        cmocka_unit_test(names_of_every_length_come_back_whole),
        cmocka_unit_test(names_beyond_ascii_and_long_links_get_records),
        cmocka_unit_test(an_attribute_is_found_by_its_name),
        cmocka_unit_test(records_that_do_not_fit_are_refused_and_not_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
