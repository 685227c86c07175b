#include "probes/image/tar.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* SOURCE: POSIX.1-2017 pax, table "ustar Header Block". */
struct tar_block {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char chksum[8];
    char typeflag;
    char linkname[100];
    char magic[6];
    char version[2];
    char uname[32];
    char gname[32];
    char devmajor[8];
    char devminor[8];
    char prefix[155];
    char filler[12];
};

_Static_assert(sizeof(struct tar_block) == TAR_BLOCK_BYTES, "a header is one block");

static const char tar_zeros[2 * TAR_BLOCK_BYTES];

struct tar_records {
    char bytes[TAR_RECORDS_BYTES];
    size_t size;
    bool full;
};

static void tar_octal(char *field, size_t width, uint64_t value)
{
    field[width - 1] = '\0';
    for (size_t i = width - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

/* Up to `width` bytes; a field that is full has no NUL. */
static void tar_text(char *field, size_t width, const char *text)
{
    size_t size = strnlen(text, width);
    memcpy(field, text, size);
}

static bool tar_fits(const char *text)
{
    size_t size = 0;
    for (; text[size]; size++) {
        if ((unsigned char)text[size] >= 0x80)
            return false;
    }
    return size <= sizeof((struct tar_block *)0)->name;
}

/* "LENGTH key=value\n", where LENGTH counts its own digits. */
static void tar_record(struct tar_records *r, const char *key, const char *value)
{
    size_t bare = strlen(key) + strlen(value) + 3;
    size_t total = bare + 1;
    while (bare + (size_t)snprintf(NULL, 0, "%zu", total) != total)
        total++;
    if (r->full || total >= sizeof r->bytes - r->size) {
        r->full = true;
        return;
    }
    (void)snprintf(r->bytes + r->size, total + 1, "%zu %s=%s\n", total, key, value);
    r->size += total;
}

static void tar_fill(struct tar_block *block, const struct tar_entry *entry, char typeflag,
                     uint64_t size)
{
    unsigned sum = 0;
    tar_octal(block->mode, sizeof block->mode, entry->mode);
    tar_octal(block->uid, sizeof block->uid, entry->uid);
    tar_octal(block->gid, sizeof block->gid, entry->gid);
    tar_octal(block->size, sizeof block->size, size);
    tar_octal(block->mtime, sizeof block->mtime, entry->mtime_s);
    tar_octal(block->devmajor, sizeof block->devmajor, 0);
    tar_octal(block->devminor, sizeof block->devminor, 0);
    memset(block->chksum, ' ', sizeof block->chksum);
    block->typeflag = typeflag;
    memcpy(block->magic, "ustar", sizeof block->magic);
    memcpy(block->version, "00", sizeof block->version);
    for (size_t i = 0; i < sizeof *block; i++)
        sum += ((const unsigned char *)block)[i];
    tar_octal(block->chksum, sizeof block->chksum - 1, sum);
}

static int tar_put(const struct tar_sink *sink, const void *bytes, size_t size, struct err *e)
{
    return size ? sink->write(sink->arg, bytes, size, e) : 0;
}

static int tar_put_records(const struct tar_sink *sink, const struct tar_entry *entry,
                           const struct tar_records *r, struct err *e)
{
    struct tar_block block = { 0 };
    struct tar_entry plain = { .mode = 0644, .mtime_s = entry->mtime_s };
    if (r->full)
        return err_set(e, ERR_DATA, 0, "the pax records of '%.60s' exceed %d bytes", entry->path,
                       TAR_RECORDS_BYTES);
    tar_text(block.name, sizeof block.name, "PaxHeaders.0/entry");
    tar_fill(&block, &plain, 'x', r->size);
    if (tar_put(sink, &block, sizeof block, e) || tar_put(sink, r->bytes, r->size, e))
        return -1;
    return tar_pad(sink, r->size, e);
}

int tar_header(const struct tar_sink *sink, const struct tar_entry *entry, struct err *e)
{
    struct tar_block block = { 0 };
    struct tar_records records = { .size = 0 };
    char key[128];
    if (!tar_fits(entry->path))
        tar_record(&records, "path", entry->path);
    if (entry->link && !tar_fits(entry->link))
        tar_record(&records, "linkpath", entry->link);
    if (entry->xattr_name) {
        (void)snprintf(key, sizeof key, "SCHILY.xattr.%s", entry->xattr_name);
        tar_record(&records, key, entry->xattr_value);
    }
    if ((records.size || records.full) && tar_put_records(sink, entry, &records, e))
        return -1;
    tar_text(block.name, sizeof block.name, entry->path);
    tar_text(block.linkname, sizeof block.linkname, entry->link ? entry->link : "");
    tar_fill(&block, entry, (char)entry->type, entry->type == TAR_FILE ? entry->size : 0);
    return tar_put(sink, &block, sizeof block, e);
}

int tar_pad(const struct tar_sink *sink, uint64_t size, struct err *e)
{
    size_t over = (size_t)(size % TAR_BLOCK_BYTES);
    return over ? tar_put(sink, tar_zeros, TAR_BLOCK_BYTES - over, e) : 0;
}

int tar_end(const struct tar_sink *sink, struct err *e)
{
    return tar_put(sink, tar_zeros, sizeof tar_zeros, e);
}
