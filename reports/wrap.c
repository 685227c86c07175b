#include "reports/wrap.h"

#include <stdbool.h>
#include <string.h>

#include "probes/kit/auto.h"

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0U) == 0x80U;
}

void wrap_clean(const char *text, struct buf *out)
{
    for (const char *c = text; *c; c++) {
        unsigned char u = (unsigned char)*c;
        bool c1 = u == 0xC2U && (unsigned char)c[1] >= 0x80U && (unsigned char)c[1] < 0xA0U;
        if (u == '\n' || u == '\t') {
            buf_adds(out, " ");
        } else if (u < 0x20U || u == 0x7FU || c1) {
            buf_adds(out, "?");
            c += c1;
        } else {
            buf_add(out, c, 1);
        }
    }
}

void wrap_ascii(const char *text, struct buf *out)
{
    AUTO(buf) struct buf clean = { 0 };
    wrap_clean(text, &clean);
    for (const char *c = buf_text(&clean); *c; c++) {
        if ((unsigned char)*c < 0x80U)
            buf_add(out, c, 1);
        else if (!is_continuation(*c))
            buf_adds(out, "?");
    }
}

/* The bytes that the first `columns` characters of text take. */
static size_t bytes_of(const char *text, unsigned columns)
{
    size_t n = 0;
    for (; text[n]; n++) {
        if (is_continuation(text[n]))
            continue;
        if (columns == 0)
            break;
        columns--;
    }
    return n;
}

static unsigned columns_of(const char *text, size_t bytes)
{
    unsigned columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += !is_continuation(text[i]);
    return columns;
}

unsigned wrap_columns(const char *text)
{
    return columns_of(text, strlen(text));
}

/* Whether the blank behind `bytes` of text belongs to a figure: "25 ms", "<= 25 ms". */
static bool is_glue(const char *text, size_t bytes)
{
    static const char *const units[] = { "ns",  "us",  "ms",  "s",    "%",    "B",   "KiB",
                                         "MiB", "GiB", "TiB", "kB/s", "MB/s", "GB/s" };
    const char *next = text + bytes + strspn(text + bytes, " ");
    size_t length = strcspn(next, " ,;:)");
    char last = text[bytes - 1];
    if (last == '=' || last == '<' || last == '>')
        return bytes <= 3;
    for (unsigned i = 0; last >= '0' && last <= '9' && i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i]) == length && strncmp(units[i], next, length) == 0)
            return true;
    }
    return false;
}

/* The bytes up to the next blank at which a line may end. */
static size_t unbroken(const char *text)
{
    size_t bytes = strcspn(text, " ");
    while (text[bytes] && is_glue(text, bytes)) {
        bytes += strspn(text + bytes, " ");
        bytes += strcspn(text + bytes, " ");
    }
    return bytes;
}

void wrap_words(const char *text, unsigned at, unsigned indent, unsigned width, struct buf *out)
{
    unsigned column = at;
    bool fresh = true; /* nothing of ours is on this line */
    if (width <= indent)
        width = indent + 1;
    text += strspn(text, " ");
    while (*text) {
        size_t bytes = unbroken(text);
        unsigned wide = columns_of(text, bytes);
        if (column + (fresh ? 0 : 1) + wide > width && (!fresh || column > indent)) {
            buf_addf(out, "\n%*s", (int)indent, "");
            column = indent;
            fresh = true;
        }
        if (column + wide > width) {
            bytes = bytes_of(text, width - column);
            wide = width - column;
        }
        if (!fresh)
            buf_adds(out, " ");
        buf_add(out, text, bytes);
        column += wide + (fresh ? 0 : 1);
        fresh = false;
        text += bytes;
        text += strspn(text, " ");
    }
}
