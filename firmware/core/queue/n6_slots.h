/*
 * n6_slots.h - states of the input slots (protocol.md section 4).
 *
 *     state        event                                                     next
 *     any          newer upload, slot not in use                             FILLING
 *     FILLING      COMMIT with the network's size, all chunks, good digest   COMMITTED
 *     FILLING      the same with parts: they are decoded                     DECODING
 *     FILLING      COMMIT of an unknown network, or with another size        EMPTY
 *     DECODING     all parts are decoded                                     COMMITTED
 *     DECODING     a part cannot be decoded                                  EMPTY
 *     COMMITTED    a run has overwritten it (Feature CONSUMES_INPUT)         CONSUMED
 *     FILLING, DECODING   the session is resumed                             EMPTY, without an id
 *
 * Uploads fill slots and inferences read them. Both change a slot only with the functions below.
 */
#ifndef N6_SLOTS_H
#define N6_SLOTS_H

#include <string.h>

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    N6_SLOT_EMPTY = 0, /* no upload, or an upload that was refused at its COMMIT */
    N6_SLOT_FILLING = 1,
    N6_SLOT_COMMITTED = 2,
    N6_SLOT_CONSUMED = 3, /* committed, and overwritten by its run */
    N6_SLOT_DECODING = 4, /* complete; its parts are being decoded, or will be */
} n6_slot_state_t;

/* Other parts may read the members. */
typedef struct {
    uint64_t touched_at;   /* device time of the last DATA or COMMIT of its upload */
    uint64_t committed_at; /* device time of the COMMIT */
    uint32_t upload;       /* id of the newest upload; 0 = none in this session */
    uint32_t refused;      /* id of the last upload with a refused COMMIT */
    uint32_t digest;       /* digest of a committed upload */
    uint16_t network;      /* network of a committed upload */
    uint8_t state;         /* n6_slot_state_t */
    uint8_t parts;         /* parts of a committed upload that is not decoded, */
    uint32_t length;       /* its bytes, */
    const n6_part_t *part; /* and its parts; for a runtime that forwards */
} n6_slot_t;

typedef struct {
    n6_slot_t slot[N6_SERVER_MAX_SLOTS];
} n6_slots_t;

/* A new session: upload ids start again. */
static inline void n6_slots_forget(n6_slots_t *slots)
{
    memset(slots, 0, sizeof *slots);
}

static inline const n6_slot_t *n6_slot(const n6_slots_t *slots, uint32_t index)
{
    return &slots->slot[index];
}

/* Its upload has started, and is not committed. */
static inline bool n6_slot_is_partial(const n6_slots_t *slots, uint32_t index)
{
    const uint8_t state = slots->slot[index].state;
    return state == N6_SLOT_FILLING || state == N6_SLOT_DECODING;
}

/*
 * The session is resumed: uploads that were not committed are sent again, possibly with the same
 * id.
 */
static inline void n6_slots_resume(n6_slots_t *slots)
{
    for (uint32_t i = 0; i < N6_SERVER_MAX_SLOTS; i++) {
        if (n6_slot_is_partial(slots, i)) {
            slots->slot[i] = (n6_slot_t){0};
        }
    }
}

/* The upload is newer than that of the slot. */
static inline bool n6_slot_is_older(const n6_slots_t *slots, uint32_t index, uint32_t upload)
{
    const n6_slot_t *slot = &slots->slot[index];
    return slot->upload == 0 || n6_newer(upload, slot->upload);
}

/* An upload starts, or starts again after a bad digest. */
static inline void n6_slot_fill(n6_slots_t *slots, uint32_t index, uint32_t upload)
{
    slots->slot[index].upload = upload;
    slots->slot[index].refused = 0;
    slots->slot[index].state = N6_SLOT_FILLING;
}

/* DATA or COMMIT of its upload has arrived. */
static inline void n6_slot_touch(n6_slots_t *slots, uint32_t index, uint64_t now)
{
    slots->slot[index].touched_at = now;
}

/* All bytes of the upload have arrived, and its parts must be decoded. */
static inline void n6_slot_decode(n6_slots_t *slots, uint32_t index)
{
    slots->slot[index].state = N6_SLOT_DECODING;
}

/* A complete upload is not decoded here. */
static inline void n6_slot_keep(n6_slots_t *slots, uint32_t index, uint32_t length,
                                const n6_part_t *part, uint8_t parts)
{
    slots->slot[index].length = length;
    slots->slot[index].part = part;
    slots->slot[index].parts = parts;
}

/* The upload is complete. */
static inline void n6_slot_commit(n6_slots_t *slots, uint32_t index, uint16_t network,
                                  uint32_t digest, uint64_t now)
{
    n6_slot_t *slot = &slots->slot[index];

    slot->network = network;
    slot->digest = digest;
    slot->committed_at = now;
    slot->state = N6_SLOT_COMMITTED;
}

/* Its COMMIT was refused, and the upload is removed. */
static inline void n6_slot_empty(n6_slots_t *slots, uint32_t index)
{
    slots->slot[index].state = N6_SLOT_EMPTY;
}

/* A COMMIT was refused: INFERs with this upload are refused until it is sent again. */
static inline void n6_slot_refuse(n6_slots_t *slots, uint32_t index, uint32_t upload)
{
    slots->slot[index].refused = upload;
}

/* A run has overwritten the input. */
static inline void n6_slot_consume(n6_slots_t *slots, uint32_t index)
{
    slots->slot[index].state = N6_SLOT_CONSUMED;
}

#ifdef __cplusplus
}
#endif

#endif
