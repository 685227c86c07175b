#include "probes/image/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "probes/kit/file.h"

/* A tar in memory, written by libarchive in one of its formats, and its catalog. */
struct shelf {
    int fd;
    struct archive *writer;
    struct archive_entry *entry;
    struct catalog catalog;
    struct err e;
};

static struct shelf *shelf(int (*set_format)(struct archive *))
{
    struct shelf *s = calloc(1, sizeof *s);
    s->fd = memfd_create("shelf", MFD_CLOEXEC);
    s->writer = archive_write_new();
    s->entry = archive_entry_new();
    assert_int_equal(set_format(s->writer), ARCHIVE_OK);
    assert_int_equal(archive_write_open_fd(s->writer, s->fd), ARCHIVE_OK);
    return s;
}

static void shelf_close(struct shelf *s)
{
    catalog_release(&s->catalog);
    catalog_release(&s->catalog); /* may be called again */
    archive_entry_free(s->entry);
    (void)archive_write_free(s->writer);
    (void)close(s->fd);
    free(s);
}

enum sort {
    A_FILE,
    A_SYMLINK,
    A_HARDLINK,
    A_DIR
};

/* A file's text, a link's target. */
static void add(struct shelf *s, enum sort sort, const char *name, const char *text)
{
    archive_entry_clear(s->entry);
    archive_entry_set_pathname(s->entry, name);
    archive_entry_set_perm(s->entry, 0644);
    archive_entry_set_filetype(s->entry, sort == A_DIR ? AE_IFDIR : AE_IFREG);
    if (sort == A_SYMLINK) {
        archive_entry_set_filetype(s->entry, AE_IFLNK);
        archive_entry_set_symlink(s->entry, text);
    }
    if (sort == A_HARDLINK)
        archive_entry_set_hardlink(s->entry, text);
    archive_entry_set_size(s->entry, sort == A_FILE ? (la_int64_t)strlen(text) : 0);
    assert_true(archive_write_header(s->writer, s->entry) >= ARCHIVE_WARN);
    if (sort == A_FILE)
        assert_int_equal(archive_write_data(s->writer, text, strlen(text)), strlen(text));
}

static int reread(struct shelf *s)
{
    off_t size = lseek(s->fd, 0, SEEK_END);
    catalog_release(&s->catalog);
    s->e = (struct err){ 0 };
    return catalog_read(&s->catalog, s->fd, (uint64_t)size, &s->e);
}

static int finish(struct shelf *s)
{
    assert_int_equal(archive_write_close(s->writer), ARCHIVE_OK);
    return reread(s);
}

static void assert_holds(struct shelf *s, const char *name, const char *text)
{
    uint64_t offset = 0;
    uint64_t size = 0;
    char found[64] = "";
    if (catalog_find(&s->catalog, name, &offset, &size, &s->e))
        fail_msg("%s", s->e.msg);
    assert_int_equal(size, strlen(text));
    assert_int_equal(pread(s->fd, found, size, (off_t)offset), size);
    assert_string_equal(found, text);
}

static void assert_lacks(struct shelf *s, const char *name)
{
    uint64_t offset = 0;
    uint64_t size = 0;
    assert_int_equal(catalog_find(&s->catalog, name, &offset, &size, &s->e), -1);
    assert_int_equal(s->e.kind, ERR_DATA);
}

static int (*const formats[])(struct archive *) = {
    archive_write_set_format_ustar,
    archive_write_set_format_gnutar,
    archive_write_set_format_pax,
};

static void members_are_found_in_every_format(void **state)
{
    (void)state;
    char prefixed[200];
    char long_name[400];
    memset(prefixed, 'p', sizeof prefixed);
    prefixed[120] = '/';
    prefixed[199] = '\0';
    memset(long_name, 'n', sizeof long_name);
    long_name[399] = '\0';
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct shelf *s = shelf(formats[i]);
        add(s, A_DIR, "./dir", "");
        add(s, A_FILE, "./dir/a", "first");
        add(s, A_FILE, "empty", "");
        add(s, A_FILE, prefixed, "second");
        if (i > 0) /* ustar cannot */
            add(s, A_FILE, long_name, "third");
        add(s, A_FILE, "last", "fourth");
        assert_int_equal(finish(s), 0);
        assert_holds(s, "dir/a", "first");
        assert_holds(s, "./dir//a", "first");
        assert_holds(s, "empty", "");
        assert_holds(s, prefixed, "second");
        if (i > 0)
            assert_holds(s, long_name, "third");
        assert_holds(s, "last", "fourth");
        assert_lacks(s, "dir");
        assert_lacks(s, "");
        assert_lacks(s, "../last");
        assert_true(catalog_has(&s->catalog, "last"));
        assert_false(catalog_has(&s->catalog, "first"));
        shelf_close(s);
    }
}

static void links_lead_to_files(void **state)
{
    (void)state;
    char long_dir[160];
    char path[200];
    char target[400];
    memset(long_dir, 'd', sizeof long_dir);
    long_dir[159] = '\0';
    (void)snprintf(path, sizeof path, "%s/f", long_dir);
    (void)snprintf(target, sizeof target, "../%s/./f", long_dir);
    for (size_t i = 1; i < sizeof formats / sizeof *formats; i++) {
        struct shelf *s = shelf(formats[i]);
        add(s, A_FILE, "a/layer.tar", "text");
        add(s, A_SYMLINK, "b/layer.tar", "../a/layer.tar");
        add(s, A_SYMLINK, "c/layer.tar", "../b/layer.tar");
        add(s, A_SYMLINK, "top", "./c/../c/layer.tar");
        add(s, A_HARDLINK, "d/layer.tar", "a/layer.tar");
        add(s, A_FILE, path, "far");
        add(s, A_SYMLINK, "e/far", target);
        add(s, A_HARDLINK, "e/hard", path);
        assert_int_equal(finish(s), 0);
        assert_holds(s, "b/layer.tar", "text");
        assert_holds(s, "c/layer.tar", "text");
        assert_holds(s, "top", "text");
        assert_holds(s, "d/layer.tar", "text");
        assert_holds(s, "e/far", "far");
        assert_holds(s, "e/hard", "far");
        shelf_close(s);
    }
}

static void links_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    struct shelf *s = shelf(archive_write_set_format_pax);
    add(s, A_SYMLINK, "a", "b");
    add(s, A_SYMLINK, "b", "a");
    add(s, A_SYMLINK, "self", "self");
    add(s, A_SYMLINK, "absolute", "/etc/passwd");
    add(s, A_SYMLINK, "outside", "../etc/passwd");
    add(s, A_SYMLINK, "dangling", "nothing");
    add(s, A_FILE, "etc/passwd", "ours");
    assert_int_equal(finish(s), 0);
    assert_lacks(s, "a");
    assert_lacks(s, "self");
    assert_lacks(s, "absolute");
    assert_lacks(s, "outside");
    assert_lacks(s, "dangling");
    shelf_close(s);
}

static void of_one_name_the_last_counts(void **state)
{
    (void)state;
    struct shelf *s = shelf(archive_write_set_format_gnutar);
    add(s, A_FILE, "a", "first");
    add(s, A_FILE, "./a", "second");
    assert_int_equal(finish(s), 0);
    assert_holds(s, "a", "second");
    shelf_close(s);
}

static void names_that_lead_outside_are_passed_over(void **state)
{
    (void)state;
    struct shelf *s = shelf(archive_write_set_format_ustar);
    add(s, A_FILE, "../a", "x");
    add(s, A_FILE, "b/../../a", "x");
    add(s, A_FILE, "b/../c", "inside");
    add(s, A_FILE, "/d", "absolute");
    assert_int_equal(finish(s), 0);
    assert_lacks(s, "a");
    assert_holds(s, "c", "inside");
    assert_holds(s, "d", "absolute");
    shelf_close(s);
}

/* Writes a field of the first header and makes its checksum right. */
static void patch(struct shelf *s, size_t at, const void *bytes, size_t size)
{
    uint8_t block[512];
    unsigned sum = 0;
    assert_int_equal(pread(s->fd, block, sizeof block, 0), sizeof block);
    memcpy(block + at, bytes, size);
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < sizeof block; i++)
        sum += block[i];
    (void)snprintf((char *)block + 148, 8, "%06o", sum);
    assert_int_equal(pwrite(s->fd, block, sizeof block, 0), sizeof block);
}

static void sizes_may_be_written_in_base_256(void **state)
{
    (void)state;
    static const uint8_t five[12] = { 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5 };
    static const uint8_t huge[12] = { 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5 };
    static const uint8_t large[12] = {
        0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
    };
    static const uint8_t negative[12] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                          0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct shelf *s = shelf(archive_write_set_format_gnutar);
    add(s, A_FILE, "a", "first");
    assert_int_equal(finish(s), 0);
    patch(s, 124, five, sizeof five);
    assert_int_equal(reread(s), 0);
    assert_holds(s, "a", "first");
    patch(s, 124, huge, sizeof huge);
    assert_int_equal(reread(s), -1);
    assert_non_null(strstr(s->e.msg, "no header"));
    patch(s, 124, large, sizeof large);
    assert_int_equal(reread(s), -1);
    assert_non_null(strstr(s->e.msg, "cut off"));
    patch(s, 124, negative, sizeof negative);
    assert_int_equal(reread(s), -1);
    shelf_close(s);
}

static void what_is_stored_sparse_is_not_read(void **state)
{
    (void)state;
    struct shelf *s = shelf(archive_write_set_format_gnutar);
    add(s, A_FILE, "a", "first");
    assert_int_equal(finish(s), 0);
    patch(s, 156, "S", 1);
    assert_int_equal(reread(s), 0);
    assert_lacks(s, "a");
    assert_non_null(strstr(s->e.msg, "--sparse"));
    shelf_close(s);
}

static void what_is_no_tar_is_refused(void **state)
{
    (void)state;
    struct shelf *s = shelf(archive_write_set_format_ustar);
    add(s, A_FILE, "a", "first");
    assert_int_equal(finish(s), 0);
    assert_int_equal(pwrite(s->fd, "x", 1, 0), 1);
    assert_int_equal(reread(s), -1);
    assert_non_null(strstr(s->e.msg, "what stands at byte 0 is no header"));
    assert_int_equal(ftruncate(s->fd, 100), 0);
    assert_int_equal(reread(s), -1);
    assert_non_null(strstr(s->e.msg, "cut off"));
    assert_int_equal(ftruncate(s->fd, 0), 0);
    assert_int_equal(reread(s), 0);
    assert_int_equal(s->catalog.count, 0);
    shelf_close(s);
}

struct extra {
    char type;
    const char *text;
    const char *why;
};

static void headers_of_headers_are_checked(void **state)
{
    (void)state;
    static const struct extra extras[] = {
        {'x',  "9 path=b\n",                     NULL          },
        { 'x', "11 path=b\n",                    "a pax record"},
        { 'x', "8 path=b\n",                     "a pax record"},
        { 'x', "9 path=bx",                      "a pax record"},
        { 'x', "9 path_b\n",                     "a pax record"},
        { 'x', "x path=b\n",                     "a pax record"},
        { 'x', "99999999999999999999 path=b\n",  "a pax record"},
        { 'x', "18446744073709551600 path=b\n",  "a pax record"},
        { 'x', "0 path=b\n",                     "a pax record"},
        { 'x', "2 \n",                           "a pax record"},
        { 'x', "11 size=1x\n",                   "size"        },
        { 'x', "29 size=99999999999999999999\n", "size"        },
        { 'x', "14 size=99999\n",                "cut off"     },
        { 'L', "b",                              NULL          },
    };
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        struct shelf *s = shelf(archive_write_set_format_ustar);
        add(s, A_FILE, "header", extras[i].text);
        add(s, A_FILE, "a", "first");
        assert_int_equal(finish(s), 0);
        patch(s, 156, &extras[i].type, 1);
        if (reread(s) != (extras[i].why ? -1 : 0) ||
            (extras[i].why && !strstr(s->e.msg, extras[i].why)))
            fail_msg("'%s' said '%s'", extras[i].text, s->e.msg);
        if (!extras[i].why)
            assert_holds(s, "b", "first");
        shelf_close(s);
    }
}

static void a_header_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct shelf *s = shelf(archive_write_set_format_ustar);
    add(s, A_FILE, "a", "first");
    assert_int_equal(finish(s), 0);
    patch(s, 156, "L", 1);
    patch(s, 124, "00010000000", 11);
    assert_int_equal(ftruncate(s->fd, 4 << 20), 0);
    assert_int_equal(reread(s), -1);
    assert_non_null(strstr(s->e.msg, "at most 1048576 are read"));
    shelf_close(s);
}

static void more_members_than_any_image_has_are_refused(void **state)
{
    (void)state;
    struct shelf *s = shelf(archive_write_set_format_ustar);
    for (unsigned i = 0; i <= CATALOG_MEMBERS_MAX; i++)
        add(s, A_FILE, "a", "");
    assert_int_equal(finish(s), -1);
    assert_non_null(strstr(s->e.msg, "more than 65536 members"));
    shelf_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_in_every_format),
        cmocka_unit_test(links_lead_to_files),
        cmocka_unit_test(links_that_lead_nowhere_are_refused),
        cmocka_unit_test(of_one_name_the_last_counts),
        cmocka_unit_test(names_that_lead_outside_are_passed_over),
        cmocka_unit_test(sizes_may_be_written_in_base_256),
        cmocka_unit_test(what_is_stored_sparse_is_not_read),
        cmocka_unit_test(what_is_no_tar_is_refused),
        cmocka_unit_test(headers_of_headers_are_checked),
        cmocka_unit_test(a_header_that_is_too_long_is_refused),
        cmocka_unit_test(more_members_than_any_image_has_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
