#include "probes/disk/buffers.h"

#include <stdlib.h>

#include "probes/kit/prng.h"

void buffers_fill(struct buffers *b, uint64_t seed)
{
    struct prng prng;
    prng_init_named(&prng, seed, "buffers");
    prng_fill(&prng, b->memory, b->count * b->bytes);
}

int buffers_open(struct buffers *b, unsigned count, size_t bytes, uint64_t seed, struct err *e)
{
    *b = (struct buffers){ .count = count, .bytes = bytes };
    b->memory = aligned_alloc(BUFFERS_ALIGNMENT, count * bytes);
    if (!b->memory)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u I/O buffers of %zu bytes", count,
                       bytes);
    buffers_fill(b, seed);
    for (unsigned i = 0; i < count; i++)
        b->items[i] = (char *)b->memory + i * bytes;
    return 0;
}

void buffers_release(struct buffers *b)
{
    free(b->memory);
    *b = (struct buffers){ 0 };
}
