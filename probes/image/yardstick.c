#include "probes/image/yardstick.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "probes/image/content.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/stats.h"

enum {
    YARDSTICK_BLOCKS = 2,
    YARDSTICK_BYTES = YARDSTICK_BLOCKS * CONTENT_BLOCK_BYTES,
    YARDSTICK_ROUNDS = 15
};

struct yardstick_piece {
    struct content content;
    uint8_t plain[YARDSTICK_BYTES];
    uint8_t packed[YARDSTICK_BYTES + 4096];
    uLongf packed_size;
};

static int yardstick_make(struct yardstick_piece *p)
{
    content_init(&p->content, 1);
    for (unsigned i = 0; i < YARDSTICK_BLOCKS; i++)
        content_block(&p->content, i % 2 ? CONTENT_CODE : CONTENT_TEXT, 1, i,
                      p->plain + (size_t)i * CONTENT_BLOCK_BYTES);
    p->packed_size = sizeof p->packed;
    return compress2(p->packed, &p->packed_size, p->plain, sizeof p->plain, 6) == Z_OK ? 0 : -1;
}

int yardstick_kib_ns(double *kib_ns, struct err *e)
{
    double rounds[YARDSTICK_ROUNDS];
    AUTO_FREE struct yardstick_piece *p = malloc(sizeof *p);
    if (!p || yardstick_make(p))
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to measure the CPU");
    for (unsigned i = 0; i < YARDSTICK_ROUNDS; i++) {
        uLongf size = sizeof p->plain;
        uint64_t start_ns = clk_thread_cpu_ns();
        if (uncompress(p->plain, &size, p->packed, p->packed_size) != Z_OK)
            return err_set(e, ERR_DATA, 0, "zlib does not read what it wrote");
        rounds[i] = (double)(clk_thread_cpu_ns() - start_ns) * 1024 / (double)size;
    }
    *kib_ns = stats_median(rounds, YARDSTICK_ROUNDS);
    return 0;
}
