/*
 * n6_upload.h - tensors into input slots (protocol.md section 4): DATA, COMMIT, gaps, and the
 * credits that the host has (section 5). The states of a slot are in n6_slots.h.
 *
 * What becomes of a chunk is decided when its headers have arrived, because its bytes go straight
 * into the slot. It is never answered: what is wrong with an upload is said at its COMMIT. A chunk
 * whose headers were good and whose bytes were not is asked for at once. The digest of an upload is
 * put together from the CRC-32s of its chunks, so that no byte is read twice.
 */
#ifndef N6_UPLOAD_H
#define N6_UPLOAD_H

#include "n6_channel.h"
#include "n6_crc.h"
#include "n6_queue.h"
#include "n6_slots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How far the transfer into a slot is. Which chunks have arrived is in n6_config_t.chunks. */
typedef struct {
    uint32_t next; /* first chunk that has neither arrived nor been asked for */
    uint32_t crc;  /* what the parked COMMIT says: digest and network */
    uint16_t network;
    bool parked; /* COMMIT came before the last chunk */
} n6_upload_t;

typedef struct {
    n6_channel_t *channel;
    n6_slots_t *slots;
    n6_queue_t *queue;
    uint32_t consumed; /* DATA bytes of the host that have been handled */
    uint32_t granted;  /* how far it may go */
    n6_upload_t upload[N6_SERVER_MAX_SLOTS];
    n6_crc32_shift_t past_chunk; /* over the bytes of a chunk */
} n6_uploads_t;

static inline void n6_upload_init(n6_uploads_t *uploads, n6_channel_t *channel, n6_slots_t *slots,
                                  n6_queue_t *queue)
{
    uploads->channel = channel;
    uploads->slots = slots;
    uploads->queue = queue;
}

/*
 * A HELLO was accepted: the host may send a window of chunks of the session's size. What a slot was
 * being filled with is forgotten. The slots themselves are n6_session.c's to forget.
 */
void n6_upload_open(n6_uploads_t *uploads);

/* The link's calls for a chunk (n6_link.h). */
void n6_upload_place(n6_uploads_t *uploads, n6_chunk_t *chunk);
void n6_upload_chunk(n6_uploads_t *uploads, const n6_chunk_t *chunk, bool good);

void n6_upload_commit(n6_uploads_t *uploads, const n6_request_t *request);

/* ---- for PING ---- */

/* A host that keeps to its grant can have sent so much. */
static inline bool n6_upload_believes(const n6_uploads_t *uploads, uint32_t position)
{
    return !n6_newer(position, uploads->granted);
}

/*
 * The host has sent DATA up to a position that is believed, some of which may have been lost.
 * Returns how far it may go.
 */
uint32_t n6_upload_sync(n6_uploads_t *uploads, uint32_t position);

#ifdef __cplusplus
}
#endif

#endif
