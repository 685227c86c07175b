/*
 * node: strict typed getters over jansson.
 */
#include "probes/kit/node.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"

enum {
    SHOWN_BYTES = 32, /* of a value that is not what it should be */
    REAL_DIGITS = 15  /* decimal digits that survive double -> text -> double (DBL_DIG) */
};

/* 2^53: up to here every whole double is exact. */
static const double whole_max = 9007199254740992.0;

/* What can be known of a text before it costs memory. */
struct tally {
    size_t depth, depth_max, values, line, control_line;
};

/* Whether the escape after a backslash stands for a control character: \n, \u001b, \u0085. */
static bool is_control_escape(const char *text, size_t left)
{
    if (left == 0) {
        return false;
    }
    if (text[0] != 'u') {
        return strchr("bfnrt", text[0]) != NULL && text[0] != '\0';
    }
    if (left < 5 || text[1] != '0' || text[2] != '0') {
        return false;
    }
    return strchr("0189", text[3]) != NULL || (text[3] == '7' && (text[4] | 0x20) == 'f');
}

/* U+0080 to U+009F are control characters as well. */
static bool is_control_byte(const char *text, size_t left)
{
    unsigned char byte = (unsigned char)text[0];
    if (byte == 0xc2 && left > 1) {
        return (unsigned char)text[1] < 0xa0;
    }
    return byte == 0x7f;
}

static size_t tally_string(const char *text, size_t size, size_t i, struct tally *s)
{
    for (; i < size && text[i] != '"'; i++) {
        bool escape = text[i] == '\\';
        if (escape ? is_control_escape(text + i + 1, size - i - 1)
                   : is_control_byte(text + i, size - i)) {
            s->control_line = s->control_line ? s->control_line : s->line;
        }
        i += escape;
    }
    return i;
}

static struct tally take_tally(const char *text, size_t size)
{
    struct tally s = { .line = 1, .values = 1 };
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '"':
            i = tally_string(text, size, i + 1, &s);
            break;
        case '\n':
            s.line++;
            break;
        case '[':
        case '{':
            s.values++;
            s.depth++;
            s.depth_max = s.depth > s.depth_max ? s.depth : s.depth_max;
            break;
        case ']':
        case '}':
            s.depth -= s.depth > 0;
            break;
        case ',':
        case ':':
            s.values++;
            break;
        default:
            break;
        }
    }
    return s;
}

/* What jansson quotes of the input must not play with a terminal either. */
static void scrub(char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte >= 0x7f) {
            *text = '?';
        }
    }
}

/* What can be refused before a value of it costs memory. */
static int node_weigh(const char *text, size_t size, const char *name, bool is_ours, struct err *e)
{
    if (size > LIMITS_DOCUMENT_BYTES) {
        return err_set(e, ERR_DATA, 0, "%s: %zu bytes, and at most %d are read", name, size,
                       LIMITS_DOCUMENT_BYTES);
    }
    if (size == 0) {
        return err_set(e, ERR_DATA, 0, "%s: it is empty", name);
    }
    struct tally s = take_tally(text, size);
    if (s.depth_max > LIMITS_JSON_DEPTH) {
        return err_set(e, ERR_DATA, 0, "%s: nested %zu deep, and at most %d levels are read", name,
                       s.depth_max, LIMITS_JSON_DEPTH);
    }
    if (s.values > LIMITS_JSON_VALUES) {
        return err_set(e, ERR_DATA, 0, "%s: %zu values, and at most %d are read", name, s.values,
                       LIMITS_JSON_VALUES);
    }
    if (is_ours && s.control_line) {
        return err_set(e, ERR_DATA, 0, "%s: line %zu: a control character in a string", name,
                       s.control_line);
    }
    return 0;
}

static json_t *node_load(const char *text, size_t size, const char *name, struct err *e)
{
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root) {
        scrub(error.text);
        (void)err_set(e, ERR_DATA, 0, "%s: line %d, column %d: not JSON: %s", name, error.line,
                      error.column, error.text);
    }
    return root;
}

json_t *node_parse(const char *text, size_t size, const char *name, struct err *e)
{
    return node_weigh(text, size, name, true, e) ? NULL : node_load(text, size, name, e);
}

json_t *node_parse_foreign(const char *text, size_t size, const char *name, struct err *e)
{
    return node_weigh(text, size, name, false, e) ? NULL : node_load(text, size, name, e);
}

struct node node_root(json_t *root)
{
    return (struct node){ .value = root };
}

static void where_append(struct node *n, const char *dot, const char *text)
{
    size_t used = strlen(n->where);
    (void)snprintf(n->where + used, sizeof(n->where) - used, "%s%s", used ? dot : "", text);
}

struct node node_member(const struct node *at, const char *key)
{
    struct node member = *at;
    member.value = json_object_get(at->value, key);
    where_append(&member, ".", key);
    return member;
}

const char *node_first_key(const struct node *object)
{
    return json_object_iter_key(json_object_iter(object->value));
}

const char *node_next_key(const struct node *object, const char *key)
{
    return json_object_iter_key(json_object_iter_next(object->value, json_object_key_to_iter(key)));
}

/* The value as a person would quote it. */
static void shown(const json_t *value, char text[SHOWN_BYTES])
{
    AUTO_FREE char *dump = NULL;
    const char *words = "nothing";
    if (json_is_object(value)) {
        words = "an object";
    } else if (json_is_array(value)) {
        words = "an array";
    } else if (value) {
        dump = json_dumps(value,
                          JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(REAL_DIGITS));
        words = dump ? dump : "a value";
    }
    bool fits = strlen(words) < SHOWN_BYTES;
    (void)snprintf(text, SHOWN_BYTES, "%.*s%s", SHOWN_BYTES - 4, words, fits ? "" : "...");
    if (fits) {
        (void)snprintf(text, SHOWN_BYTES, "%s", words);
    }
}

int node_refuse(const struct node *at, const char *wanted, struct err *e)
{
    char found[SHOWN_BYTES];
    shown(at->value, found);
    return err_set(e, ERR_DATA, 0, "%s: expected %s, found %s",
                   at->where[0] ? at->where : "the whole", wanted, found);
}

bool node_has(const struct node *at, const char *key)
{
    const json_t *value = json_object_get(at->value, key);
    return value && !json_is_null(value);
}

int node_object(const struct node *at, const char *key, struct node *out, struct err *e)
{
    *out = node_member(at, key);
    return json_is_object(out->value) ? 0 : node_refuse(out, "an object", e);
}

int node_array(const struct node *at, const char *key, struct node *out, struct err *e)
{
    *out = node_member(at, key);
    return json_is_array(out->value) ? 0 : node_refuse(out, "an array", e);
}

size_t node_count(const struct node *array)
{
    return json_array_size(array->value);
}

struct node node_item(const struct node *array, size_t index)
{
    struct node item = *array;
    char place[24];
    (void)snprintf(place, sizeof(place), "[%zu]", index);
    item.value = json_array_get(array->value, index);
    where_append(&item, "", place);
    return item;
}

int node_copy(const struct node *at, char *out, size_t size, struct err *e)
{
    if (!json_is_string(at->value)) {
        return node_refuse(at, "a string", e);
    }
    const char *text = json_string_value(at->value);
    size_t length = json_string_length(at->value);
    if (length >= size) {
        return err_set(e, ERR_DATA, 0, "%s: %zu bytes long, and at most %zu fit", at->where, length,
                       size - 1);
    }
    memcpy(out, text, length + 1);
    return 0;
}

int node_text(const struct node *at, const char *key, char *out, size_t size, struct err *e)
{
    struct node member = node_member(at, key);
    return node_copy(&member, out, size, e);
}

int node_text_or_empty(const struct node *at, const char *key, char *out, size_t size,
                       struct err *e)
{
    out[0] = '\0';
    return node_has(at, key) ? node_text(at, key, out, size, e) : 0;
}

const char *node_text_ref(const struct node *at, const char *key, struct err *e)
{
    struct node member = node_member(at, key);
    if (!json_is_string(member.value)) {
        (void)node_refuse(&member, "a string", e);
        return NULL;
    }
    return json_string_value(member.value);
}

int node_u64(const struct node *at, const char *key, uint64_t *out, struct err *e)
{
    struct node member = node_member(at, key);
    json_int_t value = json_integer_value(member.value);
    if (!json_is_integer(member.value) || value < 0) {
        return node_refuse(&member, "a whole number from 0", e);
    }
    *out = (uint64_t)value;
    return 0;
}

int node_number_or_nan(const struct node *at, const char *key, double *out, struct err *e)
{
    *out = NAN;
    if (!node_has(at, key)) {
        return 0;
    }
    struct node member = node_member(at, key);
    if (!json_is_number(member.value)) {
        return node_refuse(&member, "a number or null", e);
    }
    *out = json_number_value(member.value);
    return 0;
}

int node_bool(const struct node *at, const char *key, bool *out, struct err *e)
{
    struct node member = node_member(at, key);
    if (!json_is_boolean(member.value)) {
        return node_refuse(&member, "true or false", e);
    }
    *out = json_is_true(member.value);
    return 0;
}

json_t *node_new_number(double value)
{
    if (!isfinite(value)) {
        return json_null();
    }
    if (fabs(value) < whole_max && value == trunc(value)) {
        return json_integer((json_int_t)value);
    }
    return json_real(value);
}

json_t *node_new_u64(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* Bytes of the UTF-8 character at text, 0 when it is none, or a control character. */
static size_t character_bytes(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        return first >= 0x20 && first != 0x7f;
    }
    size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    json_t *character = json_stringn(text, strnlen(text, bytes));
    bool valid = character != NULL && !is_control_byte(text, bytes);
    json_decref(character);
    return valid ? bytes : 0;
}

json_t *node_new_text(const char *text)
{
    size_t size = strlen(text);
    AUTO_FREE char *clean = strdup(text);
    if (!clean) {
        return NULL;
    }
    for (size_t i = 0; i < size;) {
        size_t bytes = character_bytes(clean + i);
        if (bytes == 0) {
            clean[i] = '?';
        }
        i += bytes ? bytes : 1;
    }
    return json_stringn(clean, size);
}

json_t *node_new_text_or_null(const char *text)
{
    return text && text[0] ? node_new_text(text) : json_null();
}

static int dump_into(const char *bytes, size_t size, void *out)
{
    struct buf *b = out;
    buf_add(b, bytes, size);
    return b->failed ? -1 : 0;
}

int node_write(const json_t *root, struct buf *out, struct err *e)
{
    size_t flags = JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS);
    if (!root || json_dump_callback(root, dump_into, out, flags) != 0) {
        return err_set(e, ERR_NO_RESOURCE, 0, "writing JSON: out of memory, or over %zu bytes",
                       out->cap ? out->cap : (size_t)LIMITS_BUF_BYTES);
    }
    buf_add(out, "\n", 1);
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "writing JSON: out of memory") : 0;
}
