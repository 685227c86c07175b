#include "probes/image/pipeline.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/image/digest.h"
#include "probes/kit/clk.h"
#include "tests/unit/probes/image/census.h"
#include "tests/unit/probes/image/crate.h"
#include "tests/unit/probes/image/forge.h"

/* One archive, unpacked by unpack into crate->dir and by the pipeline into dir/1, above a layer of
 * nothing; or into dir/0 where crate->below is 0. */
struct pair {
    struct crate *crate;
    char path[64];
    int dir;
    int empty; /* a tar without entries */
    struct oci_layer layers[2];
    struct oci_image image;
    struct pipeline pipeline;
    struct pipeline_job job;
    struct pipeline_took took;
    struct err e;
};

/* By calls, or through io_uring where there is some. */
static bool is_batched;

static struct pair *pair_open(void)
{
    struct pair *p = calloc(1, sizeof *p);
    p->crate = crate_open();
    assert_int_equal(fchmod(p->crate->dir, 0755), 0); /* as the pipeline makes its own */
    p->dir = fake_dir(p->path);
    p->empty = memfd_create("empty", MFD_CLOEXEC);
    assert_int_equal(ftruncate(p->empty, 1024), 0);
    assert_int_equal(pipeline_open(&p->pipeline, 2, 2, &p->e), 0);
    if (is_batched)
        assert_int_equal(pipeline_open_batches(&p->pipeline, &p->e), 0);
    return p;
}

static void pair_close(struct pair *p)
{
    pipeline_release(&p->pipeline);
    pipeline_release(&p->pipeline); /* may be called again */
    fake_dir_remove(p->dir, p->path);
    (void)close(p->empty);
    crate_close(p->crate);
    free(p);
}

static void pair_digest_of(int fd, struct oci_layer *layer)
{
    uint8_t bytes[4096];
    struct sha256_ctx sum;
    ssize_t n = 0;
    sha256_init(&sum);
    for (off_t at = 0; (n = pread(fd, bytes, sizeof bytes, at)) > 0; at += n)
        sha256_update(&sum, (size_t)n, bytes);
    sha256_digest(&sum, sizeof layer->diff_id, layer->diff_id);
}

static struct oci_layer *pair_layer(struct pair *p)
{
    return &p->layers[p->crate->below];
}

static void pair_digest(struct pair *p)
{
    pair_digest_of(p->crate->fd, pair_layer(p));
}

static int pair_pipe(struct pair *p)
{
    if (p->crate->below) {
        p->layers[0].source =
            (struct stream_source){ .fd = p->empty, .size = 1024, .form = STREAM_PLAIN };
        pair_digest_of(p->empty, &p->layers[0]);
    }
    pair_layer(p)->source =
        (struct stream_source){ .fd = p->crate->fd, .size = p->crate->size, .form = STREAM_PLAIN };
    p->image = (struct oci_image){ .layers = p->layers, .count = p->crate->below + 1 };
    p->job = (struct pipeline_job){ .image = &p->image,
                                    .dir_fd = p->dir,
                                    .lanes = 1,
                                    .is_batched = is_batched,
                                    .limits = p->crate->limits };
    return pipeline_run(&p->pipeline, &p->job, &p->took, &p->e);
}

static void pair_same_tree(int ours, int theirs)
{
    struct buf a = { 0 };
    struct buf b = { 0 };
    census_take(ours, ".", &a);
    census_take(theirs, ".", &b);
    assert_string_equal(buf_text(&a), buf_text(&b));
    buf_release(&a);
    buf_release(&b);
}

static void pair_same(struct pair *p)
{
    int failed = crate_unpack(p->crate);
    pair_digest(p);
    int ours = pair_pipe(p);
    if (ours != failed || (failed && p->e.kind != p->crate->e.kind))
        fail_msg("unpack: %d '%s'; pipeline: %d '%s'", failed, p->crate->e.msg, ours, p->e.msg);
    assert_int_equal(p->took.count.entries, p->crate->count.entries);
    assert_int_equal(p->took.count.written_bytes, p->crate->count.written_bytes);
    assert_memory_equal(p->took.count.skipped, p->crate->count.skipped,
                        sizeof p->took.count.skipped);
    int fd = openat(p->dir, p->crate->below ? "1" : "0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    pair_same_tree(fd, p->crate->dir);
    (void)close(fd);
}

/* An entry of an archive in the table below. */
struct brick {
    enum tar_type type;
    const char *path, *text;
    uint32_t mode; /* 0: the crate's */
    uint32_t uid;
    uint32_t mtime_s;
    const char *xattr; /* NULL: user.a of files with a mode of their own */
};

static void brick_add(struct crate *c, const struct brick *b)
{
    bool is_link = b->type == TAR_SYMLINK || b->type == TAR_HARDLINK;
    uint64_t size = is_link || b->type == TAR_DIR ? 0 : strlen(b->text);
    struct tar_entry entry = { .path = b->path,
                               .type = b->type,
                               .link = is_link ? b->text : NULL,
                               .mode = b->mode              ? b->mode
                                       : b->type == TAR_DIR ? 0755
                                                            : 0644,
                               .uid = b->uid ? b->uid : geteuid(),
                               .gid = b->uid ? b->uid : getegid(),
                               .mtime_s = b->mtime_s ? b->mtime_s : 1700000000,
                               .size = size,
                               .xattr_name = b->xattr                         ? b->xattr
                                             : b->type == TAR_FILE && b->mode ? "user.a"
                                                                              : NULL,
                               .xattr_value = "value" };
    assert_int_equal(tar_header(&c->sink, &entry, &c->e), 0);
    if (size) {
        crate_raw(c, b->text, size);
        assert_int_equal(tar_pad(&c->sink, size, &c->e), 0);
    }
}

enum {
    WALL_BRICKS = 9
};

struct wall {
    const char *name;
    struct brick bricks[WALL_BRICKS];
};

#define F .type = TAR_FILE
#define D .type = TAR_DIR
#define S .type = TAR_SYMLINK
#define H .type = TAR_HARDLINK
#define C .type = TAR_CHAR
#define U .type = (enum tar_type)'Z'

/* Sound and hostile archives. */
static const struct wall walls[] = {
    {"empty",                  { { .path = NULL } }                                              },
    { "file",                  { { F, "a", "abc" }, { F, "b", "" } }                             },
    { "modes",
     { { F, "a", "x", 04755 },
        { F, "b", "x", 02711 },
        { F, "c", "x", 0444 },
        { F, "d", "x", 07000 },
        { D, "e/", "", 01777 },
        { D, "f/", "", 02755 },
        { D, "f/g/", "" },
        { F, "f/g/h", "x" } }                                                                    },
    { "owners",
     { { F, "a", "x", 04755, 7 },
        { D, "b/", "", 0, 8 },
        { F, "b/c", "x" },
        { S, "d", "x", 0, 9 },
        { H, "e", "a", 04755, 7 }, /* as tar writes it: of the file itself */
        { F, "b/f", "x", 0, 9 } }                                                                },
    { "hard link of its own",  { { F, "a", "x", 0644, 3 }, { H, "b", "a", 0600, 5, 1600000000 } }},
    { "root",                  { { D, "./", "", 0711, 0, 1600000000 }, { F, "./a", "x" } }       },
    { "missing parents",       { { F, "a/b/c", "deep" }, { F, "a/d", "x" }, { F, "a/b/e", "y" } }},
    { "times of directories",
     { { D, "a/", "", 0, 0, 1500000000 },
        { F, "a/b", "x" },
        { D, "c/", "", 0, 0, 1500000001 },
        { F, "a/d", "x" },
        { H, "c/e", "a/b" },
        { D, "a/f/", "", 0, 0, 1500000002 },
        { F, "a/f/g", "y" },
        { F, "a/h", "z" } }                                                                      },
    { "a directory later",     { { F, "a/b", "x" }, { D, "a/", "", 0700, 0, 1500000000 } }       },
    { "closed directories",
     { { D, "a/", "", 0500 },
        { D, "b/", "", 0100 },
        { F, "a/c", "x" },
        { F, "b/d", "x" },
        { F, "a/e", "x" },
        { D, "a/f/", "", 0400 },
        { F, "a/f/g", "x" },
        { H, "b/h", "a/c" } }                                                                    },
    { "replaced",
     { { F, "a", "first" },
        { F, "a", "second" },
        { D, "b/", "" },
        { F, "b/c", "x" },
        { S, "b", "a" },
        { F, "d", "x" },
        { D, "d/", "" },
        { F, "d/e", "y" },
        { H, "a", "d/e" } }                                                                      },
    { "replaced on the way",
     { { D, "a/", "" },
        { D, "a/b/", "" },
        { F, "a/b/c", "x" },
        { F, "a/b", "file" },
        { F, "a/d", "x" },
        { D, "a/b/", "" },
        { F, "a/b/e", "x" } }                                                                    },
    { "whiteouts",
     { { D, "a/", "" },
        { F, "a/.wh.b", "" },
        { F, ".wh.c", "content that is nobody's" },
        { F, "a/.wh..wh..opq", "" },
        { F, ".wh..wh.aufs", "x" },
        { F, "d", "x" },
        { F, ".wh.d", "" } }                                                                     },
    { "whiteout of nothing",   { { F, "a", "x" }, { F, ".wh.", "" } }                            },
    { "whiteout of ..",        { { F, "a/.wh...", "" } }                                         },
    { "climbs",                { { F, "a", "x" }, { F, "../b", "x" } }                           },
    { "climbs inside",         { { F, "a/../../b", "x" } }                                       },
    { "absolute",              { { F, "/tmp/plimsoll-escaped", "x" } }                           },
    { "through a link",        { { S, "way", "/tmp" }, { F, "way/plimsoll-escaped", "x" } }      },
    { "directory in a link",   { { S, "way", "/tmp" }, { D, "way/plimsoll-escaped/", "" } }      },
    { "through a file",        { { F, "a", "x" }, { F, "a/b", "x" } }                            },
    { "directory for a link",  { { S, "a", "/tmp" }, { D, "a/", "" }, { F, "a/b", "x" } }        },
    { "file for a link",       { { S, "a", "/tmp/plimsoll-escaped" }, { F, "a", "x" } }          },
    { "hard link out",         { { H, "a", "../b" } }                                            },
    { "hard link to absolute", { { H, "a", "/etc/hostname" } }                                   },
    { "hard link through",     { { S, "way", "/etc" }, { H, "a", "way/hostname" } }              },
    { "hard link to nothing",  { { H, "a", "missing" } }                                         },
    { "hard link to itself",   { { F, "a", "x" }, { H, "a", "a" } }                              },
    { "hard link to the root", { { H, "a", "." } }                                               },
    { "hard link to a link",   { { S, "a", "/etc/hostname" }, { H, "b", "a" }, { F, "b", "x" } } },
    { "the root as a file",    { { F, "./", "x" }, { S, ".", "x" } }                             },
    { "node",                  { { C, "null", "" }, { F, "a", "x" } }                            },
    { "attributes",
     { { F, "a", "x", .xattr = "trusted.a" },
        { D, "b/", "", .xattr = "trusted.a" },
        { S, "c", "a", .xattr = "trusted.a" },
        { S, "d", "a", .xattr = "security.a" },
        { S, "e", "a", .xattr = "user.a" },
        { C, "f", "", .xattr = "security.a" },
        { C, "g", "", .xattr = "user.a" },
        { H, "h", "a", .xattr = "security.a" } }                                                 },
    { "of an unknown type",    { { U, "a", "" }, { F, "b", "x" } }                               },
    { "deep",
     { { F, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/a", "x" },
        { D, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/", "", 0700, 0, 1500000000 },
        { F, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/b", "x" },
        { D, "1/2/", "", 0750, 0, 1500000001 },
        { F, "1/2/3/c", "x" } }                                                                  },
};

#undef F
#undef D
#undef S
#undef H
#undef C
#undef U

enum {
    UNABLE = 77 /* exit status: it cannot be nobody here */
};

/* As a layer above another, and as the lowest, which hides nothing. */
static void archives_become_the_trees_that_unpack_makes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof walls / sizeof *walls); i++) {
        struct pair *p = pair_open();
        const struct wall *wall = &walls[i / 2];
        p->crate->below = i % 2;
        print_message("%s, below %u\n", wall->name, p->crate->below);
        for (unsigned k = 0; k < WALL_BRICKS && wall->bricks[k].path; k++)
            brick_add(p->crate, &wall->bricks[k]);
        pair_same(p);
        pair_close(p);
    }
}

/* This program again, as nobody. */
static _Noreturn void become_nobody(void)
{
    static const uid_t nobody = 65534;
    if (setgroups(0, NULL) || setresgid(nobody, nobody, nobody) ||
        setresuid(nobody, nobody, nobody))
        _exit(UNABLE);
    (void)execl("/proc/self/exe", "pipeline_test", "unprivileged", (char *)NULL);
    _exit(UNABLE);
}

static void they_do_without_privilege_too(void **state)
{
    (void)state;
    int status = 0;
    if (geteuid() != 0)
        skip(); /* it is how the test above ran */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become_nobody();
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == UNABLE)
        skip();
    assert_int_equal(status, 0);
}

static void names_of_5000_bytes_are_refused(void **state)
{
    (void)state;
    char name[5001] = { 0 };
    struct pair *p = pair_open();
    memset(name, 'n', 5000);
    crate_add(p->crate, TAR_FILE, name, "x");
    crate_end(p->crate);
    pair_digest(p);
    assert_int_equal(pair_pipe(p), -1);
    assert_int_equal(p->e.kind, ERR_DATA);
    assert_non_null(strstr(p->e.msg, "5000 bytes"));
    pair_close(p);
}

static void limits_are_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct pair *p = pair_open();
        crate_add(p->crate, TAR_FILE, "a", "x");
        crate_add(p->crate, TAR_FILE, "b", "longer than ten bytes");
        p->crate->limits = i ? (struct rules_limits){ .entries = 1 }
                             : (struct rules_limits){ .bytes = 2 * TAR_BLOCK_BYTES };
        pair_same(p);
        assert_int_equal(p->e.kind, ERR_DATA);
        pair_close(p);
    }
}

static void directories_that_are_not_listed_count(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct stat st;
    crate_add(p->crate, TAR_FILE, "a/b/c/d/e/f", "x");
    p->crate->limits.entries = 5;
    pair_same(p);
    assert_int_equal(p->e.kind, ERR_DATA);
    assert_int_equal(fstatat(p->dir, "1/a/b/c/d", &st, 0), 0);
    assert_int_equal(fstatat(p->dir, "1/a/b/c/d/e", &st, 0), -1);
    pair_close(p);
}

/* A pax header in front of the next entry. */
static void pair_pax(struct pair *p, const char *records)
{
    const struct tar_entry entry = { .path = "x", .type = TAR_FILE, .size = strlen(records) };
    char header[TAR_BLOCK_BYTES];
    off_t at = (off_t)p->crate->size;
    unsigned sum = 0;
    assert_int_equal(tar_header(&p->crate->sink, &entry, &p->e), 0);
    assert_int_equal(pread(p->crate->fd, header, sizeof header, at), sizeof header);
    header[156] = 'x';
    memset(header + 148, ' ', 8);
    for (unsigned i = 0; i < sizeof header; i++)
        sum += (uint8_t)header[i];
    (void)snprintf(header + 148, 8, "%06o", sum);
    assert_int_equal(pwrite(p->crate->fd, header, sizeof header, at), sizeof header);
    crate_raw(p->crate, records, strlen(records));
    assert_int_equal(tar_pad(&p->crate->sink, strlen(records), &p->e), 0);
}

static void sparse_files_have_their_holes(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    pair_pax(p, "25 GNU.sparse.size=90000\n30 GNU.sparse.map=4,3,80000,2\n");
    crate_add(p->crate, TAR_FILE, "holes", "abcde");
    pair_same(p);
    assert_int_equal(p->took.count.written_bytes, 5);
    pair_close(p);
}

static void a_sparse_file_is_not_larger_than_a_layer(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    pair_pax(p, "33 GNU.sparse.size=1099511627776\n19 GNU.sparse.map=\n");
    crate_add(p->crate, TAR_FILE, "hole", "");
    crate_end(p->crate);
    pair_digest(p);
    assert_int_equal(pair_pipe(p), -1);
    assert_int_equal(p->e.kind, ERR_DATA);
    assert_non_null(strstr(p->e.msg, "'hole'"));
    pair_close(p);
}

/* Layers of one image: what the upper ones do not list is below, or is not. */
static const struct brick shelves[][WALL_BRICKS] = {
    {{ .type = TAR_DIR,
        .path = "a/",
        .text = "",
        .mode = 0750,
        .uid = 7,
        .mtime_s = 1500000000,
        .xattr = "user.a" },
     { .type = TAR_DIR, .path = "a/in/", .text = "", .mode = 01777, .uid = 9 },
     { .type = TAR_DIR, .path = "mail/", .text = "", .mode = 02775, .uid = 8 },
     { .type = TAR_SYMLINK, .path = "link", .text = "a" },
     { .type = TAR_DIR, .path = "shut/", .text = "", .mode = 0711, .xattr = "security.a" },
     { .type = TAR_DIR, .path = "plain/", .text = "", .mode = 0700, .uid = 6 },
     { .type = TAR_DIR, .path = "opaque/", .text = "", .mode = 0700, .mtime_s = 1500000001 },
     { .type = TAR_FILE, .path = "file", .text = "x" } },
    { { .type = TAR_FILE, .path = "a/x", .text = "x" },
     { .type = TAR_FILE, .path = "mail/new/deep/y", .text = "x", .uid = 4 },
     { .type = TAR_FILE, .path = "link/z", .text = "x" },
     { .type = TAR_FILE, .path = "file/is/none", .text = "x" },
     { .type = TAR_FILE, .path = "opaque/.wh..wh..opq", .text = "" },
     { .type = TAR_FILE, .path = "shut/first", .text = "x" },
     { .type = TAR_DIR, .path = "shut/", .text = "", .uid = 3, .mtime_s = 1500000002 },
     { .type = TAR_FILE, .path = ".wh.plain", .text = "" } },
    { { .type = TAR_FILE, .path = "a/in/deep/y", .text = "x" },
     { .type = TAR_FILE, .path = "mail/new/w", .text = "x" },
     { .type = TAR_FILE, .path = "plain/x", .text = "x" },
     { .type = TAR_FILE, .path = "turn/x", .text = "x" },
     { .type = TAR_FILE, .path = "turn", .text = "a file" },
     { .type = TAR_SYMLINK, .path = "way", .text = "a" } },
    { { .type = TAR_FILE, .path = "turn/y", .text = "x" },
     { .type = TAR_FILE, .path = "link/y", .text = "x" },
     { .type = TAR_FILE, .path = "way/in/y", .text = "x" },
     { .type = TAR_DIR, .path = "set/", .text = "", .mode = 02755, .uid = 5 },
     { .type = TAR_FILE, .path = "set/x/y", .text = "x" }                               },
};

enum {
    SHELVES = sizeof shelves / sizeof *shelves
};

/* As the runtime does: one layer after the other, into "N/fs". */
static void shelf_unpack(struct crate *c, int dir, unsigned below)
{
    const struct stream_source source = { .fd = c->fd, .size = c->size, .form = STREAM_PLAIN };
    char name[16];
    struct walk at;
    (void)snprintf(name, sizeof name, "%u", below);
    assert_int_equal(mkdirat(dir, name, 0755), 0);
    (void)snprintf(name, sizeof name, "%u/fs", below);
    assert_int_equal(mkdirat(dir, name, 0755), 0);
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    walk_start(&at, fd, dir, below);
    if (unpack_layer(&c->unpack, &source, &at, &c->limits, &c->count, &c->e))
        fail_msg("%s", c->e.msg);
    (void)close(fd);
}

static void shelf_same(int ours, int theirs, unsigned below)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%u", below);
    int our_fd = openat(ours, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(name, sizeof name, "%u/fs", below);
    int their_fd = openat(theirs, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pair_same_tree(our_fd, their_fd);
    (void)close(our_fd);
    (void)close(their_fd);
}

static void what_is_not_listed_gets_what_the_layer_below_has(void **state)
{
    (void)state;
    struct crate *crates[SHELVES];
    struct oci_layer layers[SHELVES] = { 0 };
    const struct oci_image image = { .layers = layers, .count = SHELVES };
    struct pair *p = pair_open();
    struct stat st;
    for (unsigned i = 0; i < SHELVES; i++) {
        struct crate *c = crates[i] = crate_open();
        for (unsigned k = 0; k < WALL_BRICKS && shelves[i][k].path; k++)
            brick_add(c, &shelves[i][k]);
        crate_end(c);
        layers[i].source =
            (struct stream_source){ .fd = c->fd, .size = c->size, .form = STREAM_PLAIN };
        pair_digest_of(c->fd, &layers[i]);
        shelf_unpack(c, p->crate->dir, i);
    }
    p->job = (struct pipeline_job){
        .image = &image, .dir_fd = p->dir, .lanes = 2, .syncs = true, .is_batched = is_batched
    };
    if (pipeline_run(&p->pipeline, &p->job, &p->took, &p->e))
        fail_msg("%s", p->e.msg);
    for (unsigned i = 0; i < SHELVES; i++)
        shelf_same(p->dir, p->crate->dir, i);
    assert_int_equal(fstatat(p->dir, "1/a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    for (unsigned i = 0; i < SHELVES; i++)
        crate_close(crates[i]);
    pair_close(p);
}

static void another_digest_is_refused(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    crate_add(p->crate, TAR_FILE, "a", "x");
    crate_end(p->crate);
    pair_digest(p);
    pair_layer(p)->diff_id[0] ^= 1;
    assert_int_equal(pair_pipe(p), -1);
    assert_int_equal(p->e.kind, ERR_DATA);
    assert_non_null(strstr(p->e.msg, "layer 2 of 2"));
    assert_non_null(strstr(p->e.msg, "SHA-256"));
    pair_close(p);
}

static void a_truncated_tar_is_refused(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    crate_add(p->crate, TAR_FILE, "a", "content");
    p->crate->size -= 100;
    assert_int_equal(ftruncate(p->crate->fd, (off_t)p->crate->size), 0);
    pair_digest(p);
    assert_int_equal(pair_pipe(p), -1);
    assert_int_equal(p->e.kind, ERR_DATA);
    assert_non_null(strstr(p->e.msg, "truncated"));
    pair_close(p);
}

static void a_stop_and_a_deadline_end_it(void **state)
{
    (void)state;
    volatile sig_atomic_t stopping = 1;
    struct pair *p = pair_open();
    crate_add(p->crate, TAR_FILE, "a", "x");
    crate_end(p->crate);
    p->crate->below = 0;
    pair_digest(p);
    p->crate->limits.stopping = &stopping;
    assert_int_equal(pair_pipe(p), -1);
    assert_int_equal(p->e.kind, ERR_INTERRUPTED);
    assert_int_equal(unlinkat(p->dir, "0", AT_REMOVEDIR), 0); /* nothing was written */
    stopping = 0;
    p->crate->limits.until_ns = clk_now_ns();
    assert_int_equal(pair_pipe(p), -1);
    assert_int_equal(p->e.kind, ERR_TIMEOUT);
    assert_int_equal(unlinkat(p->dir, "0", AT_REMOVEDIR), 0);
    p->crate->limits.until_ns = 0;
    assert_int_equal(pair_pipe(p), 0); /* and it works on */
    pair_close(p);
}

static void the_umask_is_as_before(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    mode_t before = umask(027);
    crate_add(p->crate, TAR_FILE, "a", "x");
    pair_same(p);
    assert_int_equal(umask(before), 027);
    pair_close(p);
}

/* Everything of an image, whatever packs it and however many threads and layers at a time. */
static void every_layer_becomes_the_tree_that_unpack_makes(void **state)
{
    (void)state;

    static const struct {
        bool is_zstd, syncs;
        unsigned threads, lanes;
    } cases[] = {
        {false,  false, 1, 1},
        { false, true,  2, 1},
        { true,  false, 2, 2},
        { false, false, 4, 8},
        { true,  true,  8, 3},
    };
    struct err e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct forge *f = forge_open();
        const struct mint_conf conf = {
            .plan = &forge_plan, .is_zstd = cases[i].is_zstd, .seed = i + 1, .threads = 2
        };
        const struct oci_wish wish = { 0 };
        struct oci_image image;
        struct pipeline pipeline;
        struct pipeline_took took;
        assert_int_equal(forge_make(f, &conf, "image"), 0);
        if (oci_open(f->dir, "image", &wish, &image, &e))
            fail_msg("%s", e.msg);
        const struct pipeline_job job = { .image = &image,
                                          .dir_fd = f->dir,
                                          .lanes = cases[i].lanes,
                                          .syncs = cases[i].syncs,
                                          .is_batched = is_batched };
        assert_int_equal(pipeline_open(&pipeline, cases[i].threads, cases[i].lanes, &e), 0);
        if (is_batched)
            assert_int_equal(pipeline_open_batches(&pipeline, &e), 0);
        if (pipeline_run(&pipeline, &job, &took, &e))
            fail_msg("%s", e.msg);
        assert_int_equal(took.layers, image.count);
        for (unsigned k = 0; k < image.count; k++) {
            struct crate *c = crate_open();
            char name[8];
            assert_int_equal(fchmod(c->dir, 0755), 0);
            (void)snprintf(name, sizeof name, "%u", k);
            struct walk at;
            walk_start(&at, c->dir, -1, k);
            if (unpack_layer(&c->unpack, &image.layers[k].source, &at, &c->limits, &c->count,
                             &c->e))
                fail_msg("%s", c->e.msg);
            took.count.entries -= c->count.entries;
            int fd = openat(f->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            pair_same_tree(fd, c->dir);
            (void)close(fd);
            crate_close(c);
        }
        assert_int_equal(took.count.entries, 0);
        pipeline_release(&pipeline);
        oci_close(&image);
        forge_close(f);
    }
}

static void a_layer_that_is_not_sound_is_named(void **state)
{
    (void)state;
    struct forge *f = forge_open();
    struct oci_image image;
    struct pipeline pipeline;
    struct pipeline_took took;
    struct err e;
    forge_image(f, &image);
    const struct pipeline_job job = {
        .image = &image, .dir_fd = f->dir, .lanes = 3, .is_batched = is_batched
    };
    image.layers[1].digest[5] ^= 1;
    assert_int_equal(pipeline_open(&pipeline, 2, 3, &e), 0);
    if (is_batched)
        assert_int_equal(pipeline_open_batches(&pipeline, &e), 0);
    assert_int_equal(pipeline_run(&pipeline, &job, &took, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
    assert_non_null(strstr(e.msg, "layer 2 of 3"));
    assert_non_null(strstr(e.msg, "as it is stored"));
    pipeline_release(&pipeline);
    oci_close(&image);
    forge_close(f);
}

/* From here on; where there is no ring it is all the same once more. */
static int take_the_ring(void **state)
{
    struct err e;
    struct batch batch;
    (void)state;
    is_batched = batch_open(&batch, &e) == 0;
    if (is_batched)
        batch_release(&batch);
    else
        print_message("%s\n", e.msg);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argv;
    const struct CMUnitTest unprivileged[] = {
        cmocka_unit_test(archives_become_the_trees_that_unpack_makes),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_become_the_trees_that_unpack_makes),
        cmocka_unit_test(they_do_without_privilege_too),
        cmocka_unit_test(names_of_5000_bytes_are_refused),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(directories_that_are_not_listed_count),
        cmocka_unit_test(sparse_files_have_their_holes),
        cmocka_unit_test(a_sparse_file_is_not_larger_than_a_layer),
        cmocka_unit_test(what_is_not_listed_gets_what_the_layer_below_has),
        cmocka_unit_test(another_digest_is_refused),
        cmocka_unit_test(a_truncated_tar_is_refused),
        cmocka_unit_test(a_stop_and_a_deadline_end_it),
        cmocka_unit_test(the_umask_is_as_before),
        cmocka_unit_test(every_layer_becomes_the_tree_that_unpack_makes),
        cmocka_unit_test(a_layer_that_is_not_sound_is_named),
    };
    if (argc > 1)
        return cmocka_run_group_tests(unprivileged, NULL, NULL) |
               cmocka_run_group_tests(unprivileged, take_the_ring, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL) |
           cmocka_run_group_tests(tests, take_the_ring, NULL);
}
