/* A profile from anywhere: refused in one sentence, or judged and rendered. */
#include <stdint.h>
#include <stdlib.h>

#include "probes/kit/auto.h"
#include "reports/render.h"
#include "tests/unit/reports/known.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct profile *p)
{
    struct err e;
    AUTO(document) struct document d = { .started = "2026-01-01T00:00:00Z" };
    AUTO(verdict) struct verdict v = { 0 };
    AUTO(buf) struct buf out = { 0 };
    if (facts_set_text(&d.host, "host.container", "lxc", NULL) ||
        facts_set_list(&d.host, "host.kernel.options", "A B", NULL) ||
        facts_set_number(&d.host, "host.cpus", 2, UNIT_COUNT, NULL) ||
        facts_set_number(&d.host, "host.swap", 1e9, UNIT_BYTES, NULL) ||
        verdict_of(p, &d, false, &v, &e)) {
        abort();
    }
    const struct report r = {
        .document = &d, .verdicts = &v, .verdict_count = 1, .width = 60, .details = true
    };
    for (unsigned i = 0; render_all[i]; i++) {
        buf_clear(&out);
        if (render_all[i]->render(&r, &out, &e))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    AUTO(profile) struct profile p = { 0 };
    if (profile_parse((const char *)data, size, "fuzzed", &known, &p, &e)) {
        if (e.kind == ERR_NONE || !*e.msg || p.criteria)
            abort();
        return 0;
    }
    judge(&p);
    return 0;
}
