/*
 * facts: what is so about a host: text, a number with its unit, or a list of words; or, where it
 * could not be found out, the reason why not.
 */
#ifndef PROBES_KIT_FACTS_H
#define PROBES_KIT_FACTS_H

#include <stdbool.h>

#include "probes/kit/err.h"
#include "probes/kit/node.h"
#include "probes/kit/units.h"

enum fact_kind {
    FACT_TEXT,
    FACT_NUMBER,
    FACT_LIST,
    FACT_UNKNOWN
};

/* A text that a fact may be. */
struct fact_word {
    const char *word;
    const char *what;   /* what it means, one sentence */
    const char *rule;   /* when it is stated, one sentence; NULL: as `what` says */
    const char *source; /* of the rule; NULL with it */
};

/* One row of the table that declares the facts a probe may state. */
struct fact_row {
    const char *name; /* "host.kernel.release" */
    enum fact_kind kind;
    enum unit unit;   /* numbers only */
    const char *what; /* one sentence */
    /* The texts it can be, by index: false behind the last. NULL: any text. */
    bool (*word)(unsigned index, struct fact_word *word);
};

#define FACT_END                                                                                   \
    {                                                                                              \
        .name = 0                                                                                  \
    }

struct fact {
    char *name;
    enum fact_kind kind; /* FACT_UNKNOWN: reason says why */
    enum unit unit;
    double number;
    char *text;   /* TEXT; LIST: words separated by single blanks */
    char *reason; /* why unknown (never NULL then); or, beside a value, what it was learnt from */
};

struct facts {
    struct fact *items; /* owned */
    unsigned count, room;
};

/*
 * Each replaces a fact of the same name. -1 only when out of memory or over LIMITS_FACTS or
 * LIMITS_LIST; then nothing has changed. NULL text or words are empty ones; the words of a list may
 * be separated by any blanks. A number that is NAN or infinite becomes unknown.
 */
int facts_set_text(struct facts *f, const char *name, const char *text, const char *reason);
int facts_set_number(struct facts *f, const char *name, double number, enum unit unit,
                     const char *reason);
int facts_set_list(struct facts *f, const char *name, const char *words, const char *reason);
int facts_set_unknown(struct facts *f, const char *name, const char *reason);
/* Sets every fact of src in dst. */
int facts_absorb(struct facts *dst, const struct facts *src);
const struct fact *facts_find(const struct facts *f, const char *name);
/* 1 when a text fact equals the word or a list fact holds it, else 0. "A|B" asks for either. */
int facts_holds(const struct fact *fact, const char *word);
/* The value for people: "6.18.44", "4.00 GiB", "cpu memory pids", "not known: ...". */
void facts_show(const struct fact *fact, struct buf *out);
void facts_release(struct facts *f);

/*
 * {"host.cpus": {"value": 2, "unit": "count", "reason": null}, ...}. The value is a number, a
 * string, an array of words, or null when unknown; unit is null but for numbers. New reference,
 * NULL when out of memory.
 */
json_t *facts_to_json(const struct facts *f);
/* Adds to *f, which the caller releases also on failure. */
int facts_of_json(const struct node *at, struct facts *f, struct err *e);

#endif
