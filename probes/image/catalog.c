#include "probes/image/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/image/beneath.h"
#include "probes/image/pax.h"
#include "probes/image/ustar.h"
#include "probes/kit/auto.h"

enum {
    CATALOG_FIRST_ROOM = 64,
    CATALOG_HOPS = 8 /* from link to link */
};

/* What the headers before a member say about it. */
struct catalog_words {
    char name[CATALOG_NAME_BYTES], link[CATALOG_NAME_BYTES];
    bool has_name, has_link, has_size, is_sparse;
    bool is_too_long; /* one of the two */
    uint64_t size;
};

struct catalog_walk {
    struct catalog *catalog;
    int fd;
    uint64_t size, at;
    struct catalog_words words;
    struct ustar header;
};

static int catalog_fetch(const struct catalog_walk *w, void *bytes, size_t size, struct err *e)
{
    uint8_t *to = bytes;
    for (uint64_t at = w->at; size > 0;) {
        ssize_t n = pread(w->fd, to, size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, err_kind_of(errno), errno, "read the archive");
        if (n == 0)
            return err_set(e, ERR_DATA, 0, "the archive is cut off at byte %llu",
                           (unsigned long long)at);
        to += n;
        size -= (size_t)n;
        at += (uint64_t)n;
    }
    return 0;
}

/* A field or record as text; too long ones are remembered as such. */
static void catalog_keep(struct catalog_words *words, char *to, const char *from, size_t size)
{
    size = strnlen(from, size);
    if (size >= CATALOG_NAME_BYTES) {
        words->is_too_long = true;
        size = 0;
    }
    memcpy(to, from, size);
    to[size] = '\0';
}

static int catalog_take_record(struct catalog_words *words, const struct pax_record *r,
                               struct err *e)
{
    size_t more = 0;
    if (pax_key_is(r, "path")) {
        words->has_name = true;
        catalog_keep(words, words->name, r->value, r->value_size);
    } else if (pax_key_is(r, "linkpath")) {
        words->has_link = true;
        catalog_keep(words, words->link, r->value, r->value_size);
    } else if (pax_key_is(r, "size")) {
        words->has_size = true;
        return pax_number(r, &words->size, e);
    } else if (pax_key_after(r, "GNU.sparse.", &more)) {
        words->is_sparse = true;
    }
    return 0;
}

static int catalog_take_records(struct catalog_words *words, const char *text, size_t size,
                                struct err *e)
{
    struct pax_record r;
    size_t at = 0;
    int more = pax_next(text, size, &at, &r, e);
    for (; more > 0; more = pax_next(text, size, &at, &r, e)) {
        if (catalog_take_record(words, &r, e))
            return err_wrap(e, "not a sound tar");
    }
    return more ? err_wrap(e, "not a sound tar") : 0;
}

/* The next member's long name or link, or its pax records. */
static int catalog_take_extra(struct catalog_walk *w, uint64_t size, struct err *e)
{
    char type = w->header.typeflag;
    if (size > CATALOG_EXTRA_BYTES)
        return err_set(e, ERR_DATA, 0,
                       "the archive has a header of %llu bytes, and at most %d are "
                       "read",
                       (unsigned long long)size, CATALOG_EXTRA_BYTES);
    AUTO_FREE char *text = malloc(size + 1);
    if (!text)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read the archive");
    if (catalog_fetch(w, text, size, e))
        return -1;
    if (type == 'x')
        return catalog_take_records(&w->words, text, size, e);
    *(type == 'L' ? &w->words.has_name : &w->words.has_link) = true;
    catalog_keep(&w->words, type == 'L' ? w->words.name : w->words.link, text, size);
    return 0;
}

static void catalog_take_fields(struct catalog_walk *w)
{
    const struct ustar *h = &w->header;
    struct catalog_words *words = &w->words;
    if (!words->has_name)
        catalog_keep(words, words->name, h->path, sizeof h->path);
    if (!words->has_link)
        catalog_keep(words, words->link, h->link, sizeof h->link);
}

/*
 * Adds the parts of path to what `to` holds, without "." and "//"; ".." takes one away. false when
 * it leads outside or is too long.
 */
static bool catalog_join(char to[CATALOG_NAME_BYTES], const char *path)
{
    size_t used = strlen(to);
    while (*path) {
        size_t size = strcspn(path, "/");
        if (size == 2 && memcmp(path, "..", 2) == 0) {
            char *slash = strrchr(to, '/');
            if (used == 0)
                return false;
            used = slash ? (size_t)(slash - to) : 0;
        } else if (size > 0 && !(size == 1 && path[0] == '.')) {
            if (used + size + 2 > CATALOG_NAME_BYTES)
                return false;
            if (used)
                to[used++] = '/';
            memcpy(to + used, path, size);
            used += size;
        }
        to[used] = '\0';
        path += size;
        path += *path == '/';
    }
    return true;
}

/* Symbolic links start where they lie, hard links at the top. */
static bool catalog_target(const struct catalog_walk *w, const char *name,
                           char target[CATALOG_NAME_BYTES])
{
    const char *slash = strrchr(name, '/');
    target[0] = '\0';
    if (w->header.typeflag == '2') {
        if (w->words.link[0] == '/')
            return false;
        size_t size = slash ? (size_t)(slash - name) : 0;
        memcpy(target, name, size);
        target[size] = '\0';
    }
    return catalog_join(target, w->words.link);
}

static struct catalog_member *catalog_grow(struct catalog *c, struct err *e)
{
    if (c->count == CATALOG_MEMBERS_MAX) {
        (void)err_set(e, ERR_DATA, 0, "the archive has more than %d members, which no image has",
                      CATALOG_MEMBERS_MAX);
        return NULL;
    }
    if (c->count == c->room) {
        unsigned room = c->room ? 2 * c->room : CATALOG_FIRST_ROOM;
        struct catalog_member *members = reallocarray(c->members, room, sizeof *members);
        if (!members) {
            (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory to read the archive");
            return NULL;
        }
        c->members = members;
        c->room = room;
    }
    return &c->members[c->count];
}

static int catalog_add(struct catalog_walk *w, enum catalog_kind kind, uint64_t size, struct err *e)
{
    char name[CATALOG_NAME_BYTES] = "";
    char target[CATALOG_NAME_BYTES] = "";
    if (w->words.is_too_long || !catalog_join(name, w->words.name) ||
        (kind == CATALOG_LINK && !catalog_target(w, name, target))) {
        return 0;
    }
    struct catalog_member *member = catalog_grow(w->catalog, e);
    if (!member)
        return -1;
    *member = (struct catalog_member){ .offset = w->at,
                                       .size = size,
                                       .kind = w->words.is_sparse ? CATALOG_SPARSE : kind,
                                       .name = strdup(name),
                                       .target = kind == CATALOG_LINK ? strdup(target) : NULL };
    w->catalog->count++;
    if (!member->name || (kind == CATALOG_LINK && !member->target))
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read the archive");
    return 0;
}

struct catalog_type {
    char type;
    enum catalog_kind kind;
};

static const struct catalog_type catalog_types[] = {
    {'0',   CATALOG_FILE  },
    { '\0', CATALOG_FILE  },
    { '7',  CATALOG_FILE  },
    { '1',  CATALOG_LINK  },
    { '2',  CATALOG_LINK  },
    { 'S',  CATALOG_SPARSE},
};

static int catalog_take_member(struct catalog_walk *w, uint64_t size, struct err *e)
{
    for (size_t i = 0; i < sizeof catalog_types / sizeof *catalog_types; i++) {
        if (catalog_types[i].type == w->header.typeflag)
            return catalog_add(w, catalog_types[i].kind, size, e);
    }
    return 0;
}

static bool catalog_is_one_of(char type, const char *types)
{
    return type && strchr(types, type);
}

/* Of what follows the header: links, nodes and directories have no content, whatever they say. */
static uint64_t catalog_size(const struct catalog_walk *w, bool is_extra)
{
    if (catalog_is_one_of(w->header.typeflag, "123456"))
        return 0;
    return !is_extra && w->words.has_size ? w->words.size : w->header.size;
}

/* The member whose header was read; w->at is behind it. */
static int catalog_step(struct catalog_walk *w, struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    bool is_extra = catalog_is_one_of(w->header.typeflag, "xLK");
    if (!is_extra)
        catalog_take_fields(w);
    uint64_t size = catalog_size(w, is_extra);
    uint64_t left = w->size - w->at;
    uint64_t rest = (USTAR_BLOCK_BYTES - size % USTAR_BLOCK_BYTES) % USTAR_BLOCK_BYTES;
    if (size > left || rest > left - size)
        return err_set(e, ERR_DATA, 0,
                       "the archive is cut off: '%s' has %llu bytes, and %llu are left",
                       beneath_show(is_extra ? "a header" : w->words.name, shown),
                       (unsigned long long)size, (unsigned long long)left);
    if (is_extra ? catalog_take_extra(w, size, e) : catalog_take_member(w, size, e))
        return -1;
    if (!is_extra)
        w->words = (struct catalog_words){ 0 };
    w->at += size + rest;
    return 0;
}

/* The next header: 1; 0 where the archive ends. */
static int catalog_next(struct catalog_walk *w, struct err *e)
{
    uint8_t block[USTAR_BLOCK_BYTES];
    uint64_t left = w->size - w->at;
    if (left > 0 && left < sizeof block)
        return err_set(e, ERR_DATA, 0, "the archive is cut off at byte %llu",
                       (unsigned long long)w->size);
    if (left == 0)
        return 0;
    if (catalog_fetch(w, block, sizeof block, e))
        return -1;
    if (ustar_is_empty(block))
        return 0;
    if (ustar_read(block, &w->header, e))
        return err_wrap(e, "not a sound tar: what stands at byte %llu is no header",
                        (unsigned long long)w->at);
    w->at += sizeof block;
    return 1;
}

int catalog_read(struct catalog *c, int fd, uint64_t size, struct err *e)
{
    *c = (struct catalog){ 0 };
    struct catalog_walk w = { .catalog = c, .fd = fd, .size = size };
    int more = catalog_next(&w, e);
    for (; more > 0; more = catalog_next(&w, e)) {
        if (catalog_step(&w, e)) {
            more = -1;
            break;
        }
    }
    if (more)
        catalog_release(c);
    return more;
}

void catalog_release(struct catalog *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        free(c->members[i].name);
        free(c->members[i].target);
    }
    free(c->members);
    *c = (struct catalog){ 0 };
}

/* The last one of that name. */
static const struct catalog_member *catalog_member(const struct catalog *c, const char *name)
{
    for (unsigned i = c->count; i > 0; i--) {
        if (strcmp(c->members[i - 1].name, name) == 0)
            return &c->members[i - 1];
    }
    return NULL;
}

bool catalog_has(const struct catalog *c, const char *name)
{
    return catalog_member(c, name) != NULL;
}

int catalog_find(const struct catalog *c, const char *name, uint64_t *offset, uint64_t *size,
                 struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    char plain[CATALOG_NAME_BYTES] = "";
    const struct catalog_member *member =
        catalog_join(plain, name) ? catalog_member(c, plain) : NULL;
    for (int hops = 0; member && member->kind == CATALOG_LINK; hops++)
        member = hops < CATALOG_HOPS ? catalog_member(c, member->target) : NULL;
    if (!member)
        return err_set(e, ERR_DATA, 0, "the archive holds no '%s'", beneath_show(name, shown));
    if (member->kind == CATALOG_SPARSE)
        return err_set(e, ERR_DATA, 0,
                       "'%s' is stored sparse in the archive, which is not read; "
                       "write the archive without --sparse",
                       beneath_show(name, shown));
    *offset = member->offset;
    *size = member->size;
    return 0;
}
