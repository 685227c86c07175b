#include "probes/image/xattrs.h"

#include <linux/limits.h>
#include <stdbool.h>
#include <string.h>

/* The name, its NUL and the value follow. */
struct xattrs_head {
    uint32_t name_size, size;
};

/* What one attribute takes while it is written. */
static char *xattrs_room(struct xattrs *x, size_t name_size, size_t size, struct err *e)
{
    size_t need = sizeof(struct xattrs_head) + name_size + 1 + size;
    if (name_size == 0 || name_size > XATTR_NAME_MAX) {
        (void)err_set(e, ERR_DATA, 0, "an extended attribute whose name has %zu bytes", name_size);
        return NULL;
    }
    if (size > XATTRS_BYTES || need > XATTRS_BYTES - x->size) {
        (void)err_set(e, ERR_DATA, 0, "more than %d bytes of extended attributes", XATTRS_BYTES);
        return NULL;
    }
    return x->bytes + x->size + sizeof(struct xattrs_head);
}

static int xattrs_keep(struct xattrs *x, size_t name_size, size_t size, struct err *e)
{
    struct xattrs_head head = { .name_size = (uint32_t)name_size, .size = (uint32_t)size };
    char *name = x->bytes + x->size + sizeof head;
    if (memchr(name, '\0', name_size))
        return err_set(e, ERR_DATA, 0, "an extended attribute whose name holds a NUL");
    name[name_size] = '\0';
    memcpy(x->bytes + x->size, &head, sizeof head);
    x->size += sizeof head + name_size + 1 + size;
    return 0;
}

int xattrs_add(struct xattrs *x, const char *name, size_t name_size, const void *value, size_t size,
               struct err *e)
{
    char *room = xattrs_room(x, name_size, size, e);
    if (!room)
        return -1;
    memcpy(room, name, name_size);
    if (size)
        memcpy(room + name_size + 1, value, size);
    return xattrs_keep(x, name_size, size, e);
}

int xattrs_add_schily(struct xattrs *x, const char *name, size_t name_size, const char *value,
                      size_t size, struct err *e)
{
    return xattrs_add(x, name, name_size, value, size, e);
}

static int xattrs_hex(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) % 16 : -1;
}

static size_t xattrs_unescape(char *to, const char *from, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        int high = from[i] == '%' && i + 2 < size ? xattrs_hex(from[i + 1]) : -1;
        int low = high >= 0 ? xattrs_hex(from[i + 2]) : -1;
        to[n] = from[i];
        if (low >= 0) {
            to[n] = (char)(high * 16 + low);
            i += 2;
        }
        n++;
    }
    return n;
}

/* SOURCE: RFC 4648, 4. */
static int xattrs_base64(char *to, const char *from, size_t size, size_t *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned count = 0;
    *out = 0;
    for (size_t i = 0; i < size && from[i] != '='; i++) {
        const char *digit = from[i] ? strchr(digits, from[i]) : NULL;
        if (!digit)
            return -1;
        bits = bits << 6 | (uint32_t)(digit - digits);
        count += 6;
        if (count >= 8) {
            count -= 8;
            to[(*out)++] = (char)(bits >> count);
        }
    }
    return 0;
}

int xattrs_add_libarchive(struct xattrs *x, const char *name, size_t name_size, const char *value,
                          size_t size, struct err *e)
{
    size_t bytes = 0;
    char *room = xattrs_room(x, name_size, size, e);
    if (!room)
        return -1;
    size_t decoded = xattrs_unescape(room, name, name_size);
    if (xattrs_base64(room + decoded + 1, value, size, &bytes))
        return err_set(e, ERR_DATA, 0, "an extended attribute that is not in base 64");
    return xattrs_keep(x, decoded, bytes, e);
}

int xattrs_next(const char *bytes, size_t size, size_t *at, struct xattr *next)
{
    struct xattrs_head head;
    if (*at >= size)
        return 0;
    memcpy(&head, bytes + *at, sizeof head);
    const char *name = bytes + *at + sizeof head;
    *next = (struct xattr){ .name = name, .value = name + head.name_size + 1, .size = head.size };
    *at += sizeof head + head.name_size + 1 + head.size;
    return 1;
}
