/*
 * block_table.h - the output of ST's compiler for a network, as text, so that a simulated network
 * can show it: its number of epochs, its epoch blocks in order of execution, and its memory pools.
 * One line each:
 *
 *     # epochs number
 *     epochs 13
 *     # kind first last estimated_npu estimated_total operation
 *     EC 1 12 402133 455811 Conv2D
 *     SW 13 13 0 90112 Resize
 *     # pool name base total used weights activations
 *     pool cpuRAM2 0x34100000 1048576 884736 0 884736
 *
 * Numbers of epochs may have gaps, so that the number of epochs does not follow from the blocks;
 * without its line it is 0. kind is HW, EC, SW, HYBRID or EXTRA. first and last are epoch numbers,
 * the estimates are cycles (0 = unknown). The operation is the rest of the line, and optional. All
 * values of a pool except the name are bytes. Numbers are decimal, or hexadecimal with 0x. Empty
 * lines and lines that start with # are skipped.
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

/* Maximum number of blocks or pools in the text: its lines. */
size_t n6_block_table_lines(const char *text);

/*
 * Reads text into table. The arrays of table have room for all lines. Names point into text, which
 * is changed and must exist as long as the table. Returns 0, or -1 and writes a sentence to error.
 */
int n6_block_table_read(n6_block_table_t *table, char *text, char *error, size_t size);

#endif
