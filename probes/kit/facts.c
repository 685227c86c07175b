/*
 * facts: what is so about a host.
 */
#include "probes/kit/facts.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"

static const char blanks[] = " \t\n\v\f\r";

static void release_fact(struct fact *fact)
{
    free(fact->name);
    free(fact->text);
    free(fact->reason);
    *fact = (struct fact){ 0 };
}

static struct fact *find(const struct facts *f, const char *name)
{
    for (unsigned i = 0; i < f->count; i++) {
        if (strcmp(f->items[i].name, name) == 0) {
            return &f->items[i];
        }
    }
    return NULL;
}

/* Room for one more, or NULL. */
static struct fact *append(struct facts *f)
{
    if (f->count == LIMITS_FACTS) {
        return NULL;
    }
    if (f->count == f->room) {
        unsigned room = f->room ? 2 * f->room : 16;
        struct fact *items = reallocarray(f->items, room, sizeof(*items));
        if (!items) {
            return NULL;
        }
        f->items = items;
        f->room = room;
    }
    f->items[f->count] = (struct fact){ 0 };
    return &f->items[f->count++];
}

/* Copies *like; text and reason may be NULL. */
static int set(struct facts *f, const struct fact *like)
{
    struct fact copy = *like;
    copy.name = strdup(like->name);
    copy.text = like->text ? strdup(like->text) : NULL;
    copy.reason = like->reason ? strdup(like->reason) : NULL;
    struct fact *place = find(f, like->name);
    bool whole = copy.name && !copy.text == !like->text && !copy.reason == !like->reason;
    if (whole && !place) {
        place = append(f);
    }
    if (!whole || !place) {
        release_fact(&copy);
        return -1;
    }
    release_fact(place);
    *place = copy;
    return 0;
}

/* set() copies before it changes anything, so the borrowed strings stay as they are. */
static struct fact borrowed(const char *name, const char *text, const char *reason)
{
    union {
        const char *from;
        char *to;
    } n = { .from = name }, t = { .from = text }, r = { .from = reason };

    return (struct fact){ .name = n.to, .text = t.to, .reason = r.to };
}

int facts_set_text(struct facts *f, const char *name, const char *text, const char *reason)
{
    struct fact fact = borrowed(name, text ? text : "", reason);
    fact.kind = FACT_TEXT;
    return set(f, &fact);
}

int facts_set_number(struct facts *f, const char *name, double number, enum unit unit,
                     const char *reason)
{
    if (!isfinite(number)) {
        return facts_set_unknown(f, name, reason ? reason : "the number found is not finite");
    }
    struct fact fact = borrowed(name, NULL, reason);
    fact.kind = FACT_NUMBER;
    fact.number = number;
    fact.unit = unit;
    return set(f, &fact);
}

int facts_set_list(struct facts *f, const char *name, const char *words, const char *reason)
{
    const char *from = words ? words : "";
    AUTO_FREE char *joined = malloc(strlen(from) + 1);
    if (!joined) {
        return -1;
    }
    size_t used = 0;
    unsigned count = 0;
    for (from += strspn(from, blanks); *from; from += strspn(from, blanks)) {
        size_t length = strcspn(from, blanks);
        if (count++ > 0) {
            joined[used++] = ' ';
        }
        memcpy(joined + used, from, length);
        used += length;
        from += length;
    }
    joined[used] = '\0';
    struct fact fact = borrowed(name, joined, reason);
    fact.kind = FACT_LIST;
    return count <= LIMITS_LIST ? set(f, &fact) : -1;
}

int facts_set_unknown(struct facts *f, const char *name, const char *reason)
{
    struct fact fact = borrowed(name, NULL, reason && reason[0] ? reason : "no reason was given");
    fact.kind = FACT_UNKNOWN;
    return set(f, &fact);
}

int facts_absorb(struct facts *dst, const struct facts *src)
{
    for (unsigned i = 0; i < src->count; i++) {
        if (set(dst, &src->items[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

const struct fact *facts_find(const struct facts *f, const char *name)
{
    return find(f, name);
}

/* Whether one of the pieces of text, cut at `separator`, is the word. */
static bool has_piece(const char *text, char separator, const char *word, size_t length)
{
    while (*text) {
        size_t size = (size_t)(strchrnul(text, separator) - text);
        if (size > 0 && size == length && memcmp(text, word, length) == 0) {
            return true;
        }
        text += size + (text[size] != '\0');
    }
    return false;
}

int facts_holds(const struct fact *fact, const char *word)
{
    if (!fact || (fact->kind != FACT_TEXT && fact->kind != FACT_LIST)) {
        return 0;
    }
    if (fact->kind == FACT_TEXT) {
        return has_piece(word, '|', fact->text, strlen(fact->text));
    }
    size_t length = 0;
    for (const char *at = word; *at; at += length + (at[length] == '|')) {
        length = strcspn(at, "|");
        if (has_piece(fact->text, ' ', at, length)) {
            return 1;
        }
    }
    return 0;
}

void facts_show(const struct fact *fact, struct buf *out)
{
    char number[UNITS_TEXT_BYTES];
    switch (fact->kind) {
    case FACT_TEXT:
        buf_adds(out, fact->text);
        break;
    case FACT_LIST:
        buf_adds(out, fact->text[0] ? fact->text : "none");
        break;
    case FACT_NUMBER:
        buf_adds(out, units_format(fact->number, fact->unit, number));
        break;
    case FACT_UNKNOWN:
        buf_addf(out, "not known: %s", fact->reason);
        break;
    }
}

void facts_release(struct facts *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        release_fact(&f->items[i]);
    }
    free(f->items);
    *f = (struct facts){ 0 };
}

static json_t *list_to_json(const char *words)
{
    AUTO_FREE char *copy = strdup(words);
    json_t *array = copy ? json_array() : NULL;
    if (!array) {
        return NULL;
    }
    char *rest = NULL;
    for (char *word = copy; word[0]; word = rest) {
        rest = strchrnul(word, ' ');
        if (*rest) {
            *rest++ = '\0';
        }
        if (json_array_append_new(array, node_new_text(word)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *value_to_json(const struct fact *fact)
{
    switch (fact->kind) {
    case FACT_TEXT:
        return node_new_text(fact->text);
    case FACT_NUMBER:
        return node_new_number(fact->number);
    case FACT_LIST:
        return list_to_json(fact->text);
    case FACT_UNKNOWN:
        break;
    }
    return json_null();
}

static json_t *fact_to_json(const struct fact *fact)
{
    json_t *object = json_object();
    const char *unit = fact->kind == FACT_NUMBER ? units_name(fact->unit) : NULL;
    if (json_object_set_new(object, "value", value_to_json(fact)) != 0 ||
        json_object_set_new(object, "unit", node_new_text_or_null(unit)) != 0 ||
        json_object_set_new(object, "reason", node_new_text_or_null(fact->reason)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *facts_to_json(const struct facts *f)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < f->count; i++) {
        if (json_object_set_new(object, f->items[i].name, fact_to_json(&f->items[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* The words of an array, joined by blanks. */
static int words_of_json(const struct node *array, struct buf *words, struct err *e)
{
    size_t count = node_count(array);
    if (count > LIMITS_LIST) {
        return err_set(e, ERR_DATA, 0, "%s: %zu words, and at most %d are read", array->where,
                       count, LIMITS_LIST);
    }
    for (size_t i = 0; i < count; i++) {
        struct node item = node_item(array, i);
        const char *word = json_string_value(item.value);
        if (!word || !word[0] || strpbrk(word, blanks)) {
            return node_refuse(&item, "a word without blanks", e);
        }
        buf_addf(words, "%s%s", i ? " " : "", word);
    }
    return words->failed ? err_set(e, ERR_NO_RESOURCE, 0, "%s: out of memory", array->where) : 0;
}

static int value_of_json(const struct node *at, const char *name, struct facts *f, struct err *e)
{
    AUTO(buf) struct buf words = { 0 };
    struct node value = node_member(at, "value");
    const char *reason = NULL;
    int done = -1;
    if ((node_has(at, "reason") || !node_has(at, "value")) &&
        !(reason = node_text_ref(at, "reason", e))) {
        return -1;
    }
    if (!value.value || json_is_null(value.value)) {
        done = facts_set_unknown(f, name, reason);
    } else if (json_is_string(value.value)) {
        done = facts_set_text(f, name, json_string_value(value.value), reason);
    } else if (json_is_array(value.value)) {
        if (words_of_json(&value, &words, e) != 0) {
            return -1;
        }
        done = facts_set_list(f, name, buf_text(&words), reason);
    } else if (json_is_number(value.value)) {
        const char *unit_name = node_text_ref(at, "unit", e);
        enum unit unit = unit_name ? units_of_name(unit_name) : UNIT_KINDS;
        if (unit == UNIT_KINDS) {
            struct node unit_at = node_member(at, "unit");
            return node_refuse(&unit_at, "a unit", e);
        }
        done = facts_set_number(f, name, json_number_value(value.value), unit, reason);
    } else {
        return node_refuse(&value, "a string, a number, an array of words or null", e);
    }
    return done ? err_set(e, ERR_NO_RESOURCE, 0, "%s: out of memory", at->where) : 0;
}

int facts_of_json(const struct node *at, struct facts *f, struct err *e)
{
    if (!json_is_object(at->value)) {
        return node_refuse(at, "an object", e);
    }
    if (f->count + json_object_size(at->value) > LIMITS_FACTS) {
        return err_set(e, ERR_DATA, 0, "%s: more than %d facts", at->where, LIMITS_FACTS);
    }
    for (const char *name = node_first_key(at); name; name = node_next_key(at, name)) {
        struct node fact;
        if (!name[0] || strlen(name) >= LIMITS_NAME_BYTES) {
            return err_set(e, ERR_DATA, 0, "%s: the name of a fact has 1 to %d bytes", at->where,
                           LIMITS_NAME_BYTES - 1);
        }
        if (node_object(at, name, &fact, e) != 0 || value_of_json(&fact, name, f, e) != 0) {
            return -1;
        }
    }
    return 0;
}
