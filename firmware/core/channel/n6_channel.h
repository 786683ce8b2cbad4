/*
 * n6_channel.h - used by all parts of the server: configuration, clock, session, and functions to
 * answer the host. It is the lowest part and does not use the others.
 *
 * Answers are written to the send queue of the link. Before a request is delivered, the queue has
 * room for the largest answer (n6_link.h). Each request is answered by exactly one of n6_reply(),
 * n6_end_reply(), n6_refuse(), n6_error().
 */
#ifndef N6_CHANNEL_H
#define N6_CHANNEL_H

#include "n6_config.h"
#include "n6_link.h"
#include "n6_mistakes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Index: no job, no buffer. */
enum {
    N6_NONE = 0xff,
};

/*
 * A control frame from the host. Fields that an older minor does not have are 0 in body. The data
 * after the struct (records, bytes, fields) start at payload + head.
 */
typedef struct {
    uint32_t id;
    uint8_t type;           /* n6_message_type_t */
    uint16_t length;        /* size of payload */
    uint16_t head;          /* size of the struct in the host's version */
    const uint8_t *payload; /* not aligned */
    const void *body;       /* complete struct, aligned */
} n6_request_t;

/*
 * Counters of the parts, in the order in which STATS sends them; refused is sent at another place.
 */
typedef struct {
    uint32_t naks_sent;     /* n6_upload.c */
    uint32_t naks_received; /* n6_result.c */
    uint32_t retransmits;   /* chunks sent again: n6_send.c */
    uint32_t duplicates;    /* chunks received again: n6_upload.c */
    uint32_t refused;       /* chunks that were dropped: n6_upload.c */
} n6_counts_t;

/* Parameters of the session, from HELLO. */
typedef struct {
    bool known;         /* a session exists; it can be resumed after the line was lost */
    bool open;          /* requests are executed and events are sent */
    bool resumed;       /* the last HELLO has resumed it */
    uint8_t role;       /* n6_role_t */
    uint8_t log_level;  /* minimum level of log events */
    uint16_t chunk;     /* bytes of a chunk, in both directions */
    uint64_t nonce;     /* nonce of the last HELLO */
    uint64_t opened_at; /* device time */
    char host[48];      /* name of the host, zero-terminated */
} n6_session_t;

/*
 * Parts read config and session, increment their counters, and build frames in link with its
 * functions. All other members are used only by n6_channel.c.
 */
typedef struct {
    n6_config_t config;
    n6_session_t session; /* changed only by n6_session.c */
    n6_counts_t counts;
    uint32_t log_dropped; /* number of lines, since start-up */
    bool mute;            /* nothing may be added to the send queue now; set by n6_rate.c */
    n6_link_t link;
} n6_channel_t;

/* calls: functions that the link calls for received frames. */
void n6_channel_init(n6_channel_t *channel, const n6_config_t *config,
                     const n6_link_calls_t *calls);

/*
 * The line was lost: drops incomplete received frames and unsent bytes. The session can be resumed.
 */
static inline void n6_channel_close(n6_channel_t *channel)
{
    n6_link_clear(&channel->link);
    channel->session.open = false;
}

/* ---- numbers ---- */

/* a is after b, modulo 2^32: ids, positions and credits may wrap. */
static inline bool n6_newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* Device time in ticks. */
uint64_t n6_now(const n6_channel_t *channel);

/* Converts a duration to ticks: count units, per_second of them in one second. */
uint64_t n6_ticks(const n6_channel_t *channel, uint32_t count, uint32_t per_second);

/* The network with this index. The index must be valid. */
static inline const n6_network_t *n6_network(const n6_channel_t *channel, uint32_t index)
{
    return &channel->config.npu->network[index];
}

/* ---- answers ---- */

/* Sends the reply to a request. */
void n6_reply(n6_channel_t *channel, const n6_request_t *request, const void *payload, size_t size);

/* Sends the reply whose payload was built in place after n6_link_begin(). */
void n6_end_reply(n6_channel_t *channel, const n6_request_t *request, size_t size);

/*
 * Sends the ERROR for a request. value is the value of the refused field, or the length of the
 * payload if no field is wrong. at is the offset in the payload of the struct with the field: 0, or
 * the offset of a record.
 */
void n6_refuse(n6_channel_t *channel, const n6_request_t *request, n6_mistake_t mistake, size_t at);

/*
 * The same with another value, or for a request whose frame is not stored any more: with its id and
 * type.
 */
void n6_error(n6_channel_t *channel, uint32_t id, uint8_t type, n6_mistake_t mistake,
              uint32_t value);

/* The same with the status, value and text of a runtime that forwards. */
void n6_error_answer(n6_channel_t *channel, uint32_t id, uint8_t type, const n6_answer_t *answer);

/* The same with another text, for a field of a record at an offset in the payload. */
void n6_error_text(n6_channel_t *channel, uint32_t id, uint8_t type, n6_mistake_t mistake,
                   size_t at, uint32_t value, const char *text);

/* Sends a frame that is not a reply: CREDIT, NAK. */
void n6_event(n6_channel_t *channel, uint8_t type, uint32_t id, const void *payload, size_t size);

/*
 * Sends a LOG event, if the session is open and level (n6_log_level_t) is not below the session's
 * level. text is not a format string. The event is dropped and counted if an answer might require
 * its room in the queue, or while the channel is mute.
 */
void n6_log(n6_channel_t *channel, uint8_t level, const char *text);

/* LOG_LEVEL: sets the minimum level. */
void n6_log_level(n6_channel_t *channel, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
