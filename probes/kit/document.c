/*
 * document: a whole run on disk, schema "plimsoll-result/1".
 */
#include "probes/kit/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/measurement.h"
#include "probes/kit/node.h"

enum {
    FIRST_ROOM = 16,
    CHUNK_BYTES = 65536,
    COUNTS_PER_PAGE = 4096 / sizeof(uint64_t)
};

static void release_json(json_t **root)
{
    json_decref(*root);
    *root = NULL;
}

#define AUTO_JSON __attribute__((cleanup(release_json)))

void document_release(struct document *d)
{
    for (unsigned i = 0; i < d->argc; i++) {
        free(d->argv[i]);
    }
    for (unsigned i = 0; i < d->measurement_count; i++) {
        result_release(&d->measurements[i]);
    }
    free(d->measurements);
    facts_release(&d->host);
    result_release(&d->witness);
    *d = (struct document){ 0 };
}

int document_take(struct document *d, struct result *r, struct err *e)
{
    if (d->measurement_count == LIMITS_RESULTS) {
        return err_set(e, ERR_DATA, 0, "%s: a document holds at most %d measurements", r->probe,
                       LIMITS_RESULTS);
    }
    if (d->measurement_count == d->measurement_room) {
        unsigned room = d->measurement_room ? 2 * d->measurement_room : FIRST_ROOM;
        struct result *measurements = reallocarray(d->measurements, room, sizeof(*measurements));
        if (!measurements) {
            return err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory to keep it", r->probe);
        }
        d->measurements = measurements;
        d->measurement_room = room;
    }
    d->measurements[d->measurement_count++] = *r;
    *r = (struct result){ 0 };
    return 0;
}

struct result *document_measurement(const struct document *d, const char *probe)
{
    for (unsigned i = 0; i < d->measurement_count; i++) {
        if (strcmp(d->measurements[i].probe, probe) == 0) {
            return &d->measurements[i];
        }
    }
    return NULL;
}

struct result *document_measurement_in(const struct document *d, const char *probe,
                                       const char *place)
{
    for (unsigned i = 0; i < d->measurement_count; i++) {
        struct result *r = &d->measurements[i];
        if (strcmp(r->probe, probe) == 0 && strcmp(r->place, place) == 0) {
            return r;
        }
    }
    return NULL;
}

struct result_metric *document_metric(const struct document *d, const char *id,
                                      const struct result **owner)
{
    const struct result *from = &d->witness;
    struct result_metric *found = NULL;
    for (unsigned i = 0; i < d->measurement_count && !found; i++) {
        from = &d->measurements[i];
        found = result_metric_find(from, id);
    }
    if (!found) {
        from = &d->witness;
        found = result_metric_find(from, id);
    }
    if (owner) {
        *owner = found ? from : NULL;
    }
    return found;
}

void document_fact_name(const struct document *d, const char *place, const char *fact,
                        char name[LIMITS_NAME_BYTES])
{
    bool further = place[0] && strcmp(place, d->places[0].name) != 0;
    (void)snprintf(name, LIMITS_NAME_BYTES, "%s%s%s", further ? place : "", further ? "." : "",
                   fact);
}

const struct fact *document_fact(const struct document *d, const struct result *r, const char *name)
{
    char full[LIMITS_NAME_BYTES];
    document_fact_name(d, r->place, name, full);
    return facts_find(&d->host, full);
}

/* ---- writing ---- */

static json_t *places_to_json(const struct document *d)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < d->place_count; i++) {
        json_t *object = json_object();
        int bad = json_object_set_new(object, "name", node_new_text(d->places[i].name));
        bad |= json_object_set_new(object, "dir", node_new_text(d->places[i].dir));
        bad |= json_array_append_new(array, object);
        if (bad) {
            release_json(&array);
            return NULL;
        }
    }
    return array;
}

static json_t *run_to_json(const struct document *d)
{
    json_t *object = json_object();
    json_t *argv = json_array();
    int bad = json_object_set_new(object, "id", node_new_text(d->id));
    bad |= json_object_set_new(object, "version", node_new_text(d->version));
    bad |= json_object_set_new(object, "started", node_new_text(d->started));
    bad |= json_object_set_new(object, "duration_ns", node_new_u64(d->duration_ns));
    bad |= json_object_set_new(object, "seed", node_new_u64(d->seed));
    bad |= json_object_set_new(object, "budget_ns", node_new_u64(d->budget_ns));
    for (unsigned i = 0; i < d->argc; i++) {
        bad |= json_array_append_new(argv, node_new_text(d->argv[i]));
    }
    bad |= json_object_set_new(object, "argv", argv);
    if (d->argv_cut > 0) {
        bad |= json_object_set_new(object, "argv_cut", node_new_u64(d->argv_cut));
    }
    bad |= json_object_set_new(object, "dir", node_new_text(d->dir));
    if (d->place_count > 0) {
        bad |= json_object_set_new(object, "places", places_to_json(d));
    }
    bad |= json_object_set_new(object, "interrupted", json_boolean(d->interrupted));
    bad |= json_object_set_new(object, "clock_cost_ns", node_new_u64(d->clock_cost_ns));
    if (d->uptime_ns > 0) {
        bad |= json_object_set_new(object, "uptime_ns", node_new_u64(d->uptime_ns));
    }
    if (bad) {
        release_json(&object);
    }
    return object;
}

static json_t *labels_to_json(const struct document *d)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < d->label_count; i++) {
        AUTO_JSON json_t *key = node_new_text(d->labels[i].key);
        json_t *value = node_new_text(d->labels[i].value);
        if (!key || json_object_set_new(object, json_string_value(key), value) != 0) {
            release_json(&object);
            return NULL;
        }
    }
    return object;
}

static json_t *measurements_to_json(const struct document *d, struct err *e)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < d->measurement_count; i++) {
        json_t *item = measurement_to_json(&d->measurements[i], FIGURE_DOCUMENT, e);
        if (json_array_append_new(array, item) != 0) {
            release_json(&array);
            return NULL;
        }
    }
    return array;
}

int document_write(const struct document *d, struct buf *out, struct err *e)
{
    AUTO_JSON json_t *root = json_object();
    (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory to write the document");
    json_t *witness =
        d->witness.probe[0] ? measurement_to_json(&d->witness, FIGURE_DOCUMENT, e) : json_null();
    int bad = json_object_set_new(root, "schema", json_string(DOCUMENT_SCHEMA));
    bad |= json_object_set_new(root, "run", run_to_json(d));
    bad |= json_object_set_new(root, "labels", labels_to_json(d));
    bad |= json_object_set_new(root, "host", facts_to_json(&d->host));
    bad |= json_object_set_new(root, "measurements", measurements_to_json(d, e));
    bad |= json_object_set_new(root, "witness", witness);
    if (bad) {
        return -1;
    }
    e->kind = ERR_NONE;
    return node_write(root, out, e);
}

int document_write_fragment(const struct result *r, struct buf *out, struct err *e)
{
    AUTO_JSON json_t *root = measurement_to_json(r, FIGURE_FRAGMENT, e);
    return root ? node_write(root, out, e) : -1;
}

/* ---- reading ---- */

static int argv_of_json(const struct node *at, struct document *d, struct err *e)
{
    struct node array;
    if (node_array(at, "argv", &array, e) != 0) {
        return -1;
    }
    if (node_count(&array) > DOCUMENT_ARGV_MAX) {
        return err_set(e, ERR_DATA, 0, "%s: %zu words, and at most %d are read", array.where,
                       node_count(&array), DOCUMENT_ARGV_MAX);
    }
    for (size_t i = 0; i < node_count(&array); i++) {
        struct node item = node_item(&array, i);
        const char *word = json_string_value(item.value);
        if (!word) {
            return node_refuse(&item, "a string", e);
        }
        d->argv[d->argc] = strdup(word);
        if (!d->argv[d->argc++]) {
            return err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory", item.where);
        }
    }
    return 0;
}

/* What only some documents have. */
static int u64_or_0_of_json(const struct node *at, const char *key, uint64_t *out, struct err *e)
{
    *out = 0;
    return node_has(at, key) ? node_u64(at, key, out, e) : 0;
}

static int places_of_json(const struct node *at, struct document *d, struct err *e)
{
    struct node array;
    if (!node_has(at, "places")) {
        return 0;
    }
    if (node_array(at, "places", &array, e) != 0) {
        return -1;
    }
    if (node_count(&array) > LIMITS_PLACES) {
        return err_set(e, ERR_DATA, 0, "%s: %zu places, and at most %d are read", array.where,
                       node_count(&array), LIMITS_PLACES);
    }
    for (; d->place_count < node_count(&array); d->place_count++) {
        struct node item = node_item(&array, d->place_count);
        struct document_place *place = &d->places[d->place_count];
        if (!json_is_object(item.value)) {
            return node_refuse(&item, "an object", e);
        }
        if (node_text(&item, "name", place->name, sizeof(place->name), e) != 0 ||
            node_text(&item, "dir", place->dir, sizeof(place->dir), e) != 0) {
            return -1;
        }
    }
    return 0;
}

static int run_of_json(const struct node *root, struct document *d, struct err *e)
{
    struct node at;
    if (node_object(root, "run", &at, e) != 0 || node_text(&at, "id", d->id, sizeof(d->id), e) ||
        node_text(&at, "version", d->version, sizeof(d->version), e) ||
        node_text(&at, "started", d->started, sizeof(d->started), e) ||
        node_text(&at, "dir", d->dir, sizeof(d->dir), e) ||
        node_u64(&at, "duration_ns", &d->duration_ns, e) || node_u64(&at, "seed", &d->seed, e) ||
        node_u64(&at, "budget_ns", &d->budget_ns, e) ||
        node_u64(&at, "clock_cost_ns", &d->clock_cost_ns, e) ||
        node_bool(&at, "interrupted", &d->interrupted, e)) {
        return -1;
    }
    return places_of_json(&at, d, e) || argv_of_json(&at, d, e) ||
                   u64_or_0_of_json(&at, "argv_cut", &d->argv_cut, e) ||
                   u64_or_0_of_json(&at, "uptime_ns", &d->uptime_ns, e)
               ? -1
               : 0;
}

static int labels_of_json(const struct node *root, struct document *d, struct err *e)
{
    struct node at;
    if (node_object(root, "labels", &at, e) != 0) {
        return -1;
    }
    for (const char *key = node_first_key(&at); key; key = node_next_key(&at, key)) {
        struct document_label *label = &d->labels[d->label_count];
        if (d->label_count == LIMITS_LABELS) {
            return err_set(e, ERR_DATA, 0, "%s: more than %d labels", at.where, LIMITS_LABELS);
        }
        if (strlen(key) >= sizeof(label->key)) {
            return err_set(e, ERR_DATA, 0, "%s: a key longer than %zu bytes", at.where,
                           sizeof(label->key) - 1);
        }
        memcpy(label->key, key, strlen(key) + 1);
        if (node_text(&at, key, label->value, sizeof(label->value), e) != 0) {
            return -1;
        }
        d->label_count++;
    }
    return 0;
}

/* Pages of memory in which a histogram has counts: the others are never touched. */
static unsigned pages_of(const struct hist *h)
{
    unsigned pages = 0;
    uint32_t counted = UINT32_MAX; /* the page counted last */
    for (uint32_t i = hist_first(h), last = hist_last(h); i <= last; i++) {
        if (hist_count(h, i) && i / COUNTS_PER_PAGE != counted) {
            counted = i / COUNTS_PER_PAGE;
            pages++;
        }
    }
    return pages;
}

static unsigned histogram_pages_of(const struct result *r)
{
    unsigned pages = 0;
    for (unsigned i = 0; i < r->metric_count; i++) {
        pages += pages_of(&r->metrics[i].total);
    }
    return pages;
}

static int measurements_of_json(const struct node *root, struct document *d, struct err *e)
{
    struct node array;
    unsigned pages = 0;
    if (node_array(root, "measurements", &array, e) != 0) {
        return -1;
    }
    for (size_t i = 0; i < node_count(&array); i++) {
        struct node item = node_item(&array, i);
        struct result r;
        if (measurement_of_json(&item, FIGURE_DOCUMENT, &r, e) != 0) {
            return -1;
        }
        pages += histogram_pages_of(&r);
        if (document_take(d, &r, e) != 0) {
            result_release(&r);
            return -1;
        }
        if (pages > LIMITS_HISTOGRAM_PAGES) {
            return err_set(e, ERR_DATA, 0, "%s: its histograms take more than %d MiB of memory",
                           array.where, LIMITS_HISTOGRAM_PAGES >> 8);
        }
    }
    return 0;
}

static int schema_of_json(const struct node *root, struct err *e)
{
    char schema[64];
    if (!json_is_object(root->value) || !node_has(root, "schema")) {
        return err_set(e, ERR_DATA, 0, "not a document of plimsoll: it names no schema");
    }
    if (node_text(root, "schema", schema, sizeof(schema), e) != 0) {
        return -1;
    }
    if (strcmp(schema, DOCUMENT_SCHEMA) != 0) {
        return err_set(e, ERR_DATA, 0, "its schema is '%s', and this plimsoll reads '%s'", schema,
                       DOCUMENT_SCHEMA);
    }
    return 0;
}

static int root_of_json(const struct node *root, struct document *d, struct err *e)
{
    struct node host;
    if (schema_of_json(root, e) != 0 || run_of_json(root, d, e) != 0 ||
        labels_of_json(root, d, e) != 0 || node_object(root, "host", &host, e) != 0 ||
        facts_of_json(&host, &d->host, e) != 0 || measurements_of_json(root, d, e) != 0) {
        return -1;
    }
    if (!node_has(root, "witness")) {
        return 0;
    }
    struct node witness = node_member(root, "witness");
    return measurement_of_json(&witness, FIGURE_DOCUMENT, &d->witness, e);
}

int document_read(const char *text, size_t size, const char *name, struct document *d,
                  struct err *e)
{
    *d = (struct document){ 0 };
    AUTO_JSON json_t *json = node_parse(text, size, name, e);
    struct node root = node_root(json);
    if (!json) {
        return -1;
    }
    if (root_of_json(&root, d, e) != 0) {
        document_release(d);
        return err_wrap(e, "%s", name);
    }
    return 0;
}

static int refuse_size(const char *name, struct err *e)
{
    return err_set(e, ERR_DATA, 0, "'%s' is larger than %d MiB, which no document is", name,
                   LIMITS_DOCUMENT_BYTES >> 20);
}

static int read_all(int fd, const char *name, struct buf *out, struct err *e)
{
    char chunk[CHUNK_BYTES];
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > LIMITS_DOCUMENT_BYTES) {
        return refuse_size(name, e);
    }
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_set(e, err_kind_of(errno), errno, "read '%s'", name);
        }
        if (n == 0) {
            break;
        }
        if (out->size + (size_t)n > LIMITS_DOCUMENT_BYTES) {
            return refuse_size(name, e);
        }
        buf_add(out, chunk, (size_t)n);
    }
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "no memory to read '%s'", name) : 0;
}

/*
 * Opened without blocking, so that a FIFO nobody writes to reads as empty; read blocking, so that
 * the output of a slow command can be read: plimsoll report <(ssh node cat result.json).
 */
static int open_for_reading(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return err_set(e, err_kind_of(errno), errno, "open '%s'", path);
    }
    (void)fcntl(fd, F_SETFL, 0);
    return fd;
}

int document_load(const char *path, struct document *d, struct err *e)
{
    AUTO(buf) struct buf text = { .cap = LIMITS_DOCUMENT_BYTES };
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    AUTO_CLOSE int fd = is_stdin ? -1 : open_for_reading(path, e);
    *d = (struct document){ 0 };
    if ((!is_stdin && fd < 0) || read_all(is_stdin ? STDIN_FILENO : fd, name, &text, e) != 0) {
        return -1;
    }
    return document_read(buf_text(&text), text.size, name, d, e);
}

int document_read_fragment(const char *text, size_t size, struct result *r, struct err *e)
{
    *r = (struct result){ 0 };
    AUTO_JSON json_t *json = node_parse(text, size, "fragment", e);
    struct node root = node_root(json);
    if (!json) {
        return -1;
    }
    if (measurement_of_json(&root, FIGURE_FRAGMENT, r, e) != 0) {
        return err_wrap(e, "fragment");
    }
    return 0;
}
