/*
 * litert_blocks.h - builds epoch blocks from the operators of a LiteRT network, and computes their
 * times.
 *
 * Epoch blocks. LiteRT's profiler reports one event per operator; each becomes an epoch block. Its
 * kind and its name are those of the predicted operation (litert_operations.h). If the operation is
 * not known, an operator in XNNPACK counts as HW, and an operator in one of LiteRT's own kernels as
 * SW; the name is the operator's without the notes in parentheses, so that it fits a BlockRecord.
 * All of them run on the host's CPU, therefore the device announces N6_FEATURE_SIMULATED and
 * N6_TIMER_SOURCE_LITERT_PROFILER. The blocks are those of the first run, with zeros as input.
 *
 * Events of later runs are assigned to blocks by name, node and order. The time of an event without
 * a block (with another control flow) is added to the block before it, so that the sum is correct.
 * Kernels of a nested subgraph are part of the operator that calls it. XNNPACK's events have a
 * duration and no start: they start at the end of the event before.
 *
 * LiteRT's Interpreter does not report operators: the whole network is one block of kind HYBRID,
 * with the time of the run on the host's clock (N6_TIMER_SOURCE_HOST_CLOCK).
 *
 * With a block table (block_table.h) the network shows the blocks and pools of the table, and the
 * sum of all events is distributed over the blocks in proportion to their estimated cycles. The
 * estimate of a block without one is the average per epoch times its number of epochs. As on a
 * board, the time of a SW block is in its post phase.
 */
#ifndef N6_LITERT_BLOCKS_H
#define N6_LITERT_BLOCKS_H

#include "litert_network.h"

/* The times of the last run, which started at begin. */
void n6_litert_network_times(const litert_network_t *self, uint64_t begin, n6_block_time_t *times);

/* Part of the loading, after the first run. Returns 0 or -1. */
int n6_litert_describe_blocks(litert_load_t *load);

#endif
