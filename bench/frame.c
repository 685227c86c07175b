#include "bench/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"
#include "probes/kit/limits.h"

enum {
    FRAME_HEAD_BYTES = 5,
    FRAME_READ_BYTES = 65536
};

int frame_write(int fd, enum frame_type type, const void *bytes, size_t size, struct err *e)
{
    unsigned char head[FRAME_HEAD_BYTES] = { (unsigned char)type };
    uint32_t length = (uint32_t)size;
    memcpy(head + 1, &length, sizeof length);
    if (file_write_all(fd, head, sizeof head, e) || file_write_all(fd, bytes, size, e)) {
        return err_wrap(e, "send to the runner");
    }
    return 0;
}

enum frame_state frame_take(struct buf *in, enum frame_type *type, struct buf *payload)
{
    if (in->size < FRAME_HEAD_BYTES)
        return FRAME_PARTIAL;
    uint32_t length = 0;
    memcpy(&length, in->data + 1, sizeof length);
    if (length > LIMITS_BUF_BYTES - FRAME_HEAD_BYTES)
        return FRAME_BROKEN;
    size_t whole = FRAME_HEAD_BYTES + (size_t)length;
    if (in->size < whole)
        return FRAME_PARTIAL;

    *type = (enum frame_type)(unsigned char)in->data[0];
    buf_clear(payload);
    buf_add(payload, in->data + FRAME_HEAD_BYTES, length);
    AUTO(buf) struct buf rest = { .cap = in->cap };
    buf_add(&rest, in->data + whole, in->size - whole);
    struct buf swap = *in;
    *in = rest;
    rest = swap;
    return payload->failed || in->failed ? FRAME_BROKEN : FRAME_WHOLE;
}

/* Waits for bytes and adds them to *in. */
static int frame_fill(int fd, uint64_t deadline_ns, struct buf *in, struct err *e)
{
    uint64_t now = clk_now_ns();
    bool late = now >= deadline_ns;
    struct timespec left = clk_timespec(late ? 0 : deadline_ns - now);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int ready = ppoll(&p, 1, &left, NULL);
    if (ready <= 0 && late) /* an answer that is there counts, when it was we that were stalled */
        return err_set(e, ERR_TIMEOUT, 0, "no answer from a child by its deadline");
    if (ready <= 0)
        return 0; /* the loop looks at the clock again */
    char bytes[FRAME_READ_BYTES];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n <= 0)
        return err_set(e, ERR_IO, n < 0 ? errno : 0, "a child ended before it had answered");
    buf_add(in, bytes, (size_t)n);
    return 0;
}

int frame_read(int fd, uint64_t deadline_ns, enum frame_type *type, struct buf *payload,
               struct err *e)
{
    AUTO(buf) struct buf in = { 0 };
    for (;;) {
        enum frame_state state = frame_take(&in, type, payload);
        if (state == FRAME_WHOLE)
            return 0;
        if (state == FRAME_BROKEN)
            return err_set(e, ERR_DATA, 0, "a child sent what is not a frame");
        if (frame_fill(fd, deadline_ns, &in, e))
            return -1;
    }
}
