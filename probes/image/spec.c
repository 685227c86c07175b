#include "probes/image/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct spec_word {
    const char *word;
    enum spec_kind kind;
    bool is_zstd;
};

static const struct spec_word spec_words[] = {
    {"small",           SPEC_SMALL,     false},
    { "reference",      SPEC_REFERENCE, false},
    { "small-zstd",     SPEC_SMALL,     true },
    { "reference-zstd", SPEC_REFERENCE, true },
};

#define SPEC_ALLOWED                                                                               \
    "small, reference, small-zstd and reference-zstd (each may be followed by :SEED, a number)"

static const struct spec_word *spec_word(const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof spec_words / sizeof *spec_words; i++) {
        if (strlen(spec_words[i].word) == size && memcmp(spec_words[i].word, text, size) == 0)
            return &spec_words[i];
    }
    return NULL;
}

static int spec_read_seed(const char *text, struct spec *s, struct err *e)
{
    char *end = NULL;
    errno = 0;
    s->seed = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0)
        return 0;
    return err_set(e, ERR_USAGE, 0,
                   "the seed '%s' of the image is no whole number below 2^64, as in small:7", text);
}

/* How much of the text is the path: up to an @ behind something that exists, else the first @. */
static size_t spec_path_size(const char *text)
{
    char path[PATH_MAX];
    size_t size = strlen(text);
    if (size >= sizeof path || access(text, F_OK) == 0)
        return size;
    for (const char *at = strchr(text, '@'); at; at = strchr(at + 1, '@')) {
        memcpy(path, text, (size_t)(at - text));
        path[at - text] = '\0';
        if (access(path, F_OK) == 0)
            return (size_t)(at - text);
    }
    return strcspn(text, "@");
}

/* A slash or a dot makes it a path in any case, and so does something of that name. */
static bool spec_is_path(const char *text, size_t size)
{
    char path[PATH_MAX];
    if (memchr(text, '/', size) || memchr(text, '.', size))
        return true;
    if (size == 0 || size >= sizeof path)
        return false;
    memcpy(path, text, size);
    path[size] = '\0';
    return access(path, F_OK) == 0;
}

static int spec_read_path(const char *text, struct spec *s, struct err *e)
{
    size_t size = spec_path_size(text);
    const char *name = text[size] ? text + size + 1 : "";
    if (!spec_is_path(text, size))
        return err_set(e, ERR_USAGE, 0,
                       "there is no image '%.64s': the program's own are " SPEC_ALLOWED
                       "; anything else is the path of an image layout or archive, written with "
                       "a slash (./DIR) when it looks like a word",
                       text);
    if (size >= sizeof s->path)
        return err_set(e, ERR_USAGE, ENAMETOOLONG, "the path of the image");
    if (text[size] && !name[0])
        return err_set(e, ERR_USAGE, 0, "the @ of '%.128s' is followed by no image name", text);
    if (strlen(name) >= sizeof s->name)
        return err_set(e, ERR_USAGE, 0, "the image name has %zu bytes, and at most %zu are allowed",
                       strlen(name), sizeof s->name - 1);
    s->kind = SPEC_PATH;
    memcpy(s->path, text, size);
    memcpy(s->name, name, strlen(name) + 1);
    return 0;
}

int spec_parse(const char *text, struct spec *s, struct err *e)
{
    *s = (struct spec){ .kind = SPEC_SMALL, .seed = SPEC_SEED };
    if (!text || !text[0])
        return 0;
    size_t size = strcspn(text, ":");
    const struct spec_word *word = spec_word(text, size);
    if (!word)
        return spec_read_path(text, s, e);
    s->kind = word->kind;
    s->is_zstd = word->is_zstd;
    return text[size] ? spec_read_seed(text + size + 1, s, e) : 0;
}
