#include "probes/image/content.h"

#include <string.h>

#include "probes/kit/prng.h"

enum {
    CONTENT_SHORTEST = 2,       /* bytes of a word */
    CONTENT_LINE_WORDS = 11,    /* words of a line, on average */
    CONTENT_OPERAND_ONE_IN = 6, /* an instruction out of so many has operands of its own */
    CONTENT_ZEROS_ONE_IN = 96,  /* after one instruction out of so many comes a run of zeros */
    CONTENT_REPEAT_ONE_IN = 7,  /* one step out of so many repeats what stands further up */
};

static void content_make_word(struct content_word *w, struct prng *p)
{
    static const char vowels[] = "eaoiueai";
    static const char others[] = "tnsrhldcmpfgbvkw";
    w->size = (uint8_t)(CONTENT_SHORTEST + prng_below(p, 5) + prng_below(p, 6));
    for (unsigned i = 0; i < w->size; i++) {
        uint64_t drawn = prng_next(p);
        w->bytes[i] = (uint8_t)(i % 2 ? vowels[drawn % 8] : others[drawn % 16]);
    }
}

/* An opcode of one to three bytes, and operands that its uses share. */
static void content_make_instruction(struct content_word *w, struct prng *p)
{
    w->size = (uint8_t)(1 + prng_below(p, 4) + prng_below(p, 4));
    prng_fill(p, w->bytes, w->size);
}

void content_init(struct content *c, uint64_t seed)
{
    struct prng p;
    memset(c, 0, sizeof *c);
    prng_init_named(&p, seed, "words");
    for (unsigned i = 0; i < CONTENT_WORDS; i++)
        content_make_word(&c->words[i], &p);
    prng_init_named(&p, seed, "instructions");
    for (unsigned i = 0; i < CONTENT_WORDS; i++)
        content_make_instruction(&c->instructions[i], &p);
}

/* The product of two uniform draws: low ranks are common, as in every vocabulary. */
static unsigned content_rank(uint64_t drawn)
{
    return (unsigned)(((drawn & 0xfff) * ((drawn >> 12) & 0xfff)) >> 12);
}

/* Both makers write past the block's end, at most a word and a run: the caller's room is larger. */
enum {
    CONTENT_ROOM_BYTES = CONTENT_BLOCK_BYTES + 256
};

static size_t content_add(uint8_t *at, const struct content_word *w)
{
    memcpy(at, w->bytes, CONTENT_WORD_BYTES);
    return w->size;
}

/* Real files repeat themselves in phrases, not in words: 16 to 79 bytes from further up. */
static size_t content_repeat(uint8_t *room, size_t n, uint64_t drawn)
{
    size_t size = 16 + (drawn & 63);
    if (n < 2 * size)
        return 0;
    size_t from = (size_t)(((drawn >> 6) & 0xfff) % (n - size));
    memcpy(room + n, room + from, size);
    return size;
}

static void content_text(const struct content *c, struct prng *p, uint8_t room[CONTENT_ROOM_BYTES])
{
    static const char marks[] = ",.;:()\"'-_/=<>{}";
    size_t n = 0;
    while (n < CONTENT_BLOCK_BYTES) {
        uint64_t drawn = prng_next(p);
        if ((drawn >> 36) % CONTENT_REPEAT_ONE_IN == 0)
            n += content_repeat(room, n, drawn);
        n += content_add(room + n, &c->words[content_rank(drawn)]);
        uint64_t after = (drawn >> 24) % CONTENT_LINE_WORDS;
        if (after == 1)
            room[n++] = (uint8_t)('0' + (drawn >> 32) % 10);
        if (after == 2)
            room[n++] = (uint8_t)marks[(drawn >> 32) % 16];
        room[n++] = after == 0 ? '\n' : ' ';
    }
}

static void content_code(const struct content *c, struct prng *p, uint8_t room[CONTENT_ROOM_BYTES])
{
    size_t n = 0;
    while (n < CONTENT_BLOCK_BYTES) {
        uint64_t drawn = prng_next(p);
        if ((drawn >> 40) % CONTENT_REPEAT_ONE_IN == 0)
            n += content_repeat(room, n, drawn);
        n += content_add(room + n, &c->instructions[content_rank(drawn)]);
        if ((drawn >> 24) % CONTENT_OPERAND_ONE_IN == 0) {
            room[n++] = (uint8_t)(drawn >> 32);
            room[n++] = (uint8_t)(drawn >> 40);
        }
        if ((drawn >> 48) % CONTENT_ZEROS_ONE_IN == 0) {
            size_t zeros = 16 + (drawn >> 56) % 64;
            memset(room + n, 0, zeros);
            n += zeros;
        }
    }
}

void content_block(const struct content *c, enum content_kind kind, uint64_t seed, uint64_t block,
                   uint8_t bytes[CONTENT_BLOCK_BYTES])
{
    uint8_t room[CONTENT_ROOM_BYTES];
    struct prng p;
    prng_init(&p, seed + block);
    if (kind == CONTENT_PACKED) {
        prng_fill(&p, bytes, CONTENT_BLOCK_BYTES);
        return;
    }
    if (kind == CONTENT_TEXT)
        content_text(c, &p, room);
    else
        content_code(c, &p, room);
    memcpy(bytes, room, CONTENT_BLOCK_BYTES);
}
