/*
 * block_table.h - what ST's compiler made of a network, as text, so that a simulated network can
 * show it: its number of epochs, its epoch blocks in running order, and its memory pools. One a
 * line:
 *
 *     # epochs number
 *     epochs 13
 *     # kind first last estimated_npu estimated_total operation
 *     EC 1 12 402133 455811 Conv2D
 *     SW 13 13 0 90112 Resize
 *     # pool name base total used weights activations
 *     pool cpuRAM2 0x34100000 1048576 884736 0 884736
 *
 * Numbers of epochs may have gaps, so that the blocks alone do not say how many epochs there are;
 * without the line on it there are none. kind is HW, EC, SW, HYBRID or EXTRA. first and last are
 * epoch numbers, the estimates are cycles (0 = unknown). The operation is the rest of the line; it
 * may be absent. Of a pool everything but the name is a number of bytes. Numbers are decimal, or
 * hexadecimal with 0x. Empty lines and lines that begin with # are skipped.
 */
#ifndef N6_BLOCK_TABLE_H
#define N6_BLOCK_TABLE_H

#include "n6_npu.h"

typedef struct {
    n6_block_t *block;
    n6_pool_t *pool;
    uint16_t epochs;
    uint16_t blocks;
    uint8_t pools;
} n6_block_table_t;

/* How many blocks or pools the text may have: its lines. */
size_t n6_block_table_lines(const char *text);

/*
 * Reads text into table, whose arrays have room for all lines. Names point into text, which is
 * changed and has to stay. 0, or -1 with a sentence in error.
 */
int n6_block_table_read(n6_block_table_t *table, char *text, char *error, size_t size);

#endif
