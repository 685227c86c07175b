#include "probes/image/untar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/image/tar.h"

/* A tar in memory, and what untar said of it, a line an event. */
struct told {
    struct tar_sink sink;
    uint8_t bytes[64 << 10];
    size_t size;
    struct untar untar;
    char text[16 << 10];
    size_t text_size;
    struct err e;
};

static int told_write(void *arg, const void *bytes, size_t size, struct err *e)
{
    struct told *t = arg;
    (void)e;
    assert_true(size <= sizeof t->bytes - t->size);
    memcpy(t->bytes + t->size, bytes, size);
    t->size += size;
    return 0;
}

static struct told *told_open(void)
{
    struct told *t = calloc(1, sizeof *t);
    t->sink = (struct tar_sink){ .write = told_write, .arg = t };
    assert_int_equal(untar_open(&t->untar, &t->e), 0);
    return t;
}

static void told_close(struct told *t)
{
    untar_release(&t->untar);
    untar_release(&t->untar); /* may be called again */
    free(t);
}

static void told_pad(struct told *t)
{
    t->size = (t->size + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES * TAR_BLOCK_BYTES;
}

/* A header by tar.c, whose type and fields a test then spoils; its checksum is mended. */
static uint8_t *told_header(struct told *t, const char *path, char type, uint64_t size)
{
    const struct tar_entry entry = { .path = path,
                                     .type = TAR_FILE,
                                     .mode = 0644,
                                     .uid = 7,
                                     .gid = 8,
                                     .mtime_s = 1600000000,
                                     .size = size };
    uint8_t *header = t->bytes + t->size;
    assert_int_equal(tar_header(&t->sink, &entry, &t->e), 0);
    header[156] = (uint8_t)type;
    return header;
}

static void told_mend(uint8_t *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (unsigned i = 0; i < TAR_BLOCK_BYTES; i++)
        sum += header[i];
    (void)snprintf((char *)header + 148, 8, "%06o", sum);
}

static void told_add(struct told *t, const char *path, char type, const void *bytes, size_t size)
{
    told_mend(told_header(t, path, type, size));
    if (size)
        (void)told_write(t, bytes, size, &t->e);
    told_pad(t);
}

/* One pax record, its length counted. */
static size_t told_record(char *to, size_t room, const char *record)
{
    size_t size = strlen(record) + 3;
    size += size >= 10;
    size += size >= 100;
    return (size_t)snprintf(to, room, "%zu %s\n", size, record);
}

static void told_pax(struct told *t, const char *const *records)
{
    char text[4096];
    size_t size = 0;
    for (; *records; records++)
        size += told_record(text + size, sizeof text - size, *records);
    told_add(t, "pax", 'x', text, size);
}

static void __attribute__((format(printf, 2, 3))) told_say(struct told *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->text + t->text_size, sizeof t->text - t->text_size, format, args);
    va_end(args);
    t->text_size += (size_t)n;
}

static void told_entry(struct told *t)
{
    const struct untar_entry *entry = &t->untar.entry;
    struct xattr x;
    size_t at = 0;
    told_say(t, "%d %s", (int)entry->type, entry->path);
    if (*entry->link)
        told_say(t, " > %s", entry->link);
    told_say(t, " %o %llu:%llu %llu %lld.%09ld", entry->mode, (unsigned long long)entry->uid,
             (unsigned long long)entry->gid, (unsigned long long)entry->size,
             (long long)entry->mtime.tv_sec, entry->mtime.tv_nsec);
    while (xattrs_next(entry->xattrs, entry->xattrs_size, &at, &x))
        told_say(t, " %s=%.*s", x.name, (int)x.size, (const char *)x.value);
    told_say(t, "\n");
}

/* Content in one line a run of neighbouring bytes, however it was fed. */
static void told_content(struct told *t, const struct untar_piece *piece, uint64_t *end)
{
    if (piece->offset != *end || *end == 0)
        told_say(t, "%s@%llu ", *end ? "\n" : "", (unsigned long long)piece->offset);
    told_say(t, "%.*s", (int)piece->size, (const char *)piece->bytes);
    *end = piece->offset + piece->size;
}

static int told_run(struct told *t, size_t step)
{
    struct untar_piece piece;
    uint64_t end = 0;
    int event = UNTAR_MORE;
    t->text_size = 0;
    t->text[0] = '\0';
    untar_start(&t->untar);
    for (size_t at = 0; at < t->size && event >= 0; at += step) {
        untar_feed(&t->untar, t->bytes + at, t->size - at < step ? t->size - at : step);
        while ((event = untar_next(&t->untar, &piece, &t->e)) > UNTAR_MORE) {
            if (event == UNTAR_ENTRY)
                told_entry(t);
            if (event == UNTAR_CONTENT)
                told_content(t, &piece, &end);
            if (event == UNTAR_ENTRY_END && end)
                told_say(t, "\n");
            end = event == UNTAR_ENTRY_END ? 0 : end;
        }
    }
    return event < 0 || untar_over(&t->untar, &t->e) ? -1 : 0;
}

/* The same however the stream is cut. */
static void told_is(struct told *t, const char *want)
{
    static const size_t steps[] = { 1, 7, 511, 512, 513, 1 << 20 };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (told_run(t, steps[i]))
            fail_msg("%s", t->e.msg);
        assert_string_equal(t->text, want);
    }
    told_close(t);
}

static void told_refuses(struct told *t, const char *word)
{
    static const size_t steps[] = { 1, 512, 1 << 20 };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(told_run(t, steps[i]), -1);
        assert_int_equal(t->e.kind, ERR_DATA);
        if (!strstr(t->e.msg, word) || !strstr(t->e.msg, "byte "))
            fail_msg("'%s' has not '%s'", t->e.msg, word);
    }
    told_close(t);
}

static void every_type_is_told(void **state)
{
    (void)state;
    struct told *t = told_open();
    told_add(t, "file", '0', "abc", 3);
    told_add(t, "old", '\0', "d", 1);
    told_add(t, "contiguous", '7', "e", 1);
    told_add(t, "unknown", 'Z', "f", 1);
    told_add(t, "dir/", '5', "", 0);
    told_add(t, "slash/", '0', "dropped", 7);
    told_add(t, "names", 'D', "dropped", 7);
    told_add(t, "volume", 'V', "dropped", 7);
    uint8_t *h = told_header(t, "link", '2', 0);
    memcpy(h + 157, "target", 6);
    told_mend(h);
    h = told_header(t, "hard", '1', 4096); /* links have no content, whatever they say */
    memcpy(h + 157, "file", 4);
    told_mend(h);
    told_add(t, "pipe", '6', "", 0);
    h = told_header(t, "node", '3', 0);
    memcpy(h + 329, "0000005", 7);
    told_mend(h);
    (void)tar_end(&t->sink, &t->e);
    told_is(t, "0 file 644 7:8 3 1600000000.000000000\n@0 abc\n"
               "0 old 644 7:8 1 1600000000.000000000\n@0 d\n"
               "0 contiguous 644 7:8 1 1600000000.000000000\n@0 e\n"
               "0 unknown 644 7:8 1 1600000000.000000000\n@0 f\n"
               "5 dir/ 644 7:8 0 1600000000.000000000\n"
               "5 slash/ 644 7:8 0 1600000000.000000000\n"
               "5 names 644 7:8 0 1600000000.000000000\n"
               "2 link > target 644 7:8 0 1600000000.000000000\n"
               "1 hard > file 644 7:8 0 1600000000.000000000\n"
               "6 pipe 644 7:8 0 1600000000.000000000\n"
               "3 node 644 7:8 0 1600000000.000000000\n");
}

static void pax_records_have_the_last_word(void **state)
{
    (void)state;
    static const char *const records[] = { "path=a/long/name",
                                           "size=3",
                                           "uid=4294967294",
                                           "gid=12",
                                           "mtime=1700000000.25",
                                           "uname=nobody",
                                           "SCHILY.xattr.user.a=b=c",
                                           "LIBARCHIVE.xattr.user.%62=ZGVm",
                                           NULL };
    struct told *t = told_open();
    told_pax(t, records);
    told_mend(told_header(t, "short", '0', 9));
    (void)told_write(t, "abc", 3, &t->e);
    told_pad(t);
    told_add(t, "next", '0', "", 0); /* to which they do not apply */
    told_is(t, "0 a/long/name 644 4294967294:12 3 1700000000.250000000 user.a=b=c user.b=def\n"
               "@0 abc\n"
               "0 next 644 7:8 0 1600000000.000000000\n");
}

static void times_before_1970_are_times(void **state)
{
    (void)state;
    static const char *const records[] = { "mtime=-1.25", NULL };
    struct told *t = told_open();
    told_pax(t, records);
    told_add(t, "a", '0', "", 0);
    told_is(t, "0 a 644 7:8 0 -2.750000000\n");
}

static void global_records_count_for_nothing(void **state)
{
    (void)state;
    struct told *t = told_open();
    told_add(t, "g", 'g', "14 path=globe\n", 14);
    told_add(t, "a", '0', "", 0);
    told_is(t, "0 a 644 7:8 0 1600000000.000000000\n");
}

static void long_names_of_gnu(void **state)
{
    (void)state;
    struct told *t = told_open();
    char name[301] = { 0 };
    char want[1024];
    memset(name, 'n', 300);
    told_add(t, "././@LongLink", 'L', name, 301);
    told_add(t, "././@LongLink", 'K', "far", 4);
    told_add(t, "nnn", '2', "", 0);
    (void)snprintf(want, sizeof want, "2 %s > far 644 7:8 0 1600000000.000000000\n", name);
    told_is(t, want);
}

static void numbers_in_base_256(void **state)
{
    (void)state;
    static const uint8_t owner[8] = { 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe };
    static const uint8_t time[12] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xfb };
    struct told *t = told_open();
    uint8_t *h = told_header(t, "a", '0', 0);
    memcpy(h + 108, owner, sizeof owner);
    memcpy(h + 136, time, sizeof time);
    told_mend(h);
    told_is(t, "0 a 644 4294967294:8 0 -5.000000000\n");
}

static void a_checksum_of_signed_bytes_is_one(void **state)
{
    (void)state;
    struct told *t = told_open();
    uint8_t *h = told_header(t, "a", '0', 0);
    int sum = 0;
    h[1] = 0xe9; /* Latin 1 */
    memset(h + 148, ' ', 8);
    for (unsigned i = 0; i < TAR_BLOCK_BYTES; i++)
        sum += (int8_t)h[i];
    (void)snprintf((char *)h + 148, 8, "%06o", (unsigned)sum);
    told_is(t, "0 a\xe9 644 7:8 0 1600000000.000000000\n");
}

static void a_prefix_goes_in_front(void **state)
{
    (void)state;
    struct told *t = told_open();
    uint8_t *h = told_header(t, "name", '0', 0);
    memcpy(h + 345, "some/prefix", 11);
    told_mend(h);
    h = told_header(t, "name", '0', 0); /* GNU has none there */
    memcpy(h + 257, "ustar  ", 8);
    memcpy(h + 345, "00000000001", 11);
    told_mend(h);
    told_is(t, "0 some/prefix/name 644 7:8 0 1600000000.000000000\n"
               "0 name 644 7:8 0 1600000000.000000000\n");
}

/* As Go before 1.8 wrote it; Go reads it so since. */
static void a_prefix_in_a_header_of_gnu_goes_in_front(void **state)
{
    (void)state;
    struct told *t = told_open();
    uint8_t *h = told_header(t, "name", '0', 0);
    memcpy(h + 257, "ustar  ", 8);
    memcpy(h + 345, "some/prefix", 12);
    told_mend(h);
    h = told_header(t, "name", '0', 0); /* only the second time is no number */
    memcpy(h + 257, "ustar  ", 8);
    memcpy(h + 345, "00000000001/deep", 17);
    told_mend(h);
    h = told_header(t, "name", '0', 0); /* neither times nor a prefix */
    memcpy(h + 257, "ustar  ", 8);
    memcpy(h + 345,
           "pr\xe9"
           "fix",
           7);
    told_mend(h);
    told_is(t, "0 some/prefix/name 644 7:8 0 1600000000.000000000\n"
               "0 00000000001/deep/name 644 7:8 0 1600000000.000000000\n"
               "0 name 644 7:8 0 1600000000.000000000\n");
}

#define SPARSE_TOLD "0 s 644 7:8 30 1600000000.000000000\n@4 abc\n@20 de\n"

static void sparse_files_of_old_gnu(void **state)
{
    (void)state;
    struct told *t = told_open();
    uint8_t more[TAR_BLOCK_BYTES] = { 0 };
    uint8_t *h = told_header(t, "s", 'S', 5);
    memcpy(h + 257, "ustar  ", 8);
    memset(h + 345, 0, 512 - 345);
    memcpy(h + 386, "00000000004\00000000000003", 23);
    h[482] = 1; /* further pieces follow */
    memcpy(h + 483, "00000000036", 11);
    told_mend(h);
    memcpy(more, "00000000024\00000000000002", 23);
    (void)told_write(t, more, sizeof more, &t->e);
    (void)told_write(t, "abcde", 5, &t->e);
    told_pad(t);
    told_is(t, SPARSE_TOLD);
}

static void sparse_files_of_pax_0_0(void **state)
{
    (void)state;
    static const char *const records[] = {
        "GNU.sparse.size=30",    "GNU.sparse.numblocks=3", "GNU.sparse.offset=4",
        "GNU.sparse.numbytes=3", "GNU.sparse.offset=20",   "GNU.sparse.numbytes=2",
        "GNU.sparse.offset=30",  "GNU.sparse.numbytes=0",  NULL
    };
    struct told *t = told_open();
    told_pax(t, records);
    told_add(t, "s", '0', "abcde", 5);
    told_is(t, SPARSE_TOLD);
}

static void sparse_files_of_pax_0_1(void **state)
{
    (void)state;
    static const char *const records[] = { "GNU.sparse.size=30", "GNU.sparse.map=4,3,20,2,30,0",
                                           "GNU.sparse.name=s", "path=GNUSparseFile.7/s", NULL };
    struct told *t = told_open();
    told_pax(t, records);
    told_add(t, "GNUSparseFile.7/s", '0', "abcde", 5);
    told_is(t, SPARSE_TOLD);
}

static void sparse_files_of_pax_1_0(void **state)
{
    (void)state;
    static const char *const records[] = { "GNU.sparse.major=1", "GNU.sparse.minor=0",
                                           "GNU.sparse.name=s", "GNU.sparse.realsize=30", NULL };
    struct told *t = told_open();
    uint8_t content[TAR_BLOCK_BYTES + 5] = "3\n4\n3\n20\n2\n30\n0\n";
    memcpy(content + TAR_BLOCK_BYTES, "abcde", 5);
    told_pax(t, records);
    told_add(t, "GNUSparseFile.7/s", '0', content, sizeof content);
    told_is(t, SPARSE_TOLD);
}

static void wrong_maps_of_sparse_files_are_refused(void **state)
{
    (void)state;
    static const char *const maps[] = { "GNU.sparse.map=4,3,5,2",   "GNU.sparse.map=4,3,29,2",
                                        "GNU.sparse.map=4,3,20",    "GNU.sparse.map=4,3",
                                        "GNU.sparse.map=4,3,20,x",  "GNU.sparse.map=4,,20,2",
                                        "GNU.sparse.map=4,3,20,-2", "GNU.sparse.offset=3" };
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct told *t = told_open();
        const char *const records[] = { "GNU.sparse.size=30", maps[i], "GNU.sparse.map=", NULL };
        told_pax(t, records);
        told_add(t, "s", '0', "abcde", 5);
        told_refuses(t, "sparse");
    }
}

static void broken_records_are_refused(void **state)
{
    (void)state;

    static const struct {
        const char *bytes, *word;
    } cases[] = {
        {"9 path=ab\n",                  "length"   },
        { "99 path=a\n",                 "length"   },
        { "path=a\n",                    "length"   },
        { "0 a=b\n",                     "length"   },
        { "99999999999999999999 a=b\n",  "length"   },
        { "7 path\n",                    "keyword"  },
        { "5 =a\n",                      "keyword"  },
        { "10 size=x\n",                 "size"     },
        { "10 size=-\n",                 "size"     },
        { "12 mtime=1x\n",               "mtime"    },
        { "26 LIBARCHIVE.xattr.a=###\n", "base 64"  },
        { "18 SCHILY.xattr.=\n",         "attribute"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct told *t = told_open();
        told_add(t, "x", 'x', cases[i].bytes, strlen(cases[i].bytes));
        told_add(t, "a", '0', "", 0);
        told_refuses(t, cases[i].word);
    }
}

static void names_have_their_limits(void **state)
{
    (void)state;
    char name[5000];
    struct told *t = told_open();
    memset(name, 'n', sizeof name);
    told_add(t, "././@LongLink", 'L', name, sizeof name);
    told_refuses(t, "5000 bytes");
    t = told_open();
    told_add(t, "x", 'x', "10 path=a\0\n", 10);
    told_refuses(t, "length");
    t = told_open();
    told_add(t, "x", 'x', "11 path=a\0\n", 11);
    told_refuses(t, "NUL");
    t = told_open();
    told_add(t, "", '0', "", 0);
    told_refuses(t, "without a name");
}

static void a_pax_header_has_its_limit(void **state)
{
    (void)state;
    struct told *t = told_open();
    told_mend(told_header(t, "x", 'x', (1 << 20) + 1));
    told_refuses(t, "1048577");
}

static void headers_that_are_none_are_refused(void **state)
{
    (void)state;

    static const struct {
        unsigned at;
        const char *field, *word;
    } cases[] = {
        {100,  "0000x44",                                          "mode"    },
        { 124, "-0000001",                                         "size"    },
        { 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "negative"},
        { 124, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "size"    },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct told *t = told_open();
        uint8_t *h = told_header(t, "a", '0', 0);
        memcpy(h + cases[i].at, cases[i].field, strlen(cases[i].field));
        told_mend(h);
        told_refuses(t, cases[i].word);
    }
    struct told *t = told_open();
    uint8_t *h = told_header(t, "a", '0', 0);
    h[0] = 'b';
    told_refuses(t, "checksum");
}

static void what_follows_the_end_is_passed_over(void **state)
{
    (void)state;
    struct told *t = told_open();
    told_add(t, "a", '0', "", 0);
    (void)tar_end(&t->sink, &t->e);
    (void)told_write(t, "not a tar", 9, &t->e);
    told_is(t, "0 a 644 7:8 0 1600000000.000000000\n");
}

static void one_empty_block_is_no_end(void **state)
{
    (void)state;
    struct told *t = told_open();
    t->size = TAR_BLOCK_BYTES;
    told_add(t, "a", '0', "", 0);
    told_refuses(t, "empty block");
}

static void every_truncation_is_found(void **state)
{
    (void)state;
    struct told *t = told_open();
    static const char *const records[] = { "path=b", NULL };
    told_add(t, "a", '0', "abc", 3);
    told_pax(t, records);
    told_add(t, "short", '0', "abc", 3);
    size_t whole = t->size;
    for (t->size = 1; t->size < whole; t->size++) {
        bool is_sound = t->size == 2 * TAR_BLOCK_BYTES;
        assert_int_equal(told_run(t, 700), is_sound ? 0 : -1);
        if (!is_sound)
            assert_non_null(strstr(t->e.msg, "truncated"));
    }
    assert_int_equal(told_run(t, 700), 0);
    told_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_told),
        cmocka_unit_test(pax_records_have_the_last_word),
        cmocka_unit_test(times_before_1970_are_times),
        cmocka_unit_test(global_records_count_for_nothing),
        cmocka_unit_test(long_names_of_gnu),
        cmocka_unit_test(numbers_in_base_256),
        cmocka_unit_test(a_checksum_of_signed_bytes_is_one),
        cmocka_unit_test(a_prefix_goes_in_front),
        cmocka_unit_test(a_prefix_in_a_header_of_gnu_goes_in_front),
        cmocka_unit_test(sparse_files_of_old_gnu),
        cmocka_unit_test(sparse_files_of_pax_0_0),
        cmocka_unit_test(sparse_files_of_pax_0_1),
        cmocka_unit_test(sparse_files_of_pax_1_0),
        cmocka_unit_test(wrong_maps_of_sparse_files_are_refused),
        cmocka_unit_test(broken_records_are_refused),
        cmocka_unit_test(names_have_their_limits),
        cmocka_unit_test(a_pax_header_has_its_limit),
        cmocka_unit_test(headers_that_are_none_are_refused),
        cmocka_unit_test(what_follows_the_end_is_passed_over),
        cmocka_unit_test(one_empty_block_is_no_end),
        cmocka_unit_test(every_truncation_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
