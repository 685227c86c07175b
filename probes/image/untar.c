#include "probes/image/untar.h"

#include <stdlib.h>
#include <string.h>

#include "probes/image/pax.h"

enum {
    UNTAR_AGAIN = 100 /* a step that made no event */
};

/* How a header's type is read. */
enum untar_use {
    UNTAR_USE_FILE,
    UNTAR_USE_BARE, /* no content, whatever its size says */
    UNTAR_USE_EXTRA,
    UNTAR_USE_DROP /* its content is somebody else's */
};

struct untar_kind {
    char typeflag;
    enum untar_use use;
    enum untar_type type;
};

static const struct untar_kind *untar_kind(char typeflag)
{
    /* SOURCE: POSIX.1-2017 pax, typeflag; GNU tar manual, "Basic Tar Format". */
    static const struct untar_kind kinds[] = {
        {'1',  UNTAR_USE_BARE,  UNTAR_HARDLINK},
        { '2', UNTAR_USE_BARE,  UNTAR_SYMLINK },
        { '3', UNTAR_USE_BARE,  UNTAR_CHAR    },
        { '4', UNTAR_USE_BARE,  UNTAR_BLOCK   },
        { '5', UNTAR_USE_BARE,  UNTAR_DIR     },
        { '6', UNTAR_USE_BARE,  UNTAR_FIFO    },
        { 'D', UNTAR_USE_DROP,  UNTAR_DIR     }, /* the names in it follow */
        { 'x', UNTAR_USE_EXTRA, UNTAR_FILE    },
        { 'g', UNTAR_USE_EXTRA, UNTAR_FILE    },
        { 'L', UNTAR_USE_EXTRA, UNTAR_FILE    },
        { 'K', UNTAR_USE_EXTRA, UNTAR_FILE    },
        { 'V', UNTAR_USE_EXTRA, UNTAR_FILE    }, /* the volume's name */
    };
    static const struct untar_kind file = { '0', UNTAR_USE_FILE, UNTAR_FILE };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].typeflag == typeflag)
            return &kinds[i];
    }
    return &file;
}

int untar_open(struct untar *u, struct err *e)
{
    *u = (struct untar){ .bytes = malloc(UNTAR_PAX_BYTES) };
    if (!u->bytes)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read layers");
    return extra_open(&u->extra, e);
}

void untar_release(struct untar *u)
{
    free(u->bytes);
    u->bytes = NULL;
    extra_release(&u->extra);
}

void untar_start(struct untar *u)
{
    u->state = UNTAR_AT_HEADER;
    u->in_size = 0;
    u->offset = 0;
    u->block_size = 0;
    u->was_empty = false;
    extra_start(&u->extra);
}

void untar_feed(struct untar *u, const void *bytes, size_t size)
{
    u->in = bytes;
    u->in_size = size;
}

static void untar_use(struct untar *u, size_t size)
{
    u->in += size;
    u->in_size -= size;
    u->offset += size;
}

/* A whole block, or NULL when more must be fed. */
static const uint8_t *untar_block(struct untar *u)
{
    const uint8_t *block = u->in;
    if (u->block_size == 0 && u->in_size >= USTAR_BLOCK_BYTES) {
        untar_use(u, USTAR_BLOCK_BYTES);
        return block;
    }
    size_t room = USTAR_BLOCK_BYTES - u->block_size;
    size_t n = u->in_size < room ? u->in_size : room;
    if (n)
        memcpy(u->block + u->block_size, u->in, n);
    untar_use(u, n);
    u->block_size += n;
    if (u->block_size < USTAR_BLOCK_BYTES)
        return NULL;
    u->block_size = 0;
    return u->block;
}

/* Bytes up to the next block. */
static uint64_t untar_padding(uint64_t size)
{
    return (USTAR_BLOCK_BYTES - size % USTAR_BLOCK_BYTES) % USTAR_BLOCK_BYTES;
}

/* A global pax header must be one, and counts for nothing. */
static int untar_take_global(const struct untar *u, struct err *e)
{
    struct pax_record r;
    size_t at = 0;
    int more = 1;
    while (more > 0)
        more = pax_next(u->bytes, u->size, &at, &r, e);
    return more;
}

static int untar_take_extra(struct untar *u, struct err *e)
{
    switch (u->header.typeflag) {
    case 'x':
        return extra_take_pax(&u->extra, u->bytes, u->size, e);
    case 'L':
        return extra_take_path(&u->extra, u->bytes, u->size, e);
    case 'K':
        return extra_take_link(&u->extra, u->bytes, u->size, e);
    case 'g':
        return untar_take_global(u, e);
    default:
        return 0;
    }
}

static int untar_begin_extra(struct untar *u, struct err *e)
{
    if (u->header.size > UNTAR_PAX_BYTES)
        return err_set(e, ERR_DATA, 0, "a header of type '%c' has %llu bytes; it may have %d",
                       u->header.typeflag, (unsigned long long)u->header.size, UNTAR_PAX_BYTES);
    u->size = 0;
    u->left = u->header.size;
    u->drop = untar_padding(u->left);
    u->state = UNTAR_AT_EXTRA;
    return UNTAR_AGAIN;
}

static int untar_at_extra(struct untar *u, struct untar_piece *piece, struct err *e)
{
    (void)piece;
    size_t n = u->in_size < u->left ? u->in_size : (size_t)u->left;
    if (n)
        memcpy(u->bytes + u->size, u->in, n);
    untar_use(u, n);
    u->size += n;
    u->left -= n;
    if (u->left > 0)
        return UNTAR_MORE;
    u->state = UNTAR_AT_DROP;
    return untar_take_extra(u, e) ? -1 : UNTAR_AGAIN;
}

/* What the header says where no pax record does. */
static void untar_merge(struct untar *u, const struct untar_kind *kind)
{
    const struct ustar *h = &u->header;
    const struct extra *x = &u->extra;
    struct untar_entry *entry = &u->entry;
    bool is_link = kind->type == UNTAR_HARDLINK || kind->type == UNTAR_SYMLINK;
    entry->path = x->has_path ? x->path : h->path;
    entry->link = !is_link ? "" : x->has_link ? x->link : h->link;
    entry->type = kind->type;
    entry->mode = h->mode;
    entry->major = h->major;
    entry->minor = h->minor;
    entry->uid = x->has_uid ? x->uid : h->uid;
    entry->gid = x->has_gid ? x->gid : h->gid;
    entry->stored_bytes = x->has_size ? x->size : h->size;
    if (kind->use == UNTAR_USE_BARE)
        entry->stored_bytes = 0;
    entry->mtime = x->has_mtime ? x->mtime : (struct timespec){ .tv_sec = h->mtime_s };
    entry->atime = x->has_atime ? x->atime : (struct timespec){ .tv_sec = h->atime_s };
    entry->has_atime = x->has_atime || h->has_atime;
    entry->xattrs = x->xattrs.bytes;
    entry->xattrs_size = x->xattrs.size;
}

static bool untar_is_named_dir(const char *path)
{
    size_t size = strlen(path);
    return size > 0 && path[size - 1] == '/';
}

/* Pieces in the header of an old GNU sparse file. */
static int untar_begin_pairs(struct untar *u, struct err *e)
{
    for (unsigned i = 0; i < USTAR_SPARSE_PAIRS; i++) {
        if (sparse_add(&u->extra.sparse, &u->header.pairs[i], e))
            return -1;
    }
    u->extra.sparse_bytes = u->header.real_bytes;
    return u->header.is_extended ? UNTAR_AT_PAIRS : UNTAR_AT_START;
}

/* The state that an entry's header leads to. */
static int untar_begin_file(struct untar *u, struct err *e)
{
    struct untar_entry *entry = &u->entry;
    bool is_map = u->extra.sparse_major == 1 && u->extra.has_sparse_bytes;
    bool is_old = u->header.typeflag == 'S';
    u->left = entry->stored_bytes;
    entry->is_sparse = is_map || is_old || (u->extra.has_sparse_map && u->extra.has_sparse_bytes);
    if (is_old)
        return untar_begin_pairs(u, e);
    if (is_map)
        sparse_start(&u->extra.sparse);
    return is_map ? UNTAR_AT_MAP : UNTAR_AT_START;
}

static int untar_begin_entry(struct untar *u, const struct untar_kind *kind, struct err *e)
{
    struct untar_entry *entry = &u->entry;
    untar_merge(u, kind);
    entry->is_sparse = false;
    if (entry->path[0] == '\0')
        return err_set(e, ERR_DATA, 0, "an entry without a name");
    if (entry->stored_bytes > INT64_MAX)
        return err_set(e, ERR_DATA, 0, "an entry that is larger than a file can be");
    u->drop = untar_padding(entry->stored_bytes);
    u->state = UNTAR_AT_START;
    u->left = 0;
    if (kind->use == UNTAR_USE_FILE && !untar_is_named_dir(entry->path)) {
        int state = untar_begin_file(u, e);
        u->state = state < 0 ? u->state : (enum untar_state)state;
        return state < 0 ? -1 : UNTAR_AGAIN;
    }
    if (entry->type == UNTAR_FILE)
        entry->type = UNTAR_DIR;
    u->drop += entry->stored_bytes;
    entry->stored_bytes = 0;
    return UNTAR_AGAIN;
}

static int untar_at_header(struct untar *u, struct untar_piece *piece, struct err *e)
{
    (void)piece;
    const uint8_t *block = untar_block(u);
    if (!block)
        return UNTAR_MORE;
    bool is_empty = ustar_is_empty(block);
    if (is_empty && u->was_empty)
        u->state = UNTAR_AT_REST;
    else if (u->was_empty)
        return err_set(e, ERR_DATA, 0, "one empty block and more behind it; two end a tar");
    u->was_empty = is_empty;
    if (is_empty)
        return UNTAR_AGAIN;
    if (ustar_read(block, &u->header, e))
        return -1;
    const struct untar_kind *kind = untar_kind(u->header.typeflag);
    return kind->use == UNTAR_USE_EXTRA ? untar_begin_extra(u, e) : untar_begin_entry(u, kind, e);
}

static int untar_at_pairs(struct untar *u, struct untar_piece *piece, struct err *e)
{
    (void)piece;
    struct ustar_pair pairs[USTAR_SPARSE_EXTENSION_PAIRS];
    bool is_extended = false;
    const uint8_t *block = untar_block(u);
    if (!block)
        return UNTAR_MORE;
    if (ustar_read_pairs(block, pairs, &is_extended, e))
        return -1;
    for (unsigned i = 0; i < USTAR_SPARSE_EXTENSION_PAIRS; i++) {
        if (sparse_add(&u->extra.sparse, &pairs[i], e))
            return -1;
    }
    u->state = is_extended ? UNTAR_AT_PAIRS : UNTAR_AT_START;
    return UNTAR_AGAIN;
}

static int untar_at_map(struct untar *u, struct untar_piece *piece, struct err *e)
{
    (void)piece;
    bool is_whole = false;
    if (u->left < USTAR_BLOCK_BYTES)
        return err_set(e, ERR_DATA, 0, "a sparse file whose map is longer than its content");
    const uint8_t *block = untar_block(u);
    if (!block)
        return UNTAR_MORE;
    u->left -= USTAR_BLOCK_BYTES;
    if (sparse_add_block(&u->extra.sparse, block, &is_whole, e))
        return -1;
    u->state = is_whole ? UNTAR_AT_START : UNTAR_AT_MAP;
    return UNTAR_AGAIN;
}

static int untar_at_start(struct untar *u, struct untar_piece *piece, struct err *e)
{
    (void)piece;
    struct untar_entry *entry = &u->entry;
    entry->stored_bytes = u->left;
    entry->size = u->left;
    if (entry->is_sparse) {
        entry->size = u->extra.sparse_bytes;
        if (sparse_check(&u->extra.sparse, entry->stored_bytes, entry->size, e))
            return -1;
    }
    u->state = UNTAR_AT_CONTENT;
    return UNTAR_ENTRY;
}

static int untar_at_content(struct untar *u, struct untar_piece *piece, struct err *e)
{
    (void)e;
    const struct untar_entry *entry = &u->entry;
    if (u->left == 0) {
        u->state = UNTAR_AT_DROP;
        extra_start(&u->extra);
        return UNTAR_ENTRY_END;
    }
    if (u->in_size == 0)
        return UNTAR_MORE;
    size_t n = u->in_size < u->left ? u->in_size : (size_t)u->left;
    piece->bytes = u->in;
    piece->offset = entry->stored_bytes - u->left;
    if (entry->is_sparse)
        n = sparse_next(&u->extra.sparse, n, &piece->offset);
    piece->size = n;
    u->left -= n;
    untar_use(u, n);
    return UNTAR_CONTENT;
}

static int untar_at_drop(struct untar *u, struct untar_piece *piece, struct err *e)
{
    (void)piece;
    (void)e;
    size_t n = u->in_size < u->drop ? u->in_size : (size_t)u->drop;
    untar_use(u, n);
    u->drop -= n;
    if (u->drop > 0)
        return UNTAR_MORE;
    u->state = UNTAR_AT_HEADER;
    return UNTAR_AGAIN;
}

static int untar_at_rest(struct untar *u, struct untar_piece *piece, struct err *e)
{
    (void)piece;
    (void)e;
    untar_use(u, u->in_size);
    return UNTAR_MORE;
}

int untar_next(struct untar *u, struct untar_piece *piece, struct err *e)
{
    static int (*const steps[UNTAR_STATES])(struct untar *, struct untar_piece *, struct err *) = {
        [UNTAR_AT_HEADER] = untar_at_header, [UNTAR_AT_EXTRA] = untar_at_extra,
        [UNTAR_AT_PAIRS] = untar_at_pairs,   [UNTAR_AT_MAP] = untar_at_map,
        [UNTAR_AT_START] = untar_at_start,   [UNTAR_AT_CONTENT] = untar_at_content,
        [UNTAR_AT_DROP] = untar_at_drop,     [UNTAR_AT_REST] = untar_at_rest,
    };
    int answer = UNTAR_AGAIN;
    while (answer == UNTAR_AGAIN)
        answer = steps[u->state](u, piece, e);
    if (answer < 0)
        return err_wrap(e, "byte %llu of the tar", (unsigned long long)u->offset);
    return answer;
}

const struct untar_entry *untar_at_hand(const struct untar *u)
{
    bool is_in_one = u->state == UNTAR_AT_PAIRS || u->state == UNTAR_AT_MAP ||
                     u->state == UNTAR_AT_START || u->state == UNTAR_AT_CONTENT;
    return is_in_one ? &u->entry : NULL;
}

int untar_over(const struct untar *u, struct err *e)
{
    bool is_between = u->state == UNTAR_AT_HEADER && u->block_size == 0 && u->extra.is_empty;
    if (is_between || u->state == UNTAR_AT_REST)
        return 0;
    return err_set(e, ERR_DATA, 0, "the tar is truncated: it ends at byte %llu, within an entry",
                   (unsigned long long)u->offset);
}
