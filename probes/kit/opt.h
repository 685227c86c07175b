/*
 * opt: one typed table of options per command or probe. Parsing, range errors, help, man page and
 * the document's `parameters` all come from it.
 *
 *     static const struct opt opts[] = {
 *         OPT_BYTES(struct conf, record_bytes, .name = "record", .initial = "2300", .min = 1,
 *                   .max = 1 << 20, .help = "Bytes of one append."),
 *         OPT_END,
 *     };
 * A member of the wrong type does not compile. Text members point into argv or to the default.
 */
#ifndef PROBES_KIT_OPT_H
#define PROBES_KIT_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

enum opt_type {
    OPT_TYPE_END,
    OPT_TYPE_FLAG,     /* bool; on the command line it takes no value */
    OPT_TYPE_U64,      /* uint64_t */
    OPT_TYPE_BYTES,    /* uint64_t, "64 MiB" */
    OPT_TYPE_DURATION, /* uint64_t nanoseconds, "60s" */
    OPT_TYPE_TEXT,     /* const char * */
    OPT_TYPE_CHOICE,   /* const char *, one of choices */
    OPT_TYPE_LIST, /* struct opt_list; may be given again (max: how often, else OPT_LIST_USUAL); the
                      first replaces the default */
};

enum {
    OPT_LIST_MAX = 1000, /* LIMITS_PEERS is the longest that a table asks for */
    OPT_LIST_USUAL = 64, /* of a list without max, and of operands */
};

struct opt_list {
    const char *items[OPT_LIST_MAX];
    unsigned count;
};

struct opt_rest {
    struct opt_list operands; /* what is not an option */
    bool help;                /* --help was given */
};

struct opt {
    const char *name; /* "record": --record; JSON key "record" */
    char letter;      /* 0 if none */
    enum opt_type type;
    size_t offset;              /* into the config struct */
    const char *arg;            /* "BYTES"; NULL for a flag */
    const char *initial;        /* default, as a person would type it; NULL: off, 0, "", none */
    uint64_t min, max;          /* inclusive, base unit; max 0: no bound */
    const char *const *choices; /* NULL-terminated, CHOICE only */
    const char *help;           /* one sentence: what changes, and when to touch it */
};

#define OPT_AT(conf, member, kind)                                                                 \
    (offsetof(conf, member) + 0 * sizeof(char[_Generic(((conf *)0)->member, kind : 1)]))
#define OPT_FLAG(conf, member, ...)                                                                \
    {                                                                                              \
        .type = OPT_TYPE_FLAG, .offset = OPT_AT(conf, member, bool), __VA_ARGS__                   \
    }
#define OPT_U64(conf, member, ...)                                                                 \
    {                                                                                              \
        .type = OPT_TYPE_U64, .offset = OPT_AT(conf, member, uint64_t), .arg = "N", __VA_ARGS__    \
    }
#define OPT_BYTES(conf, member, ...)                                                               \
    {                                                                                              \
        .type = OPT_TYPE_BYTES, .offset = OPT_AT(conf, member, uint64_t), .arg = "BYTES",          \
        __VA_ARGS__                                                                                \
    }
#define OPT_DURATION(conf, member, ...)                                                            \
    {                                                                                              \
        .type = OPT_TYPE_DURATION, .offset = OPT_AT(conf, member, uint64_t), .arg = "TIME",        \
        __VA_ARGS__                                                                                \
    }
/* .arg is required for the three below. */
#define OPT_TEXT(conf, member, ...)                                                                \
    {                                                                                              \
        .type = OPT_TYPE_TEXT, .offset = OPT_AT(conf, member, const char *), __VA_ARGS__           \
    }
#define OPT_CHOICE(conf, member, ...)                                                              \
    {                                                                                              \
        .type = OPT_TYPE_CHOICE, .offset = OPT_AT(conf, member, const char *), __VA_ARGS__         \
    }
#define OPT_LIST(conf, member, ...)                                                                \
    {                                                                                              \
        .type = OPT_TYPE_LIST, .offset = OPT_AT(conf, member, struct opt_list), __VA_ARGS__        \
    }
#define OPT_END                                                                                    \
    {                                                                                              \
        .type = OPT_TYPE_END                                                                       \
    }

/* Fills conf (zeroed first) with every default. Fails only on a table that opt_check refuses. */
int opt_defaults(const struct opt *opts, void *conf, size_t conf_size, struct err *e);

/*
 * Scans argv[1..] (argv[0] is the command's name, for messages) with getopt_long, any order, "--"
 * ends options; long names are never abbreviated. Not thread-safe (getopt has globals). conf must
 * hold defaults. Operands go to *rest, in order. --help and -h set rest->help and stop. Errors are
 * ERR_USAGE: "vet: unknown option '--rol'; did you mean '--role'?", "vet: --budget: 2 s is below 5
 * s".
 */
int opt_parse(const struct opt *opts, void *conf, int argc, char **argv, struct opt_rest *rest,
              struct err *e);

/* One option by name, as for --set disk.wal.record=8000; a flag is yes or no. A list grows. */
int opt_set(const struct opt *opts, void *conf, const char *name, const char *text, struct err *e);

/* The resolved values in base units; new reference, NULL when out of memory. */
json_t *opt_parameters(const struct opt *opts, const void *conf);
/* Whether a table keeps the rules: names unique and well formed, defaults in range, help a
 * sentence. */
int opt_check(const struct opt *opts, struct err *e);
/*
 * The name in `names` (NULL-terminated) nearest to `word`, within 3 edits and half its letters, or
 * NULL: "did you mean".
 */
const char *opt_nearest(const char *word, const char *const *names);

#endif
