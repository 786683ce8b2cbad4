/*
 * n6_bits.h - reads the entropy-coded bits of a JPEG scan (T.81, F.2.2), without the stuffed zeros.
 *
 * The bits end in front of the next marker, or at the end of the bytes. Zeros follow them, which are counted, so
 * that a decoder may read on to the end of its block before it asks whether bits were missing.
 */
#ifndef N6_BITS_H
#define N6_BITS_H

#include <stdbool.h>

#include "n6_coded.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_BITS_READY = 25,    /* valid bits after n6_bits_fill(), at least */
    N6_BITS_MARKER = 0xff, /* first byte of a marker */
};

typedef struct {
    uint32_t
        word; /* the next bits, the first one on top; after the valid ones zeros, or the bits that follow */
    uint32_t count; /* of valid bits in word */
    uint32_t added; /* zeros after the end that were counted as valid */
} n6_bits_t;

/* Whether one of four bytes is 0xff. */
static inline bool n6_bits_marked(uint32_t bytes)
{
    return (~bytes - 0x01010101u) & bytes & 0x80808080u;
}

static inline void n6_bits_fill_slowly(n6_bits_t *bits, n6_coded_t *coded)
{
    while (bits->count < N6_BITS_READY) {
        uint32_t byte = 0;
        if (coded->at < coded->size && coded->bytes[coded->at] != N6_BITS_MARKER) {
            byte = coded->bytes[coded->at++];
        } else if (n6_coded_left(coded) >= 2 && coded->bytes[coded->at + 1] == 0) {
            byte = N6_BITS_MARKER;
            coded->at += 2;
        } else {
            bits->added += 8;
        }
        bits->word |= byte << (24 - bits->count);
        bits->count += 8;
    }
}

/* Makes at least `count` bits valid, at most N6_BITS_READY. */
static inline void n6_bits_fill(n6_bits_t *bits, n6_coded_t *coded, uint32_t count)
{
    uint32_t bytes = 0;

    if (bits->count >= count) {
        return;
    }
    if (n6_coded_left(coded) >= sizeof bytes) {
        bytes = n6_coded_word(coded->bytes + coded->at);
        if (!n6_bits_marked(bytes)) {
            const uint32_t taken = (32 - bits->count) / 8;
            bits->word |= bytes >> bits->count;
            bits->count += taken * 8;
            coded->at += taken;
            return;
        }
    }
    n6_bits_fill_slowly(bits, coded);
}

/* Removes bits, at most 31, which must be valid. */
static inline void n6_bits_skip(n6_bits_t *bits, uint32_t count)
{
    bits->word <<= count;
    bits->count -= count;
}

/* A coefficient of a category of 1 to 15 bits (T.81, F.2.2.1, EXTEND); the bits must be valid. */
static inline int32_t n6_bits_signed(n6_bits_t *bits, uint32_t category)
{
    const uint32_t value = bits->word >> (32 - category);
    const uint32_t least = 1u << (category - 1);

    n6_bits_skip(bits, category);
    return (int32_t)value - (value < least ? (int32_t)(2 * least - 1) : 0);
}

/* Whether more bits were read than there were. */
static inline bool n6_bits_missing(const n6_bits_t *bits)
{
    return bits->count < bits->added;
}

/* Bits that were taken from the bytes and not read. */
static inline uint32_t n6_bits_unread(const n6_bits_t *bits)
{
    return n6_bits_missing(bits) ? 0 : bits->count - bits->added;
}

#ifdef __cplusplus
}
#endif

#endif
