/*
 * n6_unpack.h - decodes the parts of a complete upload into its slot (protocol.md section 4).
 *
 * The bytes of the upload are in the slot, where the inputs are to be. They are first moved to the
 * port's memory for parts; then each part is copied or decoded from there. All of this happens in
 * steps of limited work.
 */
#ifndef N6_UNPACK_H
#define N6_UNPACK_H

#include "n6_parts.h"
#include "n6_picture.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_UNPACK_BYTES = 4096, /* that a step copies */
    N6_UNPACK_PIXELS = 256, /* that a step decodes, about */
};

enum {
    N6_UNPACK_DONE = 0,
    N6_UNPACK_MORE = 1,
    N6_UNPACK_FAILED = 2, /* the part with index next cannot be decoded */
};

/* Other parts may read next. */
typedef struct {
    const n6_network_t *network;
    const n6_parts_t *parts;
    uint8_t *slot;
    uint8_t *bytes;  /* the port's memory for parts */
    uint32_t length; /* bytes of the upload */
    uint32_t moved;  /* how many of them are in the port's memory */
    uint32_t copied; /* bytes of a RAW part that are in the slot */
    uint32_t tables; /* bytes of the tables before the picture */
    uint8_t next;    /* index of the part that is decoded */
    bool begun;      /* its picture */
    n6_picture_t picture;
} n6_unpack_t;

/* slot: the bytes of the upload. bytes: memory for as many. All are used until the end. */
void n6_unpack_begin(n6_unpack_t *unpack, const n6_network_t *network, const n6_parts_t *parts,
                     uint8_t *slot, uint8_t *bytes, uint32_t length);

int n6_unpack_step(n6_unpack_t *unpack);

/* After N6_UNPACK_FAILED: offset in the upload at which decoding stopped, and the reason. */
uint32_t n6_unpack_offset(const n6_unpack_t *unpack);
const char *n6_unpack_text(const n6_unpack_t *unpack);

#ifdef __cplusplus
}
#endif

#endif
