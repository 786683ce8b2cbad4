/*
 * n6_rate.h - RATE: another bit rate of the line, for ports that can set one (protocol.md
 * section 8).
 *
 *     state     event                                       action                    next
 *     STEADY    RATE with a possible rate                   answer                    LEAVING
 *     STEADY    a new session, and the rate is not the      answer the HELLO          LEAVING
 *               first one
 *     LEAVING   the port has sent the answer                set the rate              PROVING; STEADY
 *                                                                                     at the first rate
 *     PROVING   a good frame                                                          STEADY
 *     PROVING   no good frame for N6_RATE_MS                set the first rate        STEADY
 *     STEADY    damaged bytes, and then no good frame for   set the first rate        STEADY
 *               N6_RATE_MS; not at the first rate
 *
 * The first rate is set when the port has sent what it has taken; nothing more is sent before.
 * LEAVING: the channel is mute; no frame is handled, and nothing is sent after the answer. PROVING:
 * frames are handled, and nothing is sent. The first rate is the one after a start.
 */
#ifndef N6_RATE_H
#define N6_RATE_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_RATE_MS = 1000,
    N6_RATE_SWITCH_MS =
        5, /* a port sets the rate in its main loop, which does not run the NPU then */
};

/* The members are private. */
typedef struct {
    n6_channel_t *channel;
    bool proving;
    uint32_t baud;   /* the present rate */
    uint32_t wanted; /* LEAVING: the next one */
    uint32_t frames; /* good frames at the last poll */
    uint64_t at;     /* device time at which the first rate is set */
} n6_rates_t;

void n6_rate_init(n6_rates_t *rate, n6_channel_t *channel);

static inline bool n6_rate_is_leaving(const n6_rates_t *rate)
{
    return rate->channel->mute;
}

/* Nothing may be sent until a good frame has arrived. */
bool n6_rate_is_proving(const n6_rates_t *rate);

/* RATE. */
void n6_rate_request(n6_rates_t *rate, const n6_request_t *request);

/* A new session starts: the first rate again, after the answer. */
void n6_rate_return(n6_rates_t *rate);

/* The line was lost: the first rate again. */
void n6_rate_relink(n6_rates_t *rate);

/* Does what is due. false = LEAVING: the server does nothing else. */
bool n6_rate_poll(n6_rates_t *rate, uint64_t now);

/* Device time of the next poll that changes something; UINT64_MAX = none. */
uint64_t n6_rate_due(const n6_rates_t *rate);

#ifdef __cplusplus
}
#endif

#endif
