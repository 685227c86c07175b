/* What the witness reads of processes, hostile: their names are anybody's choice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/crowd.h"
#include "probes/kit/auto.h"
#include "probes/kit/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    struct crowd_process p;
    uint64_t bytes = 0;
    buf_add(&text, data, size);
    if (!crowd_parse_stat(buf_text(&text), &p)) {
        if (strlen(p.name) >= sizeof p.name)
            abort();
        for (const char *at = p.name; *at; at++) {
            if (*at < ' ' || *at > '~')
                abort();
        }
    }
    (void)crowd_parse_io(buf_text(&text), &bytes);
    (void)crowd_parse_vmstat(buf_text(&text), &bytes);
    return 0;
}
