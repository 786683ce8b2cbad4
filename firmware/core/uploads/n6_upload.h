/*
 * n6_upload.h - transfer of tensors into input slots (protocol.md section 4): DATA, COMMIT, gaps,
 * and the credits of the host (section 5). n6_slots.h has the states of a slot.
 *
 * The destination of a chunk is selected when its headers have arrived, because its bytes are
 * written directly to the slot. Chunks are never answered: errors of an upload are reported at its
 * COMMIT. A chunk with good headers and damaged bytes is requested again immediately. The digest of
 * an upload is computed from the CRC-32s of its chunks, so that no byte is read twice. An upload
 * with parts is decoded into its slot after that, see n6_unpack.h.
 */
#ifndef N6_UPLOAD_H
#define N6_UPLOAD_H

#include "n6_channel.h"
#include "n6_crc.h"
#include "n6_queue.h"
#include "n6_slots.h"
#include "n6_unpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Progress of the transfer into a slot. n6_config_t.chunks has the received chunks. */
typedef struct {
    uint32_t next;   /* first chunk that was neither received nor requested again */
    uint32_t length; /* of the stored COMMIT: bytes, digest, network, parts */
    uint32_t crc;
    uint16_t network;
    bool parked; /* COMMIT arrived before the last chunk */
    n6_parts_t parts;
} n6_upload_t;

typedef struct {
    n6_channel_t *channel;
    n6_slots_t *slots;
    n6_queue_t *queue;
    uint32_t consumed; /* DATA bytes of the host that were handled */
    uint32_t granted;  /* limit that was granted to the host */
    n6_upload_t upload[N6_SERVER_MAX_SLOTS];
    uint8_t unpacked; /* slot whose parts are being decoded, or N6_NONE */
    n6_unpack_t unpack;
    n6_crc32_shift_t past_chunk; /* shift of a CRC-32 over the bytes of a chunk */
} n6_uploads_t;

static inline void n6_upload_init(n6_uploads_t *uploads, n6_channel_t *channel, n6_slots_t *slots,
                                  n6_queue_t *queue)
{
    uploads->channel = channel;
    uploads->slots = slots;
    uploads->queue = queue;
    uploads->unpacked = N6_NONE;
}

/*
 * A HELLO was accepted: the host may send a window of chunks of the session's size. Removes
 * incomplete transfers; n6_session.c resets the slots.
 */
void n6_upload_open(n6_uploads_t *uploads);

/* Functions that the link calls for a chunk (n6_link.h). */
void n6_upload_place(n6_uploads_t *uploads, n6_chunk_t *chunk);
void n6_upload_chunk(n6_uploads_t *uploads, const n6_chunk_t *chunk, bool good);

void n6_upload_commit(n6_uploads_t *uploads, const n6_request_t *request);

/*
 * Executes one step of the decoding of parts, which takes a limited time. N6_SERVER_IDLE = nothing
 * is to be decoded, or _BUSY.
 */
int n6_upload_run(n6_uploads_t *uploads);

/* ---- for PING ---- */

/* The position is possible for a host that observes its grant. */
static inline bool n6_upload_believes(const n6_uploads_t *uploads, uint32_t position)
{
    return !n6_newer(position, uploads->granted);
}

/*
 * The host has sent DATA up to this position, which is possible; some of it may have been lost.
 * Returns the new limit.
 */
uint32_t n6_upload_sync(n6_uploads_t *uploads, uint32_t position);

#ifdef __cplusplus
}
#endif

#endif
