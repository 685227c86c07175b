#include "probes/kit/opt.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/node.h"
#include "probes/kit/units.h"

enum {
    OPT_ROWS_MAX = 64,
    OPT_EDITS_MAX = 3,
    OPT_WORD_MAX = 64,
    OPT_HELP_KEY = 1000
};

static void *opt_member(const struct opt *o, void *conf)
{
    return (char *)conf + o->offset;
}

static const struct opt *opt_find(const struct opt *opts, const char *name)
{
    for (const struct opt *o = opts; o && o->type != OPT_TYPE_END; o++) {
        if (strcmp(o->name, name) == 0)
            return o;
    }
    return NULL;
}

static int opt_out_of_range(const struct opt *o, uint64_t value, struct err *e)
{
    static const enum unit units[] = {
        [OPT_TYPE_U64] = UNIT_COUNT, [OPT_TYPE_BYTES] = UNIT_BYTES, [OPT_TYPE_DURATION] = UNIT_NS
    };

    bool below = value < o->min;
    uint64_t bound = below ? o->min : o->max;
    char a[UNITS_TEXT_BYTES];
    char b[UNITS_TEXT_BYTES];
    return err_set(e, ERR_USAGE, 0, "--%s: %s is %s %s", o->name,
                   units_format((double)value, units[o->type], a), below ? "below" : "above",
                   units_format((double)bound, units[o->type], b));
}

static int opt_parse_u64(const char *text, uint64_t *value, struct err *e)
{
    char *end = NULL;
    errno = 0;
    unsigned long long read = strtoull(text, &end, 10);
    if (errno || end == text || *end || !isdigit((unsigned char)*text))
        return err_set(e, ERR_USAGE, 0, "'%s' is not a whole number", text);
    *value = read;
    return 0;
}

static int opt_store_number(const struct opt *o, void *conf, const char *text, struct err *e)
{
    uint64_t value = 0;
    int failed = o->type == OPT_TYPE_U64     ? opt_parse_u64(text, &value, e)
                 : o->type == OPT_TYPE_BYTES ? units_parse_bytes(text, &value, e)
                                             : units_parse_ns(text, &value, e);
    if (failed)
        return err_wrap(e, "--%s", o->name);
    if (value < o->min || (o->max && value > o->max))
        return opt_out_of_range(o, value, e);
    memcpy(opt_member(o, conf), &value, sizeof value);
    return 0;
}

static int opt_store_choice(const struct opt *o, void *conf, const char *text, struct err *e)
{
    AUTO(buf) struct buf known = { 0 };
    for (unsigned i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            memcpy(opt_member(o, conf), &o->choices[i], sizeof text);
            return 0;
        }
        buf_addf(&known, "%s%s", i ? ", " : "", o->choices[i]);
    }
    return err_set(e, ERR_USAGE, 0, "--%s: unknown word '%s'; known are %s", o->name, text,
                   buf_text(&known));
}

static int opt_store_list(const struct opt *o, void *conf, const char *text, struct err *e)
{
    struct opt_list *list = opt_member(o, conf);
    if (list->count == OPT_LIST_MAX)
        return err_set(e, ERR_USAGE, 0, "--%s is given more than %d times", o->name, OPT_LIST_MAX);
    list->items[list->count++] = text;
    return 0;
}

static int opt_store(const struct opt *o, void *conf, const char *text, struct err *e)
{
    switch (o->type) {
    case OPT_TYPE_FLAG:
        *(bool *)opt_member(o, conf) = strcmp(text, "no") != 0;
        return 0;
    case OPT_TYPE_TEXT:
        memcpy(opt_member(o, conf), &text, sizeof text);
        return 0;
    case OPT_TYPE_CHOICE:
        return opt_store_choice(o, conf, text, e);
    case OPT_TYPE_LIST:
        return opt_store_list(o, conf, text, e);
    default:
        return opt_store_number(o, conf, text, e);
    }
}

int opt_defaults(const struct opt *opts, void *conf, size_t conf_size, struct err *e)
{
    static const char none[] = "";
    const char *empty = none;
    memset(conf, 0, conf_size);
    for (const struct opt *o = opts; o && o->type != OPT_TYPE_END; o++) {
        if (o->type == OPT_TYPE_TEXT && !o->initial)
            memcpy(opt_member(o, conf), &empty, sizeof empty);
        if (o->initial && opt_store(o, conf, o->initial, e))
            return err_wrap(e, "default");
    }
    return 0;
}

int opt_set(const struct opt *opts, void *conf, const char *name, const char *text, struct err *e)
{
    const char *names[OPT_ROWS_MAX + 1] = { 0 };
    const struct opt *o = opt_find(opts, name);
    if (o)
        return opt_store(o, conf, text, e);
    for (unsigned i = 0; i < OPT_ROWS_MAX && opts[i].type != OPT_TYPE_END; i++)
        names[i] = opts[i].name;
    const char *near = opt_nearest(name, names);
    return err_set(e, ERR_USAGE, 0, "unknown option '%s'%s%s%s", name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* Levenshtein distance of two short words. */
static unsigned opt_distance(const char *a, const char *b)
{
    unsigned row[OPT_WORD_MAX + 1];
    size_t n = strlen(b);
    if (n > OPT_WORD_MAX || strlen(a) > OPT_WORD_MAX)
        return UINT_MAX;
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            unsigned change = diagonal + (a[i - 1] != b[j - 1]);
            unsigned gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[n];
}

const char *opt_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    unsigned least = OPT_EDITS_MAX + 1;
    for (unsigned i = 0; names[i]; i++) {
        unsigned d = opt_distance(word, names[i]);
        if (d < least && d < strlen(word)) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

/* getopt_long's two tables, made from ours. */
struct opt_scan {
    struct option longs[OPT_ROWS_MAX + 2];
    char shorts[2 * OPT_ROWS_MAX + 4];
};

static void opt_scan_init(const struct opt *opts, struct opt_scan *s)
{
    unsigned n = 0;
    size_t at = 0;
    memset(s, 0, sizeof *s);
    s->shorts[at++] = ':';
    for (const struct opt *o = opts; o && o->type != OPT_TYPE_END && n < OPT_ROWS_MAX; o++, n++) {
        int has = o->type == OPT_TYPE_FLAG ? no_argument : required_argument;
        s->longs[n] = (struct option){ o->name, has, NULL, OPT_HELP_KEY + 1 + (int)n };
        if (o->letter) {
            s->shorts[at++] = o->letter;
            if (has == required_argument)
                s->shorts[at++] = ':';
        }
    }
    s->longs[n] = (struct option){ "help", no_argument, NULL, OPT_HELP_KEY };
    s->shorts[at] = 'h';
}

static int opt_unknown(const struct opt *opts, const char *command, const char *word, struct err *e)
{
    const char *names[OPT_ROWS_MAX + 2] = { "help" };
    char name[OPT_WORD_MAX];
    size_t n = strcspn(word + strspn(word, "-"), "=");
    if (word[0] != '-' || word[1] != '-' || n >= sizeof name)
        return err_set(e, ERR_USAGE, 0, "%s: unknown option '%s'", command, word);
    memcpy(name, word + 2, n);
    name[n] = '\0';
    for (unsigned i = 0; i < OPT_ROWS_MAX && opts && opts[i].type != OPT_TYPE_END; i++)
        names[i + 1] = opts[i].name;
    const char *near = opt_nearest(name, names);
    if (near)
        return err_set(e, ERR_USAGE, 0, "%s: unknown option '--%s'; did you mean '--%s'?", command,
                       name, near);
    return err_set(e, ERR_USAGE, 0, "%s: unknown option '--%s'; '%s --help' lists them", command,
                   name, command);
}

static const struct opt *opt_of_key(const struct opt *opts, int key)
{
    if (key > OPT_HELP_KEY)
        return &opts[key - OPT_HELP_KEY - 1];
    for (const struct opt *o = opts; o && o->type != OPT_TYPE_END; o++) {
        if (o->letter == key)
            return o;
    }
    return NULL;
}

/* getopt permutes argv: operands end up behind the options. */
static int opt_operands(int argc, char **argv, int from, struct opt_list *operands, struct err *e)
{
    for (int i = from; i < argc; i++) {
        if (operands->count == OPT_LIST_MAX)
            return err_set(e, ERR_USAGE, 0, "%s: more than %d operands", argv[0], OPT_LIST_MAX);
        operands->items[operands->count++] = argv[i];
    }
    return 0;
}

int opt_parse(const struct opt *opts, void *conf, int argc, char **argv, struct opt_rest *rest,
              struct err *e)
{
    struct opt_scan scan;
    opt_scan_init(opts, &scan);
    *rest = (struct opt_rest){ 0 };
    optind = 0; /* start afresh, as glibc wants it */
    opterr = 0;
    for (;;) {
        int key =
            getopt_long(argc, argv, scan.shorts, scan.longs, NULL); // NOLINT(concurrency-mt-unsafe)
        if (key == -1)
            return opt_operands(argc, argv, optind, &rest->operands, e);
        if (key == 'h' || key == OPT_HELP_KEY) {
            rest->help = true;
            return 0;
        }
        const char *word = argv[optind - 1];
        if (key == '?')
            return opt_unknown(opts, argv[0], word, e);
        if (key == ':')
            return err_set(e, ERR_USAGE, 0, "%s: option '%s' needs a value", argv[0], word);
        if (opt_store(opt_of_key(opts, key), conf, optarg ? optarg : "yes", e))
            return err_wrap(e, "%s", argv[0]);
    }
}

static json_t *opt_value(const struct opt *o, const void *conf)
{
    const void *at = (const char *)conf + o->offset;
    json_t *list = NULL;
    switch (o->type) {
    case OPT_TYPE_FLAG:
        return json_boolean(*(const bool *)at);
    case OPT_TYPE_TEXT:
    case OPT_TYPE_CHOICE:
        return node_new_text_or_null(*(const char *const *)at);
    case OPT_TYPE_LIST:
        list = json_array();
        for (unsigned i = 0; i < ((const struct opt_list *)at)->count; i++)
            (void)json_array_append_new(list,
                                        node_new_text(((const struct opt_list *)at)->items[i]));
        return list;
    default:
        return node_new_u64(*(const uint64_t *)at);
    }
}

json_t *opt_parameters(const struct opt *opts, const void *conf)
{
    json_t *all = json_object();
    for (const struct opt *o = opts; o && o->type != OPT_TYPE_END; o++) {
        if (json_object_set_new(all, o->name, opt_value(o, conf))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static int opt_check_row(const struct opt *opts, const struct opt *o, struct err *e)
{
    size_t n = strlen(o->help ? o->help : "");
    if (!o->name[0] || strspn(o->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(o->name))
        return err_set(e, ERR_DATA, 0, "option '%s': its name is not in lower case", o->name);
    if (opt_find(opts, o->name) != o || strcmp(o->name, "help") == 0)
        return err_set(e, ERR_DATA, 0, "option '%s': its name is taken", o->name);
    if (n < 2 || o->help[n - 1] != '.' || !isupper((unsigned char)o->help[0]))
        return err_set(e, ERR_DATA, 0, "option '%s': its help is not a sentence", o->name);
    if ((o->type == OPT_TYPE_FLAG) != !o->arg || (o->type == OPT_TYPE_CHOICE) != !!o->choices)
        return err_set(e, ERR_DATA, 0, "option '%s': argument and type do not fit", o->name);
    return 0;
}

int opt_check(const struct opt *opts, struct err *e)
{
    unsigned n = 0;
    for (const struct opt *o = opts; o && o->type != OPT_TYPE_END; o++) {
        if (opt_check_row(opts, o, e) || ++n > OPT_ROWS_MAX)
            return -1;
    }
    return 0;
}
