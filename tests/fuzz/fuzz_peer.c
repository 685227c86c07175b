/* Any text as a peer: what is accepted is printable, has a host and a port. */
#include <stdlib.h>
#include <string.h>

#include "probes/net/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer p;
    struct err e = { 0 };
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (peer_parse(text, &p, &e) == 0) {
        if (p.port == 0 || !*p.host || strlen(p.host) >= sizeof p.host)
            abort();
    } else if (e.kind != ERR_USAGE || !*e.msg) {
        abort();
    }
    (void)peer_parse_local(text, &p, &e);
    free(text);
    return 0;
}
