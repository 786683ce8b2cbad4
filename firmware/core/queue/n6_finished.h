/*
 * n6_finished.h - keys of finished inferences, and how they ended: an inference with the same key
 * is never executed again (protocol.md section 6). The last FINISHED_KEYS are stored. This is enough:
 * while a host does not know the end of an inference, it sends at most a quarter of them.
 */
#ifndef N6_FINISHED_H
#define N6_FINISHED_H

#include "n6_config.h"
#include "n6_mistakes.h"

#ifdef __cplusplus
extern "C" {
#endif

_Static_assert(N6_LIMIT_FINISHED_KEYS >= 3 * (N6_LIMIT_FINISHED_KEYS / 4) + N6_SERVER_MAX_QUEUE,
               "keys that end while a host does not know of the end of one of them");

typedef struct {
    uint64_t key;
    uint32_t body;   /* CRC-32 of the body that the key is bound to */
    uint32_t value;  /* value of its ERROR */
    uint8_t mistake; /* n6_mistake_t: the reason of its failure; NONE = success */
} n6_end_t;

typedef struct {
    uint32_t count; /* number of the next entry, increases */
    n6_end_t end[N6_LIMIT_FINISHED_KEYS];
} n6_finished_t;

static inline void n6_finished_add(n6_finished_t *finished, n6_end_t end)
{
    finished->end[finished->count++ % N6_LIMIT_FINISHED_KEYS] = end;
}

/* NULL = not stored. */
static inline const n6_end_t *n6_finished_find(const n6_finished_t *finished, uint64_t key)
{
    for (uint32_t i = 0; i < finished->count && i < N6_LIMIT_FINISHED_KEYS; i++) {
        if (finished->end[i].key == key) {
            return &finished->end[i];
        }
    }
    return NULL;
}

#ifdef __cplusplus
}
#endif

#endif
