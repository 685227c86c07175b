/* A key file of any bytes: refused with a sentence, or a key of a length that is allowed. */
#include <stdlib.h>
#include <string.h>

#include "probes/net/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key k;
    struct err e = { 0 };
    char *text = malloc(size ? size : 1); /* of its very size, for the sanitizer */
    if (!text)
        return 0;
    memcpy(text, data, size);
    if (key_parse(text, size, &k, &e) ? !*e.msg || k.size != 0
                                      : k.size < KEY_BYTES_MIN || k.size > KEY_BYTES_MAX)
        abort();
    free(text);
    return 0;
}
