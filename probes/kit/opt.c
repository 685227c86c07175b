#include "probes/kit/opt.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/node.h"
#include "probes/kit/units.h"

enum {
    OPT_ROWS_MAX = 64,
    OPT_EDITS_MAX = 3,
    OPT_WORD_MAX = 64,
    OPT_KEY_OPERAND = 1, /* getopt's own */
    OPT_KEY_HELP = 1000, /* above every letter */
    OPT_KEY_ROW = 1001,  /* of row 0 */
};

/* One value as its row's type has it. */
union opt_read {
    bool on;
    uint64_t number;
    const char *text;
};

static const struct opt *opt_next(const struct opt *o)
{
    return o && o->type != OPT_TYPE_END ? o : NULL;
}

static const struct opt *opt_find(const struct opt *opts, const char *name)
{
    for (const struct opt *o = opts; opt_next(o); o++) {
        if (strcmp(o->name, name) == 0) {
            return o;
        }
    }
    return NULL;
}

static int opt_read_flag(const struct opt *o, const char *text, bool *on, struct err *e)
{
    static const char *const words[] = { "no", "yes", "off", "on", "false", "true", "0", "1" };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], text) == 0) {
            *on = i % 2 == 1;
            return 0;
        }
    }
    return err_set(e, ERR_USAGE, 0, "--%s: '%s' is neither yes nor no", o->name, text);
}

static int opt_read_u64(const char *text, uint64_t *value, struct err *e)
{
    char *end = NULL;
    errno = 0;
    unsigned long long read = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || errno != 0 || *end != '\0') {
        return err_set(e, ERR_USAGE, 0, "'%s' is not a whole number; write it as in '4'", text);
    }
    *value = read;
    return 0;
}

/* Near the bound as typed: three digits would make "5.00 s is below 5 s" of it. */
static int opt_refuse_range(const struct opt *o, const char *typed, uint64_t value, struct err *e)
{
    enum unit unit = o->type == OPT_TYPE_BYTES      ? UNIT_BYTES
                     : o->type == OPT_TYPE_DURATION ? UNIT_NS
                                                    : UNIT_COUNT;
    bool below = value < o->min;
    uint64_t bound = below ? o->min : o->max;
    uint64_t apart = below ? bound - value : value - bound;
    char is[UNITS_TEXT_BYTES];
    char text[UNITS_TEXT_BYTES];
    (void)units_format((double)value, unit, is);
    return err_set(e, ERR_USAGE, 0, "--%s: %s is %s %s", o->name, apart < bound / 100 ? typed : is,
                   below ? "below" : "above", units_format((double)bound, unit, text));
}

static int opt_read_number(const struct opt *o, const char *text, uint64_t *value, struct err *e)
{
    int failed = o->type == OPT_TYPE_BYTES      ? units_parse_bytes(text, value, e)
                 : o->type == OPT_TYPE_DURATION ? units_parse_ns(text, value, e)
                                                : opt_read_u64(text, value, e);
    if (failed) {
        return err_wrap(e, "--%s", o->name);
    }
    if (*value < o->min || (o->max != 0 && *value > o->max)) {
        return opt_refuse_range(o, text, *value, e);
    }
    return 0;
}

static int opt_read_choice(const struct opt *o, const char *text, const char **chosen,
                           struct err *e)
{
    AUTO(buf) struct buf known = { 0 };
    for (unsigned i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            *chosen = o->choices[i];
            return 0;
        }
        buf_addf(&known, "%s%s", i > 0 ? ", " : "", o->choices[i]);
    }
    return err_set(e, ERR_USAGE, 0, "--%s: unknown word '%s'; known are %s", o->name, text,
                   buf_text(&known));
}

static int opt_read_value(const struct opt *o, const char *text, union opt_read *v, struct err *e)
{
    switch (o->type) {
    case OPT_TYPE_FLAG:
        return opt_read_flag(o, text, &v->on, e);
    case OPT_TYPE_TEXT:
    case OPT_TYPE_LIST:
        v->text = text;
        return 0;
    case OPT_TYPE_CHOICE:
        return opt_read_choice(o, text, &v->text, e);
    default:
        return opt_read_number(o, text, &v->number, e);
    }
}

static int opt_append(const struct opt *o, struct opt_list *list, const char *text, struct err *e)
{
    uint64_t wanted = o->max ? o->max : OPT_LIST_USUAL;
    uint64_t most = wanted < OPT_LIST_MAX ? wanted : OPT_LIST_MAX;
    if (list->count == most) {
        return err_set(e, ERR_USAGE, 0, "--%s is given more than %" PRIu64 " time%s", o->name, most,
                       most == 1 ? "" : "s");
    }
    list->items[list->count++] = text;
    return 0;
}

static int opt_store(const struct opt *o, void *conf, const char *text, struct err *e)
{
    void *at = (char *)conf + o->offset;
    union opt_read v = { 0 };
    if (opt_read_value(o, text, &v, e)) {
        return -1;
    }
    switch (o->type) {
    case OPT_TYPE_FLAG:
        *(bool *)at = v.on;
        return 0;
    case OPT_TYPE_TEXT:
    case OPT_TYPE_CHOICE:
        *(const char **)at = v.text;
        return 0;
    case OPT_TYPE_LIST:
        return opt_append(o, at, v.text, e);
    default:
        *(uint64_t *)at = v.number;
        return 0;
    }
}

int opt_defaults(const struct opt *opts, void *conf, size_t conf_size, struct err *e)
{
    memset(conf, 0, conf_size);
    for (const struct opt *o = opts; opt_next(o); o++) {
        const char *initial = o->type == OPT_TYPE_TEXT && !o->initial ? "" : o->initial;
        if (initial && opt_store(o, conf, initial, e)) {
            return err_wrap(e, "default");
        }
    }
    return 0;
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
    size_t half = strlen(word) / 2; /* beyond it a short word is near to everything */
    unsigned least = (half < OPT_EDITS_MAX ? (unsigned)half : OPT_EDITS_MAX) + 1;
    for (unsigned i = 0; names[i]; i++) {
        unsigned d = opt_distance(word, names[i]);
        if (d < least && d < strlen(word)) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

static const char *opt_nearest_row(const struct opt *opts, const char *word)
{
    const char *names[OPT_ROWS_MAX + 2] = { "help" };
    for (unsigned i = 0; i < OPT_ROWS_MAX && opts && opts[i].type != OPT_TYPE_END; i++) {
        names[i + 1] = opts[i].name;
    }
    return opt_nearest(word, names);
}

int opt_set(const struct opt *opts, void *conf, const char *name, const char *text, struct err *e)
{
    const struct opt *o = opt_find(opts, name);
    if (o) {
        return opt_store(o, conf, text, e);
    }
    const char *near = opt_nearest_row(opts, name);
    if (near && opt_find(opts, near)) {
        return err_set(e, ERR_USAGE, 0, "unknown option '%s'; did you mean '%s'?", name, near);
    }
    return err_set(e, ERR_USAGE, 0, "unknown option '%s'", name);
}

/* getopt_long's two tables, made from ours. */
struct opt_scan {
    struct option longs[OPT_ROWS_MAX + 2];
    char shorts[2 * OPT_ROWS_MAX + 4];
};

/* "-" hands out operands in their place, whatever POSIXLY_CORRECT says; ":" tells a missing value
 * from an unknown option. */
static void opt_scan_init(const struct opt *opts, struct opt_scan *s)
{
    unsigned n = 0;
    *s = (struct opt_scan){ .shorts = "-:h" };
    size_t at = strlen(s->shorts);
    for (const struct opt *o = opts; opt_next(o) && n < OPT_ROWS_MAX; o++, n++) {
        int has = o->type == OPT_TYPE_FLAG ? no_argument : required_argument;
        s->longs[n] = (struct option){ o->name, has, NULL, OPT_KEY_ROW + (int)n };
        if (o->letter) {
            s->shorts[at++] = o->letter;
        }
        if (o->letter && has == required_argument) {
            s->shorts[at++] = ':';
        }
    }
    s->longs[n] = (struct option){ "help", no_argument, NULL, OPT_KEY_HELP };
}

static const struct opt *opt_of_key(const struct opt *opts, int key)
{
    if (key >= OPT_KEY_ROW) {
        return &opts[key - OPT_KEY_ROW];
    }
    for (const struct opt *o = opts; opt_next(o); o++) {
        if (o->letter == key) {
            return o;
        }
    }
    return NULL;
}

/* The word that getopt_long has just taken an option from; its value may be the word after it. */
static const char *opt_word(char **argv)
{
    bool apart = optarg && optarg == argv[optind - 1];
    return argv[optind - (apart ? 2 : 1)];
}

/* Abbreviations are refused: what "--re" means would change with the next option. */
static bool opt_is_whole(const char *word, const char *name)
{
    size_t n = strcspn(word + 2, "=");
    return strlen(name) == n && strncmp(word + 2, name, n) == 0;
}

static int opt_refuse_word(const struct opt *opts, const char *command, const char *word,
                           struct err *e)
{
    char name[OPT_WORD_MAX] = { 0 };
    size_t n = strcspn(word + 2, "=");
    memcpy(name, word + 2, n < sizeof(name) ? n : sizeof(name) - 1);
    const char *near = opt_nearest_row(opts, name);
    if (near) {
        return err_set(e, ERR_USAGE, 0, "%s: unknown option '--%s'; did you mean '--%s'?", command,
                       name, near);
    }
    return err_set(e, ERR_USAGE, 0, "%s: unknown option '--%s'; '%s --help' lists them", command,
                   name, command);
}

/* getopt_long's '?' and ':'. optopt is the letter, the key of a long option that it knew, or 0. */
static int opt_refuse(const struct opt *opts, int answer, char **argv, struct err *e)
{
    const char *command = argv[0];
    const char *word = argv[optind - 1];
    const char *known = optopt >= OPT_KEY_ROW    ? opts[optopt - OPT_KEY_ROW].name
                        : optopt == OPT_KEY_HELP ? "help"
                                                 : NULL;
    if (optopt == 0 || (known && !opt_is_whole(word, known))) {
        return opt_refuse_word(opts, command, word, e);
    }
    if (known) {
        return err_set(e, ERR_USAGE, 0, "%s: option '--%s' %s", command, known,
                       answer == ':' ? "needs a value" : "takes no value");
    }
    if (answer == ':') {
        return err_set(e, ERR_USAGE, 0, "%s: option '-%c' needs a value", command, optopt);
    }
    return err_set(e, ERR_USAGE, 0, "%s: unknown option '-%c'; '%s --help' lists them", command,
                   isprint((unsigned char)optopt) ? optopt : '?', command);
}

static int opt_add_operand(struct opt_rest *rest, const char *command, const char *word,
                           struct err *e)
{
    if (rest->operands.count == OPT_LIST_USUAL) {
        return err_set(e, ERR_USAGE, 0, "%s: more than %d operands", command, OPT_LIST_USUAL);
    }
    rest->operands.items[rest->operands.count++] = word;
    return 0;
}

/* What is said replaces the default of a list; what is said again is added. */
static int opt_take(const struct opt *opts, void *conf, int key, bool *said, struct err *e)
{
    const struct opt *o = opt_of_key(opts, key);
    if (o->type == OPT_TYPE_LIST && !said[o - opts]) {
        ((struct opt_list *)(void *)((char *)conf + o->offset))->count = 0;
    }
    said[o - opts] = true;
    return opt_store(o, conf, o->type == OPT_TYPE_FLAG ? "yes" : optarg, e);
}

int opt_parse(const struct opt *opts, void *conf, int argc, char **argv, struct opt_rest *rest,
              struct err *e)
{
    struct opt_scan scan;
    bool said[OPT_ROWS_MAX] = { 0 };
    int failed = 0;
    opt_scan_init(opts, &scan);
    *rest = (struct opt_rest){ 0 };
    optind = 0; /* start afresh, as glibc wants it */
    while (!failed && !rest->help) {
        int row = 0;
        // getopt keeps its place in globals: NOLINTNEXTLINE(concurrency-mt-unsafe)
        int key = getopt_long(argc, argv, scan.shorts, scan.longs, &row);
        if (key == -1) {
            break;
        }
        if (key == '?' || key == ':') {
            return opt_refuse(opts, key, argv, e);
        }
        if (key >= OPT_KEY_HELP && !opt_is_whole(opt_word(argv), scan.longs[row].name)) {
            return opt_refuse_word(opts, argv[0], opt_word(argv), e);
        }
        rest->help = key == 'h' || key == OPT_KEY_HELP;
        if (key == OPT_KEY_OPERAND) {
            failed = opt_add_operand(rest, argv[0], optarg, e);
        } else if (!rest->help && opt_take(opts, conf, key, said, e)) {
            failed = err_wrap(e, "%s", argv[0]);
        }
    }
    for (int i = optind; !failed && !rest->help && i < argc; i++) {
        failed = opt_add_operand(rest, argv[0], argv[i], e);
    }
    return failed;
}

static json_t *opt_list_value(const struct opt_list *list)
{
    json_t *all = json_array();
    for (unsigned i = 0; i < list->count; i++) {
        if (json_array_append_new(all, node_new_text(list->items[i]))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static json_t *opt_value(const struct opt *o, const void *conf)
{
    const void *at = (const char *)conf + o->offset;
    switch (o->type) {
    case OPT_TYPE_FLAG:
        return json_boolean(*(const bool *)at);
    case OPT_TYPE_TEXT:
    case OPT_TYPE_CHOICE:
        return node_new_text_or_null(*(const char *const *)at);
    case OPT_TYPE_LIST:
        return opt_list_value(at);
    default:
        return node_new_u64(*(const uint64_t *)at);
    }
}

json_t *opt_parameters(const struct opt *opts, const void *conf)
{
    json_t *all = json_object();
    for (const struct opt *o = opts; opt_next(o); o++) {
        if (json_object_set_new(all, o->name, opt_value(o, conf))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static int opt_check_row(const struct opt *opts, const struct opt *o, struct err *e)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    union opt_read v = { 0 };
    size_t n = strlen(o->help ? o->help : "");
    if (!o->name[0] || o->name[0] == '-' || strspn(o->name, good) != strlen(o->name)) {
        return err_set(e, ERR_DATA, 0, "option '%s': its name is not in lower case", o->name);
    }
    if (opt_find(opts, o->name) != o || strcmp(o->name, "help") == 0) {
        return err_set(e, ERR_DATA, 0, "option '%s': its name is taken", o->name);
    }
    if (o->letter && (!isalnum((unsigned char)o->letter) || o->letter == 'h' ||
                      opt_of_key(opts, o->letter) != o)) {
        return err_set(e, ERR_DATA, 0, "option '%s': its letter is taken or none", o->name);
    }
    if (n < 2 || o->help[n - 1] != '.' || !isupper((unsigned char)o->help[0])) {
        return err_set(e, ERR_DATA, 0, "option '%s': its help is not a sentence", o->name);
    }
    if ((o->type == OPT_TYPE_FLAG) != !o->arg || (o->type == OPT_TYPE_CHOICE) != !!o->choices) {
        return err_set(e, ERR_DATA, 0, "option '%s': argument and type do not fit", o->name);
    }
    if (o->max != 0 && o->min > o->max) {
        return err_set(e, ERR_DATA, 0, "option '%s': its least is above its most", o->name);
    }
    return o->initial && opt_read_value(o, o->initial, &v, e) ? err_wrap(e, "default") : 0;
}

int opt_check(const struct opt *opts, struct err *e)
{
    unsigned n = 0;
    for (const struct opt *o = opts; opt_next(o); o++) {
        if (++n > OPT_ROWS_MAX) {
            return err_set(e, ERR_DATA, 0, "a table of more than %d options", OPT_ROWS_MAX);
        }
        if (opt_check_row(opts, o, e)) {
            return -1;
        }
    }
    return 0;
}
