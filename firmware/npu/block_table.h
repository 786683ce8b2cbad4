/*
 * block_table.h - a table of epoch blocks as text, so that a simulated network can show the blocks
 * that ST's compiler made of it. One block a line, in running order:
 *
 *     # kind first last estimated_npu estimated_total operation
 *     EC 1 12 402133 455811 Conv2D
 *     SW 13 13 0 90112 Resize
 *
 * kind is HW, EC, SW, HYBRID or EXTRA. first and last are epoch numbers, the estimates are cycles
 * (0 = unknown). The operation is the rest of the line; it may be absent. Empty lines and lines
 * that begin with # are skipped.
 */
#ifndef N6_BLOCK_TABLE_H
#define N6_BLOCK_TABLE_H

#include "n6_npu.h"

/*
 * Reads the table in text into blocks, at most space of them. The operations point into text, which
 * is changed and has to stay. Returns the number of blocks, or -1 with a sentence in error.
 */
int n6_block_table_read(char *text, n6_block_t *blocks, int space, char *error, size_t size);

#endif
