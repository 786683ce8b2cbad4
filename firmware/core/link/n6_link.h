/*
 * n6_link.h - bytes in, frames out, and back. No clock, no IO: the port moves the bytes.
 *
 * Receiving. Bytes are put where n6_link_rx_windows() says, announced by n6_link_rx_done(), and
 * turned into calls by n6_link_parse(), one frame per call:
 *
 *     state   what rx holds                             action                              next
 *     HUNT    no magic, a bad header, a bad length      skip one byte                       HUNT
 *     HUNT    a control frame, whole, good CRC-32       control()                           HUNT
 *     HUNT    a control frame, whole, bad CRC-32        skip one byte: the rest is searched HUNT
 *     HUNT    FrameHeader and DataHeader, both good     place(): where the chunk goes       CHUNK
 *     CHUNK   the chunk and its CRC-32                  chunk(): good or bad                HUNT
 *     CHUNK   n6_link_give_up(): silent for too long    chunk(): bad                        HUNT
 *
 * While a chunk arrives the first window is its place itself, so that nothing copies it; the second
 * one is rx, for the CRC-32 and the frames after it. Control frames are kept whole in rx, and are
 * searched again when they are broken. Every call may answer, so no frame is handed over before the
 * send queue has room for the largest one.
 *
 * Sending. Control frames are built in place in a queue; a DATA frame is three spans (headers, the
 * tensor's own memory, CRC-32), begun only when the queue is empty, and finished before the queue
 * goes on. Memory that was shown by n6_link_tx_spans() stays where it is until it is reported as
 * sent: a DMA may read it.
 */
#ifndef N6_LINK_H
#define N6_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- types ---- */

enum {
    N6_LINK_FRAME_MAX = N6_LIMIT_HEADER_SIZE + N6_LIMIT_MAX_CONTROL + N6_LIMIT_CRC_SIZE,
    N6_LINK_DATA_HEAD = 2 * N6_LIMIT_HEADER_SIZE,
    N6_LINK_WINDOWS = 2,
    N6_LINK_SPANS = 3,
};

/* Memory to receive into. */
typedef struct {
    uint8_t *at;
    size_t size;
} n6_window_t;

/* Memory to send from. */
typedef struct {
    const uint8_t *at;
    size_t size;
} n6_span_t;

/* A chunk, from place() to chunk(). */
typedef struct {
    uint8_t *at;           /* where its bytes go; NULL = they are dropped */
    uint32_t id;           /* of the frame */
    uint32_t size;         /* bytes, without the DataHeader */
    uint32_t head_crc;     /* CRC-32 of the DataHeader */
    uint32_t crc;          /* CRC-32 of DataHeader and bytes, as far as they have been read */
    n6_data_header_t head; /* has passed its CRC-16 */
    uint8_t verdict;       /* for place() to leave to chunk(); the link does not read it */
} n6_chunk_t;

/* What the link calls from n6_link_parse() and n6_link_give_up(). */
typedef struct {
    void *context;
    void (*control)(void *context, const n6_frame_header_t *header, const uint8_t *payload);
    /* Sets chunk->at and ->verdict. Followed by chunk() before any other call. */
    void (*place)(void *context, n6_chunk_t *chunk);
    /* All bytes are there (good), or are damaged or did not come in time. */
    void (*chunk)(void *context, const n6_chunk_t *chunk, bool good);
    uint32_t (*crc32)(uint32_t crc, const void *data, size_t size); /* NULL = n6_crc32() */
} n6_link_calls_t;

/* Counters, in the order in which STATS sends them. */
typedef struct {
    uint64_t rx_bytes;
    uint64_t tx_bytes;
    uint32_t rx_frames;
    uint32_t tx_frames;
    uint32_t header_errors;
    uint32_t payload_errors;
    uint32_t skipped; /* bytes */
    uint32_t resyncs; /* searches that skipped anything */
} n6_link_counts_t;

/* Owned by the caller; its members are the link's own. */
typedef struct {
    bool lost;     /* bytes were skipped since the last good frame */
    bool blocked;  /* a frame waits for room in the send queue */
    bool in_chunk; /* a DATA frame is being received */
    bool out;      /* a DATA frame is being sent */
    n6_link_counts_t counts;

    uint32_t rx_begin; /* bytes of rx that have not been handled: [rx_begin, rx_end) */
    uint32_t rx_end;

    uint32_t chunk_size; /* most bytes of a chunk */
    uint32_t chunk_got;  /* bytes of the chunk that have arrived */
    uint32_t lent;       /* bytes of its place that the port was shown */
    n6_chunk_t chunk;    /* that is being received */

    uint8_t *tx; /* queue: [head, tail), or [head, end) and [0, tail) when tail < head */
    uint32_t tx_size;
    uint32_t tx_head;
    uint32_t tx_tail;
    uint32_t tx_end;

    const uint8_t *out_at; /* the DATA frame that is being sent */
    uint32_t out_bytes;
    uint32_t out_sent;
    uint8_t out_head[N6_LINK_DATA_HEAD];
    uint8_t out_crc[N6_LIMIT_CRC_SIZE];

    n6_link_calls_t calls;
    uint8_t rx[N6_LINK_FRAME_MAX];
} n6_link_t;

/* ---- state ---- */

/* tx: memory of the send queue, which stays with the link. Chunks may have up to MAX_CHUNK bytes. */
void n6_link_init(n6_link_t *link, const n6_link_calls_t *calls, uint8_t *tx, uint32_t tx_size);

/* The most bytes of a chunk that is received, from now on. */
static inline void n6_link_set_chunk(n6_link_t *link, uint16_t size)
{
    link->chunk_size = size;
}

/* As new: forgets what was half received and what is not yet sent. Counters stay. */
void n6_link_clear(n6_link_t *link);

static inline const n6_link_counts_t *n6_link_counts(const n6_link_t *link)
{
    return &link->counts;
}

void n6_link_reset_counts(n6_link_t *link);

/* The checksum of payloads, by the function that the link was given; crc is that of bytes before. */
static inline uint32_t n6_link_crc32(const n6_link_t *link, uint32_t crc, const void *data,
                                     size_t size)
{
    return link->calls.crc32(crc, data, size);
}

/* ---- receiving ---- */

/* Where received bytes go, in order: returns the number of windows, 0..2. */
size_t n6_link_rx_windows(n6_link_t *link, n6_window_t window[N6_LINK_WINDOWS]);

/* So many bytes have been put there. */
void n6_link_rx_done(n6_link_t *link, size_t size);

/* Handles one frame. false = there is none, or n6_link_blocked(). */
bool n6_link_parse(n6_link_t *link);

/* A frame is there, and waits until the send queue has room for its answer. */
static inline bool n6_link_blocked(const n6_link_t *link)
{
    return link->blocked;
}

/* A frame has begun and not ended. */
bool n6_link_partial(const n6_link_t *link);

/* Stops waiting for its end. */
void n6_link_give_up(n6_link_t *link);

/* ---- sending ---- */

/* A frame of that many bytes, headers included, fits the queue. */
bool n6_link_room(const n6_link_t *link, size_t frame);

/*
 * Room for a payload of at most that many bytes, in the queue itself; NULL = none. n6_link_end()
 * makes a frame of it, with the payload's true size.
 */
uint8_t *n6_link_begin(n6_link_t *link, size_t payload);
void n6_link_end(n6_link_t *link, uint8_t type, uint8_t flags, uint32_t id, size_t payload);

/* Both in one. false = no room. */
bool n6_link_send(n6_link_t *link, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                  size_t size);

/* A DATA frame can be begun: nothing else is being sent. */
bool n6_link_ready_for_data(const n6_link_t *link);

/* Begins one; the bytes stay in place until it has been sent. */
void n6_link_send_data(n6_link_t *link, uint32_t id, uint32_t position, uint32_t offset,
                       const uint8_t *at, uint32_t size);

/* A DATA frame is being sent. */
static inline bool n6_link_sending(const n6_link_t *link)
{
    return link->out;
}

/* What is to be sent, in order: returns the number of spans, 0..3. */
size_t n6_link_tx_spans(const n6_link_t *link, n6_span_t span[N6_LINK_SPANS]);

/* So many bytes of them have been sent. */
void n6_link_tx_done(n6_link_t *link, size_t size);

#ifdef __cplusplus
}
#endif

#endif
