#include "probes/image/runtime.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/image/filter.h"
#include "probes/image/yardstick.h"
#include "probes/kit/clk.h"

#define RUNTIME_ASK_NS (2 * (uint64_t)CLK_NS_PER_S) /* it answers within 0.1 s */

enum {
    RUNTIME_SAID_BYTES = 256,
    /* SOURCE: containerd's release branches: what is newest as this is written. */
    RUNTIME_NEWEST_MAJOR = 2,
    RUNTIME_NEWEST_MINOR = 3,
    RUNTIME_IGZIP_MAJOR = 2 /* SOURCE: containerd v2.0.0, "Use Intel ISA-L's igzip" */
};

const char *runtime_decoder_name(enum runtime_decoder decoder)
{
    static const char *const names[RUNTIME_DECODERS] = {
        [RUNTIME_IGZIP] = "igzip",
        [RUNTIME_UNPIGZ] = "unpigz",
        [RUNTIME_OWN] = "its own",
    };
    return names[decoder];
}

struct runtime_environment runtime_environment(void)
{
    return (struct runtime_environment){
        .path = getenv("PATH"), // NOLINT(concurrency-mt-unsafe): nobody changes it here
        .disable_igzip = getenv("CONTAINERD_DISABLE_IGZIP"), // NOLINT(concurrency-mt-unsafe)
        .disable_pigz = getenv("CONTAINERD_DISABLE_PIGZ"),   // NOLINT(concurrency-mt-unsafe)
    };
}

/* SOURCE: Go strconv.ParseBool; what it does not know is no. */
static bool runtime_is_true(const char *text)
{
    static const char *const words[] = { "1", "t", "T", "true", "TRUE", "True" };
    for (size_t i = 0; text && i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

/* SOURCE: Go os/exec LookPath: the first that may be executed; none of a relative directory. */
static bool runtime_look(const char *path, const char *name, char found[PATH_MAX])
{
    while (path && *path) {
        size_t size = strcspn(path, ":");
        struct stat st;
        int n = snprintf(found, PATH_MAX, "%.*s/%s", (int)size, path, name);
        if (path[0] == '/' && n > 0 && n < PATH_MAX && stat(found, &st) == 0 &&
            S_ISREG(st.st_mode) && access(found, X_OK) == 0)
            return true;
        path += size + (path[size] == ':');
    }
    found[0] = '\0';
    return false;
}

void runtime_choose(const struct runtime_environment *env, struct runtime *r)
{
    r->decoder = RUNTIME_OWN;
    if (r->major >= RUNTIME_IGZIP_MAJOR && !runtime_is_true(env->disable_igzip) &&
        runtime_look(env->path, "igzip", r->program))
        r->decoder = RUNTIME_IGZIP;
    else if (!runtime_is_true(env->disable_pigz) && runtime_look(env->path, "unpigz", r->program))
        r->decoder = RUNTIME_UNPIGZ;
    if (r->decoder == RUNTIME_OWN)
        r->program[0] = '\0';
    r->costs = costs_of(r->major, r->minor);
}

/* A number and the dot behind it; NULL where there is none. */
static const char *runtime_number(const char *text, unsigned *number)
{
    char *end = NULL;
    unsigned long value = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    *number = (unsigned)value;
    return end && *end == '.' && value < 1000 ? end + 1 : NULL;
}

int runtime_parse(const char *said, struct runtime *r)
{
    unsigned major = 0;
    unsigned minor = 0;
    const char *word = strchr(said, ' ');
    word = word ? strchr(word + 1, ' ') : NULL;
    if (!word || strncmp(said, "containerd ", sizeof "containerd " - 1) != 0)
        return -1;
    word++;
    const char *rest = runtime_number(word + (*word == 'v'), &major);
    if (!rest || !runtime_number(rest, &minor))
        return -1;
    (void)snprintf(r->version, sizeof r->version, "%.*s", (int)strcspn(word, " \n"), word);
    r->major = major;
    r->minor = minor;
    return 0;
}

/* What it prints for --version; "" when nothing within the time. */
static void runtime_ask(const char *program, char said[RUNTIME_SAID_BYTES])
{
    const char *const argv[] = { program, "--version", NULL };
    const struct stream_source none = { .fd = -1 };
    uint64_t until_ns = clk_now_ns() + RUNTIME_ASK_NS;
    struct filter f;
    struct err ignored;
    size_t size = 0;
    size_t got = 0;
    if (filter_open(&f, &ignored) == 0 && filter_start(&f, argv, &none, &ignored) == 0) {
        while (size < RUNTIME_SAID_BYTES - 1 && filter_wait(&f, until_ns) &&
               filter_read(&f, (uint8_t *)said + size, RUNTIME_SAID_BYTES - 1 - size, &got,
                           &ignored) == 0 &&
               got > 0)
            size += got;
    }
    said[size] = '\0';
    filter_release(&f);
}

int runtime_find(const struct runtime_environment *env, struct runtime *r, struct err *e)
{
    char program[PATH_MAX];
    char said[RUNTIME_SAID_BYTES];
    *r = (struct runtime){ .major = RUNTIME_NEWEST_MAJOR, .minor = RUNTIME_NEWEST_MINOR };
    r->is_installed = runtime_look(env->path, "containerd", program);
    if (r->is_installed) {
        runtime_ask(program, said);
        (void)runtime_parse(said, r);
    }
    runtime_choose(env, r);
    cpu_set_t cpus;
    r->cpus = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
    return yardstick_kib_ns(&r->kib_ns, e);
}
