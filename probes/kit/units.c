#include "probes/kit/units.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct units_suffix {
    const char *text;
    double factor;
    double from; /* printed from this value on; 0: only read, but for the first row */
};

struct units_row {
    const char *name;
    const char *example;
    const struct units_suffix *suffixes; /* ended by text NULL */
    bool needs_suffix;
};

/* No quantity comes near, and every factor can be applied below it. */
static const double units_most = 1e300;

/* What rounds to the next suffix's 1 belongs to it: 999.6 us is 1 ms. */
#define UNITS_UP(factor) (0.9995 * (factor))

static const struct units_suffix units_none[] = {
    {"",    1, 0},
    { NULL, 0, 0},
};

/* "90 s" and "90 min" say more than "1.5 min" and "1.5 h": the larger ones begin at two. */
static const struct units_suffix units_times[] = {
    {"ns",   1,       0            },
    { "us",  1e3,     UNITS_UP(1e3)},
    { "ms",  1e6,     UNITS_UP(1e6)},
    { "s",   1e9,     UNITS_UP(1e9)},
    { "min", 60e9,    120e9        },
    { "m",   60e9,    0            },
    { "h",   3600e9,  7200e9       },
    { "d",   86400e9, 2 * 86400e9  },
    { NULL,  0,       0            },
};

static const struct units_suffix units_sizes[] = {
    {"B",      1,      0               },
    { "bytes", 1,      0               },
    { "",      1,      0               },
    { "kB",    1e3,    0               },
    { "KiB",   0x1p10, UNITS_UP(0x1p10)},
    { "K",     0x1p10, 0               },
    { "k",     0x1p10, 0               },
    { "MB",    1e6,    0               },
    { "MiB",   0x1p20, UNITS_UP(0x1p20)},
    { "M",     0x1p20, 0               },
    { "GB",    1e9,    0               },
    { "GiB",   0x1p30, UNITS_UP(0x1p30)},
    { "G",     0x1p30, 0               },
    { "TB",    1e12,   0               },
    { "TiB",   0x1p40, UNITS_UP(0x1p40)},
    { "T",     0x1p40, 0               },
    { "PB",    1e15,   0               },
    { "PiB",   0x1p50, UNITS_UP(0x1p50)},
    { NULL,    0,      0               },
};

static const struct units_suffix units_rates[] = {
    {"B/s",      1,      0             },
    { "bytes/s", 1,      0             },
    { "",        1,      0             },
    { "kB/s",    1e3,    UNITS_UP(1e3) },
    { "KiB/s",   0x1p10, 0             },
    { "MB/s",    1e6,    UNITS_UP(1e6) },
    { "MiB/s",   0x1p20, 0             },
    { "GB/s",    1e9,    UNITS_UP(1e9) },
    { "GiB/s",   0x1p30, 0             },
    { "TB/s",    1e12,   UNITS_UP(1e12)},
    { NULL,      0,      0             },
};

static const struct units_suffix units_per_s[] = {
    {"/s",   1,   0},
    { "",    1,   0},
    { "k/s", 1e3, 0},
    { NULL,  0,   0},
};

static const struct units_suffix units_per_hour[] = {
    {"/h",  1, 0},
    { "",   1, 0},
    { NULL, 0, 0},
};

static const struct units_suffix units_ratios[] = {
    {"%",   0.01, 0},
    { "",   1,    0},
    { NULL, 0,    0},
};

static const struct units_row units_rows[UNIT_KINDS] = {
    [UNIT_NONE] = {"none",     "4",       units_none,     false},
    [UNIT_NS] = { "ns",      "10 ms",   units_times,    true },
    [UNIT_BYTES] = { "bytes",   "64 MiB",  units_sizes,    false},
    [UNIT_BYTES_PER_S] = { "bytes/s", "50 MB/s", units_rates,    false},
    [UNIT_PER_S] = { "1/s",     "500/s",   units_per_s,    false},
    [UNIT_PER_HOUR] = { "1/h",     "12/h",    units_per_hour, false},
    [UNIT_RATIO] = { "ratio",   "5 %",     units_ratios,   false},
    [UNIT_COUNT] = { "count",   "4",       units_none,     false},
    [UNIT_VERSION] = { "version", "6.18",    units_none,     false},
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

/* Digits only, at most 999; -1 when there are none or more. */
static int units_version_part(const char **at)
{
    int part = 0;
    if (!isdigit((unsigned char)**at)) {
        return -1;
    }
    for (; isdigit((unsigned char)**at); (*at)++) {
        part = part * 10 + (**at - '0');
        if (part > 999) {
            return -1;
        }
    }
    return part;
}

/* "6.18", and as `uname -r` has it "6.18.44-cloud-amd64": what follows the minor is passed over. */
static int units_parse_version(const char *text, double *value, struct err *e)
{
    const char *at = text;
    int major = units_version_part(&at);
    int minor = major >= 0 && *at == '.' ? (at++, units_version_part(&at)) : -1;
    if (minor < 0 || isalpha((unsigned char)*at) || isspace((unsigned char)*at)) {
        return units_refuse(text, UNIT_VERSION, "is not a version", e);
    }
    *value = major * 1000 + minor;
    return 0;
}

/* Plain decimals: strtod would also take "inf", "nan", hexadecimal and a sign. */
static const char *units_number(const char *text, double *number)
{
    char *end = NULL;
    const char *digits = text + strspn(text, " ");
    bool plain = isdigit((unsigned char)digits[0]) ||
                 (digits[0] == '.' && isdigit((unsigned char)digits[1]));
    if (!plain || (digits[0] == '0' && (digits[1] | 0x20) == 'x')) {
        return NULL;
    }
    *number = strtod(digits, &end);
    return isfinite(*number) ? end : NULL;
}

int units_parse(const char *text, enum unit unit, double *value, struct err *e)
{
    double number = 0;
    const struct units_row *row = &units_rows[unit];
    if (unit == UNIT_VERSION) {
        return units_parse_version(text, value, e);
    }
    const char *suffix = units_number(text, &number);
    if (!suffix) {
        return units_refuse(text, unit, "is not a number that can be used", e);
    }
    suffix += strspn(suffix, " ");
    if (!*suffix && row->needs_suffix) {
        return units_refuse(text, unit, "has no unit", e);
    }
    for (const struct units_suffix *s = row->suffixes; s->text; s++) {
        if (strcmp(s->text, suffix) == 0 && number * s->factor <= units_most) {
            *value = number * s->factor;
            return 0;
        }
    }
    return units_refuse(text, unit, "has an unknown unit", e);
}

static int units_parse_u64(const char *text, enum unit unit, uint64_t *out, struct err *e)
{
    double value = 0;
    if (units_parse(text, unit, &value, e)) {
        return -1;
    }
    if (value >= 0x1p63) {
        return units_refuse(text, unit, "is too large", e);
    }
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

/*
 * Three significant digits. A whole number below 1024, and any that counts, is exact: "2 s", not
 * "2.00 s". Beyond what people read as digits it becomes 1.23e+15.
 */
static void units_digits(double v, bool counts, char *text, size_t size)
{
    double a = fabs(v);
    double whole = nearbyint(v);
    if (fabs(v - whole) <= a * 1e-9 && (a < 1024 || (counts && a < 1e15))) {
        (void)snprintf(text, size, "%.0f", whole + 0.0); /* not "-0" */
        return;
    }
    if (a < 1e-6 || a >= 1e15) {
        (void)snprintf(text, size, "%.2e", v);
        return;
    }
    int decimals = 2 - (int)floor(log10(a * (1 + 0.5e-3)));
    double step = pow(10, -decimals);
    if (decimals > 0) {
        (void)snprintf(text, size, "%.*f", decimals, v);
    } else {
        (void)snprintf(text, size, "%.0f", nearbyint(v / step) * step);
    }
}

static const struct units_suffix *units_fitting(double value, enum unit unit)
{
    const struct units_suffix *best = units_rows[unit].suffixes;
    for (const struct units_suffix *s = best; s->text; s++) {
        if (s->from > 0 && fabs(value) >= s->from) {
            best = s;
        }
    }
    return best;
}

const char *units_format(double value, enum unit unit, char text[UNITS_TEXT_BYTES])
{
    char digits[UNITS_TEXT_BYTES - 8];
    if (!(fabs(value) <= units_most)) {
        (void)snprintf(text, UNITS_TEXT_BYTES, "-");
        return text;
    }
    if (unit == UNIT_VERSION) {
        unsigned version = value > 0 && value < 1e6 ? (unsigned)value : 0;
        (void)snprintf(text, UNITS_TEXT_BYTES, "%u.%u", version / 1000, version % 1000);
        return text;
    }
    const struct units_suffix *s = units_fitting(value, unit);
    bool tight = !*s->text || *s->text == '/';
    bool counts = s->factor == 1 && unit != UNIT_PER_S && unit != UNIT_PER_HOUR;
    units_digits(value / s->factor, counts, digits, sizeof(digits));
    (void)snprintf(text, UNITS_TEXT_BYTES, "%s%s%s", digits, tight ? "" : " ", s->text);
    return text;
}
