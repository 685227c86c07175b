#include "probes/image/rules.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* SOURCE: OCI image specification, layer.md; names with two marks are AUFS' own and ignored, but
 * for the opaque one. */
#define RULES_MARK        ".wh."
#define RULES_META_MARK   ".wh..wh."
#define RULES_OPAQUE_NAME ".wh..wh..opq"

const char *rules_skip_name(enum rules_skip skip)
{
    static const char *const names[RULES_SKIPS] = {
        [RULES_OWNER] = "owners",
        [RULES_DEVICE] = "device nodes",
        [RULES_WHITEOUT] = "whiteouts (device nodes 0/0)",
        [RULES_OPAQUE] = "opaque marks (trusted.overlay.opaque)",
        [RULES_XATTR] = "extended attributes",
    };
    return names[skip];
}

int rules_skip(struct rules_count *count, enum rules_skip skip)
{
    count->skipped[skip]++;
    return 0;
}

struct quota rules_quota(const struct rules_limits *limits)
{
    return (struct quota){ .entries_max = limits->entries ? limits->entries : RULES_ENTRIES_MAX,
                           .until_ns = limits->until_ns,
                           .stopping = limits->stopping };
}

uint64_t rules_bytes(const struct rules_limits *limits)
{
    return limits->bytes ? limits->bytes : RULES_BYTES_MAX;
}

static enum rules_mark rules_mark(const char *last)
{
    if (*last == '\0')
        return RULES_ROOT;
    if (strcmp(last, RULES_OPAQUE_NAME) == 0)
        return RULES_REPLACE;
    if (strncmp(last, RULES_META_MARK, sizeof RULES_META_MARK - 1) == 0)
        return RULES_META;
    return strncmp(last, RULES_MARK, sizeof RULES_MARK - 1) == 0 ? RULES_DELETE : RULES_NONE;
}

int rules_name(const struct untar_entry *entry, struct beneath_name *name, enum rules_mark *mark,
               struct err *e)
{
    if (beneath_name(entry->path, name, e))
        return -1;
    *mark = rules_mark(name->last);
    if (*mark == RULES_ROOT && entry->type != UNTAR_DIR)
        return err_set(e, ERR_DATA, 0, "it would replace the directory itself");
    return 0;
}

int rules_deleted(struct beneath_name *name, struct err *e)
{
    const char *last = name->last + sizeof RULES_MARK - 1;
    if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return err_set(e, ERR_DATA, 0, "it deletes nothing that has a name");
    char *to = name->path + (name->last - name->path);
    memmove(to, last, strlen(last) + 1);
    return 0;
}

int rules_wrap_target(const struct untar_entry *entry, struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    return err_wrap(e, "link to '%s'", beneath_show(entry->link, shown));
}

int rules_target(const struct untar_entry *entry, struct beneath_name *to, struct err *e)
{
    if (beneath_name(entry->link, to, e))
        return rules_wrap_target(entry, e);
    if (*to->last != '\0')
        return 0;
    (void)err_set(e, ERR_DATA, 0, "no name");
    return rules_wrap_target(entry, e);
}

int rules_wrap(const struct untar_entry *entry, struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    return err_wrap(e, "entry '%s'", beneath_show(entry->path, shown));
}

int rules_wrap_stream(const struct untar *u, struct err *e)
{
    const struct untar_entry *entry = untar_at_hand(u);
    return entry ? rules_wrap(entry, e) : -1;
}

int rules_wrap_tar(const struct untar *u, struct err *e)
{
    (void)err_wrap(e, "not a sound tar");
    return rules_wrap_stream(u, e);
}

int rules_allow_size(const struct untar_entry *entry, uint64_t bytes_max, uint64_t *done,
                     struct err *e)
{
    if (entry->size > bytes_max - *done)
        return err_set(e, ERR_DATA, 0, "its %llu bytes exceed the %llu MiB that a layer may have",
                       (unsigned long long)entry->size, (unsigned long long)(bytes_max >> 20));
    *done += entry->size;
    return 0;
}

void rules_times(const struct untar_entry *entry, struct timespec times[2])
{
    times[0] = entry->mtime;
    times[1] = entry->mtime;
    if (entry->has_atime && entry->atime.tv_sec > entry->mtime.tv_sec)
        times[0] = entry->atime;
}

mode_t rules_node_type(enum untar_type type)
{
    static const mode_t types[UNTAR_TYPES] = {
        [UNTAR_CHAR] = S_IFCHR, [UNTAR_BLOCK] = S_IFBLK, [UNTAR_FIFO] = S_IFIFO
    };
    return types[type];
}

bool rules_may_own(const struct untar_entry *entry, bool is_root, struct rules_count *count)
{
    /* The largest number says "leave it" to chown. */
    bool is_possible = is_root && entry->uid < UINT32_MAX && entry->gid < UINT32_MAX;
    if (!is_possible)
        (void)rules_skip(count, RULES_OWNER);
    return is_possible;
}

bool rules_is_xattr_allowed(const char *name)
{
    return strncmp(name, "trusted.", 8) != 0;
}

int rules_fail(const char *what, struct err *e)
{
    return err_set(e, err_kind_of(errno), errno, "%s", what);
}

/* Not allowed here is one thing, a broken disk another. */
int rules_owner_failed(struct rules_count *count, struct err *e)
{
    if (errno != EPERM && errno != EINVAL && errno != EOVERFLOW)
        return rules_fail("set the owner", e);
    return rules_skip(count, RULES_OWNER);
}

int rules_xattr_failed(struct rules_count *count, const char *name, struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    if (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EROFS)
        return err_set(e, err_kind_of(errno), errno, "set the attribute '%s'",
                       beneath_show(name, shown));
    return rules_skip(count, RULES_XATTR);
}

int rules_opaque_failed(struct rules_count *count, struct err *e)
{
    if (errno != EPERM && errno != ENOTSUP)
        return rules_fail("set " RULES_OPAQUE_XATTR, e);
    return rules_skip(count, RULES_OPAQUE);
}
