#include "probes/kit/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/limits.h"

enum {
    BUF_FIRST_BYTES = 256
};

/* Room for `more` bytes and the terminator. */
static bool buf_reserve(struct buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : LIMITS_BUF_BYTES;
    if (b->failed || more > cap || b->size > cap - more) {
        b->failed = true;
        return false;
    }
    size_t need = b->size + more + 1;
    if (need <= b->room)
        return true;
    size_t room = b->room ? b->room : BUF_FIRST_BYTES;
    while (room < need)
        room *= 2;
    char *data = realloc(b->data, room);
    b->failed = !data;
    if (!data)
        return false;
    b->data = data;
    b->room = room;
    return true;
}

void buf_add(struct buf *b, const void *bytes, size_t size)
{
    if (!buf_reserve(b, size))
        return;
    if (size)
        memcpy(b->data + b->size, bytes, size);
    b->size += size;
    b->data[b->size] = '\0';
}

void buf_adds(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (need < 0)
        b->failed = true;
    else if (buf_reserve(b, (size_t)need)) {
        (void)vsnprintf(b->data + b->size, (size_t)need + 1, fmt, again);
        b->size += (size_t)need;
    }
    va_end(again);
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

void buf_clear(struct buf *b)
{
    b->size = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ .cap = b->cap };
}
