#include "n6_huffman.h"

#include <string.h>

/* The entries of the fast table that start with a code. */
static void fill_fast(n6_huffman_t *table, uint32_t code, uint32_t length, uint8_t value)
{
    const uint32_t spare = N6_HUFFMAN_FAST - length;

    for (uint32_t i = 0; i < 1u << spare; i++) {
        table->fast[(code << spare) + i] = (uint16_t)(length << 8 | value);
    }
}

int n6_huffman_read(n6_huffman_t *table, const uint8_t *bytes, uint32_t size)
{
    uint32_t code = 0;
    uint32_t index = 0;

    if (size < N6_HUFFMAN_LENGTHS) {
        return N6_PICTURE_SEGMENT;
    }
    memset(table, 0, sizeof *table);
    for (uint32_t length = 1; length <= N6_HUFFMAN_LENGTHS; length++) {
        const uint32_t count = bytes[length - 1];
        if (code + count > 1u << length || index + count > N6_HUFFMAN_VALUES) {
            return N6_PICTURE_HUFFMAN;
        }
        if (size - N6_HUFFMAN_LENGTHS < index + count) {
            return N6_PICTURE_SEGMENT;
        }
        table->shift[length] = (int32_t)index - (int32_t)code;
        for (uint32_t i = 0; i < count; i++, index++, code++) {
            table->values[index] = bytes[N6_HUFFMAN_LENGTHS + index];
            if (length <= N6_HUFFMAN_FAST) {
                fill_fast(table, code, length, table->values[index]);
            }
        }
        table->end[length] = code << (N6_HUFFMAN_LENGTHS - length);
        code <<= 1;
    }
    return (int)(N6_HUFFMAN_LENGTHS + index);
}

uint32_t n6_huffman_search(const n6_huffman_t *table, uint32_t word)
{
    const uint32_t next = word >> (32 - N6_HUFFMAN_LENGTHS);

    for (uint32_t length = N6_HUFFMAN_FAST + 1; length <= N6_HUFFMAN_LENGTHS; length++) {
        if (next < table->end[length]) {
            const int32_t code = (int32_t)(next >> (N6_HUFFMAN_LENGTHS - length));
            return length << 8 | table->values[code + table->shift[length]];
        }
    }
    return 0;
}
