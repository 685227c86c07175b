#include "bench/outdir.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/survey.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"

static const struct outdir_file {
    const char *name;
    const char *format;
} outdir_files[] = {
    {"result.json",  "json"    },
    { "report.html", "html"    },
    { "report.md",   "markdown"},
};

enum {
    OUTDIR_FILES = sizeof outdir_files / sizeof outdir_files[0]
};

static void outdir_default(char path[OUTDIR_PATH_BYTES])
{
    char host[LIMITS_NAME_BYTES];
    char stamp[32];
    struct tm utc;
    time_t now = time(NULL);
    (void)gmtime_r(&now, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    survey_hostname(host);
    for (char *c = host; *c; c++) {
        if (*c == '/' || *c == ' ')
            *c = '_';
    }
    (void)snprintf(path, OUTDIR_PATH_BYTES, "plimsoll-%s-%s", host, stamp);
}

/* Somebody's files are neither replaced nor, when something fails, removed. */
static int outdir_refuse_taken(const struct outdir *o, int fd, struct err *e)
{
    struct stat st;
    for (unsigned i = 0; i < OUTDIR_FILES; i++) {
        if (!fstatat(fd, outdir_files[i].name, &st, AT_SYMLINK_NOFOLLOW))
            return err_set(e, ERR_USAGE, 0, "--out '%s' already holds a %s; name another folder",
                           o->path, outdir_files[i].name);
    }
    return 0;
}

int outdir_plan(const char *wanted, struct outdir *o, struct err *e)
{
    char parent[OUTDIR_PATH_BYTES];
    outdir_default(o->path);
    if (wanted && *wanted && strlen(wanted) >= sizeof o->path)
        return err_set(e, ERR_USAGE, ENAMETOOLONG, "--out");
    if (wanted && *wanted)
        (void)snprintf(o->path, sizeof o->path, "%s", wanted);

    AUTO_CLOSE int fd = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && outdir_refuse_taken(o, fd, e))
        return -1;
    if (fd < 0 && errno != ENOENT)
        return err_set(e, err_kind_of(errno), errno, "--out '%s'", o->path);
    (void)snprintf(parent, sizeof parent, "%s", o->path);
    const char *looked = fd >= 0 ? o->path : dirname(parent); // NOLINT(concurrency-mt-unsafe)
    if (access(looked, W_OK | X_OK))
        return err_set(e, err_kind_of(errno), errno,
                       "the report cannot be written to '%s'; name another folder with --out",
                       o->path);
    return 0;
}

static int outdir_one(int fd, const struct outdir_file *f, const struct report *r, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    const struct renderer *renderer = render_find(f->format);
    if (renderer->render(r, &text, e))
        return -1;
    return file_write_atomic_at(fd, f->name, buf_text(&text), text.size, e);
}

int outdir_write(const struct outdir *o, const struct report *r, struct err *e)
{
    bool made = mkdir(o->path, 0755) == 0;
    if (!made && errno != EEXIST)
        return err_set(e, err_kind_of(errno), errno, "make the folder '%s'", o->path);
    AUTO_CLOSE int fd = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open the folder '%s'", o->path);
    for (unsigned i = 0; i < OUTDIR_FILES; i++) {
        if (!outdir_one(fd, &outdir_files[i], r, e))
            continue;
        for (unsigned k = 0; k <= i; k++)
            (void)unlinkat(fd, outdir_files[k].name, 0);
        if (made)
            (void)rmdir(o->path);
        return err_wrap(e, "write the report to '%s'", o->path);
    }
    return 0;
}
