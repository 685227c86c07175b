#include "bench/newest.h"

#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

static bool newest_is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

bool newest_document(const char *dir, char path[NEWEST_PATH_BYTES])
{
    char pattern[NEWEST_PATH_BYTES];
    struct timespec latest = { 0 };
    glob_t found;
    bool any = false;
    (void)snprintf(pattern, sizeof pattern, "%s/plimsoll-*/result.json", dir);
    if (glob(pattern, GLOB_NOSORT, NULL, &found)) // NOLINT(concurrency-mt-unsafe)
        return false;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat st;
        if (stat(found.gl_pathv[i], &st) || !S_ISREG(st.st_mode) ||
            (any && !newest_is_later(&st.st_mtim, &latest)))
            continue;
        any = true;
        latest = st.st_mtim;
        (void)snprintf(path, NEWEST_PATH_BYTES, "%s", found.gl_pathv[i]);
    }
    globfree(&found);
    return any;
}
