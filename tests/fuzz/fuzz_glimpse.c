/* The texts that attribution reads, hostile: interrupts, mountinfo, schedstat, stat. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/glimpse.h"
#include "probes/kit/ownsched.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CPUS = 8
};

/* The shares of an episode in the window between two glimpses add up to it. */
static void check_window(const struct glimpse *a, const struct glimpse *b, const char *text)
{
    static const struct cause_host host = { .is_virtual = true, .tick_ns = 10000000 };
    struct episode e = { .length_ns = 25000000, .count = 1 };
    uint64_t shares[CAUSES];
    uint64_t run_ns = 0;
    uint64_t sum_ns = 0;
    e.queued_known = ownsched_parse(text, &run_ns, &e.queued_ns) == 0;
    for (uint32_t cpu = 0; cpu <= CPUS; cpu++) {
        struct cause_window w = glimpse_window(a, b, cpu);
        sum_ns = 0;
        cause_split(&e, &w, &host, shares);
        for (unsigned i = 0; i < CAUSES; i++)
            sum_ns += shares[i];
        if (sum_ns != e.length_ns)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    AUTO(steal) struct steal stat = { 0 };
    AUTO(glimpse) struct glimpse before = { 0 };
    AUTO(glimpse) struct glimpse after = { 0 };
    struct err e;
    buf_add(&text, data, size);
    if (glimpse_reserve(&before, CPUS, &e) || glimpse_reserve(&after, CPUS, &e))
        return 0;
    before.all.present = after.all.present = true;
    for (uint32_t i = 0; i < CPUS; i++)
        before.cpus[i].present = true;
    if (!steal_parse(buf_text(&text), &stat, &e))
        glimpse_stat(&after, &stat, 10000000);
    glimpse_interrupts(&after, buf_text(&text));
    (void)glimpse_is_made_up(buf_text(&text));
    check_window(&before, &after, buf_text(&text));
    return 0;
}
