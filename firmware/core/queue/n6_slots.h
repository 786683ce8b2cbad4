/*
 * n6_slots.h - what each input slot holds (protocol.md section 4).
 *
 *     state        event                                                     next
 *     any          newer upload, slot not in use                             FILLING
 *     FILLING      COMMIT with the network's size, all chunks, good digest   COMMITTED
 *     FILLING      COMMIT of an unknown network, or with another size        EMPTY
 *     COMMITTED    a run has overwritten it (Feature CONSUMES_INPUT)         CONSUMED
 *     FILLING      the session is resumed                                    EMPTY, without an id
 *
 * Uploads fill slots and inferences read them; both change a slot by the functions below alone.
 */
#ifndef N6_SLOTS_H
#define N6_SLOTS_H

#include <string.h>

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    N6_SLOT_EMPTY = 0, /* nothing, or an upload that was refused at its COMMIT */
    N6_SLOT_FILLING = 1,
    N6_SLOT_COMMITTED = 2,
    N6_SLOT_CONSUMED = 3, /* committed, and overwritten by its run */
} n6_slot_state_t;

/* To be read by other parts. */
typedef struct {
    uint64_t touched_at;   /* device time: DATA or COMMIT of its upload came last */
    uint64_t committed_at; /* device time */
    uint32_t upload;       /* id of the newest upload; 0 = none in this session */
    uint32_t refused;      /* id of the last upload whose COMMIT was refused */
    uint32_t digest;       /* of a committed upload */
    uint16_t network;      /* of a committed upload */
    uint8_t state;         /* n6_slot_state_t */
} n6_slot_t;

typedef struct {
    n6_slot_t slot[N6_SERVER_MAX_SLOTS];
} n6_slots_t;

/* A new session: upload ids begin again. */
static inline void n6_slots_forget(n6_slots_t *slots)
{
    memset(slots, 0, sizeof *slots);
}

/* The session is resumed: what was not committed is sent again, maybe under the same id. */
static inline void n6_slots_resume(n6_slots_t *slots)
{
    for (uint32_t i = 0; i < N6_SERVER_MAX_SLOTS; i++) {
        if (slots->slot[i].state == N6_SLOT_FILLING) {
            slots->slot[i] = (n6_slot_t){0};
        }
    }
}

static inline const n6_slot_t *n6_slot(const n6_slots_t *slots, uint32_t index)
{
    return &slots->slot[index];
}

/* The upload is newer than what the slot holds. */
static inline bool n6_slot_is_older(const n6_slots_t *slots, uint32_t index, uint32_t upload)
{
    const n6_slot_t *slot = &slots->slot[index];
    return slot->upload == 0 || n6_newer(upload, slot->upload);
}

/* An upload begins, or begins again after a bad digest. */
static inline void n6_slot_fill(n6_slots_t *slots, uint32_t index, uint32_t upload)
{
    slots->slot[index].upload = upload;
    slots->slot[index].refused = 0;
    slots->slot[index].state = N6_SLOT_FILLING;
}

/* DATA or COMMIT of its upload has come. */
static inline void n6_slot_touch(n6_slots_t *slots, uint32_t index, uint64_t now)
{
    slots->slot[index].touched_at = now;
}

/* It is complete. */
static inline void n6_slot_commit(n6_slots_t *slots, uint32_t index, uint16_t network,
                                  uint32_t digest, uint64_t now)
{
    n6_slot_t *slot = &slots->slot[index];

    slot->network = network;
    slot->digest = digest;
    slot->committed_at = now;
    slot->state = N6_SLOT_COMMITTED;
}

/* Its COMMIT was refused for good. */
static inline void n6_slot_empty(n6_slots_t *slots, uint32_t index)
{
    slots->slot[index].state = N6_SLOT_EMPTY;
}

/* A COMMIT was refused: who names its upload from now on waits in vain, unless it is sent again. */
static inline void n6_slot_refuse(n6_slots_t *slots, uint32_t index, uint32_t upload)
{
    slots->slot[index].refused = upload;
}

/* A run has overwritten it. */
static inline void n6_slot_consume(n6_slots_t *slots, uint32_t index)
{
    slots->slot[index].state = N6_SLOT_CONSUMED;
}

#ifdef __cplusplus
}
#endif

#endif
