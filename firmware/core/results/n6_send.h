/*
 * n6_send.h - DATA to the host, limited by its credits (protocol.md section 5), and repeated chunks
 * (repairs, section 7).
 *
 * send[] is the list of data to send: repairs first, then results by their priority, and in the
 * order of arrival. A result with a larger priority is sent between two chunks of another one. A frame
 * is built directly from the result buffer, while the send queue of control frames is empty.
 */
#ifndef N6_SEND_H
#define N6_SEND_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes [next, end) of a result buffer, to be sent with this id. */
typedef struct {
    uint32_t id;
    uint32_t next; /* a multiple of the chunk size */
    uint32_t end;
    uint8_t result; /* index of the buffer */
    uint8_t priority;
    bool repair; /* a repair: was sent before */
} n6_send_t;

typedef struct {
    n6_channel_t *channel;
    uint32_t position; /* DATA bytes sent in this session, */
    uint32_t limit;    /* the host's limit, */
    uint32_t window;   /* and its first grant */
    uint8_t count;
    uint8_t sending; /* result buffer of the DATA frame that is being sent */
    n6_send_t send[N6_SERVER_MAX_SENDS];
} n6_sends_t;

static inline void n6_send_init(n6_sends_t *sends, n6_channel_t *channel)
{
    sends->channel = channel;
}

/*
 * A HELLO was accepted: the host grants window bytes. Removes the list; the host requests results
 * again.
 */
static inline void n6_send_open(n6_sends_t *sends, uint32_t window)
{
    sends->count = 0;
    sends->position = 0;
    sends->limit = window;
    sends->window = window;
}

/* Removes the whole list. */
static inline void n6_send_clear(n6_sends_t *sends)
{
    sends->count = 0;
}

/* Adds a whole result. There is always room: at most one per buffer. */
void n6_send_add(n6_sends_t *sends, n6_send_t send);

/*
 * Adds the range of a NAK, of a transfer that ends at end, as far as it was sent before. If there
 * are too many repairs, nothing is added: the host repeats the NAK.
 */
void n6_send_repair(n6_sends_t *sends, n6_send_t transfer, const n6_nak_t *nak);

/* Removes all data of a result from the list. */
void n6_send_remove(n6_sends_t *sends, uint32_t result);

/* Data of the buffer are in the list, or are being sent. */
bool n6_send_needs(const n6_sends_t *sends, uint32_t result);

/* Starts the next DATA frame, if there is one and credit for it. */
void n6_send_next(n6_sends_t *sends);

/* DATA bytes that were sent and that the host has not yet granted again. */
static inline uint32_t n6_send_credits_used(const n6_sends_t *sends)
{
    return sends->position - (sends->limit - sends->window);
}

/* Position of the stream of DATA bytes, for PING. */
static inline uint32_t n6_send_position(const n6_sends_t *sends)
{
    return sends->position;
}

/* CREDIT: sets the limit of DATA bytes. It is ignored if it exceeds the window. */
void n6_send_credit(n6_sends_t *sends, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
