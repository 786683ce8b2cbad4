/*
 * n6_channel.h - what every part of the server uses: the configuration, the clock, the session, and
 * the ways to answer the host. The lowest part of the server: it knows no other.
 *
 * Answers go into the send queue of the link, which has room for the largest one before a request is
 * handed over (n6_link.h). Each request gets one of n6_reply(), n6_end_reply(), n6_refuse(), n6_error().
 */
#ifndef N6_CHANNEL_H
#define N6_CHANNEL_H

#include "n6_config.h"
#include "n6_link.h"
#include "n6_mistakes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Index of no job, no buffer. */
enum {
    N6_NONE = 0xff,
};

/*
 * A control frame of the host. What a struct of an older minor lacks is 0 in body. What follows the
 * struct (records, bytes, fields) is at payload + head.
 */
typedef struct {
    uint32_t id;
    uint8_t type;           /* n6_message_type_t */
    uint16_t length;        /* of the payload */
    uint16_t head;          /* bytes of the struct, as the host knows it */
    const uint8_t *payload; /* not aligned */
    const void *body;       /* the struct, aligned and whole */
} n6_request_t;

/* Counted by the parts, sent by STATS in this order; the last one apart. */
typedef struct {
    uint32_t naks_sent;     /* n6_upload.c */
    uint32_t naks_received; /* n6_result.c */
    uint32_t retransmits;   /* chunks sent again: n6_send.c */
    uint32_t duplicates;    /* chunks received again: n6_upload.c */
    uint32_t refused;       /* chunks that were dropped: n6_upload.c */
} n6_counts_t;

/* What a HELLO agreed on. */
typedef struct {
    bool known;         /* there is one; it may be resumed when the line was lost */
    bool open;          /* requests are served, and events sent */
    bool resumed;       /* the last HELLO has continued it */
    uint8_t role;       /* n6_role_t */
    uint8_t log_level;  /* least severe level that is sent */
    uint16_t chunk;     /* bytes of a chunk, in both directions */
    uint64_t nonce;     /* of the last HELLO: its name */
    uint64_t opened_at; /* device time */
    char host[48];      /* as the host names itself, ended with a zero */
} n6_session_t;

/*
 * Parts read config and session, increment their counts, and build frames in link by its functions.
 * The rest is n6_channel.c's own.
 */
typedef struct {
    n6_config_t config;
    n6_session_t session; /* changed by n6_session.c */
    n6_counts_t counts;
    uint32_t log_dropped; /* lines, since start-up */
    n6_link_t link;
} n6_channel_t;

/* calls are what the link does with received frames. */
void n6_channel_init(n6_channel_t *channel, const n6_config_t *config,
                     const n6_link_calls_t *calls);

/* The line was lost: drops half-received frames and unsent bytes. The session can be resumed. */
static inline void n6_channel_close(n6_channel_t *channel)
{
    n6_link_clear(&channel->link);
    channel->session.open = false;
}

/* ---- numbers ---- */

/* a comes after b, modulo 2^32: ids, positions and credits may wrap. */
static inline bool n6_newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* Device time in ticks. */
uint64_t n6_now(const n6_channel_t *channel);

/* A duration in ticks: count units, of which one second has per_second. */
uint64_t n6_ticks(const n6_channel_t *channel, uint32_t count, uint32_t per_second);

/* The network with this index, which has been checked. */
static inline const n6_network_t *n6_network(const n6_channel_t *channel, uint32_t index)
{
    return &channel->config.npu->network[index];
}

/* ---- answers ---- */

/* The reply to a request. */
void n6_reply(n6_channel_t *channel, const n6_request_t *request, const void *payload, size_t size);

/* The same after n6_link_begin(), with a payload that was built in place. */
void n6_end_reply(n6_channel_t *channel, const n6_request_t *request, size_t size);

/*
 * The ERROR for a request: value is that of the refused field, or the payload's length if none is to
 * blame. at is where the field's struct is in the payload: 0, or the offset of a record.
 */
void n6_refuse(n6_channel_t *channel, const n6_request_t *request, n6_mistake_t mistake, size_t at);

/* The same with another value, or for a request whose frame has gone: by its id and type. */
void n6_error(n6_channel_t *channel, uint32_t id, uint8_t type, n6_mistake_t mistake,
              uint32_t value);

/* A frame that is not a reply: CREDIT, NAK. */
void n6_event(n6_channel_t *channel, uint8_t type, uint32_t id, const void *payload, size_t size);

/*
 * A LOG event with the text as it is (no formatting), if the session is open and level
 * (n6_log_level_t) severe enough. Dropped and counted when an answer could want its room.
 */
void n6_log(n6_channel_t *channel, uint8_t level, const char *text);

/* LOG_LEVEL: the least severe level from now on. */
void n6_log_level(n6_channel_t *channel, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
