/*
 * Reads arbitrary bytes as a tar, whose header checksums are first made right, three times: in one
 * piece, in pieces of a size that the first byte gives, and by libarchive. The first two must say
 * the same; where libarchive accepts it too, name, type, size, mode and content must agree, but for
 * what the two read differently on purpose (see may_differ).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "probes/image/untar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MODE_AT = 100,
    SIZE_AT = 124,
    CHECKSUM_AT = 148, /* SOURCE: POSIX.1-2017 pax, "ustar Header Block" */
    CHECKSUM_BYTES = 8,
    MAGIC_AT = 257,
    GNU_REST_AT = 345,
    INPUT_BYTES = 1 << 20,
    ENTRIES = 256
};

#define HASH_START UINT64_C(14695981039346656037) /* SOURCE: FNV-1a, 64 bits */
#define HASH_STEP  UINT64_C(1099511628211)

/* What was read of one entry; of a file without its holes. */
struct seen {
    uint64_t path, size, content;
    unsigned type, mode;
};

struct reading {
    struct seen entries[ENTRIES];
    unsigned count;
    bool is_refused, may_differ;
};

static uint64_t hash(uint64_t sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * HASH_STEP;
    return sum;
}

/* A piece counts with its place, byte by byte, so that it may come in any portions. */
static uint64_t hash_piece(uint64_t sum, const uint8_t *bytes, size_t size, uint64_t offset)
{
    for (size_t i = 0; i < size; i++) {
        uint64_t at = offset + i;
        if (bytes[i])
            sum += hash(hash(HASH_START, &at, sizeof at), bytes + i, 1);
    }
    return sum;
}

static void mend_checksums(uint8_t *bytes, size_t size)
{
    for (; size >= USTAR_BLOCK_BYTES; bytes += USTAR_BLOCK_BYTES, size -= USTAR_BLOCK_BYTES) {
        unsigned sum = 0;
        if (memcmp(bytes + MAGIC_AT, "ustar", 5) != 0)
            continue;
        memset(bytes + CHECKSUM_AT, ' ', CHECKSUM_BYTES);
        for (unsigned i = 0; i < USTAR_BLOCK_BYTES; i++)
            sum += bytes[i];
        (void)snprintf((char *)bytes + CHECKSUM_AT, CHECKSUM_BYTES, "%06o", sum);
    }
}

/*
 * Where the two differ by intent: content of what has none, odd types, names that libarchive
 * rewrites, sparse files whose map libarchive reads more leniently.
 */
static bool may_differ(const struct untar *u, const struct untar_entry *entry)
{
    bool is_bare = entry->type != UNTAR_FILE && (u->header.size || u->extra.has_size);
    bool is_odd = !strchr("01234567", u->header.typeflag) || entry->is_sparse;
    bool is_star = u->header.has_atime;
    /* Without a map the size of a sparse file is none, as in Go; libarchive takes it. */
    bool is_map = u->extra.has_sparse_map || u->extra.has_sparse_bytes || u->extra.sparse_major;
    for (const char *c = entry->path; *c; c++)
        is_odd = is_odd || (unsigned char)*c >= 0x80;
    return is_bare || is_odd || is_star || is_map || strchr(entry->path, '\\') != NULL;
}

static void note_entry(struct reading *r, const struct untar *u)
{
    const struct untar_entry *entry = &u->entry;
    struct xattr x;
    size_t at = 0;
    while (xattrs_next(entry->xattrs, entry->xattrs_size, &at, &x)) {
        if (strlen(x.name) == 0)
            abort();
    }
    if (entry->path[0] == '\0' || entry->mode > 07777 || entry->stored_bytes > INT64_MAX)
        abort();
    r->may_differ = r->may_differ || may_differ(u, entry);
    if (r->count < ENTRIES)
        r->entries[r->count++] =
            (struct seen){ .path = hash(HASH_START, entry->path, strlen(entry->path)),
                           .size = entry->size,
                           .type = entry->type,
                           .mode = entry->mode };
}

static void note_event(struct reading *r, const struct untar *u, int event,
                       const struct untar_piece *piece)
{
    struct seen *last = r->count ? &r->entries[r->count - 1] : NULL;
    if (event == UNTAR_ENTRY)
        note_entry(r, u);
    if (event != UNTAR_CONTENT)
        return;
    if (!last || piece->size == 0 || piece->offset + piece->size > u->entry.size)
        abort();
    last->content = hash_piece(last->content, piece->bytes, piece->size, piece->offset);
}

static void read_ours(struct untar *u, const uint8_t *bytes, size_t size, size_t step,
                      struct reading *r)
{
    struct err e = { 0 };
    struct untar_piece piece = { 0 };
    int event = UNTAR_MORE;
    untar_start(u);
    for (size_t at = 0; at < size && event >= 0; at += step) {
        untar_feed(u, bytes + at, size - at < step ? size - at : step);
        for (event = untar_next(u, &piece, &e); event > UNTAR_MORE;
             event = untar_next(u, &piece, &e))
            note_event(r, u, event, &piece);
    }
    r->is_refused = event < 0 || untar_over(u, &e);
    if (r->is_refused && e.msg[0] == '\0')
        abort(); /* a refusal without a reason */
}

/*
 * Whether a number of what may be a header has NUL bytes in front: Go passes over them, to
 * libarchive the field is empty.
 */
static bool has_late_number(const uint8_t *bytes, size_t size)
{
    for (; size >= USTAR_BLOCK_BYTES; bytes += USTAR_BLOCK_BYTES, size -= USTAR_BLOCK_BYTES) {
        if ((!bytes[MODE_AT] && bytes[MODE_AT + 1]) || (!bytes[SIZE_AT] && bytes[SIZE_AT + 1]))
            return true;
    }
    return false;
}

static bool has_gnu_rest(const uint8_t *bytes, size_t size)
{
    for (; size >= USTAR_BLOCK_BYTES; bytes += USTAR_BLOCK_BYTES, size -= USTAR_BLOCK_BYTES) {
        bool is_gnu = memcmp(bytes + MAGIC_AT, "ustar  ", 7) == 0;
        for (unsigned i = GNU_REST_AT; i < USTAR_BLOCK_BYTES && is_gnu; i++) {
            if (bytes[i])
                return true;
        }
    }
    return false;
}

static unsigned type_of(struct archive_entry *entry)
{
    static const struct {
        unsigned type;
        enum untar_type ours;
    } types[] = {
        {AE_IFREG,  UNTAR_FILE   },
        { AE_IFLNK, UNTAR_SYMLINK},
        { AE_IFCHR, UNTAR_CHAR   },
        { AE_IFBLK, UNTAR_BLOCK  },
        { AE_IFDIR, UNTAR_DIR    },
        { AE_IFIFO, UNTAR_FIFO   },
    };

    if (archive_entry_hardlink(entry))
        return UNTAR_HARDLINK;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].type == archive_entry_filetype(entry))
            return types[i].ours;
    }
    return UNTAR_TYPES;
}

static int read_their_content(struct archive *a, struct seen *seen)
{
    const void *bytes = NULL;
    size_t size = 0;
    int64_t offset = 0;
    int answer = archive_read_data_block(a, &bytes, &size, &offset);
    for (; answer == ARCHIVE_OK; answer = archive_read_data_block(a, &bytes, &size, &offset))
        seen->content = hash_piece(seen->content, bytes, size, (uint64_t)offset);
    return answer;
}

static void read_theirs(const uint8_t *bytes, size_t size, struct reading *r)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry = NULL;
    int answer = archive_read_support_format_tar(a);
    answer = answer == ARCHIVE_OK ? archive_read_open_memory(a, bytes, size) : answer;
    while (answer == ARCHIVE_OK && r->count < ENTRIES) {
        answer = archive_read_next_header(a, &entry);
        if (answer != ARCHIVE_OK)
            break;
        const char *path = archive_entry_pathname(entry);
        struct seen *seen = &r->entries[r->count++];
        *seen = (struct seen){ .path = hash(HASH_START, path ? path : "", path ? strlen(path) : 0),
                               .size = (uint64_t)archive_entry_size(entry),
                               .type = type_of(entry),
                               .mode = archive_entry_perm(entry) & 07777 };
        r->may_differ = r->may_differ || !path;
        if (read_their_content(a, seen) != ARCHIVE_EOF)
            answer = ARCHIVE_FATAL;
    }
    r->is_refused = answer != ARCHIVE_EOF;
    (void)archive_read_free(a);
}

static void compare(const struct reading *ours, const struct reading *theirs)
{
    bool is_compared = !ours->is_refused && !theirs->is_refused && !ours->may_differ &&
                       !theirs->may_differ && ours->count < ENTRIES;
    if (is_compared && (ours->count != theirs->count ||
                        memcmp(ours->entries, theirs->entries, ours->count * sizeof(struct seen))))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct untar untar;
    static uint8_t bytes[INPUT_BYTES];
    static struct reading whole;
    static struct reading parts;
    static struct reading theirs;
    struct err e;
    if (size < 1 || size > sizeof bytes)
        return 0;
    if (!untar.bytes && untar_open(&untar, &e))
        abort();
    memcpy(bytes, data + 1, size - 1);
    mend_checksums(bytes, size - 1);
    memset(&whole, 0, sizeof whole);
    memset(&parts, 0, sizeof parts);
    memset(&theirs, 0, sizeof theirs);
    read_ours(&untar, bytes, size - 1, size, &whole);
    read_ours(&untar, bytes, size - 1, (size_t)data[0] * 7 + 1, &parts);
    if (memcmp(&whole, &parts, sizeof whole) != 0)
        abort();
    read_theirs(bytes, size - 1, &theirs);
    theirs.may_differ =
        theirs.may_differ || has_gnu_rest(bytes, size - 1) || has_late_number(bytes, size - 1);
    compare(&whole, &theirs);
    return 0;
}
