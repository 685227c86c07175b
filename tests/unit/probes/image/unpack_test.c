#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "probes/image/layer.h"
#include "probes/kit/clk.h"
#include "tests/unit/probes/image/crate.h"

/* The tree that a layer should have made, entry by entry. */
struct proof {
    const struct content *content;
    const struct crate *crate;
    bool has_xattrs; /* the filesystem of the test takes user.* */
};

static void prove_content(const struct proof *p, const struct tree_entry *entry)
{
    static uint8_t want[CONTENT_BLOCK_BYTES];
    static uint8_t have[CONTENT_BLOCK_BYTES];
    int fd = openat(p->crate->dir, entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES)
        return; /* mode 0000 and the like, without privilege */
    assert_true(fd >= 0);
    uint64_t left = entry->size;
    for (uint64_t block = 0; left > 0; block++) {
        size_t size = left < sizeof want ? (size_t)left : sizeof want;
        content_block(p->content, entry->kind, entry->seed, block, want);
        assert_int_equal(read(fd, have, size), size);
        assert_memory_equal(have, want, size);
        left -= size;
    }
    assert_int_equal(read(fd, have, 1), 0);
    (void)close(fd);
}

static void prove_xattr(const struct proof *p, const struct tree_entry *entry)
{
    char value[2048] = { 0 };
    int fd = openat(p->crate->dir, entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (!p->has_xattrs || fd < 0)
        return;
    ssize_t size = fgetxattr(fd, TREE_XATTR, value, sizeof value);
    assert_int_equal(size > 0, entry->has_xattr);
    if (entry->has_xattr)
        assert_string_equal(value, entry->path);
    (void)close(fd);
}

static void prove_mark(const struct proof *p, const struct tree_entry *entry)
{
    struct stat st;
    char path[2048];
    const char *mark = strstr(entry->path, ".wh.");
    (void)snprintf(path, sizeof path, "%.*s%s", (int)(mark - entry->path), entry->path, mark + 4);
    assert_int_equal(fstatat(p->crate->dir, entry->path, &st, AT_SYMLINK_NOFOLLOW), -1);
    if (entry->type == TREE_WHITEOUT && p->crate->count.skipped[RULES_WHITEOUT] == 0) {
        assert_int_equal(fstatat(p->crate->dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISCHR(st.st_mode));
        assert_int_equal(st.st_rdev, makedev(0, 0));
    }
    if (entry->type == TREE_OPAQUE && p->crate->count.skipped[RULES_OPAQUE] == 0) {
        path[mark - entry->path - 1] = '\0';
        char value[2] = { 0 };
        int fd = openat(p->crate->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(fgetxattr(fd, "trusted.overlay.opaque", value, 1), 1);
        assert_string_equal(value, "y");
        (void)close(fd);
    }
}

static void prove_link(const struct proof *p, const struct tree_entry *entry, ino_t inode)
{
    struct stat st;
    char target[2048] = { 0 };
    if (entry->type == TREE_SYMLINK) {
        assert_true(readlinkat(p->crate->dir, entry->path, target, sizeof target - 1) > 0);
        assert_string_equal(target, entry->link);
    }
    if (entry->type == TREE_HARDLINK) {
        assert_int_equal(fstatat(p->crate->dir, entry->link, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_ino, inode);
    }
}

static void prove_entry(const struct proof *p, const struct tree_entry *entry)
{
    static const mode_t types[] = { [TREE_DIR] = S_IFDIR,
                                    [TREE_FILE] = S_IFREG,
                                    [TREE_SYMLINK] = S_IFLNK,
                                    [TREE_HARDLINK] = S_IFREG };
    struct stat st;
    if (entry->type == TREE_WHITEOUT || entry->type == TREE_OPAQUE) {
        prove_mark(p, entry);
        return;
    }
    assert_int_equal(fstatat(p->crate->dir, entry->path, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & S_IFMT, types[entry->type]);
    assert_int_equal(st.st_mtim.tv_sec, entry->mtime_s);
    assert_int_equal(st.st_mtim.tv_nsec, 0);
    if (entry->type != TREE_SYMLINK)
        assert_int_equal(st.st_mode & 07777, entry->mode);
    if (geteuid() == 0 && p->crate->count.skipped[RULES_OWNER] == 0) {
        assert_int_equal(st.st_uid, entry->uid);
        assert_int_equal(st.st_gid, entry->gid);
    }
    prove_link(p, entry, st.st_ino);
    if (entry->type == TREE_FILE)
        prove_content(p, entry);
    if (entry->type == TREE_FILE || entry->type == TREE_DIR)
        prove_xattr(p, entry);
}

static void prove_layer(struct layer *layer, const struct content *content)
{
    struct crate *c = crate_open();
    struct proof p = { .content = content, .crate = c };
    assert_int_equal(layer_write(layer, content, PACKER_GZIP, c->fd, NULL, &c->e), 0);
    const struct stream_source source = { .fd = c->fd, .size = layer->packed_bytes };
    p.has_xattrs = fsetxattr(c->dir, "user.test", "x", 1, 0) == 0;
    struct walk at;
    walk_start(&at, c->dir, -1, 1);
    if (unpack_layer(&c->unpack, &source, &at, &c->limits, &c->count, &c->e))
        fail_msg("%s", c->e.msg);
    for (unsigned k = 0; k < layer->tree.count; k++)
        prove_entry(&p, &layer->tree.entries[k]);
    assert_int_equal(c->count.entries, layer->tree.count);
    assert_int_equal(c->count.stream_bytes, layer->tar_bytes);
    assert_int_equal(c->count.written_bytes, layer->tree.file_bytes);
    crate_close(c);
}

/* Types, modes, owners, times, links, attributes, content and whiteouts of every entry. */
static void every_layer_becomes_the_tree_that_it_was_made_of(void **state)
{
    (void)state;
    static struct content content;
    static const char *const names[] = { "base", "dependencies", "application" };
    struct layer layers[3] = { 0 };
    struct err e;
    content_init(&content, 11);
    for (unsigned i = 0; i < 3; i++) {
        const struct tree_conf conf = {
            .seed = 11,
            .name = names[i],
            .mix = i == 1 ? TREE_PACKAGES : TREE_DISTRIBUTION,
            .file_bytes = 1400000,
            .files = 60,
            .below = i ? &layers[i - 1].tree : NULL,
        };
        assert_int_equal(tree_make(&conf, &layers[i].tree, &e), 0);
        prove_layer(&layers[i], &content);
    }
    for (unsigned i = 0; i < 3; i++)
        layer_release(&layers[i]);
}

static void an_empty_layer_is_a_layer(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    assert_int_equal(crate_unpack(c), 0);
    assert_int_equal(c->count.entries, 0);
    crate_close(c);
    c = crate_open();
    assert_int_equal(crate_unpack_as(c, STREAM_PLAIN), 0); /* not even the two empty blocks */
    crate_close(c);
}

/* As the runtime does: it was made before, with the owner of the layer below. */
static void an_entry_for_the_layer_directory_itself_is_passed_over(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    struct tar_entry entry = { .path = "./",
                               .type = TAR_DIR,
                               .mode = 0711,
                               .uid = geteuid(),
                               .gid = getegid(),
                               .mtime_s = 1600000001 };
    mode_t before = crate_mode(c, ".");
    assert_int_equal(tar_header(&c->sink, &entry, &c->e), 0);
    crate_add(c, TAR_FILE, "./a", "x");
    assert_int_equal(crate_unpack(c), 0);
    assert_int_equal(crate_mode(c, "."), before);
    assert_true(crate_holds(c, "a", "x"));
    crate_close(c);
}

static void in_the_lowest_layer_a_whiteout_removes(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    c->below = 0;
    crate_add(c, TAR_FILE, "a", "x");
    crate_add(c, TAR_FILE, ".wh.a", "");
    crate_add(c, TAR_FILE, ".wh.b", "");
    crate_add(c, TAR_FILE, ".wh..wh..opq", "");
    assert_int_equal(crate_unpack(c), 0);
    assert_int_equal(fake_names(c->path), 0);
    crate_close(c);
}

static void missing_parents_are_made(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    crate_add(c, TAR_FILE, "a/b/c", "deep");
    assert_int_equal(crate_unpack(c), 0);
    assert_true(crate_holds(c, "a/b/c", "deep"));
    crate_close(c);
}

static void a_later_entry_replaces_an_earlier_one(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    crate_add(c, TAR_FILE, "a", "first");
    crate_add(c, TAR_FILE, "a", "second");
    crate_add(c, TAR_DIR, "b/", "");
    crate_add(c, TAR_FILE, "b/c", "gone");
    crate_add(c, TAR_SYMLINK, "b", "a");
    crate_add(c, TAR_FILE, "d", "gone");
    crate_add(c, TAR_DIR, "d/", "");
    crate_add(c, TAR_FILE, "d/e", "stays");
    crate_add(c, TAR_DIR, "d/", "");
    crate_add(c, TAR_FILE, "f", "gone");
    crate_add(c, TAR_HARDLINK, "f", "d/e");
    if (crate_unpack(c))
        fail_msg("%s", c->e.msg);
    assert_true(crate_holds(c, "a", "second"));
    assert_true(S_ISLNK(crate_mode(c, "b")));
    assert_true(crate_holds(c, "d/e", "stays"));
    assert_true(crate_holds(c, "f", "stays"));
    crate_close(c);
}

static void a_directory_gets_its_time_and_mode_when_it_is_full(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    struct stat st;
    struct tar_entry entry = { .path = "a/",
                               .type = TAR_DIR,
                               .mode = 0500,
                               .uid = geteuid(),
                               .gid = getegid(),
                               .mtime_s = 1500000000 };
    assert_int_equal(tar_header(&c->sink, &entry, &c->e), 0);
    crate_add(c, TAR_DIR, "a/b/", "");
    crate_add(c, TAR_FILE, "a/b/c", "in a directory that forbids writing");
    assert_int_equal(crate_unpack(c), 0);
    assert_int_equal(fstatat(c->dir, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0500);
    assert_int_equal(st.st_mtim.tv_sec, 1500000000);
    crate_close(c);
}

/* A hostile archive: what it says, and a word of the refusal. */
static void refused(struct crate *c, const char *entry, const char *word)
{
    assert_int_equal(crate_unpack(c), -1);
    assert_int_equal(c->e.kind, ERR_DATA);
    if (!strstr(c->e.msg, entry) || !strstr(c->e.msg, word))
        fail_msg("'%s' has neither '%s' nor '%s'", c->e.msg, entry, word);
    crate_close(c);
}

static void names_that_climb_out_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "../escaped", "a/../../escaped", "..", "./../x" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct crate *c = crate_open();
        crate_add(c, TAR_FILE, names[i], "x");
        refused(c, names[i], "'..'");
    }
}

static void absolute_names_are_refused(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    crate_add(c, TAR_FILE, "/tmp/escaped", "x");
    refused(c, "/tmp/escaped", "absolute");
}

static void nothing_is_written_through_a_planted_link(void **state)
{
    (void)state;

    static const enum tar_type types[] = { TAR_FILE, TAR_DIR, TAR_SYMLINK };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char outside[64];
        int dir = fake_dir(outside);
        struct crate *c = crate_open();
        crate_add(c, TAR_SYMLINK, "way", outside);
        crate_add(c, types[i], "way/in", types[i] == TAR_DIR ? "" : "x");
        refused(c, "way/in", "'way'");
        assert_int_equal(fake_names(outside), 0);
        fake_dir_remove(dir, outside);
    }
}

static void a_file_replaces_a_planted_link_and_not_its_target(void **state)
{
    (void)state;
    char outside[64];
    struct err e;
    int dir = fake_dir(outside);
    char target[80];
    (void)snprintf(target, sizeof target, "%s/victim", outside);
    assert_int_equal(file_write_atomic_at(dir, "victim", "whole", 5, &e), 0);
    struct crate *c = crate_open();
    crate_add(c, TAR_SYMLINK, "name", target);
    crate_add(c, TAR_FILE, "name", "broken");
    assert_int_equal(crate_unpack(c), 0);
    assert_true(S_ISREG(crate_mode(c, "name")));
    struct crate at = { .dir = dir };
    assert_true(crate_holds(&at, "victim", "whole"));
    crate_close(c);
    fake_dir_remove(dir, outside);
}

static void a_directory_entry_does_not_reach_through_a_link(void **state)
{
    (void)state;
    char outside[64];
    struct stat before;
    struct stat after;
    int dir = fake_dir(outside);
    assert_int_equal(fstat(dir, &before), 0);
    struct crate *c = crate_open();
    crate_add(c, TAR_SYMLINK, "name", outside);
    crate_add(c, TAR_DIR, "name/", "");
    assert_int_equal(crate_unpack(c), 0);
    assert_true(S_ISDIR(crate_mode(c, "name")));
    assert_int_equal(fstat(dir, &after), 0);
    assert_int_equal(before.st_mode, after.st_mode);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    crate_close(c);
    fake_dir_remove(dir, outside);
}

static void hard_links_that_leave_are_refused(void **state)
{
    (void)state;
    static const char *const targets[] = { "../victim", "/etc/hostname", "way/hostname", "missing",
                                           "." };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct crate *c = crate_open();
        crate_add(c, TAR_SYMLINK, "way", "/etc");
        crate_add(c, TAR_HARDLINK, "name", targets[i]);
        refused(c, "entry 'name'", targets[i]);
    }
}

static void a_hard_link_to_a_link_links_the_link(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    crate_add(c, TAR_SYMLINK, "link", "/etc/hostname");
    crate_add(c, TAR_HARDLINK, "name", "link");
    crate_add(c, TAR_FILE, "name", "x"); /* written through, were it followed */
    assert_int_equal(crate_unpack(c), 0);
    assert_true(S_ISREG(crate_mode(c, "name")));
    assert_true(S_ISLNK(crate_mode(c, "link")));
    crate_close(c);
}

static void names_of_5000_bytes_are_refused(void **state)
{
    (void)state;
    char name[5001] = { 0 };
    memset(name, 'n', 5000);
    struct crate *c = crate_open();
    crate_add(c, TAR_FILE, name, "x");
    refused(c, "nnnn", "5000");
}

static void whiteouts_of_nothing_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "a/.wh.", "a/.wh..", "a/.wh..." };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct crate *c = crate_open();
        crate_add(c, TAR_FILE, names[i], "");
        refused(c, names[i], "deletes");
    }
}

static void the_marks_of_aufs_are_ignored(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    crate_add(c, TAR_DIR, ".wh..wh.plnk/", "");
    crate_add(c, TAR_FILE, ".wh..wh.aufs", "x");
    assert_int_equal(crate_unpack(c), 0);
    assert_int_equal(fake_names(c->path), 0);
    crate_close(c);
}

static void a_whiteout_replaces_what_the_layer_had(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    crate_add(c, TAR_DIR, "a/", "");
    crate_add(c, TAR_FILE, "a/b", "x");
    crate_add(c, TAR_FILE, ".wh.a", "");
    assert_int_equal(crate_unpack(c), 0);
    if (c->count.skipped[RULES_WHITEOUT] == 0)
        assert_true(S_ISCHR(crate_mode(c, "a")));
    crate_close(c);
}

static void more_entries_than_allowed_are_refused(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    char name[16];
    for (int i = 0; i < 11; i++) {
        (void)snprintf(name, sizeof name, "f%d", i);
        crate_add(c, TAR_FILE, name, "");
    }
    c->limits.entries = 10;
    refused(c, "f10", "10 entries");
}

static void more_bytes_than_allowed_are_refused(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    struct tar_entry entry = {
        .path = "bomb", .type = TAR_FILE, .mode = 0644, .size = UINT64_C(1) << 30
    };
    assert_int_equal(tar_header(&c->sink, &entry, &c->e), 0);
    c->limits.bytes = 1 << 20;
    refused(c, "bomb", "1 MiB");
}

static void a_stream_that_ends_within_a_file_is_refused(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    struct tar_entry entry = { .path = "half", .type = TAR_FILE, .mode = 0644, .size = 100000 };
    assert_int_equal(tar_header(&c->sink, &entry, &c->e), 0);
    crate_raw(c, "abc", 3);
    assert_int_equal(crate_unpack_as(c, STREAM_PLAIN), -1);
    assert_int_equal(c->e.kind, ERR_DATA);
    assert_non_null(strstr(c->e.msg, "half"));
    crate_close(c);
}

static void what_is_no_tar_is_refused(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    char junk[4096];
    memset(junk, 'j', sizeof junk);
    crate_raw(c, junk, sizeof junk);
    assert_int_equal(crate_unpack_as(c, STREAM_PLAIN), -1);
    assert_int_equal(c->e.kind, ERR_DATA);
    assert_int_equal(crate_unpack_as(c, STREAM_GZIP), -1);
    assert_int_equal(c->e.kind, ERR_DATA);
    crate_close(c);
}

static void a_stop_and_a_deadline_end_it(void **state)
{
    (void)state;
    volatile sig_atomic_t stopping = 1;
    struct crate *c = crate_open();
    crate_add(c, TAR_FILE, "a", "x");
    crate_end(c);
    c->limits.stopping = &stopping;
    assert_int_equal(crate_unpack_as(c, STREAM_PLAIN), -1);
    assert_int_equal(c->e.kind, ERR_INTERRUPTED);
    stopping = 0;
    c->limits.until_ns = clk_now_ns();
    assert_int_equal(crate_unpack_as(c, STREAM_PLAIN), -1);
    assert_int_equal(c->e.kind, ERR_TIMEOUT);
    assert_int_equal(fake_names(c->path), 0);
    c->limits.until_ns = 0;
    assert_int_equal(crate_unpack_as(c, STREAM_PLAIN), 0);
    crate_close(c);
}

static void device_nodes_are_made_or_counted(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    crate_add(c, TAR_CHAR, "null", "");
    assert_int_equal(crate_unpack(c), 0);
    bool made = S_ISCHR(crate_mode(c, "null"));
    assert_int_equal(c->count.skipped[RULES_DEVICE], made ? 0 : 1);
    crate_close(c);
}

static void every_skipped_sort_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RULES_SKIPS; i++)
        assert_true(strlen(rules_skip_name((enum rules_skip)i)) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_becomes_the_tree_that_it_was_made_of),
        cmocka_unit_test(an_empty_layer_is_a_layer),
        cmocka_unit_test(an_entry_for_the_layer_directory_itself_is_passed_over),
        cmocka_unit_test(in_the_lowest_layer_a_whiteout_removes),
        cmocka_unit_test(missing_parents_are_made),
        cmocka_unit_test(a_later_entry_replaces_an_earlier_one),
        cmocka_unit_test(a_directory_gets_its_time_and_mode_when_it_is_full),
        cmocka_unit_test(names_that_climb_out_are_refused),
        cmocka_unit_test(absolute_names_are_refused),
        cmocka_unit_test(nothing_is_written_through_a_planted_link),
        cmocka_unit_test(a_file_replaces_a_planted_link_and_not_its_target),
        cmocka_unit_test(a_directory_entry_does_not_reach_through_a_link),
        cmocka_unit_test(hard_links_that_leave_are_refused),
        cmocka_unit_test(a_hard_link_to_a_link_links_the_link),
        cmocka_unit_test(names_of_5000_bytes_are_refused),
        cmocka_unit_test(whiteouts_of_nothing_are_refused),
        cmocka_unit_test(the_marks_of_aufs_are_ignored),
        cmocka_unit_test(a_whiteout_replaces_what_the_layer_had),
        cmocka_unit_test(more_entries_than_allowed_are_refused),
        cmocka_unit_test(more_bytes_than_allowed_are_refused),
        cmocka_unit_test(a_stream_that_ends_within_a_file_is_refused),
        cmocka_unit_test(what_is_no_tar_is_refused),
        cmocka_unit_test(a_stop_and_a_deadline_end_it),
        cmocka_unit_test(device_nodes_are_made_or_counted),
        cmocka_unit_test(every_skipped_sort_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
