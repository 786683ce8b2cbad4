/* See n6_dispatch.h. */
#include "n6_dispatch.h"

#include "n6_describe.h"
#include "n6_session.h"

/* ---- requests, and the parts that handle them ---- */

typedef void handler_t(n6_server_t *server, const n6_request_t *request);

/* A handler that hands the request to one part. */
#define FORWARD(name, function, part)                                                              \
    static void name(n6_server_t *server, const n6_request_t *request)                             \
    {                                                                                              \
        function(&server->part, request);                                                          \
    }

FORWARD(info, n6_describe_info, channel)
FORWARD(list, n6_describe_list, channel)
FORWARD(describe, n6_describe_network, channel)
FORWARD(log_level, n6_log_level, channel)
FORWARD(stats, n6_stats_read, stats)
FORWARD(epoch_stats, n6_runs_epochs, runs)
FORWARD(reset_stats, n6_stats_reset, stats)
FORWARD(subscribe, n6_stats_subscribe, stats)
FORWARD(commit, n6_upload_commit, uploads)
FORWARD(infer, n6_queue_infer, queue)
FORWARD(cancel, n6_queue_cancel, queue)
FORWARD(read, n6_result_read, results)
FORWARD(release, n6_result_release, results)
FORWARD(nak, n6_result_nak, results)
FORWARD(credit, n6_send_credit, sends)

typedef struct {
    uint8_t type;
    uint8_t size; /* of the fixed struct; of HELLO, what no version changes */
    const char *name;
    handler_t *handle;
} entry_t;

static const entry_t entries[] = {
    {N6_MESSAGE_TYPE_HELLO, offsetof(n6_hello_t, nonce), "HELLO", n6_session_hello},
    {N6_MESSAGE_TYPE_PING, sizeof(n6_ping_t), "PING", n6_session_ping},
    {N6_MESSAGE_TYPE_INFO, 0, "INFO", info},
    {N6_MESSAGE_TYPE_LIST, sizeof(n6_list_t), "LIST", list},
    {N6_MESSAGE_TYPE_DESCRIBE, sizeof(n6_describe_t), "DESCRIBE", describe},
    {N6_MESSAGE_TYPE_LOG_LEVEL, sizeof(n6_log_level_request_t), "LOG_LEVEL", log_level},
    {N6_MESSAGE_TYPE_RESET, sizeof(n6_reset_t), "RESET", n6_session_reset},
    {N6_MESSAGE_TYPE_STATS, 0, "STATS", stats},
    {N6_MESSAGE_TYPE_EPOCH_STATS, sizeof(n6_epoch_stats_t), "EPOCH_STATS", epoch_stats},
    {N6_MESSAGE_TYPE_RESET_STATS, 0, "RESET_STATS", reset_stats},
    {N6_MESSAGE_TYPE_SUBSCRIBE, sizeof(n6_subscribe_t), "SUBSCRIBE", subscribe},
    {N6_MESSAGE_TYPE_COMMIT, sizeof(n6_commit_t), "COMMIT", commit},
    {N6_MESSAGE_TYPE_INFER, sizeof(n6_infer_t), "INFER", infer},
    {N6_MESSAGE_TYPE_CANCEL, sizeof(n6_cancel_t), "CANCEL", cancel},
    {N6_MESSAGE_TYPE_READ, sizeof(n6_read_t), "READ", read},
    {N6_MESSAGE_TYPE_RELEASE, sizeof(n6_release_t), "RELEASE", release},
    {N6_MESSAGE_TYPE_NAK, sizeof(n6_nak_t), "NAK", nak},
    {N6_MESSAGE_TYPE_CREDIT, sizeof(n6_credit_t), "CREDIT", credit},
};

static const entry_t *find_entry(uint8_t type)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (entries[i].type == type) {
            return &entries[i];
        }
    }
    return NULL;
}

/* ---- the dispatcher ---- */

/*
 * NAK and CREDIT are not requests: they are not answered, nor logged. Nor are frames that a device
 * sends, which only an echo can bring.
 */
void n6_dispatch(n6_server_t *server, const n6_frame_header_t *header, const uint8_t *payload)
{
    const n6_request_t request = {header->id, header->type, header->length, payload};
    const entry_t *entry = find_entry(request.type);
    const bool asks = request.type != N6_MESSAGE_TYPE_NAK && request.type != N6_MESSAGE_TYPE_CREDIT;
    n6_channel_t *channel = &server->channel;
    n6_status_t status = N6_STATUS_OK;

    if ((header->flags & N6_FLAG_REPLY) || (asks && request.id == 0)) {
        return;
    }
    if (!entry) {
        status = N6_STATUS_UNKNOWN_TYPE;
    } else if (!channel->session && request.type != N6_MESSAGE_TYPE_HELLO) {
        status = N6_STATUS_NO_SESSION;
    } else if (request.length < entry->size) {
        status = N6_STATUS_BAD_REQUEST;
    }
    if (status == N6_STATUS_OK) {
        if (asks) {
            n6_log(channel, N6_LOG_LEVEL_DEBUG, entry->name);
        }
        entry->handle(server, &request);
    } else if (asks) {
        n6_refuse(channel, &request, status,
                  status == N6_STATUS_BAD_REQUEST ? request.length : request.type);
    }
}
