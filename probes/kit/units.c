#include "probes/kit/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct units_suffix {
    const char *text;
    double factor;
    bool shown; /* used for printing; rows are in rising order */
};

struct units_row {
    const char *name;
    const char *example;
    const struct units_suffix *suffixes; /* ended by text NULL */
    bool needs_suffix;
};

static const struct units_suffix units_none[] = {
    {"",    1, true },
    { NULL, 0, false}
};

static const struct units_suffix units_times[] = {
    {"ns",   1,       true },
    { "us",  1e3,     true },
    { "ms",  1e6,     true },
    { "s",   1e9,     true },
    { "min", 60e9,    false},
    { "m",   60e9,    false},
    { "h",   3600e9,  false},
    { "d",   86400e9, false},
    { NULL,  0,       false},
};

static const struct units_suffix units_sizes[] = {
    {"B",      1,      true },
    { "bytes", 1,      false},
    { "",      1,      false},
    { "kB",    1e3,    false},
    { "KiB",   0x1p10, true },
    { "K",     0x1p10, false},
    { "k",     0x1p10, false},
    { "MB",    1e6,    false},
    { "MiB",   0x1p20, true },
    { "M",     0x1p20, false},
    { "GB",    1e9,    false},
    { "GiB",   0x1p30, true },
    { "G",     0x1p30, false},
    { "TB",    1e12,   false},
    { "TiB",   0x1p40, true },
    { "T",     0x1p40, false},
    { NULL,    0,      false},
};

static const struct units_suffix units_rates[] = {
    {"B/s",      1,      true },
    { "bytes/s", 1,      false},
    { "",        1,      false},
    { "kB/s",    1e3,    true },
    { "MB/s",    1e6,    true },
    { "MiB/s",   0x1p20, false},
    { "GB/s",    1e9,    true },
    { "GiB/s",   0x1p30, false},
    { NULL,      0,      false},
};

static const struct units_suffix units_per_s[] = {
    {"/s",   1,   true },
    { "",    1,   false},
    { "k/s", 1e3, false},
    { NULL,  0,   false},
};

static const struct units_suffix units_ratios[] = {
    {"%",   0.01, true },
    { "",   1,    false},
    { NULL, 0,    false},
};

static const struct units_row units_rows[UNIT_KINDS] = {
    [UNIT_NONE] = {"none",     "4",       units_none,   false},
    [UNIT_NS] = { "ns",      "10 ms",   units_times,  true },
    [UNIT_BYTES] = { "bytes",   "64 MiB",  units_sizes,  false},
    [UNIT_BYTES_PER_S] = { "bytes/s", "50 MB/s", units_rates,  false},
    [UNIT_PER_S] = { "1/s",     "500/s",   units_per_s,  false},
    [UNIT_RATIO] = { "ratio",   "5 %",     units_ratios, false},
    [UNIT_COUNT] = { "count",   "4",       units_none,   false},
    [UNIT_VERSION] = { "version", "6.18",    units_none,   false},
};

const char *units_name(enum unit unit)
{
    return units_rows[unit].name;
}

enum unit units_of_name(const char *name)
{
    unsigned i = 0;
    while (i < UNIT_KINDS && strcmp(units_rows[i].name, name) != 0)
        i++;
    return (enum unit)i;
}

static int units_refuse(const char *text, enum unit unit, const char *why, struct err *e)
{
    return err_set(e, ERR_USAGE, 0, "'%s' %s; write it as in '%s'", text, why,
                   units_rows[unit].example);
}

/* "6.18" and "6.18.44-cloud" are 6018. */
static int units_parse_version(const char *text, double *value, struct err *e)
{
    char *end = NULL;
    unsigned long major = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
    if (!end || *end != '.' || !isdigit((unsigned char)end[1]))
        return units_refuse(text, UNIT_VERSION, "is not a version", e);
    unsigned long minor = strtoul(end + 1, &end, 10);
    if (major > 999 || minor > 999)
        return units_refuse(text, UNIT_VERSION, "is not a version", e);
    *value = (double)(major * 1000 + minor);
    return 0;
}

int units_parse(const char *text, enum unit unit, double *value, struct err *e)
{
    if (unit == UNIT_VERSION)
        return units_parse_version(text, value, e);
    const struct units_row *row = &units_rows[unit];
    const char *digits = text + strspn(text, " ");
    char *end = NULL;
    errno = 0;
    double number = isdigit((unsigned char)*digits) || *digits == '.' ? strtod(digits, &end) : NAN;
    if (!end || end == digits || errno || !isfinite(number) || strpbrk(digits, "xX"))
        return units_refuse(text, unit, "does not begin with a number", e);
    const char *suffix = end + strspn(end, " ");
    if (!*suffix && row->needs_suffix)
        return units_refuse(text, unit, "has no unit", e);
    for (const struct units_suffix *s = row->suffixes; s->text; s++) {
        if (strcmp(s->text, suffix) == 0) {
            *value = number * s->factor;
            return isfinite(*value) ? 0 : units_refuse(text, unit, "is too large", e);
        }
    }
    return units_refuse(text, unit, "has an unknown unit", e);
}

static int units_parse_u64(const char *text, enum unit unit, uint64_t *out, struct err *e)
{
    double value = 0;
    if (units_parse(text, unit, &value, e))
        return -1;
    if (value >= 0x1p63)
        return units_refuse(text, unit, "is too large", e);
    *out = (uint64_t)llround(value);
    return 0;
}

int units_parse_ns(const char *text, uint64_t *ns, struct err *e)
{
    return units_parse_u64(text, UNIT_NS, ns, e);
}

int units_parse_bytes(const char *text, uint64_t *bytes, struct err *e)
{
    return units_parse_u64(text, UNIT_BYTES, bytes, e);
}

/* Three significant digits, no exponent. */
static void units_digits(double v, char *text, size_t size)
{
    double a = fabs(v);
    int decimals = a == 0 || a >= 99.95 ? 0 : a >= 9.995 ? 1 : a >= 0.9995 ? 2 : 3;
    (void)snprintf(text, size, "%.*f", a == floor(a) && a < 1000 ? 0 : decimals, v);
}

const char *units_format(double value, enum unit unit, char text[UNITS_TEXT_BYTES])
{
    char digits[UNITS_TEXT_BYTES - 8];
    if (!isfinite(value)) {
        (void)snprintf(text, UNITS_TEXT_BYTES, "-");
        return text;
    }
    if (unit == UNIT_VERSION) {
        unsigned long version = value > 0 ? (unsigned long)value : 0;
        (void)snprintf(text, UNITS_TEXT_BYTES, "%lu.%lu", version / 1000 % 1000, version % 1000);
        return text;
    }
    const struct units_suffix *best = NULL;
    for (const struct units_suffix *s = units_rows[unit].suffixes; s->text; s++) {
        if (s->shown && (!best || fabs(value) >= s->factor * 0.9995))
            best = s;
    }
    units_digits(value / best->factor, digits, sizeof digits);
    bool tight = !*best->text || *best->text == '/';
    (void)snprintf(text, UNITS_TEXT_BYTES, "%s%s%s", digits, tight ? "" : " ", best->text);
    return text;
}
