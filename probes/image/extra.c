#include "probes/image/extra.h"

#include <stdlib.h>
#include <string.h>

#include "probes/image/beneath.h"
#include "probes/image/pax.h"

int extra_open(struct extra *x, struct err *e)
{
    *x = (struct extra){ .xattrs.bytes = malloc(XATTRS_BYTES), .is_empty = true };
    if (!x->xattrs.bytes)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read layers");
    return sparse_open(&x->sparse, e);
}

void extra_release(struct extra *x)
{
    free(x->xattrs.bytes);
    x->xattrs.bytes = NULL;
    sparse_release(&x->sparse);
}

void extra_start(struct extra *x)
{
    sparse_start(&x->sparse); /* which the header itself may have filled */
    if (x->is_empty)
        return;
    memset(&x->is_empty, 0, offsetof(struct extra, path) - offsetof(struct extra, is_empty));
    x->is_empty = true;
    x->xattrs.size = 0;
}

/* A name out of a pax header or of the content of an L or K entry. */
static int extra_set_name(char name[PATH_MAX], bool *is_said, const char *text, size_t size,
                          struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    if (size >= PATH_MAX)
        return err_set(e, ERR_DATA, 0, "a name of %zu bytes is refused, it may have %d: '%s'", size,
                       PATH_MAX - 1, beneath_show(text, shown));
    if (memchr(text, '\0', size))
        return err_set(e, ERR_DATA, 0, "a name that holds a NUL");
    memcpy(name, text, size);
    name[size] = '\0';
    *is_said = size > 0; /* an empty value: as if it were not there */
    return 0;
}

static int extra_path(struct extra *x, const struct pax_record *r, struct err *e)
{
    return x->has_sparse_path ? 0
                              : extra_set_name(x->path, &x->has_path, r->value, r->value_size, e);
}

static int extra_link(struct extra *x, const struct pax_record *r, struct err *e)
{
    return extra_set_name(x->link, &x->has_link, r->value, r->value_size, e);
}

/* The file's own name: `path` then is one that GNU tar made up. */
static int extra_sparse_path(struct extra *x, const struct pax_record *r, struct err *e)
{
    if (extra_set_name(x->path, &x->has_path, r->value, r->value_size, e))
        return -1;
    x->has_sparse_path = x->has_path;
    return 0;
}

static int extra_size(struct extra *x, const struct pax_record *r, struct err *e)
{
    x->has_size = true;
    return pax_number(r, &x->size, e);
}

static int extra_uid(struct extra *x, const struct pax_record *r, struct err *e)
{
    x->has_uid = true;
    return pax_number(r, &x->uid, e);
}

static int extra_gid(struct extra *x, const struct pax_record *r, struct err *e)
{
    x->has_gid = true;
    return pax_number(r, &x->gid, e);
}

static int extra_mtime(struct extra *x, const struct pax_record *r, struct err *e)
{
    x->has_mtime = true;
    return pax_time(r, &x->mtime, e);
}

static int extra_atime(struct extra *x, const struct pax_record *r, struct err *e)
{
    x->has_atime = true;
    return pax_time(r, &x->atime, e);
}

static int extra_sparse_size(struct extra *x, const struct pax_record *r, struct err *e)
{
    x->has_sparse_bytes = true;
    return pax_number(r, &x->sparse_bytes, e);
}

static int extra_sparse_major(struct extra *x, const struct pax_record *r, struct err *e)
{
    return pax_number(r, &x->sparse_major, e);
}

static int extra_sparse_offset(struct extra *x, const struct pax_record *r, struct err *e)
{
    uint64_t number = 0;
    return pax_number(r, &number, e) ? -1 : sparse_add_offset(&x->sparse, number, e);
}

static int extra_sparse_bytes(struct extra *x, const struct pax_record *r, struct err *e)
{
    uint64_t number = 0;
    x->has_sparse_map = true;
    return pax_number(r, &number, e) ? -1 : sparse_add_size(&x->sparse, number, e);
}

static int extra_sparse_map(struct extra *x, const struct pax_record *r, struct err *e)
{
    x->has_sparse_map = true;
    return sparse_add_text(&x->sparse, r->value, r->value_size, e);
}

static int extra_xattr(struct extra *x, const struct pax_record *r, struct err *e)
{
    size_t size = 0;
    const char *name = pax_key_after(r, "SCHILY.xattr.", &size);
    if (name)
        return xattrs_add_schily(&x->xattrs, name, size, r->value, r->value_size, e);
    name = pax_key_after(r, "LIBARCHIVE.xattr.", &size);
    return name ? xattrs_add_libarchive(&x->xattrs, name, size, r->value, r->value_size, e) : 0;
}

/* Keys that are not here or there count for nothing: uname, comment, charset. */
static int extra_record(struct extra *x, const struct pax_record *r, struct err *e)
{
    static const struct {
        const char *key;
        int (*take)(struct extra *x, const struct pax_record *r, struct err *e);
    } keys[] = {
        {"path",                 extra_path         },
        { "linkpath",            extra_link         },
        { "size",                extra_size         },
        { "uid",                 extra_uid          },
        { "gid",                 extra_gid          },
        { "mtime",               extra_mtime        },
        { "atime",               extra_atime        },
        { "GNU.sparse.name",     extra_sparse_path  },
        { "GNU.sparse.size",     extra_sparse_size  },
        { "GNU.sparse.realsize", extra_sparse_size  },
        { "GNU.sparse.major",    extra_sparse_major },
        { "GNU.sparse.offset",   extra_sparse_offset},
        { "GNU.sparse.numbytes", extra_sparse_bytes },
        { "GNU.sparse.map",      extra_sparse_map   },
    };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (pax_key_is(r, keys[i].key))
            return keys[i].take(x, r, e);
    }
    return extra_xattr(x, r, e);
}

int extra_take_pax(struct extra *x, const char *bytes, size_t size, struct err *e)
{
    struct pax_record r;
    size_t at = 0;
    x->is_empty = false;
    int more = pax_next(bytes, size, &at, &r, e);
    for (; more > 0; more = pax_next(bytes, size, &at, &r, e)) {
        if (extra_record(x, &r, e))
            return -1;
    }
    return more;
}

int extra_take_path(struct extra *x, const char *bytes, size_t size, struct err *e)
{
    x->is_empty = false;
    return extra_set_name(x->path, &x->has_path, bytes, strnlen(bytes, size), e);
}

int extra_take_link(struct extra *x, const char *bytes, size_t size, struct err *e)
{
    x->is_empty = false;
    return extra_set_name(x->link, &x->has_link, bytes, strnlen(bytes, size), e);
}
