/*
 * n6_link.h - converts received bytes to frames, and frames to bytes to send. No clock, no IO: the
 * port transfers the bytes.
 *
 * Receiving. The port writes bytes to the windows of n6_link_rx_windows() and calls
 * n6_link_rx_done(). n6_link_parse() then calls a function for each frame, one frame per call:
 *
 *     state   content of rx                             action                              next
 *     HUNT    no magic, a bad header, a bad length      skip one byte                       HUNT
 *     HUNT    a complete control frame, good CRC-32     control()                           HUNT
 *     HUNT    a complete control frame, bad CRC-32      skip one byte: the rest is searched HUNT
 *     HUNT    FrameHeader and DataHeader, both good     place(): selects the destination    CHUNK
 *     CHUNK   the chunk and its CRC-32                  chunk(): good or bad                HUNT
 *     CHUNK   n6_link_give_up(): silent for too long    chunk(): bad                        HUNT
 *
 * While a chunk arrives, the first window is its destination, so that its bytes are not copied. The
 * second window is rx, for the CRC-32 and the following frames. rx stores complete control frames;
 * the bytes of a damaged one are searched again. Each call may send an answer. Therefore a frame is
 * delivered only if the send queue has room for the largest answer.
 *
 * Sending. Control frames are built in place in a queue. A DATA frame consists of three spans
 * (headers, the tensor's own memory, CRC-32). It is started only while the queue is empty, and
 * completed before the next control frame. Memory that n6_link_tx_spans() has returned does not
 * move until n6_link_tx_done() reports it as sent: a DMA may read it.
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

/* Memory for received bytes. */
typedef struct {
    uint8_t *at;
    size_t size;
} n6_window_t;

/* Memory with bytes to send. */
typedef struct {
    const uint8_t *at;
    size_t size;
} n6_span_t;

/* A chunk, from place() to chunk(). */
typedef struct {
    uint8_t *at;           /* destination of its bytes; NULL = they are dropped */
    uint32_t id;           /* id of the frame */
    uint32_t size;         /* bytes, without the DataHeader */
    uint32_t head_crc;     /* CRC-32 of the DataHeader */
    uint32_t crc;          /* CRC-32 of the DataHeader and of the bytes that were processed */
    n6_data_header_t head; /* the DataHeader; its CRC-16 is good */
    uint8_t verdict;       /* passed from place() to chunk(); not used by the link */
} n6_chunk_t;

/* Functions that n6_link_parse() and n6_link_give_up() call. */
typedef struct {
    void *context;
    void (*control)(void *context, const n6_frame_header_t *header, const uint8_t *payload);
    /* Sets chunk->at and ->verdict. chunk() follows before any other call. */
    void (*place)(void *context, n6_chunk_t *chunk);
    /* All bytes have arrived (good), or are damaged or incomplete (bad). */
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
    uint32_t resyncs; /* searches in which bytes were skipped */
} n6_link_counts_t;

/* Memory of the caller. The members are private. */
typedef struct {
    bool lost;     /* bytes were skipped after the last good frame */
    bool blocked;  /* a frame waits for room in the send queue */
    bool in_chunk; /* a DATA frame is being received */
    bool out;      /* a DATA frame is being sent */
    n6_link_counts_t counts;

    uint32_t rx_begin; /* unprocessed bytes of rx: [rx_begin, rx_end) */
    uint32_t rx_end;

    uint32_t chunk_size; /* maximum bytes of a chunk */
    uint32_t chunk_got;  /* received bytes of the chunk */
    uint32_t lent;       /* bytes of its destination that were returned as a window */
    n6_chunk_t chunk;    /* the chunk that is being received */

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

/* tx: memory of the send queue, used as long as the link. Chunks may have up to MAX_CHUNK bytes. */
void n6_link_init(n6_link_t *link, const n6_link_calls_t *calls, uint8_t *tx, uint32_t tx_size);

/* The functions place and chunk of a link that drops all chunks. */
void n6_link_place_nowhere(void *context, n6_chunk_t *chunk);
void n6_link_forget_chunk(void *context, const n6_chunk_t *chunk, bool good);

/* Sets the maximum bytes of a received chunk. */
static inline void n6_link_set_chunk(n6_link_t *link, uint16_t size)
{
    link->chunk_size = size;
}

/* Initial state: drops incomplete received frames and unsent bytes. Counters are kept. */
void n6_link_clear(n6_link_t *link);

static inline const n6_link_counts_t *n6_link_counts(const n6_link_t *link)
{
    return &link->counts;
}

void n6_link_reset_counts(n6_link_t *link);

/* The checksum of payloads, by the configured function; crc is that of the bytes before. */
static inline uint32_t n6_link_crc32(const n6_link_t *link, uint32_t crc, const void *data,
                                     size_t size)
{
    return link->calls.crc32(crc, data, size);
}

/* ---- receiving ---- */

/* Windows for received bytes, in order. Returns their number, 0..2. */
size_t n6_link_rx_windows(n6_link_t *link, n6_window_t window[N6_LINK_WINDOWS]);

/* This number of bytes was written to the windows. */
void n6_link_rx_done(n6_link_t *link, size_t size);

/* Handles one frame. false = there is no complete frame, or n6_link_blocked(). */
bool n6_link_parse(n6_link_t *link);

/* A frame was received, and waits until the send queue has room for its answer. */
static inline bool n6_link_blocked(const n6_link_t *link)
{
    return link->blocked;
}

/* A frame was started and is not complete. */
bool n6_link_partial(const n6_link_t *link);

/* Bytes were skipped or damaged after the last good frame. */
static inline bool n6_link_lost(const n6_link_t *link)
{
    return link->lost;
}

/* Aborts an incomplete frame. */
void n6_link_give_up(n6_link_t *link);

/* ---- sending ---- */

/* The queue has room for a frame of that many bytes, including headers. */
bool n6_link_room(const n6_link_t *link, size_t frame);

/*
 * Room in the queue for a payload of at most that many bytes; NULL = not enough room. n6_link_end()
 * completes the frame, with the final size of the payload.
 */
uint8_t *n6_link_begin(n6_link_t *link, size_t payload);
void n6_link_end(n6_link_t *link, uint8_t type, uint8_t flags, uint32_t id, size_t payload);

/* Both in one call. false = not enough room. */
bool n6_link_send(n6_link_t *link, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                  size_t size);

/* A DATA frame can be started: nothing else is being sent. */
bool n6_link_ready_for_data(const n6_link_t *link);

/* Starts a DATA frame. The bytes must not change until it has been sent. */
void n6_link_send_data(n6_link_t *link, uint32_t id, uint32_t position, uint32_t offset,
                       const uint8_t *at, uint32_t size);

/* A DATA frame is being sent. */
static inline bool n6_link_sending(const n6_link_t *link)
{
    return link->out;
}

/* Bytes to send, in order. Returns the number of spans, 0..3. */
size_t n6_link_tx_spans(const n6_link_t *link, n6_span_t span[N6_LINK_SPANS]);

/* This number of bytes was sent. */
void n6_link_tx_done(n6_link_t *link, size_t size);

#ifdef __cplusplus
}
#endif

#endif
