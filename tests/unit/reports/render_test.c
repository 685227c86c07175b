/* What holds of every renderer and any document; the words themselves are pinned in tests/golden.
 */
#include "reports/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "tests/unit/reports/known.h"

static const char EVIL[] =
    "Gr\xC3\xB6\xC3\x9F"
    "e \xDE\xB4|C <img src=x onerror=a>\"'`|*_[x](y) \x1b[2J\r\n# @everyone &amp;";

static const char profile_text[] =
    "role: a-role-whose-name-is-longer-than-any-of-ours-has-ever-been-0\n"
    "title: T <b>\nsystem: S\ncriteria:\n"
    "  - id: wal\n    title: \xC3\x84 WAL <i> | `p99`\n    why: w <b> |\n    source: s\n"
    "    basis: derived\n    advice: a\n    metric: disk.wal\n    statistic: p99\n"
    "    at_most: {fit: 10 ms, unfit: 100 ms}\n"
    "  - id: kind\n    title: kind\n    why: w\n    source: s\n    basis: derived\n"
    "    advice: a\n    fact: host.container\n    unfit_on: [x]\n"
    "  - id: net\n    title: net\n    why: w\n    source: s\n    basis: derived\n"
    "    advice: a\n    metric: net.rtt\n    statistic: max\n    at_most: {fit: 1 s}\n";

struct scene {
    struct document d;
    struct profile p;
    struct verdict v;
    struct report r;
};

static void add_result(struct scene *s, const char *probe, const struct metric *metric,
                       const char *reason)
{
    struct err e = { 0 };
    struct result r = { 0 };
    const struct metric table[] = { *metric, METRIC_END };
    assert_int_equal(result_open(&r, probe, EVIL, table, &e), 0);
    if (metric->kind == METRIC_HIST && !reason) {
        struct result_block block = { .observed_ns = 1000000000 };
        assert_int_equal(hist_open(&block.hist, 1ULL << HIST_TEN_MINUTES_BITS, &e), 0);
        hist_record_n(&block.hist, 20000000, 5000);
        assert_int_equal(result_add_block(&r.metrics[0], &block, &e), 0);
        hist_release(&block.hist);
    }
    assert_int_equal(result_summarise(&r, &e), 0);
    r.parameters = json_pack("{s:s}", "<k>", "</code><script>");
    result_note(&r, "%s", EVIL);
    result_event(&r, 1, 2, "%s", EVIL);
    if (reason)
        result_set_status(&r, STATUS_SKIPPED, "%s", reason);
    assert_int_equal(document_take(&s->d, &r, &e), 0);
}

static void open_scene(struct scene *s)
{
    struct err e = { 0 };
    *s = (struct scene){ 0 };
    (void)snprintf(s->d.started, sizeof s->d.started, "2026-01-01T00:00:00Z");
    (void)snprintf(s->d.dir, sizeof s->d.dir, "%s", EVIL);
    (void)snprintf(s->d.labels[0].key, sizeof s->d.labels[0].key, "provider");
    (void)snprintf(s->d.labels[0].value, sizeof s->d.labels[0].value, "%s", EVIL);
    s->d.label_count = 1;
    assert_int_equal(facts_set_text(&s->d.host, "host.hostname", EVIL, NULL), 0);
    assert_int_equal(facts_set_text(&s->d.host, "host.container", EVIL, EVIL), 0);
    add_result(s, "disk.wal", &known_metrics[0], NULL);
    add_result(s, "<i>|\x1b[2J \xDE\xB4", metric_find(known_metrics, "net.rtt"), EVIL);
    if (profile_parse(profile_text, strlen(profile_text), "test", &known, &s->p, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(verdict_of(&s->p, &s->d, false, &s->v, &e), 0);
    s->r = (struct report){ .document = &s->d, .verdicts = &s->v, .verdict_count = 1 };
}

static void close_scene(struct scene *s)
{
    verdict_release(&s->v);
    profile_release(&s->p);
    document_release(&s->d);
}

static void render(const struct scene *s, const char *format, struct buf *out)
{
    struct err e = { 0 };
    if (render_find(format)->render(&s->r, out, &e))
        fail_msg("%s", e.msg);
}

static void every_renderer_is_found_by_its_name(void **state)
{
    (void)state;
    unsigned count = 0;
    for (; render_all[count]; count++) {
        assert_ptr_equal(render_find(render_all[count]->name), render_all[count]);
        assert_non_null(render_all[count]->suffix);
    }
    assert_int_equal(count, 4);
    assert_null(render_find("pdf"));
}

static void html_holds_no_markup_of_the_document(void **state)
{
    (void)state;
    struct scene s;
    AUTO(buf) struct buf out = { 0 };
    open_scene(&s);
    render(&s, "html", &out);
    static const char *const never[] = {
        "<img", "<script", "onerror=a>", "\x1b", "http:", "https:"
    };
    for (unsigned i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_null(strstr(buf_text(&out), never[i]));
    assert_non_null(strstr(buf_text(&out), "&lt;img"));
    assert_non_null(strstr(buf_text(&out), "</html>"));
    close_scene(&s);
}

/* Outside of our own <details> and <summary> there is no '<' and each row has its bars. */
static void markdown_holds_no_markup_of_the_document(void **state)
{
    (void)state;
    struct scene s;
    AUTO(buf) struct buf out = { 0 };
    open_scene(&s);
    render(&s, "markdown", &out);
    for (const char *c = strchr(buf_text(&out), '<'); c; c = strchr(c + 1, '<')) {
        assert_true(strncmp(c, "<details>", 9) == 0 || strncmp(c, "</details>", 10) == 0 ||
                    strncmp(c, "<summary>", 9) == 0 || strncmp(c, "</summary>", 10) == 0);
    }
    assert_null(strchr(buf_text(&out), '\x1b'));
    assert_null(strchr(buf_text(&out), '@'));
    assert_null(strstr(buf_text(&out), "[x](y)"));
    close_scene(&s);
}

static unsigned bars(const char *line, size_t length)
{
    unsigned count = 0;
    for (size_t i = 0; i < length; i++)
        count += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    return count;
}

static void markdown_rows_have_as_many_cells_as_their_heads(void **state)
{
    (void)state;
    struct scene s;
    AUTO(buf) struct buf out = { 0 };
    unsigned expected = 0;
    open_scene(&s);
    render(&s, "markdown", &out);
    for (const char *line = buf_text(&out); *line; line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        unsigned count = *line == '|' ? bars(line, length) : 0;
        if (count > 0 && expected > 0)
            assert_int_equal(count, expected);
        expected = count;
        line += length;
    }
    close_scene(&s);
}

static unsigned columns(const char *line, size_t length)
{
    unsigned count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)line[i] & 0xC0U) != 0x80U;
    return count;
}

static void text_is_never_wider_than_the_terminal(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (unsigned width = 60; width <= 130; width++) {
        for (unsigned details = 0; details < 2; details++) {
            AUTO(buf) struct buf out = { 0 };
            s.r.width = width;
            s.r.details = details;
            render(&s, "text", &out);
            assert_null(strchr(buf_text(&out), '\x1b'));
            for (const char *line = buf_text(&out); *line; line += *line == '\n') {
                size_t length = strcspn(line, "\n");
                if (columns(line, length) > width)
                    fail_msg("width %u: '%.*s'", width, (int)length, line);
                line += length;
            }
        }
    }
    close_scene(&s);
}

static void colour_is_only_there_when_asked_for(void **state)
{
    (void)state;
    struct scene s;
    AUTO(buf) struct buf out = { 0 };
    open_scene(&s);
    s.r.colour = true;
    render(&s, "text", &out);
    assert_non_null(strstr(buf_text(&out), "\x1b[33mmarginal"));
    assert_null(strstr(buf_text(&out), "\x1b[2J"));
    close_scene(&s);
}

static void a_document_without_verdicts_renders(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    s.r.verdict_count = 0;
    for (unsigned i = 0; render_all[i]; i++) {
        AUTO(buf) struct buf out = { 0 };
        render(&s, render_all[i]->name, &out);
        assert_true(out.size > 0);
    }
    close_scene(&s);
}

static void json_is_the_document(void **state)
{
    (void)state;
    struct scene s;
    struct err e = { 0 };
    AUTO(buf) struct buf out = { 0 };
    AUTO(buf) struct buf document = { 0 };
    open_scene(&s);
    render(&s, "json", &out);
    assert_int_equal(document_write(&s.d, &document, &e), 0);
    assert_string_equal(buf_text(&out), buf_text(&document));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_renderer_is_found_by_its_name),
        cmocka_unit_test(html_holds_no_markup_of_the_document),
        cmocka_unit_test(markdown_holds_no_markup_of_the_document),
        cmocka_unit_test(markdown_rows_have_as_many_cells_as_their_heads),
        cmocka_unit_test(text_is_never_wider_than_the_terminal),
        cmocka_unit_test(colour_is_only_there_when_asked_for),
        cmocka_unit_test(a_document_without_verdicts_renders),
        cmocka_unit_test(json_is_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
