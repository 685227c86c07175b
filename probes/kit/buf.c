#include "probes/kit/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/limits.h"

enum {
    FIRST_ROOM_BYTES = 256
};

/* Makes room for `more` bytes and the NUL. */
static int grow(struct buf *b, size_t more)
{
    size_t cap = b->cap != 0 ? b->cap : LIMITS_BUF_BYTES;
    if (b->failed || b->size > cap || more > cap - b->size || cap == SIZE_MAX) {
        b->failed = true;
        return -1;
    }
    size_t need = b->size + more + 1;
    if (need <= b->room) {
        return 0;
    }
    size_t room = b->room < FIRST_ROOM_BYTES / 2 ? FIRST_ROOM_BYTES : b->room * 2;
    room = room > cap + 1 ? cap + 1 : room;
    room = room < need ? need : room;
    char *data = realloc(b->data, room);
    if (!data) {
        b->failed = true;
        return -1;
    }
    b->data = data;
    b->room = room;
    return 0;
}

void buf_add(struct buf *b, const void *bytes, size_t size)
{
    if (grow(b, size) != 0) {
        return;
    }
    if (size != 0) {
        memcpy(b->data + b->size, bytes, size);
    }
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
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (size < 0) {
        b->failed = true;
    } else if (grow(b, (size_t)size) == 0) {
        (void)vsnprintf(b->data + b->size, (size_t)size + 1, fmt, again);
        b->size += (size_t)size;
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
    if (b->data) {
        b->data[0] = '\0';
    }
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ .cap = b->cap };
}
