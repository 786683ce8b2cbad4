/*
 * n6_parts.h - the Part records of a COMMIT, and their checks (protocol.md section 4).
 */
#ifndef N6_PARTS_H
#define N6_PARTS_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint16_t at;     /* offset of the first record in the COMMIT */
    uint16_t record; /* bytes of each record there */
    uint8_t count;   /* 0 = the upload is an image of all inputs */
    n6_part_t part[N6_LIMIT_MAX_PARTS];
} n6_parts_t;

/*
 * Reads the records of a COMMIT for this network, at least one, and checks all that can be checked
 * without the bytes of the upload. *at is the offset of the wrong struct in the payload.
 */
n6_mistake_t n6_parts_read(n6_parts_t *parts, const n6_config_t *config,
                           const n6_network_t *network, const n6_request_t *request, size_t *at);

/* Offset in the COMMIT of the record with this index. */
static inline size_t n6_parts_at(const n6_parts_t *parts, uint32_t index)
{
    return parts->at + (size_t)index * parts->record;
}

/* Bytes of one table for an input with elements of this size. */
static inline uint32_t n6_parts_table(uint8_t element)
{
    return 256u * element;
}

#ifdef __cplusplus
}
#endif

#endif
