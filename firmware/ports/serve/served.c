/* See serve.h and served.h. */
#include "served.h"

#include <stdlib.h>
#include <string.h>

#include "crc.h"

n6_served_t *n6_serve_new(const n6_serve_board_t *board)
{
    n6_served_t *served = calloc(1, sizeof *served);

    if (!served) {
        return NULL;
    }
    served->board = *board;
    served->network = calloc(board->networks + 1u, sizeof *served->network);
    served->list = calloc(board->networks + 1u, sizeof *served->list);
    if (!served->network || !served->list) {
        n6_serve_delete(served);
        return NULL;
    }
    served->port = (n6_port_t){
        .tick_hz = board->tick_hz,
        .crc32 = n6_crc32_accelerated(),
        .build = served->board.build,
        .firmware = served->board.firmware,
        .runtime = served->board.runtime,
        .fault_record = served->board.fault_record,
        .boot_nonce = board->boot_nonce,
    };
    memcpy(served->port.unique_id, board->unique_id, sizeof board->unique_id);
    return served;
}

bool n6_serve_describe(n6_served_t *served, const n6_network_record_t *record,
                       const uint8_t *const *section, const uint32_t *sizes)
{
    if (record->index >= served->board.networks) {
        return false;
    }
    served->total_blocks += record->blocks;
    if (record->blocks > served->max_blocks) {
        served->max_blocks = record->blocks;
    }
    return n6_serve_network_read(&served->network[record->index], record, section, sizes,
                                 &served->list[record->index]);
}

bool n6_served_reserve_times(n6_served_t *served)
{
    if (!served->times) {
        served->times = calloc(served->max_blocks + 1u, sizeof *served->times);
        served->sums = calloc(served->total_blocks + 1u, sizeof *served->sums);
    }
    return served->times && served->sums;
}

void n6_serve_clock(n6_served_t *served, uint64_t ticks)
{
    if (ticks > served->now) {
        served->now = ticks;
    }
}

void n6_serve_delete(n6_served_t *served)
{
    for (uint32_t i = 0; served->network && i < served->board.networks; i++) {
        n6_serve_network_free(&served->network[i]);
    }
    free(served->times);
    free(served->sums);
    free(served->network);
    free(served->list);
    free(served);
}
