/*
 * measurement: one result as JSON, and back.
 */
#include "probes/kit/measurement.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The members of struct witnessed that are doubles, by name; later ones may be missing. */
static const struct {
    const char *name;
    size_t offset;
    bool optional;
} witnessed_members[] = {
    {"steal_ratio",                 offsetof(struct witnessed, steal_ratio),                false},
    { "steal_worst_cpu_ratio",      offsetof(struct witnessed, steal_worst_cpu_ratio),      false},
    { "cpu_pressure_ratio",         offsetof(struct witnessed, cpu_pressure_ratio),         false},
    { "io_pressure_ratio",          offsetof(struct witnessed, io_pressure_ratio),          false},
    { "memory_pressure_ratio",      offsetof(struct witnessed, memory_pressure_ratio),      false},
    { "throttled_ratio",            offsetof(struct witnessed, throttled_ratio),            false},
    { "clock_step_ns",              offsetof(struct witnessed, clock_step_ns),              false},
    { "stall_max_ns",               offsetof(struct witnessed, stall_max_ns),               false},
    { "cpu_pressure_full_ratio",    offsetof(struct witnessed, cpu_pressure_full_ratio),    true },
    { "io_pressure_full_ratio",     offsetof(struct witnessed, io_pressure_full_ratio),     true },
    { "memory_pressure_full_ratio", offsetof(struct witnessed, memory_pressure_full_ratio), true },
    { "others_cpu_ratio",           offsetof(struct witnessed, others_cpu_ratio),           true },
    { "others_io_bytes_per_s",      offsetof(struct witnessed, others_io_bytes_per_s),      true },
    { "largest_other_cpu_ratio",    offsetof(struct witnessed, largest_other_cpu_ratio),    true },
};

enum {
    WITNESSED_MEMBERS = sizeof(witnessed_members) / sizeof(witnessed_members[0])
};

static json_t *witnessed_to_json(const struct witnessed *w)
{
    json_t *object = json_object();
    for (size_t i = 0; i < WITNESSED_MEMBERS; i++) {
        double value;
        memcpy(&value, (const char *)w + witnessed_members[i].offset, sizeof(value));
        if (witnessed_members[i].optional && isnan(value))
            continue;
        if (json_object_set_new(object, witnessed_members[i].name, node_new_number(value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    if (w->largest_other[0] &&
        json_object_set_new(object, "largest_other", node_new_text(w->largest_other)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static int witnessed_of_json(const struct node *at, struct witnessed *w, struct err *e)
{
    for (size_t i = 0; i < WITNESSED_MEMBERS; i++) {
        double value = NAN;
        bool missing =
            witnessed_members[i].optional && !json_object_get(at->value, witnessed_members[i].name);
        if (!missing && node_number_or_nan(at, witnessed_members[i].name, &value, e) != 0)
            return -1;
        memcpy((char *)w + witnessed_members[i].offset, &value, sizeof(value));
    }
    return node_text_or_empty(at, "largest_other", w->largest_other, sizeof w->largest_other, e);
}

static json_t *metrics_to_json(const struct result *r, enum figure_form form, struct err *e)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < r->metric_count; i++) {
        if (json_array_append_new(array, figure_to_json(&r->metrics[i], form, e)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *event_to_json(const struct result_event *event)
{
    json_t *object = json_object();
    int bad = json_object_set_new(object, "at_ns", node_new_u64(event->at_ns));
    bad |= json_object_set_new(object, "duration_ns", node_new_u64(event->duration_ns));
    bad |= json_object_set_new(object, "what", node_new_text(event->what));
    if (event->cpu >= 0) {
        bad |= json_object_set_new(object, "cpu", json_integer(event->cpu));
    }
    if (event->cause[0]) {
        bad |= json_object_set_new(object, "cause", node_new_text(event->cause));
    }
    if (bad) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *events_to_json(const struct result *r)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < r->event_count; i++) {
        if (json_array_append_new(array, event_to_json(&r->events[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *notes_to_json(const struct result *r)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < r->note_count; i++) {
        if (json_array_append_new(array, node_new_text(r->notes[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *measurement_to_json(const struct result *r, enum figure_form form, struct err *e)
{
    json_t *object = json_object();
    json_t *parameters = r->parameters ? json_incref(r->parameters) : json_object();
    bool unexplained = r->status != STATUS_MEASURED && !r->reason[0];
    const char *reason = unexplained ? "no reason was given" : r->reason;
    (void)err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory to write it", r->probe);
    int bad = json_object_set_new(object, "probe", node_new_text(r->probe));
    bad |= json_object_set_new(object, "title", node_new_text(r->title));
    if (r->place[0]) {
        bad |= json_object_set_new(object, "place", node_new_text(r->place));
    }
    if (r->peer[0]) {
        bad |= json_object_set_new(object, "peer", node_new_text(r->peer));
    }
    bad |= json_object_set_new(object, "status", node_new_text(status_name(r->status)));
    bad |= json_object_set_new(object, "reason", node_new_text_or_null(reason));
    bad |= json_object_set_new(object, "parameters", parameters);
    bad |= json_object_set_new(object, "seed", node_new_u64(r->seed));
    bad |= json_object_set_new(object, "started_ns", node_new_u64(r->started_ns));
    bad |= json_object_set_new(object, "duration_ns", node_new_u64(r->duration_ns));
    bad |= json_object_set_new(object, "rounds", node_new_u64(r->rounds));
    bad |= json_object_set_new(object, "written_bytes", node_new_u64(r->written_bytes));
    bad |= json_object_set_new(object, "metrics", metrics_to_json(r, form, e));
    bad |= json_object_set_new(object, "events", events_to_json(r));
    if (r->events_dropped > 0) {
        bad |= json_object_set_new(object, "events_dropped", node_new_u64(r->events_dropped));
    }
    bad |= json_object_set_new(object, "notes", notes_to_json(r));
    bad |= json_object_set_new(object, "witnessed", witnessed_to_json(&r->witnessed));
    if (form == FIGURE_FRAGMENT) {
        bad |= json_object_set_new(object, "facts", facts_to_json(&r->facts));
    }
    if (bad) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static int status_of_json(const struct node *at, struct result *r, struct err *e)
{
    const char *name = node_text_ref(at, "status", e);
    if (!name) {
        return -1;
    }
    int status = status_of_name(name);
    if (status < 0) {
        struct node member = node_member(at, "status");
        return node_refuse(&member, "measured, skipped, failed or untrusted", e);
    }
    r->status = (enum status)status;
    if (r->status != STATUS_MEASURED) {
        return node_text(at, "reason", r->reason, sizeof(r->reason), e);
    }
    return node_text_or_empty(at, "reason", r->reason, sizeof(r->reason), e);
}

static int parameters_of_json(const struct node *at, struct result *r, struct err *e)
{
    struct node parameters;
    if (!node_has(at, "parameters")) {
        return 0;
    }
    if (node_object(at, "parameters", &parameters, e) != 0) {
        return -1;
    }
    r->parameters = json_incref(parameters.value);
    return 0;
}

static int scalars_of_json(const struct node *at, struct result *r, struct err *e)
{
    uint64_t rounds = 0;
    if (node_text(at, "probe", r->probe, sizeof(r->probe), e) != 0 ||
        node_text(at, "title", r->title, sizeof(r->title), e) != 0 ||
        node_text_or_empty(at, "place", r->place, sizeof(r->place), e) != 0 ||
        node_text_or_empty(at, "peer", r->peer, sizeof(r->peer), e) != 0 ||
        status_of_json(at, r, e) != 0 || parameters_of_json(at, r, e) != 0 ||
        node_u64(at, "seed", &r->seed, e) != 0 ||
        node_u64(at, "started_ns", &r->started_ns, e) != 0 ||
        node_u64(at, "duration_ns", &r->duration_ns, e) != 0 ||
        node_u64(at, "rounds", &rounds, e) != 0 ||
        node_u64(at, "written_bytes", &r->written_bytes, e) != 0) {
        return -1;
    }
    if (!r->probe[0]) {
        struct node member = node_member(at, "probe");
        return node_refuse(&member, "a name", e);
    }
    r->rounds = rounds < UINT32_MAX ? (unsigned)rounds : UINT32_MAX;
    return 0;
}

/* An array of at most `limit` elements. */
static int list_of_json(const struct node *at, const char *key, size_t limit, struct node *array,
                        struct err *e)
{
    if (node_array(at, key, array, e) != 0) {
        return -1;
    }
    if (node_count(array) > limit) {
        return err_set(e, ERR_DATA, 0, "%s: %zu elements, and at most %zu are read", array->where,
                       node_count(array), limit);
    }
    return 0;
}

static int metrics_of_json(const struct node *at, enum figure_form form, struct result *r,
                           struct err *e)
{
    struct node array;
    if (list_of_json(at, "metrics", LIMITS_METRICS, &array, e) != 0) {
        return -1;
    }
    size_t count = node_count(&array);
    r->metrics = calloc(count + 1, sizeof(*r->metrics));
    if (!r->metrics) {
        return err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory", array.where);
    }
    for (size_t i = 0; i < count; i++) {
        struct node item = node_item(&array, i);
        struct result_metric *m = &r->metrics[i];
        int failed = figure_of_json(&item, form, m, e);
        bool known = !failed && result_metric_find(r, m->id) != NULL;
        r->metric_count++; /* counted also when half read, so that it is released */
        if (known) {
            return err_set(e, ERR_DATA, 0, "%s.id: '%s' is there twice", item.where, m->id);
        }
        if (failed) {
            return -1;
        }
    }
    return 0;
}

/* Documents from before there were any have neither a CPU nor a cause. */
static int event_of_json(const struct node *item, struct result_event *event, struct err *e)
{
    uint64_t cpu = 0;
    if (!json_is_object(item->value)) {
        return node_refuse(item, "an object", e);
    }
    if (node_u64(item, "at_ns", &event->at_ns, e) != 0 ||
        node_u64(item, "duration_ns", &event->duration_ns, e) != 0 ||
        node_text(item, "what", event->what, sizeof(event->what), e) != 0 ||
        node_text_or_empty(item, "cause", event->cause, sizeof(event->cause), e) != 0 ||
        (node_has(item, "cpu") && node_u64(item, "cpu", &cpu, e) != 0)) {
        return -1;
    }
    if (cpu > INT32_MAX) {
        struct node member = node_member(item, "cpu");
        return node_refuse(&member, "the number of a CPU", e);
    }
    event->cpu = node_has(item, "cpu") ? (int32_t)cpu : -1;
    return 0;
}

static int events_of_json(const struct node *at, struct result *r, struct err *e)
{
    struct node array;
    if (list_of_json(at, "events", LIMITS_EVENTS, &array, e) != 0) {
        return -1;
    }
    for (size_t i = 0; i < node_count(&array); i++) {
        struct node item = node_item(&array, i);
        struct result_event event = { 0 };
        if (event_of_json(&item, &event, e) != 0) {
            return -1;
        }
        result_event_full(r, &event);
    }
    return node_has(at, "events_dropped") ? node_u64(at, "events_dropped", &r->events_dropped, e)
                                          : 0;
}

static int notes_of_json(const struct node *at, struct result *r, struct err *e)
{
    struct node array;
    if (list_of_json(at, "notes", LIMITS_NOTES, &array, e) != 0) {
        return -1;
    }
    while (r->note_count < node_count(&array)) {
        struct node item = node_item(&array, r->note_count);
        if (node_copy(&item, r->notes[r->note_count++], LIMITS_TEXT_BYTES, e) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_into(const struct node *at, enum figure_form form, struct result *r, struct err *e)
{
    struct node witnessed;
    struct node facts;
    if (!json_is_object(at->value)) {
        return node_refuse(at, "an object", e);
    }
    if (scalars_of_json(at, r, e) != 0 || metrics_of_json(at, form, r, e) != 0 ||
        events_of_json(at, r, e) != 0 || notes_of_json(at, r, e) != 0 ||
        node_object(at, "witnessed", &witnessed, e) != 0 ||
        witnessed_of_json(&witnessed, &r->witnessed, e) != 0) {
        return -1;
    }
    if (form == FIGURE_DOCUMENT) {
        return 0;
    }
    return node_object(at, "facts", &facts, e) || facts_of_json(&facts, &r->facts, e) ? -1 : 0;
}

int measurement_of_json(const struct node *at, enum figure_form form, struct result *r,
                        struct err *e)
{
    *r = (struct result){ 0 };
    if (read_into(at, form, r, e) != 0) {
        result_release(r);
        return -1;
    }
    return 0;
}
