/*
 * content: bytes of files that compress like those of real images, the same on every machine.
 *
 * Three kinds, made block by block, so that any part can be made alone:
 *     text    words drawn with a skew from a vocabulary, digits, punctuation, lines   (about 3.6:1)
 *     code    machine code: instructions drawn with a skew, operands, runs of zeros   (about 2.9:1)
 *     packed  random bytes: what was compressed before it came into the image         (1:1)
 * Integer arithmetic and explicit bytes only: no libm, no byte order of the host.
 */
#ifndef PROBES_IMAGE_CONTENT_H
#define PROBES_IMAGE_CONTENT_H

#include <stddef.h>
#include <stdint.h>

enum {
    CONTENT_BLOCK_BYTES = 4096,
    CONTENT_WORDS = 4096,
    CONTENT_WORD_BYTES = 16
};

enum content_kind {
    CONTENT_TEXT,
    CONTENT_CODE,
    CONTENT_PACKED
};

/* What the blocks are made from; read only once made, so threads may share it. */
struct content {
    struct content_word {
        uint8_t bytes[CONTENT_WORD_BYTES];
        uint8_t size;
    } words[CONTENT_WORDS], instructions[CONTENT_WORDS];
};

void content_init(struct content *c, uint64_t seed);
/* Block number `block` of the file with that seed, whole; the caller uses what the file needs. */
void content_block(const struct content *c, enum content_kind kind, uint64_t seed, uint64_t block,
                   uint8_t bytes[CONTENT_BLOCK_BYTES]);

#endif
