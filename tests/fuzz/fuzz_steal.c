/* steal_parse on hostile text; what it yields is used as the witness uses it. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/limits.h"
#include "probes/kit/steal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ratio(double ratio)
{
    if (!isnan(ratio) && !(ratio >= 0 && ratio <= 1)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf half = { 0 };
    AUTO(steal) struct steal before = { 0 };
    AUTO(steal) struct steal after = { 0 };
    struct err e;
    uint32_t cpu = 0;
    buf_add(&half, data, size / 2);
    buf_add(&text, data + size / 2, size - size / 2);
    bool ok = steal_parse(buf_text(&half), &before, &e) == 0;
    ok = steal_parse(buf_text(&text), &after, &e) == 0 && ok;
    if (before.count > LIMITS_CPUS || after.count > LIMITS_CPUS) {
        abort();
    }
    if (ok) {
        check_ratio(steal_ratio(&before.all, &after.all));
        check_ratio(steal_worst_ratio(&before, &after, &cpu));
    }
    return 0;
}
