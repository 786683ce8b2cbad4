/* See n6_channel.h. */
#include "n6_channel.h"

#include <string.h>

enum {
    /* Minimum free bytes of the queue after a log line: log lines never prevent an answer. */
    LOG_RESERVE = N6_LINK_FRAME_MAX,
};

void n6_channel_init(n6_channel_t *channel, const n6_config_t *config, const n6_link_calls_t *calls)
{
    channel->config = *config;
    channel->session.chunk = config->chunk;
    n6_link_init(&channel->link, calls, config->tx, config->tx_size);
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

static void send_error(n6_channel_t *channel, uint32_t id, const n6_error_reply_t *reply,
                       const char *text)
{
    const size_t size = strlen(text);
    uint8_t *at = n6_link_begin(&channel->link, sizeof *reply + size);

    if (!at) {
        return;
    }
    memcpy(at, reply, sizeof *reply);
    memcpy(at + sizeof *reply, text, size);
    n6_link_end(&channel->link, N6_MESSAGE_TYPE_ERROR, N6_FLAG_REPLY, id, sizeof *reply + size);
}

void n6_refuse(n6_channel_t *channel, const n6_request_t *request, n6_mistake_t mistake, size_t at)
{
    const n6_mistake_row_t *row = n6_mistake(mistake);
    n6_error_reply_t reply = {.status = row->status,
                              .type = request->type,
                              .field = row->field,
                              .value = request->length};

    if (row->size > 0) {
        const size_t size = row->size < sizeof reply.value ? row->size : sizeof reply.value;

        reply.field = (uint16_t)(row->field + at);
        reply.value = 0;
        memcpy(&reply.value, request->payload + reply.field, size);
    }
    send_error(channel, request->id, &reply, row->text);
}

void n6_error_text(n6_channel_t *channel, uint32_t id, uint8_t type, n6_mistake_t mistake,
                   size_t at, uint32_t value, const char *text)
{
    const n6_mistake_row_t *row = n6_mistake(mistake);
    const n6_error_reply_t reply = {
        .status = row->status, .type = type, .field = (uint16_t)(row->field + at), .value = value};

    send_error(channel, id, &reply, text);
}

void n6_error_answer(n6_channel_t *channel, uint32_t id, uint8_t type, const n6_answer_t *answer)
{
    const n6_error_reply_t reply = {
        .status = answer->status, .type = type, .field = answer->field, .value = answer->value};

    send_error(channel, id, &reply, answer->text);
}

void n6_error(n6_channel_t *channel, uint32_t id, uint8_t type, n6_mistake_t mistake,
              uint32_t value)
{
    n6_error_text(channel, id, type, mistake, 0, value, n6_mistake(mistake)->text);
}

void n6_log(n6_channel_t *channel, uint8_t level, const char *text)
{
    const size_t most = N6_LIMIT_MAX_CONTROL - sizeof(n6_log_t);
    n6_log_t log = {.level = level, .head = sizeof log, .dropped = channel->log_dropped};
    size_t size = strlen(text);

    if (!channel->session.open || level < channel->session.log_level) {
        return;
    }
    if (size > most) {
        size = most;
    }
    if (channel->mute || !n6_link_room(&channel->link, N6_LIMIT_HEADER_SIZE + sizeof log + size +
                                                           N6_LIMIT_CRC_SIZE + LOG_RESERVE)) {
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
    const n6_log_level_request_t *wanted = request->body;

    channel->session.log_level = wanted->level;
    n6_reply(channel, request, NULL, 0);
}
