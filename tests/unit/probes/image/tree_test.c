#include "probes/image/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    FILES = 600
};

static struct tree make(uint64_t seed, const char *name, const struct tree *below)
{
    struct tree t;
    struct err e;
    const struct tree_conf conf = {
        .seed = seed, .name = name, .file_bytes = 14 << 20, .files = FILES, .below = below
    };
    assert_int_equal(tree_make(&conf, &t, &e), 0);
    return t;
}

static const struct tree_entry *find(const struct tree *t, const char *path, size_t size)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (strncmp(t->entries[i].path, path, size) == 0 && t->entries[i].path[size] == '\0')
            return &t->entries[i];
    }
    return NULL;
}

static unsigned count(const struct tree *t, enum tree_type type)
{
    unsigned n = 0;
    for (unsigned i = 0; i < t->count; i++)
        n += t->entries[i].type == type;
    return n;
}

static void the_same_seed_makes_the_same_tree(void **state)
{
    (void)state;
    struct tree a = make(5, "layer 0", NULL);
    struct tree b = make(5, "layer 0", NULL);
    assert_int_equal(a.count, b.count);
    for (unsigned i = 0; i < a.count; i++) {
        assert_string_equal(a.entries[i].path, b.entries[i].path);
        assert_int_equal(a.entries[i].type, b.entries[i].type);
        assert_int_equal(a.entries[i].seed, b.entries[i].seed);
        assert_int_equal(a.entries[i].mtime_s, b.entries[i].mtime_s);
    }
    tree_release(&a);
    tree_release(&a);
    tree_release(&b);
}

static void another_seed_or_layer_makes_another(void **state)
{
    (void)state;
    struct tree a = make(5, "layer 0", NULL);
    struct tree b = make(6, "layer 0", NULL);
    struct tree c = make(5, "layer 1", NULL);
    assert_string_not_equal(a.entries[1].path, b.entries[1].path);
    assert_string_not_equal(a.entries[1].path, c.entries[1].path);
    tree_release(&a);
    tree_release(&b);
    tree_release(&c);
}

static void names_are_unique_and_parents_come_first(void **state)
{
    (void)state;
    struct tree below = make(7, "layer 0", NULL);
    struct tree t = make(7, "layer 1", &below);
    for (unsigned i = 0; i < t.count; i++) {
        const char *path = t.entries[i].path;
        const char *slash = strrchr(path, '/');
        assert_ptr_equal(find(&t, path, strlen(path)), &t.entries[i]);
        if (slash) {
            const struct tree_entry *parent = find(&t, path, (size_t)(slash - path));
            assert_non_null(parent);
            assert_int_equal(parent->type, TREE_DIR);
            assert_true(parent < &t.entries[i]);
        }
    }
    tree_release(&below);
    tree_release(&t);
}

static void hard_links_point_to_earlier_files_and_share_their_metadata(void **state)
{
    (void)state;
    struct tree t = make(8, "layer 0", NULL);
    assert_true(count(&t, TREE_HARDLINK) > 0);
    for (unsigned i = 0; i < t.count; i++) {
        const struct tree_entry *entry = &t.entries[i];
        if (entry->type != TREE_HARDLINK)
            continue;
        const struct tree_entry *target = find(&t, entry->link, strlen(entry->link));
        assert_non_null(target);
        assert_int_equal(target->type, TREE_FILE);
        assert_true(target < entry);
        assert_int_equal(target->mode, entry->mode);
        assert_int_equal(target->mtime_s, entry->mtime_s);
        assert_int_equal(entry->size, 0);
    }
    tree_release(&t);
}

static void the_mix_is_that_of_the_header(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct tree t = make(seed, "layer 0", NULL);
        unsigned small = 0;
        unsigned owned = 0;
        unsigned attributes = 0;
        for (unsigned i = 0; i < t.count; i++) {
            const struct tree_entry *entry = &t.entries[i];
            small += entry->type == TREE_FILE && entry->size < 48 << 10;
            owned += entry->uid != 0;
            attributes += entry->has_xattr;
        }
        unsigned files = count(&t, TREE_FILE);
        assert_int_equal(files + count(&t, TREE_HARDLINK), FILES);
        assert_true(files > FILES * 95 / 100);
        assert_true(small * 100 > files * 85 && small * 100 < files * 95);
        assert_true(count(&t, TREE_DIR) >= FILES / 5);
        assert_int_equal(count(&t, TREE_SYMLINK), FILES / 10);
        assert_true(owned > 0 && attributes > 0);
        assert_true(t.file_bytes <= 14 << 20 && t.file_bytes > 13 << 20);
        tree_release(&t);
    }
}

static unsigned depth(const char *path)
{
    unsigned n = 1;
    for (; *path; path++)
        n += *path == '/';
    return n;
}

/* The median size lies below 6 kB whatever the layer's sum is scaled to; trees are deep. */
static void packages_of_a_language_are_small_and_deep(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct tree t;
        struct err e;
        const struct tree_conf conf = { .seed = seed,
                                        .name = "dependencies",
                                        .mix = TREE_PACKAGES,
                                        .file_bytes = FILES * UINT64_C(16700),
                                        .files = FILES };
        assert_int_equal(tree_make(&conf, &t, &e), 0);
        unsigned small = 0;
        unsigned deep = 0;
        for (unsigned i = 0; i < t.count; i++) {
            const struct tree_entry *entry = &t.entries[i];
            small += entry->type == TREE_FILE && entry->size < 6000;
            deep += entry->type == TREE_FILE && depth(entry->path) >= 5;
            assert_true(depth(entry->path) <= 13);
        }
        unsigned files = count(&t, TREE_FILE);
        assert_true(small * 2 > files && small * 100 < files * 75);
        assert_true(deep * 2 > files);
        assert_true(count(&t, TREE_DIR) >= FILES / 7);
        assert_true(t.file_bytes <= conf.file_bytes && t.file_bytes > conf.file_bytes * 97 / 100);
        tree_release(&t);
    }
}

static void a_layer_deletes_what_the_one_below_has(void **state)
{
    (void)state;
    struct tree below = make(9, "layer 0", NULL);
    struct tree t = make(9, "layer 1", &below);
    char path[1100];
    assert_int_equal(count(&below, TREE_WHITEOUT) + count(&below, TREE_OPAQUE), 0);
    assert_int_equal(count(&t, TREE_OPAQUE), 1);
    assert_true(count(&t, TREE_WHITEOUT) > 5);
    for (unsigned i = 0; i < t.count; i++) {
        const char *mark = strstr(t.entries[i].path, ".wh.");
        int size = mark ? (int)(mark - t.entries[i].path) : 0;
        if (t.entries[i].type == TREE_WHITEOUT) {
            (void)snprintf(path, sizeof path, "%.*s%s", size, t.entries[i].path, mark + 4);
            assert_non_null(find(&below, path, strlen(path)));
        }
        if (t.entries[i].type == TREE_OPAQUE) {
            const struct tree_entry *dir = find(&below, t.entries[i].path, (size_t)size - 1);
            assert_non_null(dir);
            assert_int_equal(dir->type, TREE_DIR);
        }
    }
    tree_release(&below);
    tree_release(&t);
}

static void a_layer_without_files_is_possible(void **state)
{
    (void)state;
    struct tree t;
    struct err e;
    const struct tree_conf conf = { .seed = 1, .name = "layer 0" };
    assert_int_equal(tree_make(&conf, &t, &e), 0);
    assert_int_equal(t.file_bytes, 0);
    assert_int_equal(count(&t, TREE_DIR), t.count);
    tree_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_makes_the_same_tree),
        cmocka_unit_test(another_seed_or_layer_makes_another),
        cmocka_unit_test(names_are_unique_and_parents_come_first),
        cmocka_unit_test(hard_links_point_to_earlier_files_and_share_their_metadata),
        cmocka_unit_test(the_mix_is_that_of_the_header),
        cmocka_unit_test(packages_of_a_language_are_small_and_deep),
        cmocka_unit_test(a_layer_deletes_what_the_one_below_has),
        cmocka_unit_test(a_layer_without_files_is_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
