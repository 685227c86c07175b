#include "probes/kit/place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/block.h"
#include "probes/kit/buf.h"
#include "probes/kit/file.h"

enum {
    PLACE_RESERVE_PARTS = 10
};

static const uint64_t place_reserve_bytes = UINT64_C(1) << 30;

/* The trees, and the mount table read from them (NULL when there is none). */
struct place_trees {
    int proc_fd;
    int sys_fd;
    struct libmnt_table *mounts;
};

struct place_kind {
    const char *fs;
    const char *journal; /* NULL: ask jbd2 */
    bool in_memory;
    bool is_network;
};

static const struct place_kind place_kinds[] = {
    {"9p",              "n/a",  false, true },
    { "afs",            "n/a",  false, true },
    { "bcachefs",       "yes",  false, false},
    { "beegfs",         "n/a",  false, true },
    { "btrfs",          "yes",  false, false}, /* its log tree */
    { "ceph",           "n/a",  false, true },
    { "cifs",           "n/a",  false, true },
    { "erofs",          "none", false, false},
    { "exfat",          "none", false, false},
    { "ext2",           "none", false, false},
    { "ext3",           NULL,   false, false},
    { "ext4",           NULL,   false, false},
    { "f2fs",           "yes",  false, false},
    { "fuse.cephfs",    "n/a",  false, true },
    { "fuse.glusterfs", "n/a",  false, true },
    { "fuse.juicefs",   "n/a",  false, true },
    { "fuse.rclone",    "n/a",  false, true },
    { "fuse.s3fs",      "n/a",  false, true },
    { "fuse.sshfs",     "n/a",  false, true },
    { "gfs2",           "yes",  false, false},
    { "jfs",            "yes",  false, false},
    { "lustre",         "n/a",  false, true },
    { "nfs",            "n/a",  false, true },
    { "nfs4",           "n/a",  false, true },
    { "nilfs2",         "yes",  false, false},
    { "ntfs3",          "yes",  false, false},
    { "ramfs",          "n/a",  true,  false},
    { "reiserfs",       "yes",  false, false},
    { "rootfs",         "n/a",  true,  false},
    { "smb3",           "n/a",  false, true },
    { "squashfs",       "none", false, false},
    { "tmpfs",          "n/a",  true,  false},
    { "vfat",           "none", false, false},
    { "virtiofs",       "n/a",  false, true },
    { "xfs",            "yes",  false, false},
    { "zfs",            "yes",  false, false}, /* its intent log */
};

static void place_copy(char *to, size_t size, const char *from)
{
    size_t n = from ? strnlen(from, size - 1) : 0;
    if (n)
        memcpy(to, from, n);
    to[n] = '\0';
}

static const struct place_kind *place_kind_of(const char *fs)
{
    for (size_t i = 0; fs && i < sizeof place_kinds / sizeof place_kinds[0]; i++) {
        if (strcmp(place_kinds[i].fs, fs) == 0)
            return &place_kinds[i];
    }
    return NULL;
}

static bool place_is_memory_fs(const char *fs)
{
    const struct place_kind *kind = place_kind_of(fs);
    return kind && kind->in_memory;
}

/* "vda1-8", the journal of a device, or "vda1-1234", of a file on it. */
static bool place_is_journal(const char *name, const char *own)
{
    size_t n = strlen(own);
    return strncmp(name, own, n) == 0 && name[n] == '-' && isdigit((unsigned char)name[n + 1]) &&
           name[n + 1 + strspn(name + n + 1, "0123456789")] == '\0';
}

/* Whether jbd2 keeps a journal for that device: 1, 0, or -1 when /proc does not say. */
static int place_has_jbd2(int proc_fd, const char *own)
{
    int fd = openat(proc_fd, "fs/jbd2", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int found = 0;
    if (!dir) {
        auto_close_fd(&fd);
        return -1;
    }
    for (struct dirent *d = readdir(dir); d && !found; d = readdir(dir)) // NOLINT
        found = place_is_journal(d->d_name, own);
    (void)closedir(dir);
    return found;
}

static bool place_holds(const char *mount, const char *path)
{
    size_t n = strlen(mount);
    while (n > 0 && mount[n - 1] == '/')
        n--;
    return strncmp(mount, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/*
 * The mount that path lies on: one of its own device, if any; of these the deepest; of these the
 * last, which hides the others. The device of a file on btrfs is in no mount table.
 */
static struct libmnt_fs *place_mount_of(const struct place_trees *t, const char *path, dev_t dev)
{
    struct libmnt_fs *fs = NULL, *best = NULL;
    struct libmnt_iter *iter = t->mounts ? mnt_new_iter(MNT_ITER_FORWARD) : NULL;
    size_t best_length = 0;
    bool best_same = false;
    while (iter && mnt_table_next_fs(t->mounts, iter, &fs) == 0) {
        const char *mount = mnt_fs_get_target(fs);
        if (!mount || !place_holds(mount, path))
            continue;
        bool same = dev && mnt_fs_get_devno(fs) == dev;
        size_t length = strlen(mount);
        if (same < best_same || (same == best_same && best && length < best_length))
            continue;
        best = fs;
        best_same = same;
        best_length = length;
    }
    mnt_free_iter(iter);
    return best;
}

/* The mount whose filesystem holds the bytes: for an overlay that of its upper directory. */
static struct libmnt_fs *place_bottom_mount(const struct place_trees *t, struct libmnt_fs *fs)
{
    char upper[PATH_MAX];
    char *value = NULL;
    size_t size = 0;
    if (!fs || strcmp(mnt_fs_get_fstype(fs), "overlay") != 0)
        return fs;
    if (mnt_fs_get_option(fs, "upperdir", &value, &size) || !value || size >= sizeof upper)
        return NULL;
    memcpy(upper, value, size);
    upper[size] = '\0';
    struct libmnt_fs *below = upper[0] == '/' ? place_mount_of(t, upper, 0) : NULL;
    /* Another overlay, most often the same: the path is of the mounter's name space, not ours. */
    return below && strcmp(mnt_fs_get_fstype(below), "overlay") != 0 ? below : NULL;
}

/* data= from the mount options, else from the kernel's own list, which shows defaults too. */
static bool place_data_mode(const struct place_trees *t, struct libmnt_fs *fs, const char *own,
                            char *mode, size_t size)
{
    char path[2 * BLOCK_NAME_BYTES];
    AUTO(buf) struct buf text = { 0 };
    struct err ignored;
    char *value = NULL;
    size_t length = 0;
    mode[0] = '\0';
    if (fs && mnt_fs_get_option(fs, "data", &value, &length) == 0 && value) {
        place_copy(mode, length < size ? length + 1 : size, value);
        return true;
    }
    (void)snprintf(path, sizeof path, "fs/ext4/%s/options", own);
    if (!own[0] || file_read_at(t->proc_fd, path, &text, &ignored))
        return false;
    const char *at = strstr(buf_text(&text), "\ndata=");
    length = at ? strcspn(at + 6, "\n") : 0;
    if (at)
        place_copy(mode, length < size ? length + 1 : size, at + 6);
    return true;
}

/* ext4 has a journal when jbd2 serves its device, or when it has a data mode (external journal). */
static const char *place_ext_journal(const struct place_trees *t, struct libmnt_fs *fs,
                                     const char *own, char *mode, size_t size)
{
    bool listed = place_data_mode(t, fs, own, mode, size);
    int journals = own[0] ? place_has_jbd2(t->proc_fd, own) : -1;
    if (mode[0])
        return mode;
    if (journals > 0)
        return "ordered"; /* the kernel's default */
    return journals == 0 || listed ? "none" : "not known";
}

static void place_journal(const struct place_trees *t, struct libmnt_fs *fs, const char *own,
                          struct place *p)
{
    char mode[sizeof p->journal];
    const struct place_kind *kind = fs ? place_kind_of(mnt_fs_get_fstype(fs)) : NULL;
    const char *journal = "not known";
    if (kind) {
        journal = kind->journal ? kind->journal : place_ext_journal(t, fs, own, mode, sizeof mode);
    }
    place_copy(p->journal, sizeof p->journal, journal);
}

/* A loop device over a file that itself is in memory. */
static bool place_file_is_memory(const struct place_trees *t, const char *file)
{
    struct libmnt_fs *fs = file[0] == '/' ? place_mount_of(t, file, 0) : NULL;
    return fs && place_is_memory_fs(mnt_fs_get_fstype(fs));
}

static void place_device(const struct place_trees *t, const char *own, struct place *p)
{
    struct block b;
    block_describe(t->sys_fd, own, &b);
    place_copy(p->device, sizeof p->device, b.name);
    place_copy(p->driver, sizeof p->driver, b.driver);
    place_copy(p->model, sizeof p->model, b.model);
    place_copy(p->scheduler, sizeof p->scheduler, b.scheduler);
    place_copy(p->write_cache, sizeof p->write_cache, b.write_cache);
    p->rotational = b.rotational;
    p->logical_block_bytes = b.logical_block_bytes;
    p->in_memory = p->in_memory || b.in_memory || place_file_is_memory(t, b.backing_file);
}

/*
 * The name of the filesystem's own device, "vda1": by number; by source where the number is
 * anonymous (btrfs); from the source alone where /sys is hidden, since /proc goes by it too.
 */
static void place_own_device(const struct place_trees *t, dev_t dev, const char *source,
                             char own[BLOCK_NAME_BYTES])
{
    if (block_name_of_dev(t->sys_fd, dev, own) || !source ||
        block_name_of_path(t->sys_fd, source, own))
        return;
    if (major(dev) && strncmp(source, "/dev/", 5) == 0 && !strchr(source + 5, '/'))
        place_copy(own, BLOCK_NAME_BYTES, source + 5);
}

static void place_describe_mount(struct libmnt_fs *fs, struct place *p)
{
    const struct place_kind *kind = place_kind_of(mnt_fs_get_fstype(fs));
    place_copy(p->fs, sizeof p->fs, mnt_fs_get_fstype(fs));
    place_copy(p->options, sizeof p->options, mnt_fs_get_options(fs));
    place_copy(p->mount, sizeof p->mount, mnt_fs_get_target(fs));
    place_copy(p->source, sizeof p->source, mnt_fs_get_source(fs));
    p->in_memory = kind && kind->in_memory;
    p->is_network = kind && kind->is_network;
    p->read_only = mnt_fs_match_options(fs, "ro") == 1;
}

static struct libmnt_table *place_mounts(int proc_fd)
{
    int fd = openat(proc_fd, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    AUTO_FCLOSE FILE *text = fd < 0 ? NULL : fdopen(fd, "r");
    if (!text) {
        auto_close_fd(&fd);
        return NULL;
    }
    struct libmnt_table *mounts = mnt_new_table();
    if (mounts && mnt_table_parse_stream(mounts, text, "mountinfo")) {
        mnt_unref_table(mounts);
        mounts = NULL;
    }
    return mounts;
}

void place_find(const char *path, dev_t dev, int proc_fd, int sys_fd, struct place *p)
{
    char own[BLOCK_NAME_BYTES] = "";
    struct place_trees t = { .proc_fd = proc_fd, .sys_fd = sys_fd };
    *p = (struct place){ .rotational = -1 };
    place_copy(p->journal, sizeof p->journal, "not known");
    t.mounts = place_mounts(proc_fd);
    struct libmnt_fs *fs = place_mount_of(&t, path, dev);
    struct libmnt_fs *bottom = place_bottom_mount(&t, fs);
    if (fs)
        place_describe_mount(fs, p);
    if (bottom && bottom != fs)
        p->in_memory = place_is_memory_fs(mnt_fs_get_fstype(bottom));
    if (bottom)
        place_own_device(&t, mnt_fs_get_devno(bottom), mnt_fs_get_source(bottom), own);
    if (!fs)
        place_own_device(&t, dev, NULL, own);
    place_journal(&t, bottom, own, p);
    place_device(&t, own, p);
    mnt_unref_table(t.mounts);
}

static uint64_t place_product(uint64_t count, uint64_t size)
{
    uint64_t product = 0;
    return __builtin_mul_overflow(count, size, &product) ? UINT64_MAX : product;
}

int place_of(const char *dir, int proc_fd, int sys_fd, struct place *p, struct err *e)
{
    struct stat st;
    struct statvfs vfs;
    struct statfs fs;
    AUTO_FREE char *path = realpath(dir, NULL);
    AUTO_CLOSE int fd = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_USAGE : err_kind_of(errno),
                       errno, "open the directory '%s'", dir);
    }
    if (fstat(fd, &st) || fstatvfs(fd, &vfs) || fstatfs(fd, &fs))
        return err_set(e, err_kind_of(errno), errno, "ask the filesystem of '%s'", dir);
    place_find(path, st.st_dev, proc_fd, sys_fd, p);
    p->total_bytes = place_product(vfs.f_blocks, vfs.f_frsize);
    p->free_bytes = place_product(vfs.f_bavail, vfs.f_frsize);
    p->total_inodes = vfs.f_files;
    p->free_inodes = vfs.f_favail;
    p->read_only = p->read_only || (vfs.f_flag & ST_RDONLY);
    p->in_memory = p->in_memory || fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
    return 0;
}

uint64_t place_writable_bytes(const struct place *p)
{
    uint64_t part = p->total_bytes / PLACE_RESERVE_PARTS;
    uint64_t reserve = part > place_reserve_bytes ? part : place_reserve_bytes;
    return !p->read_only && p->free_bytes > reserve ? p->free_bytes - reserve : 0;
}
