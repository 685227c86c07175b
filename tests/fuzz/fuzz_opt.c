/* opt_parse of any words, separated by NUL, against a table with every type; then opt_set. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/opt.h"
#include "probes/kit/optdoc.h"

enum {
    WORDS_MAX = 128,
    TEXT_BYTES = 4096
};

struct conf {
    bool strict;
    uint64_t count;
    uint64_t record_bytes;
    uint64_t budget_ns;
    const char *out;
    const char *format;
    struct opt_list roles;
};

static const char *const formats[] = { "text", "json", "html", NULL };

static const struct opt opts[] = {
    OPT_FLAG(struct conf, strict, .name = "strict", .letter = 's', .help = "Be strict."),
    OPT_U64(struct conf, count, .name = "count", .letter = 'n', .initial = "3", .min = 1, .max = 10,
            .help = "How many."),
    OPT_BYTES(struct conf, record_bytes, .name = "record", .initial = "2300", .min = 1,
              .max = 1 << 20, .help = "Bytes of one append."),
    OPT_DURATION(struct conf, budget_ns, .name = "budget", .initial = "60s", .min = 5000000000,
                 .help = "Time of all."),
    OPT_TEXT(struct conf, out, .name = "out", .letter = 'o', .arg = "DIR", .help = "Where to."),
    OPT_CHOICE(struct conf, format, .name = "format", .arg = "FORMAT", .initial = "text",
               .choices = formats, .help = "How to say it."),
    OPT_LIST(struct conf, roles, .name = "role", .letter = 'r', .arg = "ROLE", .initial = "any",
             .help = "A role."),
    OPT_END,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
    if (!held) {
        abort();
    }
}

static void check_conf(const struct conf *c)
{
    must(c->count >= 1 && c->count <= 10);
    must(c->record_bytes >= 1 && c->record_bytes <= 1 << 20);
    must(c->budget_ns >= 5000000000);
    must(c->out != NULL);
    must(c->format == formats[0] || c->format == formats[1] || c->format == formats[2]);
    must(c->roles.count <= OPT_LIST_MAX);
    json_t *all = opt_parameters(opts, c);
    must(all && json_object_size(all) == 7);
    json_decref(all);
}

/* The words in text, which ends with two NULs; behind "vet". */
static int split(char *text, size_t size, char **argv)
{
    static char command[] = "vet";
    int argc = 0;
    argv[argc++] = command;
    for (size_t at = 0; at < size && argc < WORDS_MAX; at += strlen(text + at) + 1) {
        argv[argc++] = text + at;
    }
    argv[argc] = NULL;
    return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_BYTES + 1] = { 0 };
    char *argv[WORDS_MAX + 1];
    struct conf conf;
    struct opt_rest rest;
    struct err e = { 0 };
    size = size < TEXT_BYTES ? size : TEXT_BYTES;
    memcpy(text, data, size);
    int argc = split(text, size, argv);
    must(opt_defaults(opts, &conf, sizeof(conf), &e) == 0);
    if (opt_parse(opts, &conf, argc, argv, &rest, &e)) {
        must(e.kind == ERR_USAGE && e.msg[0] != '\0');
    }
    check_conf(&conf);
    if (argc > 2 && opt_set(opts, &conf, argv[1], argv[2], &e)) {
        must(e.kind == ERR_USAGE);
    }
    check_conf(&conf);
    AUTO(buf) struct buf out = { 0 };
    optdoc_wrap(text, 8, &out);
    optdoc_escape(text, &out);
    must(!out.failed);
    return 0;
}
