#include "probes/image/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/prng.h"

enum {
    TREE_FILES_A_SYMLINK = 10,
    TREE_FILES_A_HARDLINK = 100,
    TREE_FILES_A_WHITEOUT = 40,
    TREE_MTIME_FIRST_S = 1600000000, /* September 2020 */
    TREE_MTIME_SPAN_S = 100000000,   /* about three years */
    TREE_SMALL_BYTES = 16384,
    TREE_PATH_BYTES = 1024
};

/* Sizes at given ranks of the distribution (1 of 10,000), linear between: see the header. */
struct tree_quantile {
    uint32_t rank;
    uint32_t bytes;
};

static const struct tree_quantile tree_distribution_sizes[] = {
    {0,      1      },
    { 500,   209    },
    { 1000,  521    },
    { 2000,  702    },
    { 3000,  1076   },
    { 4000,  1597   },
    { 5000,  2176   },
    { 6000,  3150   },
    { 7000,  7984   },
    { 8000,  18680  },
    { 9000,  47766  },
    { 9500,  85200  },
    { 9800,  173420 },
    { 9900,  310018 },
    { 9950,  394713 },
    { 9980,  1019408},
    { 9990,  1926232},
    { 9995,  3804432},
    { 10000, 4734232},
};

static const struct tree_quantile tree_package_sizes[] = {
    {0,      0       },
    { 500,   174     },
    { 1000,  435     },
    { 2000,  1061    },
    { 3000,  1810    },
    { 4000,  2921    },
    { 5000,  4359    },
    { 6000,  6656    },
    { 7000,  10400   },
    { 8000,  15534   },
    { 9000,  30193   },
    { 9500,  48507   },
    { 9800,  91720   },
    { 9900,  124193  },
    { 9950,  169474  },
    { 9980,  277615  },
    { 9990,  470013  },
    { 9995,  967004  },
    { 10000, 13300434},
};

enum {
    TREE_ENDINGS = 8,
    TREE_TOPS = 12
};

/* What a mix is made of. */
static const struct tree_mix_row {
    const struct tree_quantile *sizes;
    unsigned files_a_dir;
    unsigned depth_max;
    const char *endings[TREE_ENDINGS];
    const char *tops[TREE_TOPS]; /* directories that a layer starts from, up to NULL */
} tree_mixes[] = {
    [TREE_DISTRIBUTION] = {
        .sizes = tree_distribution_sizes,
        .files_a_dir = 5,
        .depth_max = 9,
        .endings = { "", ".so.1", ".py", ".h", ".json", ".mo", ".js", ".txt" },
        .tops = { "etc", "opt", "opt/app", "usr", "usr/bin", "usr/lib", "usr/share",
                  "usr/share/doc", "var", "var/lib" },
    },
    [TREE_PACKAGES] = {
        .sizes = tree_package_sizes,
        .files_a_dir = 7,
        .depth_max = 12,
        .endings = { ".js", ".js", ".py", ".pyc", ".json", ".md", ".d.ts", ".so" },
        .tops = { "opt", "opt/app", "opt/app/modules", "usr", "usr/lib", "usr/lib/modules",
                  "usr/lib/modules/shared", "usr/share", "usr/share/doc" },
    },
};

static uint64_t tree_size_at(const struct tree_quantile *q, uint64_t rank)
{
    while (q[1].rank < rank)
        q++;
    uint64_t span = q[1].rank - q[0].rank;
    return q[0].bytes + (uint64_t)(q[1].bytes - q[0].bytes) * (rank - q[0].rank) / span;
}

void tree_release(struct tree *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        free(t->entries[i].path);
        free(t->entries[i].link);
    }
    free(t->entries);
    *t = (struct tree){ 0 };
}

/* NULL when out of memory. */
static struct tree_entry *tree_add(struct tree *t, enum tree_type type, const char *path)
{
    if (t->count == t->room) {
        unsigned room = t->room ? 2 * t->room : 256;
        struct tree_entry *grown = realloc(t->entries, room * sizeof *grown);
        if (!grown)
            return NULL;
        t->entries = grown;
        t->room = room;
    }
    struct tree_entry *entry = &t->entries[t->count];
    *entry = (struct tree_entry){ .type = type, .path = strdup(path) };
    if (!entry->path)
        return NULL;
    t->count++;
    return entry;
}

/* As a walk of the tree would meet them: a directory, then what is in it. */
static int tree_compare(const void *left, const void *right)
{
    const unsigned char *a = (const unsigned char *)((const struct tree_entry *)left)->path;
    const unsigned char *b = (const unsigned char *)((const struct tree_entry *)right)->path;
    while (*a && *a == *b) {
        a++;
        b++;
    }
    int of_a = *a == '/' ? 1 : *a;
    int of_b = *b == '/' ? 1 : *b;
    return of_a - of_b;
}

static unsigned tree_depth(const char *path)
{
    unsigned depth = 1;
    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

/* Letters by how common they are; none but a letter at either end. */
static void tree_word(struct prng *p, char word[16])
{
    static const char letters[] = "etaonrishdlfcmugypwbvk-_qz";
    unsigned size = 3 + (unsigned)prng_below(p, 9);
    for (unsigned i = 0; i < size; i++)
        word[i] = letters[prng_below(p, i == 0 || i + 1 == size ? 22 : 26)];
    word[size] = '\0';
}

/* Metadata that files and directories have in common. */
static void tree_stamp(struct tree_entry *entry, struct prng *p)
{
    entry->mtime_s = (uint32_t)(TREE_MTIME_FIRST_S + prng_below(p, TREE_MTIME_SPAN_S));
    if (prng_below(p, 40) == 0) {
        entry->uid = 1000 + (uint32_t)prng_below(p, 3);
        entry->gid = 1000;
    }
    entry->has_xattr = prng_below(p, 60) == 0;
}

static uint32_t tree_dir_mode(uint64_t drawn)
{
    static const uint32_t rare[] = { 0700, 01777, 02775, 0555 };
    return drawn % 32 < 4 ? rare[drawn % 32] : 0755;
}

static uint32_t tree_file_mode(uint64_t drawn)
{
    static const uint32_t rare[] = { 0600, 0444, 0640, 04755, 02755, 0400 };
    uint64_t sort = drawn % 64;
    if (sort < 6)
        return rare[sort];
    return sort < 20 ? 0755 : 0644;
}

static int tree_add_dir(struct tree *t, struct prng *p, const char *path)
{
    struct tree_entry *entry = tree_add(t, TREE_DIR, path);
    if (!entry)
        return -1;
    entry->mode = tree_dir_mode(prng_next(p));
    tree_stamp(entry, p);
    return 0;
}

/* The directories come first in t->entries until they are sorted in. */
static int tree_make_dirs(const struct tree_conf *conf, struct tree *t, struct prng *p)
{
    const struct tree_mix_row *mix = &tree_mixes[conf->mix];
    unsigned wanted = conf->files / mix->files_a_dir;
    char word[16];
    char path[TREE_PATH_BYTES];
    for (unsigned i = 0; mix->tops[i]; i++) {
        if (tree_add_dir(t, p, mix->tops[i]))
            return -1;
        t->entries[i].mode = 0755;
    }
    for (unsigned i = 0; i < wanted; i++) {
        const char *parent = t->entries[prng_below(p, t->count)].path;
        for (unsigned depth = tree_depth(parent); depth >= mix->depth_max;
             depth = tree_depth(parent)) {
            parent = t->entries[prng_below(p, t->count)].path;
        }
        tree_word(p, word);
        (void)snprintf(path, sizeof path, "%s/%s-%u", parent, word, i);
        if (tree_add_dir(t, p, path))
            return -1;
    }
    return 0;
}

static void tree_name_file(char path[TREE_PATH_BYTES], const char *dir, const char *const *endings,
                           struct prng *p, unsigned i)
{
    char word[16];
    uint64_t drawn = prng_next(p);
    tree_word(p, word);
    const char *middle = "";
    if (drawn % 151 == 0)
        middle = "-caf\xc3\xa9";
    if (drawn % 151 == 1)
        middle = "-with-a-name-that-is-longer-than-the-hundred-bytes-that-the-old-header-of-a-tar-"
                 "has-room-for";
    (void)snprintf(path, TREE_PATH_BYTES, "%s/%s%s%u%s", dir, word, middle, i,
                   endings[(drawn >> 32) % TREE_ENDINGS]);
}

static void tree_fill_file(struct tree_entry *entry, struct prng *p)
{
    uint64_t drawn = prng_below(p, 100);
    bool is_small = entry->size < TREE_SMALL_BYTES;
    entry->kind = drawn < 94 ? CONTENT_CODE : CONTENT_PACKED;
    if (drawn < (is_small ? 85 : 30))
        entry->kind = CONTENT_TEXT;
    entry->mode = tree_file_mode(prng_next(p));
    entry->seed = prng_next(p);
    tree_stamp(entry, p);
}

/* Scales the sizes so that they make the sum that was asked for. */
static void tree_scale_files(struct tree_entry *files, unsigned count, uint64_t file_bytes)
{
    uint64_t drawn = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        drawn += files[i].size;
    for (unsigned i = 0; i < count; i++) {
        files[i].size = files[i].size * file_bytes / drawn;
        sum += files[i].size;
    }
    files[count - 1].size += file_bytes - sum; /* the largest; rounding took less than count */
}

/* File i takes its size from slice i of the distribution; names and directories are random. */
static int tree_make_files(const struct tree_conf *conf, struct tree *t, struct prng *p)
{
    const struct tree_mix_row *mix = &tree_mixes[conf->mix];
    unsigned dirs = t->count;
    char path[TREE_PATH_BYTES];
    for (unsigned i = 0; i < conf->files; i++) {
        tree_name_file(path, t->entries[prng_below(p, dirs)].path, mix->endings, p, i);
        struct tree_entry *entry = tree_add(t, TREE_FILE, path);
        if (!entry)
            return -1;
        uint64_t rank = ((uint64_t)10000 * i + prng_below(p, 10000)) / conf->files;
        entry->size = tree_size_at(mix->sizes, rank);
    }
    if (conf->files)
        tree_scale_files(&t->entries[dirs], conf->files, conf->file_bytes);
    for (unsigned i = 0; i < conf->files; i++)
        tree_fill_file(&t->entries[dirs + i], p);
    return 0;
}

/* As packages have them: a versioned library beside, something in another directory, or a name of
 * the image's root that means nothing here. */
static int tree_make_symlinks(const struct tree_conf *conf, struct tree *t, struct prng *p)
{
    static const char *const wheres[] = { "", "../share/", "/etc/alternatives/" };
    unsigned made = t->count;
    char word[16];
    char path[TREE_PATH_BYTES];
    for (unsigned i = 0; i < conf->files / TREE_FILES_A_SYMLINK; i++) {
        const struct tree_entry *at = &t->entries[prng_below(p, made)];
        const char *slash = strrchr(at->path, '/');
        int size = slash ? (int)(slash - at->path) : 0;
        tree_word(p, word);
        (void)snprintf(path, sizeof path, "%.*s%s%s.%u", size, at->path, slash ? "/" : "", word, i);
        struct tree_entry *entry = tree_add(t, TREE_SYMLINK, path);
        if (!entry)
            return -1;
        (void)snprintf(path, sizeof path, "%s%s", wheres[prng_below(p, 3)], word);
        entry->link = strdup(path);
        entry->mode = 0777;
        tree_stamp(entry, p);
        entry->has_xattr = false; /* symlinks take none of user.* */
        if (!entry->link)
            return -1;
    }
    return 0;
}

static bool tree_has(const struct tree *t, const char *path)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (strcmp(t->entries[i].path, path) == 0)
            return true;
    }
    return false;
}

/* The directories above a path, as the layer below has them; the archive of a change names them. */
static int tree_add_parents(const struct tree *below, struct tree *t, const char *path)
{
    for (unsigned i = 0; i < below->count; i++) {
        const struct tree_entry *dir = &below->entries[i];
        size_t size = strlen(dir->path);
        if (dir->type != TREE_DIR || strncmp(dir->path, path, size) != 0 || path[size] != '/' ||
            tree_has(t, dir->path)) {
            continue;
        }
        struct tree_entry *entry = tree_add(t, TREE_DIR, dir->path);
        if (!entry)
            return -1;
        char *own = entry->path;
        *entry = *dir;
        entry->path = own;
    }
    return 0;
}

static int tree_add_mark(const struct tree *below, struct tree *t, enum tree_type type,
                         const char *path)
{
    if (tree_add_parents(below, t, path))
        return -1;
    struct tree_entry *entry = tree_add(t, type, path);
    if (!entry)
        return -1;
    entry->mode = type == TREE_DIR ? 0755 : 0;
    entry->mtime_s = TREE_MTIME_FIRST_S;
    return 0;
}

/* A directory of the layer below, replaced by one with something else in it. */
static int tree_make_opaque(const struct tree *below, struct tree *t, char dir[TREE_PATH_BYTES])
{
    char path[TREE_PATH_BYTES + 16];
    dir[0] = '\0';
    for (unsigned i = 0; i < below->count && dir[0] == '\0'; i++) {
        const struct tree_entry *entry = &below->entries[i];
        if (entry->type == TREE_DIR && tree_depth(entry->path) > 2 && !tree_has(t, entry->path))
            (void)snprintf(dir, TREE_PATH_BYTES, "%s", entry->path);
    }
    if (dir[0] == '\0')
        return 0;
    (void)snprintf(path, sizeof path, "%s/.wh..wh..opq", dir);
    if (tree_add_mark(below, t, TREE_OPAQUE, path))
        return -1;
    (void)snprintf(path, sizeof path, "%s/instead", dir);
    return tree_add_mark(below, t, TREE_DIR, path);
}

/* Every so many files of the layer below is gone, but those that the opaque directory hides. */
static int tree_make_whiteouts(const struct tree *below, struct tree *t, const char *opaque)
{
    char path[TREE_PATH_BYTES + 8];
    unsigned seen = 0;
    for (unsigned i = 0; i < below->count; i++) {
        const struct tree_entry *entry = &below->entries[i];
        const char *slash = strrchr(entry->path, '/');
        bool hidden = opaque[0] && strncmp(entry->path, opaque, strlen(opaque)) == 0;
        if (entry->type != TREE_FILE || !slash || hidden || seen++ % TREE_FILES_A_WHITEOUT)
            continue;
        (void)snprintf(path, sizeof path, "%.*s/.wh.%s", (int)(slash - entry->path), entry->path,
                       slash + 1);
        if (tree_add_mark(below, t, TREE_WHITEOUT, path))
            return -1;
    }
    return 0;
}

/* Turns some files into links to one that comes earlier in the stream. */
static int tree_make_hardlinks(const struct tree_conf *conf, struct tree *t, struct prng *p)
{
    const struct tree_entry *target = NULL;
    unsigned wanted = conf->files / TREE_FILES_A_HARDLINK;
    for (unsigned i = 0; i < t->count && wanted; i++) {
        struct tree_entry *entry = &t->entries[i];
        /* Only plain small files: the sum of sizes stays nearly as it was asked for. */
        if (entry->type != TREE_FILE || entry->size > 4096 || entry->mode > 0777)
            continue;
        if (!target || prng_below(p, 20)) {
            target = entry;
            continue;
        }
        entry->link = strdup(target->path);
        if (!entry->link)
            return -1;
        entry->type = TREE_HARDLINK;
        entry->size = 0;
        entry->has_xattr = false; /* what follows is the target's: it is one file */
        entry->mode = target->mode;
        entry->uid = target->uid;
        entry->gid = target->gid;
        entry->mtime_s = target->mtime_s;
        wanted--;
    }
    return 0;
}

static int tree_fill(const struct tree_conf *conf, struct tree *t)
{
    struct prng p;
    char opaque[TREE_PATH_BYTES];
    prng_init_named(&p, conf->seed, conf->name);
    if (tree_make_dirs(conf, t, &p) || tree_make_files(conf, t, &p) ||
        tree_make_symlinks(conf, t, &p)) {
        return -1;
    }
    if (conf->below &&
        (tree_make_opaque(conf->below, t, opaque) || tree_make_whiteouts(conf->below, t, opaque))) {
        return -1;
    }
    qsort(t->entries, t->count, sizeof *t->entries, tree_compare);
    if (tree_make_hardlinks(conf, t, &p))
        return -1;
    for (unsigned i = 0; i < t->count; i++)
        t->file_bytes += t->entries[i].size;
    return 0;
}

int tree_make(const struct tree_conf *conf, struct tree *t, struct err *e)
{
    *t = (struct tree){ 0 };
    if (tree_fill(conf, t) == 0)
        return 0;
    tree_release(t);
    return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the entries of a layer of %u files",
                   conf->files);
}
