/* See n6_config.h. */
#include "n6_config.h"

#include <stdbool.h>

static bool is_described(const n6_network_t *n)
{
    return n->name && (n->inputs == 0 || n->input) && (n->outputs == 0 || n->output) &&
           (n->pools == 0 || n->pool) && (n->blocks == 0 || n->block) &&
           (n->card_bytes == 0 || n->card) && (n->state == N6_NETWORK_STATE_READY || n->reason) &&
           n->outputs <= N6_SERVER_MAX_OUTPUTS;
}

static int check_networks(const n6_config_t *config)
{
    uint32_t blocks = 0;

    for (uint32_t i = 0; i < config->npu->networks; i++) {
        const n6_network_t *n = &config->npu->network[i];

        if (!is_described(n)) {
            return N6_SERVER_BAD_NETWORKS;
        }
        if (n->input_bytes > config->slot_size) {
            return N6_SERVER_BAD_SLOTS;
        }
        if (N6_SERVER_RESULT_SIZE(n->output_bytes, n->outputs, n->blocks) > config->result_size) {
            return N6_SERVER_BAD_RESULTS;
        }
        if (config->times && n->blocks > config->max_blocks) {
            return N6_SERVER_BAD_TIMES;
        }
        blocks += n->blocks;
    }
    return config->sums && blocks > config->total_blocks ? N6_SERVER_BAD_TIMES : 0;
}

int n6_config_check(const n6_config_t *config)
{
    const n6_port_t *port = config->port;
    const n6_npu_t *npu = config->npu;
    const uint32_t chunk = config->chunk;

    if (!port || !port->now || !port->info || port->tick_hz == 0) {
        return N6_SERVER_BAD_PORT;
    }
    if (port->set_rate &&
        (port->uart_hz == 0 || port->baud == 0 || port->fastest_baud < port->baud)) {
        return N6_SERVER_BAD_PORT;
    }
    if (!npu || (!npu->forward && (!npu->start || !npu->step || !npu->stop || !npu->output))) {
        return N6_SERVER_BAD_PORT;
    }
    if (npu->networks > N6_SERVER_MAX_NETWORKS || (npu->networks > 0 && !npu->network)) {
        return N6_SERVER_BAD_NETWORKS;
    }
    if (chunk < N6_LIMIT_MIN_CHUNK || chunk > N6_LIMIT_MAX_CHUNK || (chunk & (chunk - 1)) != 0 ||
        config->window < chunk || config->window > N6_LIMIT_MAX_WINDOW) {
        return N6_SERVER_BAD_CHUNK;
    }
    if (!config->slot || !config->chunks || config->slots < 2 ||
        config->slots > N6_SERVER_MAX_SLOTS) {
        return N6_SERVER_BAD_SLOTS;
    }
    if (!config->result || config->results < 2 || config->results > N6_SERVER_MAX_RESULTS) {
        return N6_SERVER_BAD_RESULTS;
    }
    if (!config->tx || config->tx_size < 4 * (N6_LIMIT_MAX_CONTROL + 16)) {
        return N6_SERVER_BAD_TX;
    }
    const int status = check_networks(config);
    if (status != 0) {
        return status;
    }
    if (config->parts &&
        (config->parts_size > config->slot_size || config->parts_size >> 10 > UINT16_MAX)) {
        return N6_SERVER_BAD_PARTS;
    }
    return 0;
}
