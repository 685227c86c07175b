#include "probes/image/ustar.h"

#include <stddef.h>
#include <string.h>

/* A field's place in the block. */
struct ustar_field {
    const char *what;
    uint16_t at, size;
};

static const struct ustar_field ustar_mode = { "mode", 100, 8 };
static const struct ustar_field ustar_uid = { "owner", 108, 8 };
static const struct ustar_field ustar_gid = { "group", 116, 8 };
static const struct ustar_field ustar_size = { "size", 124, 12 };
static const struct ustar_field ustar_mtime = { "time", 136, 12 };
static const struct ustar_field ustar_sum = { "checksum", 148, 8 };
static const struct ustar_field ustar_major = { "device number", 329, 8 };
static const struct ustar_field ustar_minor = { "device number", 337, 8 };
static const struct ustar_field ustar_gnu_atime = { "access time", 345, 12 };
static const struct ustar_field ustar_gnu_ctime = { "change time", 357, 12 };
static const struct ustar_field ustar_gnu_real = { "size when expanded", 483, 12 };
static const struct ustar_field ustar_star_atime = { "access time", 476, 12 };

enum {
    USTAR_NAME_BYTES = 100,
    USTAR_TYPE_AT = 156,
    USTAR_LINK_AT = 157,
    USTAR_MAGIC_AT = 257,
    USTAR_PREFIX_AT = 345,
    USTAR_PREFIX_BYTES = 155,
    USTAR_STAR_PREFIX_BYTES = 131, /* two times follow */
    USTAR_STAR_MARK_AT = 508,
    USTAR_GNU_PAIRS_AT = 386,
    USTAR_GNU_EXTENDED_AT = 482,
    USTAR_PAIR_BYTES = 24, /* two numbers of 12 */
    USTAR_EXTENSION_EXTENDED_AT = 504
};

bool ustar_is_empty(const uint8_t block[USTAR_BLOCK_BYTES])
{
    return block[0] == 0 && memcmp(block, block + 1, USTAR_BLOCK_BYTES - 1) == 0;
}

/* Two's complement over the field, but for the first bit, which says so. */
static int ustar_base256(const uint8_t *field, size_t size, int64_t *value)
{
    uint64_t bits = field[0] & 0x40 ? UINT64_MAX : 0;
    uint8_t sign = (uint8_t)bits;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = i ? field[i] : (uint8_t)((field[0] & 0x7f) | (sign & 0x80));
        if ((uint8_t)(bits >> 56) != sign)
            return -1;
        bits = bits << 8 | byte;
    }
    *value = (int64_t)bits;
    return (bits >> 63 != 0) == (sign != 0) ? 0 : -1;
}

/* Octal digits between blanks; a field without any is 0. */
static int ustar_octal(const uint8_t *field, size_t size, int64_t *value)
{
    size_t i = 0;
    *value = 0;
    while (i < size && (field[i] == ' ' || field[i] == '\0'))
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value * 8 + (field[i] - '0');
    return i == size || field[i] == ' ' || field[i] == '\0' ? 0 : -1;
}

static int ustar_signed(const uint8_t *block, const struct ustar_field *f, int64_t *value,
                        struct err *e)
{
    const uint8_t *field = block + f->at;
    bool is_binary = field[0] & 0x80;
    int failed =
        is_binary ? ustar_base256(field, f->size, value) : ustar_octal(field, f->size, value);
    return failed ? err_set(e, ERR_DATA, 0, "the %s in a header is no number", f->what) : 0;
}

static int ustar_number(const uint8_t *block, const struct ustar_field *f, uint64_t *value,
                        struct err *e)
{
    int64_t number = 0;
    if (ustar_signed(block, f, &number, e))
        return -1;
    *value = (uint64_t)number;
    return number < 0 ? err_set(e, ERR_DATA, 0, "the %s in a header is negative", f->what) : 0;
}

static int ustar_small(const uint8_t *block, const struct ustar_field *f, uint32_t *value,
                       struct err *e)
{
    uint64_t number = 0;
    if (ustar_number(block, f, &number, e))
        return -1;
    *value = (uint32_t)number;
    return number > UINT32_MAX ? err_set(e, ERR_DATA, 0, "the %s in a header is too large", f->what)
                               : 0;
}

static int ustar_check_sum(const uint8_t *block, struct err *e)
{
    int32_t of_unsigned = 8 * ' ';
    int32_t of_signed = 8 * ' ';
    int64_t said = 0;
    if (ustar_octal(block + ustar_sum.at, ustar_sum.size, &said))
        return err_set(e, ERR_DATA, 0, "no tar header: its checksum is no number");
    for (unsigned i = 0; i < USTAR_BLOCK_BYTES; i++) {
        of_unsigned += block[i];
        of_signed += (int8_t)block[i];
    }
    for (unsigned i = ustar_sum.at; i < ustar_sum.at + (unsigned)ustar_sum.size; i++) {
        of_unsigned -= block[i];
        of_signed -= (int8_t)block[i];
    }
    if (said == of_unsigned || said == of_signed)
        return 0;
    return err_set(e, ERR_DATA, 0, "no tar header: its checksum is wrong");
}

static size_t ustar_text(char *text, const uint8_t *field, size_t size)
{
    size_t n = strnlen((const char *)field, size);
    memcpy(text, field, n);
    text[n] = '\0';
    return n;
}

static void ustar_path(const uint8_t *block, size_t prefix_bytes, struct ustar *h)
{
    size_t n = 0;
    if (prefix_bytes)
        n = ustar_text(h->path, block + USTAR_PREFIX_AT, prefix_bytes);
    if (n)
        h->path[n++] = '/';
    (void)ustar_text(h->path + n, block, USTAR_NAME_BYTES);
}

static int ustar_read_pair(const uint8_t *at, struct ustar_pair *pair, struct err *e)
{
    static const struct ustar_field offset = { "offset of a piece", 0, 12 };
    static const struct ustar_field size = { "size of a piece", 12, 12 };
    return ustar_number(at, &offset, &pair->offset, e) || ustar_number(at, &size, &pair->size, e)
               ? -1
               : 0;
}

static int ustar_gnu_sparse(const uint8_t *block, struct ustar *h, struct err *e)
{
    for (unsigned i = 0; i < USTAR_SPARSE_PAIRS; i++) {
        if (ustar_read_pair(block + USTAR_GNU_PAIRS_AT + (size_t)i * USTAR_PAIR_BYTES, &h->pairs[i],
                            e))
            return -1;
    }
    h->is_extended = block[USTAR_GNU_EXTENDED_AT] != 0;
    return ustar_number(block, &ustar_gnu_real, &h->real_bytes, e);
}

static int ustar_atime(const uint8_t *block, const struct ustar_field *f, struct ustar *h,
                       struct err *e)
{
    h->has_atime = block[f->at] != '\0';
    return h->has_atime ? ustar_signed(block, f, &h->atime_s, e) : 0;
}

static bool ustar_is_ascii(const uint8_t *field, size_t size)
{
    for (size_t i = 0; i < size && field[i] != '\0'; i++) {
        if (field[i] & 0x80)
            return false;
    }
    return true;
}

/*
 * Go before 1.8 wrote a prefix into headers of GNU, over the times. Where these are no numbers and
 * all of it is ASCII, it is one; else they count for nothing. A prefix that reads as numbers cannot
 * be told from times. SOURCE: Go archive/tar, reader.go (readHeader, FormatGNU).
 */
static void ustar_gnu_times(const uint8_t *block, struct ustar *h)
{
    struct err ignored;
    int64_t ctime_s = 0;
    bool is_ctime = block[ustar_gnu_ctime.at] == '\0' ||
                    ustar_signed(block, &ustar_gnu_ctime, &ctime_s, &ignored) == 0;
    if (ustar_atime(block, &ustar_gnu_atime, h, &ignored) == 0 && is_ctime)
        return;
    h->has_atime = false;
    h->atime_s = 0;
    if (ustar_is_ascii(block + USTAR_PREFIX_AT, USTAR_PREFIX_BYTES))
        ustar_path(block, USTAR_PREFIX_BYTES, h);
}

/* What stands behind the fields of v7. GNU has no prefix; star's is shorter. */
static int ustar_extras(const uint8_t *block, struct ustar *h, struct err *e)
{
    bool is_gnu = memcmp(block + USTAR_MAGIC_AT, "ustar  ", 8) == 0;
    bool is_posix = memcmp(block + USTAR_MAGIC_AT, "ustar", 6) == 0;
    bool is_star = is_posix && memcmp(block + USTAR_STAR_MARK_AT, "tar", 4) == 0;
    size_t prefix_bytes = is_star ? USTAR_STAR_PREFIX_BYTES : USTAR_PREFIX_BYTES;
    ustar_path(block, is_posix ? prefix_bytes : 0, h);
    if (!is_gnu && !is_posix)
        return 0;
    if (ustar_small(block, &ustar_major, &h->major, e) ||
        ustar_small(block, &ustar_minor, &h->minor, e))
        return -1;
    if (is_star)
        return ustar_atime(block, &ustar_star_atime, h, e);
    if (!is_gnu)
        return 0;
    ustar_gnu_times(block, h);
    return h->typeflag == 'S' ? ustar_gnu_sparse(block, h, e) : 0;
}

int ustar_read(const uint8_t block[USTAR_BLOCK_BYTES], struct ustar *h, struct err *e)
{
    uint64_t mode = 0;
    memset(&h->has_atime, 0, sizeof *h - offsetof(struct ustar, has_atime));
    if (ustar_check_sum(block, e))
        return -1;
    h->typeflag = (char)block[USTAR_TYPE_AT];
    (void)ustar_text(h->link, block + USTAR_LINK_AT, USTAR_LINK_BYTES - 1);
    if (ustar_number(block, &ustar_mode, &mode, e) || ustar_number(block, &ustar_uid, &h->uid, e) ||
        ustar_number(block, &ustar_gid, &h->gid, e) ||
        ustar_number(block, &ustar_size, &h->size, e) ||
        ustar_signed(block, &ustar_mtime, &h->mtime_s, e)) {
        return -1;
    }
    h->mode = (uint32_t)(mode & 07777);
    return ustar_extras(block, h, e);
}

int ustar_read_pairs(const uint8_t block[USTAR_BLOCK_BYTES],
                     struct ustar_pair pairs[USTAR_SPARSE_EXTENSION_PAIRS], bool *is_extended,
                     struct err *e)
{
    for (unsigned i = 0; i < USTAR_SPARSE_EXTENSION_PAIRS; i++) {
        if (ustar_read_pair(block + (size_t)i * USTAR_PAIR_BYTES, &pairs[i], e))
            return -1;
    }
    *is_extended = block[USTAR_EXTENSION_EXTENDED_AT] != 0;
    return 0;
}
