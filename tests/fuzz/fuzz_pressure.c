/* The texts of /proc/pressure and cpu.stat, and of the files that say where it is, hostile. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/pressure.h"
#include "probes/kit/throttle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first half, up to an empty line, is self/cgroup and the rest is self/mountinfo. */
static void check_groups(const char *text)
{
    struct throttle_group groups[THROTTLE_HIERARCHIES];
    const char *rest = strstr(text, "\n\n");
    AUTO(buf) struct buf cgroups = { 0 };
    buf_add(&cgroups, text, rest ? (size_t)(rest - text) : strlen(text));
    unsigned count = throttle_find(buf_text(&cgroups), rest ? rest + 2 : "", groups);
    if (count > THROTTLE_HIERARCHIES)
        abort();
    for (unsigned i = 0; i < count; i++) {
        if (strlen(groups[i].mount) >= THROTTLE_PATH_BYTES ||
            strlen(groups[i].path) >= THROTTLE_PATH_BYTES)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    uint64_t some_us = 1;
    uint64_t full_us = 1;
    struct throttle_now now = { 0 };
    struct err e;
    buf_add(&text, data, size);
    if (pressure_parse(buf_text(&text), &some_us, &full_us, &e) != 0 && some_us != 0) {
        abort();
    }
    (void)throttle_add(buf_text(&text), &now);
    check_groups(buf_text(&text));
    return 0;
}
