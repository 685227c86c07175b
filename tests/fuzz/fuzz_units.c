/* units_parse of any text in every unit: what it takes is usable and survives being printed. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
    if (!held) {
        abort();
    }
}

static void check_value(double value, enum unit unit)
{
    char text[UNITS_TEXT_BYTES];
    double back = -1;
    struct err e = { 0 };
    must(isfinite(value) && value >= 0);
    must(units_parse(units_format(value, unit, text), unit, &back, &e) == 0);
    must(value < 1e-300 || fabs(back - value) <= 0.0051 * value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256];
    size_t length = size < sizeof(text) ? size : sizeof(text) - 1;
    memcpy(text, data, length);
    text[length] = '\0';
    for (enum unit unit = UNIT_NONE; unit < UNIT_KINDS; unit++) {
        struct err e = { 0 };
        double value = -1;
        if (units_parse(text, unit, &value, &e) == 0) {
            check_value(value, unit);
        } else {
            must(value == -1 && e.kind == ERR_USAGE && e.msg[0] != '\0');
        }
    }
    struct err e = { 0 };
    uint64_t whole = 0;
    (void)units_parse_ns(text, &whole, &e);
    (void)units_parse_bytes(text, &whole, &e);
    (void)units_of_name(text);
    return 0;
}
