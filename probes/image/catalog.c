#include "probes/image/catalog.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/image/beneath.h"
#include "probes/kit/auto.h"

enum {
    CATALOG_BLOCK_BYTES = 512,
    CATALOG_FIRST_ROOM = 64,
    CATALOG_HOPS = 8 /* from link to link */
};

/* SOURCE: POSIX.1-2017 pax, "ustar Header Block". */
struct catalog_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
    char type;
    char link[100], magic[6], version[2], owner[32], group[32], major[8], minor[8], prefix[155];
    char rest[12];
};

static_assert(sizeof(struct catalog_header) == CATALOG_BLOCK_BYTES, "a header is one block");

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
    struct catalog_header header;
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

/* Octal digits, or base 256 when the first bit is set, as GNU tar writes what is too large. */
static bool catalog_number(const char *field, size_t size, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    if ((uint8_t)field[0] == 0x80) {
        for (i = 1; i < size; i++) {
            if (*value >> 56)
                return false;
            *value = *value << 8 | (uint8_t)field[i];
        }
        return true;
    }
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    return i == size || field[i] == ' ' || field[i] == '\0';
}

/* The sum of the bytes with the checksum's own as blanks; some wrote it of signed bytes. */
static bool catalog_is_header(const struct catalog_header *h)
{
    const uint8_t *bytes = (const uint8_t *)h;
    size_t from = (size_t)(h->checksum - h->name);
    uint64_t wanted = 0;
    int64_t sum = 0;
    int64_t signed_sum = 0;
    for (size_t i = 0; i < sizeof *h; i++) {
        bool is_own = i >= from && i < from + sizeof h->checksum;
        uint8_t byte = is_own ? ' ' : bytes[i];
        sum += byte;
        signed_sum += (int8_t)byte;
    }
    return catalog_number(h->checksum, sizeof h->checksum, &wanted) &&
           ((int64_t)wanted == sum || (int64_t)wanted == signed_sum);
}

static bool catalog_is_zero(const struct catalog_header *h)
{
    const char *bytes = (const char *)h;
    for (size_t i = 0; i < sizeof *h; i++) {
        if (bytes[i])
            return false;
    }
    return true;
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

static bool catalog_decimal(const char *text, size_t size, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || *value > UINT64_MAX / 10 - 1)
            return false;
        *value = 10 * *value + (uint64_t)(text[i] - '0');
    }
    return size > 0;
}

static bool catalog_key_is(const char *key, size_t size, const char *wanted)
{
    return size == strlen(wanted) && memcmp(key, wanted, size) == 0;
}

static int catalog_take_record(struct catalog_words *words, const char *key, size_t key_size,
                               const char *value, size_t size, struct err *e)
{
    if (catalog_key_is(key, key_size, "path")) {
        words->has_name = true;
        catalog_keep(words, words->name, value, size);
    } else if (catalog_key_is(key, key_size, "linkpath")) {
        words->has_link = true;
        catalog_keep(words, words->link, value, size);
    } else if (catalog_key_is(key, key_size, "size")) {
        words->has_size = catalog_decimal(value, size, &words->size);
        if (!words->has_size)
            return err_set(e, ERR_DATA, 0, "a pax header of the archive has a size that is none");
    } else if (key_size > 11 && memcmp(key, "GNU.sparse.", 11) == 0) {
        words->is_sparse = true;
    }
    return 0;
}

/* Records are "LENGTH KEY=VALUE\n", the length counting all of it. 0 for one that is malformed. */
static size_t catalog_record_bytes(const char *text, size_t size, const char **key)
{
    const char *blank = memchr(text, ' ', size);
    uint64_t length = 0;
    if (!blank || !catalog_decimal(text, (size_t)(blank - text), &length))
        return 0;
    *key = blank + 1;
    bool is_sound = length <= size && length > (uint64_t)(*key - text) && text[length - 1] == '\n';
    return is_sound ? (size_t)length : 0;
}

static int catalog_take_records(struct catalog_words *words, const char *text, size_t size,
                                struct err *e)
{
    while (size > 0) {
        const char *key = NULL;
        size_t length = catalog_record_bytes(text, size, &key);
        size_t rest = length ? length - 1 - (size_t)(key - text) : 0; /* from key to the newline */
        const char *equals = length ? memchr(key, '=', rest) : NULL;
        if (!equals)
            return err_set(e, ERR_DATA, 0, "a pax header of the archive is malformed");
        if (catalog_take_record(words, key, (size_t)(equals - key), equals + 1,
                                rest - (size_t)(equals + 1 - key), e)) {
            return -1;
        }
        text += length;
        size -= length;
    }
    return 0;
}

/* The next member's long name or link, or its pax records. */
static int catalog_take_extra(struct catalog_walk *w, uint64_t size, struct err *e)
{
    char type = w->header.type;
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
    const struct catalog_header *h = &w->header;
    struct catalog_words *words = &w->words;
    char name[sizeof h->prefix + 1 + sizeof h->name];
    size_t used = 0;
    if (memcmp(h->magic, "ustar", sizeof h->magic) == 0 && h->prefix[0]) {
        used = strnlen(h->prefix, sizeof h->prefix);
        memcpy(name, h->prefix, used);
        name[used++] = '/';
    }
    size_t size = strnlen(h->name, sizeof h->name);
    memcpy(name + used, h->name, size);
    if (!words->has_name)
        catalog_keep(words, words->name, name, used + size);
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
    if (w->header.type == '2') {
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
        if (catalog_types[i].type == w->header.type)
            return catalog_add(w, catalog_types[i].kind, size, e);
    }
    return 0;
}

/* The member whose header was read; w->at is behind it. */
static int catalog_step(struct catalog_walk *w, struct err *e)
{
    uint64_t size = 0;
    char shown[BENEATH_SHOWN_BYTES];
    bool is_extra = w->header.type && strchr("xLK", w->header.type);
    if (!catalog_is_header(&w->header) ||
        !catalog_number(w->header.size, sizeof w->header.size, &size)) {
        return err_set(e, ERR_DATA, 0, "not a sound tar: what stands at byte %llu is no header",
                       (unsigned long long)(w->at - CATALOG_BLOCK_BYTES));
    }
    if (!is_extra) {
        catalog_take_fields(w);
        size = w->words.has_size ? w->words.size : size;
        /* Links have no content, whatever they say. */
        size = w->header.type == '1' || w->header.type == '2' ? 0 : size;
    }
    uint64_t left = w->size - w->at;
    uint64_t rest = (CATALOG_BLOCK_BYTES - size % CATALOG_BLOCK_BYTES) % CATALOG_BLOCK_BYTES;
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

int catalog_read(struct catalog *c, int fd, uint64_t size, struct err *e)
{
    *c = (struct catalog){ 0 };
    struct catalog_walk w = { .catalog = c, .fd = fd, .size = size };
    int failed = 0;
    while (!failed && w.size - w.at >= sizeof w.header) {
        failed = catalog_fetch(&w, &w.header, sizeof w.header, e);
        if (!failed && catalog_is_zero(&w.header))
            return 0;
        w.at += sizeof w.header;
        failed = failed || catalog_step(&w, e);
    }
    if (!failed && w.at < w.size)
        failed = err_set(e, ERR_DATA, 0, "the archive is cut off at byte %llu",
                         (unsigned long long)w.size);
    if (failed)
        catalog_release(c);
    return failed ? -1 : 0;
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
