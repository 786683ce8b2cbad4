/*
 * n6_link.h - bytes in, frames out, and back. No clock, no IO: the server owns one and the port moves the bytes.
 *
 * Receiving. Bytes are put where n6_link_rx_windows() says, announced by n6_link_rx_done(), and turned into calls by
 * n6_link_parse(), one frame a call:
 *
 *     state   what lies in rx                           action                                     next
 *     HUNT    no magic, a bad header, a bad length      skip one byte                              HUNT
 *     HUNT    a control frame, whole, good CRC-32       control()                                  HUNT
 *     HUNT    a control frame, whole, bad CRC-32        skip one byte: the rest is searched        HUNT
 *     HUNT    FrameHeader and DataHeader, both good     place(): where the chunk goes, or nowhere  CHUNK
 *     CHUNK   the chunk and its CRC-32                  chunk(): good or bad                       HUNT
 *     CHUNK   n6_link_give_up(): silent for too long    chunk(): bad                               HUNT
 *
 * While a chunk arrives the first window is its place itself, so that nothing copies it; the second one is rx, for the
 * CRC-32 and the frames behind. Control frames are kept whole in rx, and are searched again when they are broken.
 * Every call may answer, so no frame is handed over before the send queue has room for the largest one.
 *
 * Sending. Control frames are built in place in a queue; a DATA frame is three spans (headers, the tensor's own memory,
 * CRC-32), begun only when the queue is empty, and finished before the queue goes on. Memory that was shown by
 * n6_link_tx_spans() stays where it is until it is reported as sent: a DMA may read it.
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

enum {
    N6_LINK_FRAME_MAX = N6_LIMIT_HEADER_SIZE + N6_LIMIT_MAX_CONTROL + N6_LIMIT_CRC_SIZE,
    N6_LINK_DATA_HEAD = 2 * N6_LIMIT_HEADER_SIZE,
    N6_LINK_WINDOWS = 2,
    N6_LINK_SPANS = 3,
};

typedef struct {
    uint8_t *at;
    size_t size;
} n6_window_t;

typedef struct {
    const uint8_t *at;
    size_t size;
} n6_span_t;

typedef struct {
    void *context;
    void (*control)(void *context, const n6_frame_header_t *header, const uint8_t *payload);
    /* Where the bytes of a chunk go; NULL = nowhere. Followed by chunk() before any other call. */
    uint8_t *(*place)(void *context, uint32_t id, const n6_data_header_t *data, uint32_t size);
    void (*chunk)(void *context, uint32_t id, const n6_data_header_t *data, uint32_t size,
                  bool good);
    uint32_t (*crc32)(uint32_t crc, const void *data, size_t size);
} n6_link_calls_t;

typedef struct {
    uint64_t rx_bytes;
    uint64_t tx_bytes;
    uint32_t rx_frames;
    uint32_t tx_frames;
    uint32_t header_errors;
    uint32_t payload_errors;
    uint32_t skipped;
    uint32_t resyncs;
} n6_link_counts_t;

typedef struct {
    bool lost;     /* bytes were skipped since the last good frame */
    bool blocked;  /* a frame waits for room in the send queue */
    bool in_chunk; /* a DATA frame is being received */
    bool out;      /* a DATA frame is being sent */
    n6_link_counts_t counts;

    uint32_t rx_begin;
    uint32_t rx_end;

    uint32_t chunk_size; /* of all transfers; below, of the one that is being received */
    uint32_t chunk_id;
    uint32_t chunk_bytes;
    uint32_t chunk_got;
    uint32_t chunk_head_crc; /* of the DataHeader, and of it and the chunk */
    uint32_t chunk_crc;
    uint8_t *chunk_at;
    n6_data_header_t chunk_head;
    uint32_t lent; /* bytes of its place that the port was shown */

    uint8_t *tx; /* queue: [head, tail), or [head, end) and [0, tail) when tail < head */
    uint32_t tx_size;
    uint32_t tx_head;
    uint32_t tx_tail;
    uint32_t tx_end;

    const uint8_t *out_at;
    uint32_t out_bytes;
    uint32_t out_sent;
    uint8_t out_head[N6_LINK_DATA_HEAD];
    uint8_t out_crc[N6_LIMIT_CRC_SIZE];

    n6_link_calls_t calls;
    uint8_t rx[N6_LINK_FRAME_MAX];
} n6_link_t;

void n6_link_init(n6_link_t *link, const n6_link_calls_t *calls, uint16_t chunk_size, uint8_t *tx,
                  uint32_t tx_size);
/* Forgets what was half received and what is not yet sent. */
void n6_link_clear(n6_link_t *link);

/* The number of windows, 0..2, to be filled in order. */
size_t n6_link_rx_windows(n6_link_t *link, n6_window_t window[N6_LINK_WINDOWS]);
void n6_link_rx_done(n6_link_t *link, size_t size);
/* Handles one frame. false = none is there, or (blocked) the send queue has no room for its answer. */
bool n6_link_parse(n6_link_t *link);
/* A frame has begun and not ended. */
bool n6_link_partial(const n6_link_t *link);
/* Stops waiting for its end. */
void n6_link_give_up(n6_link_t *link);

/* A frame of that many bytes, headers included, fits the queue. */
bool n6_link_room(const n6_link_t *link, size_t frame);
/* Room for a payload of at most that many bytes; NULL = none. n6_link_end() closes the frame. */
uint8_t *n6_link_begin(n6_link_t *link, size_t payload);
void n6_link_end(n6_link_t *link, uint8_t type, uint8_t flags, uint32_t id, size_t payload);
/* Both in one. false = no room. */
bool n6_link_send(n6_link_t *link, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                  size_t size);
/* A DATA frame can be begun. */
bool n6_link_ready_for_data(const n6_link_t *link);
void n6_link_send_data(n6_link_t *link, uint32_t id, uint32_t position, uint32_t offset,
                       const uint8_t *at, uint32_t size);

/* The number of spans, 0..3, to be sent in order. */
size_t n6_link_tx_spans(const n6_link_t *link, n6_span_t span[N6_LINK_SPANS]);
void n6_link_tx_done(n6_link_t *link, size_t size);

#ifdef __cplusplus
}
#endif

#endif
