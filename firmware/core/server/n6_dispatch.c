/* See n6_dispatch.h. */
#include "n6_dispatch.h"

#include <string.h>

#include "n6_describe.h"
#include "n6_session.h"

/* ---- requests, and the parts that handle them ---- */

typedef void handler_t(n6_server_t *server, const n6_request_t *request);

/* A handler that passes the request to one part. */
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
FORWARD(rate, n6_rate_request, rate)
FORWARD(commit, n6_upload_commit, uploads)
FORWARD(check_stored, n6_check_request, check)
FORWARD(infer, n6_queue_infer, queue)
FORWARD(cancel, n6_queue_cancel, queue)
FORWARD(release, n6_result_release, results)
FORWARD(nak, n6_result_nak, results)
FORWARD(credit, n6_send_credit, sends)

/* A request for all clients of a board. */
static void share(n6_server_t *server, const n6_request_t *request)
{
    server->channel.config.port->share->answer(&server->channel, request);
}

/* Role and session that a request requires. */
enum {
    ALL = 0,
    CONTROL = 1, /* not permitted for the role READ_ONLY */
};

typedef struct {
    uint8_t type;
    uint8_t least; /* bytes of the struct in minor 0, */
    uint8_t size;  /* and in this version */
    uint8_t head;  /* n6_mistake_t of the field with the struct's size; NONE = no field */
    uint8_t role;
    const char *name;
    handler_t *handle;
} entry_t;

#define SIZES(NAME, type) N6_##NAME##_BASE_SIZE, sizeof(type)
#define EMPTY 0, 0
#define NO_HEAD N6_MISTAKE_NONE

/* clang-format off */
static const entry_t entries[] = {
    {N6_MESSAGE_TYPE_HELLO, SIZES(HELLO, n6_hello_t), N6_MISTAKE_HELLO_HEAD, ALL, "HELLO", n6_session_hello},
    {N6_MESSAGE_TYPE_PING, SIZES(PING, n6_ping_t), N6_MISTAKE_PING_HEAD, ALL, "PING", n6_session_ping},
    {N6_MESSAGE_TYPE_INFO, EMPTY, NO_HEAD, ALL, "INFO", info},
    {N6_MESSAGE_TYPE_LIST, SIZES(LIST, n6_list_t), NO_HEAD, ALL, "LIST", list},
    {N6_MESSAGE_TYPE_DESCRIBE, SIZES(DESCRIBE, n6_describe_t), NO_HEAD, ALL, "DESCRIBE", describe},
    {N6_MESSAGE_TYPE_LOG_LEVEL, SIZES(LOG_LEVEL_REQUEST, n6_log_level_request_t), NO_HEAD, ALL, "LOG_LEVEL", log_level},
    {N6_MESSAGE_TYPE_RESET, SIZES(RESET, n6_reset_t), NO_HEAD, CONTROL, "RESET", n6_session_reset},
    {N6_MESSAGE_TYPE_STATS, SIZES(STATS_REQUEST, n6_stats_request_t), NO_HEAD, ALL, "STATS", stats},
    {N6_MESSAGE_TYPE_EPOCH_STATS, SIZES(EPOCH_STATS, n6_epoch_stats_t), NO_HEAD, ALL, "EPOCH_STATS", epoch_stats},
    {N6_MESSAGE_TYPE_RESET_STATS, EMPTY, NO_HEAD, CONTROL, "RESET_STATS", reset_stats},
    {N6_MESSAGE_TYPE_SUBSCRIBE, SIZES(SUBSCRIBE, n6_subscribe_t), NO_HEAD, ALL, "SUBSCRIBE", subscribe},
    {N6_MESSAGE_TYPE_RATE, SIZES(RATE, n6_rate_t), NO_HEAD, CONTROL, "RATE", rate},
    {N6_MESSAGE_TYPE_CHECK, SIZES(CHECK, n6_check_t), NO_HEAD, ALL, "CHECK", check_stored},
    {N6_MESSAGE_TYPE_LEASE, SIZES(LEASE, n6_lease_t), NO_HEAD, ALL, "LEASE", share},
    {N6_MESSAGE_TYPE_CLIENTS, SIZES(CLIENTS, n6_clients_t), NO_HEAD, ALL, "CLIENTS", share},
    {N6_MESSAGE_TYPE_COMMIT, SIZES(COMMIT, n6_commit_t), N6_MISTAKE_COMMIT_HEAD, CONTROL, "COMMIT", commit},
    {N6_MESSAGE_TYPE_INFER, SIZES(INFER, n6_infer_t), N6_MISTAKE_INFER_HEAD, CONTROL, "INFER", infer},
    {N6_MESSAGE_TYPE_CANCEL, SIZES(CANCEL, n6_cancel_t), NO_HEAD, CONTROL, "CANCEL", cancel},
    {N6_MESSAGE_TYPE_RELEASE, SIZES(RELEASE, n6_release_t), NO_HEAD, CONTROL, "RELEASE", release},
    {N6_MESSAGE_TYPE_NAK, SIZES(NAK, n6_nak_t), NO_HEAD, ALL, "NAK", nak},
    {N6_MESSAGE_TYPE_CREDIT, SIZES(CREDIT, n6_credit_t), NO_HEAD, ALL, "CREDIT", credit},
};
/* clang-format on */

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

/* Whether a request may be passed to its part. It is known: entry is not NULL. */
static n6_mistake_t check(const n6_channel_t *channel, const n6_request_t *request,
                          const entry_t *entry)
{
    const n6_session_t *session = &channel->session;

    if (!session->open && request->type != N6_MESSAGE_TYPE_HELLO) {
        return N6_MISTAKE_NO_SESSION;
    }
    if (entry->role == CONTROL && session->role != N6_ROLE_CONTROL) {
        return N6_MISTAKE_READ_ONLY;
    }
    if (entry->handle == share && !channel->config.port->share) {
        return N6_MISTAKE_NOT_BUILT;
    }
    return request->length < entry->least ? N6_MISTAKE_TOO_SHORT : N6_MISTAKE_NONE;
}

/* End of the request's struct in the host's version. */
static n6_mistake_t find_head(const entry_t *entry, n6_request_t *request)
{
    const n6_mistake_row_t *row = n6_mistake((n6_mistake_t)entry->head);

    if (row->size == 0) {
        request->head = request->length;
        return N6_MISTAKE_NONE;
    }
    memcpy(&request->head, request->payload + row->field, row->size);
    return request->head >= entry->least && request->head <= request->length
               ? N6_MISTAKE_NONE
               : (n6_mistake_t)entry->head;
}

/*
 * NAK and CREDIT are not requests: they are neither answered nor logged. Frames that only a device
 * sends are ignored: they can only be an echo. A HELLO of another version is answered with the part
 * that all versions have.
 */
void n6_dispatch(n6_server_t *server, const n6_frame_header_t *header, const uint8_t *payload)
{
    n6_request_t request = {
        .id = header->id, .type = header->type, .length = header->length, .payload = payload};
    const entry_t *entry = find_entry(request.type);
    const bool asks = request.type != N6_MESSAGE_TYPE_NAK && request.type != N6_MESSAGE_TYPE_CREDIT;
    n6_channel_t *channel = &server->channel;
    n6_mistake_t mistake = N6_MISTAKE_UNKNOWN_TYPE;
    _Alignas(uint64_t) uint8_t body[64] = {0};

    if ((header->flags & N6_FLAG_REPLY) || (asks && request.id == 0)) {
        return;
    }
    if (request.type == N6_MESSAGE_TYPE_HELLO && n6_session_is_foreign(channel, &request)) {
        return;
    }
    if (entry) {
        mistake = check(channel, &request, entry);
    }
    if (mistake == N6_MISTAKE_NONE) {
        mistake = find_head(entry, &request);
    }
    if (mistake == N6_MISTAKE_NONE) {
        memcpy(body, payload, request.head < entry->size ? request.head : entry->size);
        request.body = body;
        if (asks) {
            n6_log(channel, N6_LOG_LEVEL_DEBUG, entry->name);
        }
        entry->handle(server, &request);
    } else if (asks) {
        n6_refuse(channel, &request, mistake, 0);
    }
}
