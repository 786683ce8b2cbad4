/*
 * litert_blocks.h - makes epoch blocks of the operators of a LiteRT network, and times them.
 *
 * Epoch blocks. LiteRT's profiler reports one event an operator; each becomes an epoch block. The
 * simulation shows a board's picture: an operator that XNNPACK runs counts as HW (there the NPU
 * would run it), one that falls back to LiteRT's own kernels counts as SW. All of it is the host's
 * CPU, which is why the device announces N6_FEATURE_SIMULATED and N6_TIMER_SOURCE_LITERT_PROFILER.
 * The block's operation is the operator's name without the notes in parentheses, so that it fits a
 * BlockRecord. The blocks are those of the first run, on zeros.
 *
 * Later runs find their block by name, node and order. An event that has no block (control flow
 * took another way) is added to the block before it, so that the sum stays true. Kernels of a
 * nested subgraph are part of the operator that calls them. XNNPACK's events have a duration and no
 * start: they begin where the one before ended.
 *
 * LiteRT's Interpreter reports no operators: there the whole network is one block, which counts as
 * HYBRID, with the time of the run on the host's clock (N6_TIMER_SOURCE_HOST_CLOCK).
 *
 * With a block table (block_table.h) the network shows the table's blocks and pools, and the sum of
 * all events is spread over the blocks in proportion to their estimated cycles. A block without
 * an estimate counts as many average epochs as it holds. As on a board, a SW block works in its
 * post phase.
 */
#ifndef N6_LITERT_BLOCKS_H
#define N6_LITERT_BLOCKS_H

#include "litert_network.h"

/* The times of the last run, which began at begin. */
void n6_litert_network_times(const litert_network_t *self, uint64_t begin, n6_block_time_t *times);

/* A part of loading, after the first run. 0 or -1. */
int n6_litert_describe_blocks(litert_load_t *load);

#endif
