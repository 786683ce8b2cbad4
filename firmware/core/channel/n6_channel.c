/* See n6_channel.h. */
#include "n6_channel.h"

#include <string.h>

enum {
    /* A log line is sent only if so much of the queue stays free: it never costs an answer. */
    LOG_RESERVE = N6_LINK_FRAME_MAX,
};

static const char *const sentence[] = {
    [N6_STATUS_OK] = "no error",
    [N6_STATUS_BAD_REQUEST] = "too short, or a field out of range",
    [N6_STATUS_UNKNOWN_TYPE] = "unknown message type",
    [N6_STATUS_NO_SESSION] = "HELLO has to come first",
    [N6_STATUS_VERSION] = "protocol versions differ",
    [N6_STATUS_UNKNOWN_NETWORK] = "no such network",
    [N6_STATUS_UNKNOWN_OUTPUT] = "no such output",
    [N6_STATUS_BAD_SLOT] = "no such input slot",
    [N6_STATUS_BAD_TENSOR_SIZE] = "not the size of the network's inputs",
    [N6_STATUS_BAD_DIGEST] = "damaged; send all of it again",
    [N6_STATUS_BUSY] = "slot in use, or queue full",
    [N6_STATUS_OUT_OF_CREDITS] = "more data than was granted",
    [N6_STATUS_DEADLINE] = "the time to live has passed",
    [N6_STATUS_CANCELLED] = "cancelled",
    [N6_STATUS_NPU_FAULT] = "the network runtime failed",
    [N6_STATUS_UNKNOWN_RESULT] = "no such result is held",
    [N6_STATUS_TOO_LARGE] = "the answer is larger than a result buffer",
    [N6_STATUS_UNSUPPORTED] = "not possible on this device",
    [N6_STATUS_NO_INPUT] = "the slot does not hold this upload",
};

void n6_channel_init(n6_channel_t *channel, const n6_config_t *config, const n6_link_calls_t *calls)
{
    channel->config = *config;
    n6_link_init(&channel->link, calls, config->chunk, config->tx, config->tx_size);
}

uint64_t n6_now(const n6_channel_t *channel)
{
    const n6_port_t *port = channel->config.port;
    return port->now(port->context);
}

uint64_t n6_ticks(const n6_channel_t *channel, uint32_t count, uint32_t per_second)
{
    return count * channel->config.port->tick_hz / per_second;
}

/* ---- answers ---- */

void n6_reply(n6_channel_t *channel, const n6_request_t *request, const void *payload, size_t size)
{
    (void)n6_link_send(&channel->link, request->type, N6_FLAG_REPLY, request->id, payload, size);
}

void n6_end_reply(n6_channel_t *channel, const n6_request_t *request, size_t size)
{
    n6_link_end(&channel->link, request->type, N6_FLAG_REPLY, request->id, size);
}

void n6_event(n6_channel_t *channel, uint8_t type, uint32_t id, const void *payload, size_t size)
{
    (void)n6_link_send(&channel->link, type, 0, id, payload, size);
}

void n6_error(n6_channel_t *channel, uint32_t id, uint8_t type, n6_status_t status, uint32_t value)
{
    const n6_error_reply_t reply = {.status = (uint8_t)status, .type = type, .value = value};
    const size_t size = strlen(sentence[status]);
    uint8_t *at = n6_link_begin(&channel->link, sizeof reply + size);

    if (!at) {
        return;
    }
    memcpy(at, &reply, sizeof reply);
    memcpy(at + sizeof reply, sentence[status], size);
    n6_link_end(&channel->link, N6_MESSAGE_TYPE_ERROR, N6_FLAG_REPLY, id, sizeof reply + size);
}

void n6_refuse(n6_channel_t *channel, const n6_request_t *request, n6_status_t status,
               uint32_t value)
{
    n6_error(channel, request->id, request->type, status, value);
}

void n6_log(n6_channel_t *channel, uint8_t level, const char *text)
{
    const size_t most = N6_LIMIT_MAX_CONTROL - sizeof(n6_log_t);
    n6_log_t log = {.level = level, .dropped = channel->log_dropped};
    size_t size = strlen(text);

    if (!channel->session || level < channel->log_level) {
        return;
    }
    if (size > most) {
        size = most;
    }
    if (!n6_link_room(&channel->link,
                      N6_LIMIT_HEADER_SIZE + sizeof log + size + N6_LIMIT_CRC_SIZE + LOG_RESERVE)) {
        channel->log_dropped++;
        return;
    }
    log.time = n6_now(channel);
    uint8_t *at = n6_link_begin(&channel->link, sizeof log + size);
    memcpy(at, &log, sizeof log);
    memcpy(at + sizeof log, text, size);
    n6_link_end(&channel->link, N6_MESSAGE_TYPE_LOG, 0, 0, sizeof log + size);
}

void n6_log_level(n6_channel_t *channel, const n6_request_t *request)
{
    channel->log_level = request->payload[offsetof(n6_log_level_request_t, level)];
    n6_reply(channel, request, NULL, 0);
}
