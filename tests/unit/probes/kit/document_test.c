#include "probes/kit/document.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "probes/kit/hdr.h"
#include "probes/kit/prng.h"

static const struct metric metrics[] = {
    {.id = "disk.wal",       .unit = UNIT_NS,    .kind = METRIC_HIST,     .show = "p50 p99 max"},
    { .id = "disk.wal.rate", .unit = UNIT_PER_S, .better = METRIC_HIGHER, .kind = METRIC_MEAN  },
    METRIC_END,
};

static uint64_t seed(void)
{
    const char *text = getenv("PLIMSOLL_SEED");
    uint64_t value = text ? strtoull(text, NULL, 0) : 42;
    print_message("PLIMSOLL_SEED=%llu\n", (unsigned long long)value);
    return value;
}

/* One second of appends, `count` of them, one above what a histogram holds when `clamped`. */
static void set_text(char *to, const char *from)
{
    memcpy(to, from, strlen(from) + 1);
}

static void add_second(struct result *r, struct prng *p, uint64_t count, bool clamped)
{
    struct err e;
    AUTO(hist) struct hist h = { 0 };
    assert_int_equal(hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    for (uint64_t i = 0; i < count; i++) {
        hist_record(&h, 100000 + prng_below(p, 1000000));
    }
    if (clamped) {
        hist_record(&h, UINT64_C(3) << HIST_TEN_MINUTES_BITS);
    }
    struct result_block b = { .at_ns = r->metrics[0].block_count * 1000000000ULL,
                              .observed_ns = 1000000000,
                              .hist = h };
    assert_int_equal(result_add_block(&r->metrics[0], &b, &e), 0);
    b.value = (double)count + prng_unit(p);
    assert_int_equal(result_add_block(&r->metrics[1], &b, &e), 0);
}

static void make_result(struct result *r, const char *probe, struct prng *p)
{
    struct err e;
    assert_int_equal(result_open(r, probe, "Durable append latency", metrics, &e), 0);
    r->seed = 7;
    r->started_ns = 1234567890123;
    r->duration_ns = 3000000000;
    r->written_bytes = 64 << 20;
    r->parameters =
        json_pack("{s:i,s:s,s:[s,s]}", "record", 2300, "engine", "io_uring", "list", "a", "b");
    for (unsigned i = 0; i < 5; i++) {
        add_second(r, p, 100 + 10 * i, i == 3);
    }
    result_event(r, 17, 212000000, "fdatasync 212 ms");
    result_note(r, "Engine: io_uring, since it works here.");
    r->witnessed.steal_ratio = 0.0125;
    r->witnessed.stall_max_ns = 4321;
    r->witnessed.others_cpu_ratio = 0.25;
    r->witnessed.io_pressure_full_ratio = 0;
    r->witnessed.largest_other_cpu_ratio = 0.875;
    set_text(r->witnessed.largest_other, "dockerd");
    assert_int_equal(result_summarise(r, &e), 0);
}

static void make_document(struct document *d, struct prng *p)
{
    struct err e;
    struct result r = { 0 };
    *d = (struct document){ .duration_ns = 60123456789, .seed = 42, .budget_ns = 60000000000 };
    set_text(d->id, "0123456789abcdef0123456789abcdef");
    set_text(d->version, "0.1.0");
    set_text(d->started, "2026-11-24T01:52:27Z");
    set_text(d->dir, "/var/lib");
    set_text(d->places[0].dir, "/var/lib");
    set_text(d->places[1].name, "images");
    set_text(d->places[1].dir, "/data");
    d->place_count = 2;
    set_text(d->labels[0].key, "provider");
    set_text(d->labels[0].value, "K\xc3\xb6ln & Co");
    d->label_count = 1;
    d->clock_cost_ns = 25;
    d->uptime_ns = 86400000000001;
    d->interrupted = true;
    d->argv[d->argc++] = strdup("plimsoll");
    d->argv[d->argc++] = strdup("vet");
    d->argv_cut = 7;
    assert_int_equal(facts_set_number(&d->host, "host.cpus", 2, UNIT_COUNT, NULL), 0);
    assert_int_equal(facts_set_list(&d->host, "host.kernel.options", "NET_NS CGROUPS", NULL), 0);
    assert_int_equal(facts_set_unknown(&d->host, "host.swap", "no /proc/swaps"), 0);
    make_result(&r, "disk.wal", p);
    set_text(r.place, "images");
    set_text(r.peer, "[fd99::2]:862");
    assert_int_equal(document_take(d, &r, &e), 0);
    assert_int_equal(result_open(&r, "net.rtt", "Round trips", NULL, &e), 0);
    result_set_status(&r, STATUS_SKIPPED, "not measured: no --peer");
    assert_int_equal(document_take(d, &r, &e), 0);
    make_result(&d->witness, "witness", p);
}

static void write_made(struct buf *text)
{
    struct err e;
    struct prng p;
    AUTO(document) struct document d = { 0 };
    prng_init(&p, seed());
    make_document(&d, &p);
    assert_int_equal(document_write(&d, text, &e), 0);
}

static void assert_same_number(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        assert_true(isnan(a) && isnan(b));
        return;
    }
    assert_true(fabs(a - b) <= 1e-14 * fabs(a));
}

static void assert_same_metric(const struct result_metric *a, const struct result_metric *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->show, b->show);
    assert_int_equal(a->unit, b->unit);
    assert_int_equal(a->better, b->better);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->observed_ns, b->observed_ns);
    assert_int_equal(a->clamped, b->clamped);
    assert_int_equal(a->statistic_count, b->statistic_count);
    for (unsigned i = 0; i < a->statistic_count; i++) {
        assert_string_equal(a->statistics[i].name, b->statistics[i].name);
        assert_same_number(a->statistics[i].value, b->statistics[i].value);
        assert_same_number(a->statistics[i].low, b->statistics[i].low);
        assert_same_number(a->statistics[i].high, b->statistics[i].high);
    }
    assert_int_equal(a->block_count, b->block_count);
    for (unsigned i = 0; i < a->block_count; i++) {
        const struct result_block *x = &a->blocks[i];
        const struct result_block *y = &b->blocks[i];
        assert_int_equal(x->at_ns, y->at_ns);
        assert_int_equal(x->observed_ns, y->observed_ns);
        assert_int_equal(x->n, y->n);
        assert_same_number(x->value, y->value);
        assert_same_number(x->p50, y->p50);
        assert_same_number(x->p99, y->p99);
        assert_same_number(x->max, y->max);
    }
}

static void assert_same_hist(const struct hist *a, const struct hist *b)
{
    assert_int_equal(a->value_max, b->value_max);
    assert_int_equal(a->total, b->total);
    assert_int_equal(a->max, b->max);
    assert_int_equal(a->clamped, b->clamped);
    assert_same_number(a->sum, b->sum);
    for (uint32_t i = 0; i <= hist_index(a->value_max); i++) {
        assert_int_equal(hist_count(a, i), hist_count(b, i));
    }
}

static void assert_same_result(const struct result *a, const struct result *b)
{
    assert_string_equal(a->probe, b->probe);
    assert_string_equal(a->title, b->title);
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->reason, b->reason);
    assert_true(!a->parameters || json_equal(a->parameters, b->parameters));
    assert_int_equal(a->started_ns, b->started_ns);
    assert_int_equal(a->duration_ns, b->duration_ns);
    assert_int_equal(a->rounds, b->rounds);
    assert_int_equal(a->written_bytes, b->written_bytes);
    assert_int_equal(a->seed, b->seed);
    assert_int_equal(a->metric_count, b->metric_count);
    for (unsigned i = 0; i < a->metric_count; i++) {
        assert_same_metric(&a->metrics[i], &b->metrics[i]);
        assert_same_hist(&a->metrics[i].total, &b->metrics[i].total);
    }
    assert_int_equal(a->event_count, b->event_count);
    for (unsigned i = 0; i < a->event_count; i++) {
        assert_int_equal(a->events[i].at_ns, b->events[i].at_ns);
        assert_int_equal(a->events[i].duration_ns, b->events[i].duration_ns);
        assert_string_equal(a->events[i].what, b->events[i].what);
        assert_string_equal(a->events[i].cause, b->events[i].cause);
        assert_int_equal(a->events[i].cpu, b->events[i].cpu);
    }
    assert_int_equal(a->note_count, b->note_count);
    for (unsigned i = 0; i < a->note_count; i++) {
        assert_string_equal(a->notes[i], b->notes[i]);
    }
    assert_same_number(a->witnessed.steal_ratio, b->witnessed.steal_ratio);
    assert_same_number(a->witnessed.io_pressure_ratio, b->witnessed.io_pressure_ratio);
    assert_same_number(a->witnessed.stall_max_ns, b->witnessed.stall_max_ns);
    assert_same_number(a->witnessed.others_cpu_ratio, b->witnessed.others_cpu_ratio);
    assert_same_number(a->witnessed.others_io_bytes_per_s, b->witnessed.others_io_bytes_per_s);
    assert_same_number(a->witnessed.io_pressure_full_ratio, b->witnessed.io_pressure_full_ratio);
    assert_same_number(a->witnessed.largest_other_cpu_ratio, b->witnessed.largest_other_cpu_ratio);
    assert_string_equal(a->witnessed.largest_other, b->witnessed.largest_other);
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct err e;
    struct prng p;
    AUTO(document) struct document a = { 0 };
    AUTO(document) struct document b = { 0 };
    AUTO(buf) struct buf text = { 0 };
    prng_init(&p, seed());
    make_document(&a, &p);
    assert_int_equal(document_write(&a, &text, &e), 0);
    assert_int_equal(document_read(buf_text(&text), text.size, "a.json", &b, &e), 0);
    assert_string_equal(a.id, b.id);
    assert_string_equal(a.version, b.version);
    assert_string_equal(a.started, b.started);
    assert_string_equal(a.dir, b.dir);
    assert_int_equal(b.place_count, 2);
    assert_string_equal(b.places[0].name, "");
    assert_string_equal(b.places[1].name, "images");
    assert_string_equal(b.places[1].dir, "/data");
    assert_string_equal(b.measurements[0].place, "images");
    assert_string_equal(b.measurements[0].peer, "[fd99::2]:862");
    assert_ptr_equal(document_measurement_in(&b, "disk.wal", "images"), &b.measurements[0]);
    assert_null(document_measurement_in(&b, "disk.wal", ""));
    assert_int_equal(a.duration_ns, b.duration_ns);
    assert_int_equal(a.seed, b.seed);
    assert_int_equal(a.budget_ns, b.budget_ns);
    assert_int_equal(a.clock_cost_ns, b.clock_cost_ns);
    assert_int_equal(b.uptime_ns, 86400000000001);
    assert_true(b.interrupted);
    assert_int_equal(b.argc, 2);
    assert_string_equal(b.argv[1], "vet");
    assert_int_equal(b.argv_cut, 7);
    assert_int_equal(b.label_count, 1);
    assert_string_equal(b.labels[0].value, a.labels[0].value);
    assert_int_equal(b.host.count, 3);
    assert_true(facts_find(&b.host, "host.cpus")->number == 2);
    assert_int_equal(b.measurement_count, 2);
    assert_same_result(&a.measurements[0], &b.measurements[0]);
    assert_same_result(&a.measurements[1], &b.measurements[1]);
    assert_same_result(&a.witness, &b.witness);
    assert_null(b.measurements[0].metrics[0].blocks[0].hist.counts);
}

static void writing_what_was_read_gives_the_same_bytes(void **state)
{
    (void)state;
    struct err e;
    AUTO(document) struct document d = { 0 };
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf again = { 0 };
    write_made(&text);
    assert_int_equal(document_read(buf_text(&text), text.size, "a.json", &d, &e), 0);
    assert_int_equal(document_write(&d, &again, &e), 0);
    assert_string_equal(buf_text(&text), buf_text(&again));
}

static void summarising_what_was_read_keeps_it(void **state)
{
    (void)state;
    struct err e;
    AUTO(document) struct document d = { 0 };
    AUTO(buf) struct buf text = { 0 };
    write_made(&text);
    assert_int_equal(document_read(buf_text(&text), text.size, "a.json", &d, &e), 0);
    const struct result_metric *hist = &d.measurements[0].metrics[0];
    const struct result_metric *rate = &d.measurements[0].metrics[1];
    struct result_metric hist_before = *hist;
    struct result_metric rate_before = *rate;
    assert_int_equal(result_summarise(&d.measurements[0], &e), 0);
    assert_same_metric(&hist_before, hist);
    assert_int_equal(rate->n, rate_before.n);
    assert_true(fabs(rate->statistics[0].value - rate_before.statistics[0].value) < 1e-9);
    assert_true(fabs(rate->statistics[0].low - rate_before.statistics[0].low) < 1e-9);
}

static void an_empty_document_is_written_and_read(void **state)
{
    (void)state;
    struct err e;
    AUTO(document) struct document a = { 0 };
    AUTO(document) struct document b = { 0 };
    AUTO(buf) struct buf text = { 0 };
    assert_int_equal(document_write(&a, &text, &e), 0);
    assert_int_equal(document_read(buf_text(&text), text.size, "a.json", &b, &e), 0);
    assert_int_equal(b.measurement_count, 0);
    assert_string_equal(b.witness.probe, "");
}

static void a_fragment_carries_block_histograms_and_facts(void **state)
{
    (void)state;
    struct err e;
    struct prng p;
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result b = { 0 };
    AUTO(buf) struct buf text = { 0 };
    prng_init(&p, seed());
    make_result(&a, "disk.wal", &p);
    assert_int_equal(facts_set_text(&a.facts, "host.os", "Debian", NULL), 0);
    assert_int_equal(document_write_fragment(&a, &text, &e), 0);
    assert_int_equal(document_read_fragment(buf_text(&text), text.size, &b, &e), 0);
    assert_same_result(&a, &b);
    for (unsigned i = 0; i < a.metrics[0].block_count; i++) {
        assert_same_hist(&a.metrics[0].blocks[i].hist, &b.metrics[0].blocks[i].hist);
        assert_int_equal(a.metrics[0].blocks[i].hist.min, b.metrics[0].blocks[i].hist.min);
        assert_int_equal(b.metrics[0].blocks[i].joined, 1);
    }
    assert_int_equal(a.metrics[0].total.min, b.metrics[0].total.min);
    assert_string_equal(facts_find(&b.facts, "host.os")->text, "Debian");
}

static void rounds_from_fragments_summarise_as_if_never_written(void **state)
{
    (void)state;
    struct err e;
    struct prng p;
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result second = { 0 };
    AUTO(result) struct result b = { 0 };
    AUTO(buf) struct buf text = { 0 };
    prng_init(&p, seed());
    make_result(&a, "disk.wal", &p);
    make_result(&second, "disk.wal", &p);
    assert_int_equal(document_write_fragment(&a, &text, &e), 0);
    assert_int_equal(document_read_fragment(buf_text(&text), text.size, &b, &e), 0);
    assert_int_equal(result_absorb(&a, &second, &e), 0);
    assert_int_equal(result_absorb(&b, &second, &e), 0);
    assert_int_equal(result_summarise(&a, &e), 0);
    assert_int_equal(result_summarise(&b, &e), 0);
    assert_same_result(&a, &b);
}

static void a_document_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct prng p;
    struct result r = { 0 };
    AUTO(document) struct document whole = { 0 };
    AUTO(buf) struct buf text = { 0 };
    prng_init(&p, seed());
    assert_int_equal(result_open(&r, "disk.wal", "Durable append latency", metrics, &e), 0);
    add_second(&r, &p, 20, true);
    assert_int_equal(result_summarise(&r, &e), 0);
    assert_int_equal(document_take(&whole, &r, &e), 0);
    assert_int_equal(facts_set_number(&whole.host, "host.cpus", 2, UNIT_COUNT, NULL), 0);
    assert_int_equal(document_write(&whole, &text, &e), 0);
    for (size_t size = 0; size + 2 < text.size; size++) { /* without "}\n" */
        struct document d;
        AUTO_FREE char *cut = malloc(size ? size : 1); /* its end is watched by the sanitizer */
        memcpy(cut, buf_text(&text), size);
        assert_int_equal(document_read(cut, size, "cut.json", &d, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
        assert_memory_equal(e.msg, "cut.json: ", 10);
        assert_null(d.measurements);
    }
}

/* Reads the made document with one text replaced by another and expects the sentence. */
static void refuse_edited(const char *from, const char *to, const char *sentence)
{
    struct err e = { 0 };
    struct document d;
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf edited = { 0 };
    write_made(&text);
    const char *at = strstr(buf_text(&text), from);
    assert_non_null(at);
    buf_add(&edited, buf_text(&text), (size_t)(at - buf_text(&text)));
    buf_adds(&edited, to);
    buf_adds(&edited, at + strlen(from));
    if (document_read(buf_text(&edited), edited.size, "r.json", &d, &e) == 0) {
        document_release(&d);
        fail_msg("'%s' for '%s' was read", to, from);
    }
    assert_int_equal(e.kind, ERR_DATA);
    assert_string_equal(e.msg, sentence);
    assert_null(d.measurements);
    assert_null(d.host.items);
}

static void another_schema_is_named(void **state)
{
    (void)state;
    refuse_edited("plimsoll-result/1", "plimsoll-result/2",
                  "r.json: its schema is 'plimsoll-result/2', and this plimsoll reads "
                  "'plimsoll-result/1'");
    refuse_edited("\"schema\"", "\"shema\"",
                  "r.json: not a document of plimsoll: it names no schema");
}

static void wrong_types_are_refused_with_their_place(void **state)
{
    (void)state;
    refuse_edited("\"status\": \"measured\"", "\"status\": 7",
                  "r.json: measurements[0].status: expected a string, found 7");
    refuse_edited(
        "\"status\": \"skipped\"", "\"status\": \"fine\"",
        "r.json: measurements[1].status: expected measured, skipped, failed or untrusted, "
        "found \"fine\"");
    refuse_edited("\"interrupted\": true", "\"interrupted\": 1",
                  "r.json: run.interrupted: expected true or false, found 1");
    refuse_edited("\"n\": 601", "\"n\": -1",
                  "r.json: measurements[0].metrics[0].n: expected a whole number from 0, found -1");
    refuse_edited("\"unit\": \"ns\"", "\"unit\": \"parsec\"",
                  "r.json: measurements[0].metrics[0].unit: expected a known name, found "
                  "\"parsec\"");
    refuse_edited("\"unit\": \"count\"", "\"unit\": null",
                  "r.json: host.host.cpus.unit: expected a unit, found null");
    refuse_edited("\"reason\": \"no /proc/swaps\"", "\"reason\": null",
                  "r.json: host.host.swap.reason: expected a string, found null");
}

static void numbers_no_document_holds_are_refused(void **state)
{
    (void)state;
    struct err e;
    struct document d;
    const char *huge[] = { "{\"schema\": 1e999}", "{\"schema\": 99999999999999999999}",
                           "{\"schema\": NaN}", "{\"schema\": Infinity}" };
    for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
        assert_int_equal(document_read(huge[i], strlen(huge[i]), "h", &d, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
    }
    refuse_edited("\"seed\": 42", "\"seed\": 4.5",
                  "r.json: run.seed: expected a whole number from 0, found 4.5");
}

static void duplicate_keys_and_ids_are_refused(void **state)
{
    (void)state;
    refuse_edited("\"seed\": 42", "\"seed\": 42, \"seed\": 43",
                  "r.json: line 8, column 22: not JSON: duplicate object key near '\"seed\"'");
    refuse_edited("\"id\": \"disk.wal.rate\"", "\"id\": \"disk.wal\"",
                  "r.json: measurements[0].metrics[1].id: 'disk.wal' is there twice");
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct document d;
    AUTO(buf) struct buf text = { 0 };
    for (unsigned i = 0; i < 100000; i++) {
        buf_adds(&text, "[");
    }
    assert_int_equal(document_read(buf_text(&text), text.size, "deep", &d, &e), -1);
    assert_string_equal(e.msg, "deep: nested 100000 deep, and at most 32 levels are read");
}

static void a_histogram_that_lies_is_refused(void **state)
{
    (void)state;
    refuse_edited("\"n\": 601", "\"n\": 600",
                  "r.json: measurements[0].metrics[0].histogram: holds 601 values, and n is 600");
    refuse_edited(
        "\"histogram\": \"HISTFAAA", "\"histogram\": \"HISTFABA",
        "r.json: measurements[0].metrics[0]: histogram: not of the compressed V2 encoding");
    refuse_edited("\"name\": \"max\",\n              \"value\": 3298534883328",
                  "\"name\": \"max\",\n              \"value\": 32985",
                  "r.json: measurements[0].metrics[0].histogram: its largest value is not the max "
                  "beside it");
}

static void text_that_plays_with_a_terminal_is_neither_written_nor_read(void **state)
{
    (void)state;
    struct err e;
    AUTO(document) struct document d = { 0 };
    AUTO(document) struct document back = { 0 };
    AUTO(buf) struct buf text = { 0 };
    set_text(d.dir, "/srv/\033[31m\xff\n");
    d.argv[d.argc++] = strdup("a\x7f\xc2\x9b"
                              "b");
    assert_int_equal(document_write(&d, &text, &e), 0);
    assert_int_equal(document_read(buf_text(&text), text.size, "t", &back, &e), 0);
    assert_string_equal(back.dir, "/srv/?[31m??");
    assert_string_equal(back.argv[0], "a???b");
    refuse_edited("\"provider\"", "\"pro\\u001bvider\"",
                  "r.json: line 31: a control character in a string");
}

static void metrics_and_measurements_are_found(void **state)
{
    (void)state;
    struct prng p;
    const struct result *owner = NULL;
    AUTO(document) struct document d = { 0 };
    prng_init(&p, seed());
    make_document(&d, &p);
    assert_ptr_equal(document_measurement(&d, "net.rtt"), &d.measurements[1]);
    assert_null(document_measurement(&d, "net"));
    assert_ptr_equal(document_metric(&d, "disk.wal.rate", &owner), &d.measurements[0].metrics[1]);
    assert_ptr_equal(owner, &d.measurements[0]);
    set_text(d.witness.metrics[1].id, "witness.steal");
    assert_ptr_equal(document_metric(&d, "witness.steal", &owner), &d.witness.metrics[1]);
    assert_ptr_equal(owner, &d.witness);
    assert_null(document_metric(&d, "disk.wall", &owner));
    assert_null(owner);
    assert_null(document_metric(&d, "disk.wall", NULL));
}

static void a_document_holds_so_many_measurements_and_no_more(void **state)
{
    (void)state;
    struct err e;
    AUTO(document) struct document d = { 0 };
    AUTO(result) struct result r = { 0 };
    for (unsigned i = 0; i <= LIMITS_RESULTS; i++) {
        result_release(&r);
        assert_int_equal(result_open(&r, "host", "Host", NULL, &e), 0);
        assert_int_equal(document_take(&d, &r, &e), i < LIMITS_RESULTS ? 0 : -1);
    }
    assert_string_equal(r.probe, "host");
    assert_string_equal(d.measurements[LIMITS_RESULTS - 1].probe, "host");
}

/* Made by another program, with another encoder of histograms. */
static void documents_of_another_maker_are_read_and_written_the_same(void **state)
{
    (void)state;
    static const char *const paths[] = { "tests/golden/documents/good.json",
                                         "tests/golden/documents/slow.json",
                                         "tests/golden/documents/stopped.json",
                                         "tests/golden/documents/robbed.json" };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct err e = { 0 };
        AUTO(document) struct document d = { 0 };
        AUTO(buf) struct buf text = { 0 };
        AUTO(buf) struct buf again = { 0 };
        int failed = document_load(paths[i], &d, &e);
        assert_string_equal(e.msg, "");
        assert_int_equal(failed, 0);
        assert_int_equal(file_read_at(AT_FDCWD, paths[i], &text, &e), 0);
        assert_int_equal(document_write(&d, &again, &e), 0);
        assert_string_equal(buf_text(&text), buf_text(&again));
    }
}

static void their_quantiles_are_those_of_their_histograms(void **state)
{
    (void)state;
    struct err e;
    AUTO(document) struct document d = { 0 };
    assert_int_equal(document_load("tests/golden/documents/slow.json", &d, &e), 0);
    assert_string_equal(d.measurements[2].probe, "disk.wal");
    for (unsigned i = 0; i < d.measurement_count; i++) {
        for (unsigned k = 0; k < d.measurements[i].metric_count; k++) {
            const struct result_metric *m = &d.measurements[i].metrics[k];
            if (m->kind == METRIC_HIST) {
                assert_true((double)hist_quantile(&m->total, 0.5) ==
                            result_statistic_find(m, "p50")->value);
                assert_true((double)hist_quantile(&m->total, 0.999) ==
                            result_statistic_find(m, "p99.9")->value);
            }
        }
    }
}

/* A file in the folder for temporary ones; the caller unlinks it. */
static int temporary(char path[static 64])
{
    (void)snprintf(path, 64, "/tmp/plimsoll-document-XXXXXX");
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void a_file_is_loaded(void **state)
{
    (void)state;
    struct err e;
    char path[64];
    AUTO(document) struct document d = { 0 };
    AUTO(buf) struct buf text = { 0 };
    AUTO_CLOSE int fd = temporary(path);
    write_made(&text);
    assert_int_equal(write(fd, buf_text(&text), text.size), text.size);
    int failed = document_load(path, &d, &e);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(failed, 0);
    assert_int_equal(d.measurement_count, 2);
}

static void a_huge_file_is_refused_unread(void **state)
{
    (void)state;
    struct err e = { 0 };
    char path[64];
    char sentence[128];
    struct document d;
    AUTO_CLOSE int fd = temporary(path);
    assert_int_equal(ftruncate(fd, 100 << 20), 0);
    int failed = document_load(path, &d, &e);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(failed, -1);
    (void)snprintf(sentence, sizeof(sentence), "'%s' is larger than 64 MiB, which no document is",
                   path);
    assert_string_equal(e.msg, sentence);
}

/* Loads the file from standard input; where it was left is in *at. */
static int load_from_input(int fd, struct document *d, off_t *at, struct err *e)
{
    int had = dup(STDIN_FILENO);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    int failed = document_load("-", d, e);
    *at = lseek(fd, 0, SEEK_CUR);
    if (had >= 0) {
        assert_int_equal(dup2(had, STDIN_FILENO), STDIN_FILENO);
        assert_int_equal(close(had), 0);
    }
    return failed;
}

static void standard_input_is_loaded_by_a_dash(void **state)
{
    (void)state;
    struct err e = { 0 };
    char path[64];
    off_t at = 0;
    AUTO(document) struct document d = { 0 };
    AUTO(buf) struct buf text = { 0 };
    AUTO_CLOSE int fd = temporary(path);
    assert_int_equal(unlink(path), 0);
    write_made(&text);
    assert_int_equal(write(fd, buf_text(&text), text.size), text.size);
    assert_int_equal(load_from_input(fd, &d, &at, &e), 0);
    assert_int_equal(d.measurement_count, 2);
    assert_int_equal(ftruncate(fd, 100 << 20), 0);
    document_release(&d);
    assert_int_equal(load_from_input(fd, &d, &at, &e), -1);
    assert_string_equal(e.msg, "'standard input' is larger than 64 MiB, which no document is");
    assert_int_equal(at, 0); /* nothing of it was read */
}

/* One with every count filled, as text. */
static json_t *full_histogram(void)
{
    struct err e;
    AUTO(hist) struct hist h = { 0 };
    AUTO(buf) struct buf text = { 0 };
    assert_int_equal(hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    for (uint32_t i = 0; i + 1 < h.size; i++) {
        hist_record(&h, hist_lowest(i));
    }
    assert_int_equal(hdr_encode(&h, &text, &e), 0);
    return json_string(buf_text(&text));
}

/* The made document with 40 times its first measurement, of 32 full histograms each. */
static void more_histograms_than_fit_in_memory_are_refused(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct document d;
    AUTO(buf) struct buf text = { 0 };
    AUTO_FREE char *swollen = NULL;
    write_made(&text);
    json_t *root = json_loads(buf_text(&text), 0, NULL);
    json_t *measurements = json_object_get(root, "measurements");
    json_t *first = json_array_get(measurements, 0);
    json_t *figures = json_object_get(first, "metrics");
    json_t *figure = json_incref(json_array_get(figures, 0));
    assert_int_equal(json_array_clear(figures), 0);
    assert_int_equal(json_object_set_new(figure, "histogram", full_histogram()), 0);
    assert_int_equal(json_object_set_new(figure, "n", json_integer(31744)), 0);
    json_t *last = json_array_get(json_object_get(figure, "statistics"),
                                  json_array_size(json_object_get(figure, "statistics")) - 1);
    assert_string_equal(json_string_value(json_object_get(last, "name")), "max");
    assert_int_equal(
        json_object_set_new(last, "value", json_integer((json_int_t)hist_lowest(31743))), 0);
    for (unsigned i = 0; i < LIMITS_METRICS; i++) {
        json_t *copy = json_deep_copy(figure);
        assert_int_equal(json_object_set_new(copy, "id", json_sprintf("m%u", i)), 0);
        assert_int_equal(json_array_append_new(figures, copy), 0);
    }
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(json_array_append(measurements, first), 0);
    }
    swollen = json_dumps(root, JSON_COMPACT);
    json_decref(figure);
    json_decref(root);
    assert_int_equal(document_read(swollen, strlen(swollen), "s", &d, &e), -1);
    assert_string_equal(e.msg, "s: measurements: its histograms take more than 256 MiB of memory");
    assert_null(d.measurements);
}

static void what_cannot_be_opened_or_read_is_named(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct document d;
    assert_int_equal(document_load("/nonexistent/r.json", &d, &e), -1);
    assert_string_equal(e.msg, "open '/nonexistent/r.json': No such file or directory");
    assert_int_equal(document_load("/", &d, &e), -1);
    assert_string_equal(e.msg, "read '/': Is a directory");
    assert_int_equal(document_load("/dev/null", &d, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
}

static void an_endless_stream_is_refused_at_the_limit(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct document d;
    assert_int_equal(document_load("/dev/zero", &d, &e), -1);
    assert_string_equal(e.msg, "'/dev/zero' is larger than 64 MiB, which no document is");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(writing_what_was_read_gives_the_same_bytes),
        cmocka_unit_test(summarising_what_was_read_keeps_it),
        cmocka_unit_test(an_empty_document_is_written_and_read),
        cmocka_unit_test(a_fragment_carries_block_histograms_and_facts),
        cmocka_unit_test(rounds_from_fragments_summarise_as_if_never_written),
        cmocka_unit_test(a_document_cut_anywhere_is_refused),
        cmocka_unit_test(another_schema_is_named),
        cmocka_unit_test(wrong_types_are_refused_with_their_place),
        cmocka_unit_test(numbers_no_document_holds_are_refused),
        cmocka_unit_test(duplicate_keys_and_ids_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_histogram_that_lies_is_refused),
        cmocka_unit_test(text_that_plays_with_a_terminal_is_neither_written_nor_read),
        cmocka_unit_test(metrics_and_measurements_are_found),
        cmocka_unit_test(a_document_holds_so_many_measurements_and_no_more),
        cmocka_unit_test(documents_of_another_maker_are_read_and_written_the_same),
        cmocka_unit_test(their_quantiles_are_those_of_their_histograms),
        cmocka_unit_test(a_file_is_loaded),
        cmocka_unit_test(a_huge_file_is_refused_unread),
        cmocka_unit_test(standard_input_is_loaded_by_a_dash),
        cmocka_unit_test(more_histograms_than_fit_in_memory_are_refused),
        cmocka_unit_test(what_cannot_be_opened_or_read_is_named),
        cmocka_unit_test(an_endless_stream_is_refused_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
