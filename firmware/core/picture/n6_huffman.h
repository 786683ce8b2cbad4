/*
 * n6_huffman.h - Huffman tables of JPEG (T.81, annex C and F.2.2.3).
 */
#ifndef N6_HUFFMAN_H
#define N6_HUFFMAN_H

#include "n6_bits.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_HUFFMAN_LENGTHS = 16, /* bits of the longest code */
    N6_HUFFMAN_VALUES = 256,
    N6_HUFFMAN_FAST = 9, /* codes up to this length are found with one look-up */
    N6_HUFFMAN_NONE = -1,
};

typedef struct {
    uint16_t fast
        [1 << N6_HUFFMAN_FAST]; /* by the next bits: length << 8 | value; 0 = the code is longer */
    uint32_t end[N6_HUFFMAN_LENGTHS +
                 1]; /* by length: the code after the last one, as the top 16 bits */
    int32_t shift[N6_HUFFMAN_LENGTHS + 1]; /* by length: index of a value - its code */
    uint8_t values[N6_HUFFMAN_VALUES];
} n6_huffman_t;

/*
 * Reads a table: the number of codes of each length, and the values. Returns its size in bytes, or a negative
 * n6_picture_result_t.
 */
int n6_huffman_read(n6_huffman_t *table, const uint8_t *bytes, uint32_t size);

/* The entry, as in fast, of a code that is longer; word is that of n6_bits_t. 0 = there is no such code. */
uint32_t n6_huffman_search(const n6_huffman_t *table, uint32_t word);

/* The next value; N6_HUFFMAN_NONE if there is no such code. At least 16 bits must be valid. */
static inline int n6_huffman_next(const n6_huffman_t *table, n6_bits_t *bits)
{
    uint32_t entry = table->fast[bits->word >> (32 - N6_HUFFMAN_FAST)];

    if (entry == 0) {
        entry = n6_huffman_search(table, bits->word);
        if (entry == 0) {
            return N6_HUFFMAN_NONE;
        }
    }
    n6_bits_skip(bits, entry >> 8);
    return (int)(entry & 0xff);
}

#ifdef __cplusplus
}
#endif

#endif
