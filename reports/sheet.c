#include "reports/sheet.h"

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "probes/kit/limits.h"
#include "probes/kit/opt.h"
#include "reports/profile.h"

/* Every member may be missing: which ones must be there is said by profile.c, with the place. */
#define SHEET_TEXT(key, type, member, most)                                                        \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, member, 1,  \
                           most)
#define SHEET_BOUND(key, member)                                                                   \
    CYAML_FIELD_MAPPING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct sheet_criterion, \
                            member, bound_fields)
#define SHEET_WORDS(key, member)                                                                   \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct sheet_criterion,    \
                         member, &word_value, 1, PROFILE_WORDS)

enum {
    SENTENCE = LIMITS_TEXT_BYTES - 1,
    NAME = PROFILE_NAME_BYTES - 1,
    TITLE = 120
};

static const cyaml_schema_value_t word_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1,
                                                                    120) };

static const cyaml_schema_field_t bound_fields[] = {
    SHEET_TEXT("fit", sheet_bound, fit, NAME),
    SHEET_TEXT("unfit", sheet_bound, unfit, NAME),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t criterion_fields[] = {
    SHEET_TEXT("id", sheet_criterion, id, NAME),
    SHEET_TEXT("title", sheet_criterion, title, TITLE),
    SHEET_TEXT("metric", sheet_criterion, metric, NAME),
    SHEET_TEXT("statistic", sheet_criterion, statistic, NAME),
    SHEET_TEXT("fact", sheet_criterion, fact, NAME),
    SHEET_BOUND("at_most", at_most),
    SHEET_BOUND("at_least", at_least),
    SHEET_TEXT("rare", sheet_criterion, rare, NAME),
    SHEET_WORDS("unfit_on", unfit_on),
    SHEET_WORDS("marginal_on", marginal_on),
    SHEET_WORDS("requires", requires),
    SHEET_TEXT("otherwise", sheet_criterion, otherwise, NAME),
    SHEET_TEXT("why", sheet_criterion, why, SENTENCE),
    SHEET_TEXT("source", sheet_criterion, source, SENTENCE),
    SHEET_TEXT("basis", sheet_criterion, basis, NAME),
    SHEET_TEXT("advice", sheet_criterion, advice, SENTENCE),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t criterion_value = { CYAML_VALUE_MAPPING(
    CYAML_FLAG_DEFAULT, struct sheet_criterion, criterion_fields) };

static const cyaml_schema_field_t profile_fields[] = {
    SHEET_TEXT("role", sheet_profile, role, NAME),
    SHEET_TEXT("title", sheet_profile, title, TITLE),
    SHEET_TEXT("system", sheet_profile, system, NAME),
    CYAML_FIELD_SEQUENCE("criteria", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct sheet_profile,
                         criteria, &criterion_value, 1, PROFILE_CRITERIA),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t profile_value = { CYAML_VALUE_MAPPING(
    CYAML_FLAG_POINTER, struct sheet_profile, profile_fields) };

/* What the YAML library said, line by line: the first complaint and the innermost place. */
struct complaint {
    char what[200];
    unsigned line; /* 0: no place was given */
};

__attribute__((format(printf, 3, 0))) static void listen(cyaml_log_t level, void *ctx,
                                                         const char *fmt, va_list args)
{
    struct complaint *c = ctx;
    char said[256];
    (void)level;
    (void)vsnprintf(said, sizeof said, fmt, args);
    said[strcspn(said, "\n")] = '\0';
    const char *place = strstr(said, "(line: ");
    const char *text = strncmp(said, "Load: ", 6) == 0 ? said + 6 : said;
    if (place && c->line == 0) {
        (void)sscanf(place, "(line: %u", &c->line); // NOLINT(cert-err34-c)
    } else if (!place && !*c->what && strcmp(text, "Backtrace:") != 0) {
        (void)snprintf(c->what, sizeof c->what, "%.*s", (int)sizeof c->what - 1, text);
    }
}

/* The key nearest to one that no table knows. */
static const char *nearest_key(const char *key)
{
    const char *names[sizeof criterion_fields / sizeof criterion_fields[0] + 8] = { 0 };
    static const cyaml_schema_field_t *const tables[] = { criterion_fields, profile_fields,
                                                          bound_fields };
    unsigned count = 0;
    for (unsigned t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const cyaml_schema_field_t *f = tables[t]; f->key; f++)
            names[count++] = f->key;
    }
    return opt_nearest(key, names);
}

static int refuse(const struct complaint *c, cyaml_err_t status, const char *name, struct err *e)
{
    static const char unknown[] = "Unexpected key: ";
    char place[32] = "";
    if (c->line > 0)
        (void)snprintf(place, sizeof place, "near line %u: ", c->line);
    if (status == CYAML_ERR_ALIAS)
        return err_set(e, ERR_DATA, 0, "%s: %saliases (*name) are not allowed; write the value out",
                       name, place);
    if (strncmp(c->what, unknown, sizeof unknown - 1) == 0) {
        const char *key = c->what + sizeof unknown - 1;
        const char *near = nearest_key(key);
        return err_set(e, ERR_DATA, 0, "%s: %sunknown key '%s'%s%s%s", name, place, key,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return err_set(e, ERR_DATA, 0, "%s: %s%s", name, place,
                   *c->what ? c->what : cyaml_strerror(status));
}

static cyaml_config_t config(struct complaint *c)
{
    return (cyaml_config_t){ .log_fn = listen,
                             .log_ctx = c,
                             .log_level = CYAML_LOG_ERROR,
                             .mem_fn = cyaml_mem,
                             .flags = CYAML_CFG_NO_ALIAS };
}

int sheet_parse(const char *text, size_t size, const char *name, struct sheet *s, struct err *e)
{
    struct complaint complaint = { 0 };
    const cyaml_config_t how = config(&complaint);
    cyaml_data_t *data = NULL;
    *s = (struct sheet){ 0 };
    if (size > SHEET_BYTES)
        return err_set(e, ERR_DATA, 0, "%s: a profile may have 1 MiB at most, this one has %zu B",
                       name, size);
    cyaml_err_t status =
        cyaml_load_data((const uint8_t *)text, size, &how, &profile_value, &data, NULL);
    s->profile = data;
    if (status != CYAML_OK) {
        sheet_release(s);
        return refuse(&complaint, status, name, e);
    }
    if (!s->profile)
        return err_set(e, ERR_DATA, 0, "%s: the file is empty; a profile begins with 'role: NAME'",
                       name);
    return 0;
}

void sheet_release(struct sheet *s)
{
    struct complaint complaint = { 0 };
    const cyaml_config_t how = config(&complaint);
    (void)cyaml_free(&how, &profile_value, s->profile, 0);
    s->profile = NULL;
}
