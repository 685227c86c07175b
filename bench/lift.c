#include "bench/lift.h"

static void lift_one(struct facts *host, const char *name, const struct fact *f)
{
    if (f->kind == FACT_TEXT)
        (void)facts_set_text(host, name, f->text, f->reason);
    else if (f->kind == FACT_NUMBER)
        (void)facts_set_number(host, name, f->number, f->unit, f->reason);
    else if (f->kind == FACT_LIST)
        (void)facts_set_list(host, name, f->text, f->reason);
    else
        (void)facts_set_unknown(host, name, f->reason);
}

void lift_facts(struct document *d, const char *place, struct facts *found)
{
    char name[LIMITS_NAME_BYTES];
    for (unsigned i = 0; i < found->count; i++) {
        const struct fact *f = &found->items[i];
        document_fact_name(d, place, f->name, name);
        lift_one(&d->host, name, f);
    }
    facts_release(found);
}
