/*
 * n6_send.h - DATA to the host, under the credits that it grants (protocol.md section 5), and
 * repairs of it (section 7).
 *
 * What has to be sent is in send[]: repairs first, everything else in the order of arrival. A frame
 * is made when the send queue of control frames is empty, out of the result buffer itself.
 */
#ifndef N6_SEND_H
#define N6_SEND_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes [next, end) of a result buffer, to be sent under this id. */
typedef struct {
    uint32_t id;
    uint32_t next; /* a multiple of the chunk size */
    uint32_t end;
    uint8_t result; /* index of the buffer */
    bool repair;    /* has been sent before */
} n6_send_t;

typedef struct {
    n6_channel_t *channel;
    uint32_t position; /* DATA bytes sent in this session, */
    uint32_t limit;    /* how far that may go, */
    uint32_t window;   /* and what was granted at first */
    uint8_t count;
    uint8_t sending; /* result buffer of the DATA frame that is being sent */
    n6_send_t send[N6_SERVER_MAX_SENDS];
} n6_sends_t;

static inline void n6_send_init(n6_sends_t *sends, n6_channel_t *channel)
{
    sends->channel = channel;
}

/* A session begins: the host takes window bytes. */
static inline void n6_send_open(n6_sends_t *sends, uint32_t window)
{
    sends->position = 0;
    sends->limit = window;
    sends->window = window;
}

/* Forgets everything that waits. */
static inline void n6_send_clear(n6_sends_t *sends)
{
    sends->count = 0;
}

/*
 * false = there is no room for it. A whole result (always) finds room in any case: buffers
 * limit their number.
 */
bool n6_send_add(n6_sends_t *sends, n6_send_t send, bool always);

/* Adds what a NAK asks for of a transfer that ends at end, as far as it was sent before. */
void n6_send_repair(n6_sends_t *sends, n6_send_t transfer, const n6_nak_t *nak);

/* Forgets what is to be sent of a result, all of it or (id not 0) one transfer. */
void n6_send_remove(n6_sends_t *sends, uint32_t result, uint32_t id);

/* Something of the buffer waits, or is being sent. */
bool n6_send_needs(const n6_sends_t *sends, uint32_t result);

/* Begins the next DATA frame, if there is one, and credit for it. */
void n6_send_next(n6_sends_t *sends);

/* DATA bytes sent that the host has not granted again. */
static inline uint32_t n6_send_credits_used(const n6_sends_t *sends)
{
    return sends->position - (sends->limit - sends->window);
}

/* Where the stream of DATA bytes is: what PING compares. */
static inline uint32_t n6_send_position(const n6_sends_t *sends)
{
    return sends->position;
}

/* CREDIT: how far the host may be sent DATA. */
void n6_send_credit(n6_sends_t *sends, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
