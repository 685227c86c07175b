/* Any text as a range: one that is accepted holds its first address, and the next one unless it is
 * a single address; one that is refused says why. */
#include <stdlib.h>
#include <string.h>

#include "probes/net/cidr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cidr c;
    struct err e = { 0 };
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (cidr_parse(text, &c, &e) == 0) {
        struct origin other = c.first;
        if (c.bits > 128 || (c.v4 && c.bits < 96) || !cidr_holds(&c, c.first))
            abort();
        other.low ^= 1;
        if (cidr_holds(&c, other) != (c.bits < 128))
            abort();
    } else if (e.kind != ERR_USAGE || !*e.msg) {
        abort();
    }
    free(text);
    return 0;
}
