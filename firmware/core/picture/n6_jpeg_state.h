/*
 * n6_jpeg_state.h - what the parts of the decoder of JPEG know of a picture.
 */
#ifndef N6_JPEG_STATE_H
#define N6_JPEG_STATE_H

#include <stdbool.h>

#include "n6_bits.h"
#include "n6_huffman.h"
#include "n6_idct.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_JPEG_COMPONENTS = 3,
    N6_JPEG_QUANT_TABLES = 4,
    N6_JPEG_HUFFMAN_TABLES = 2, /* of each class; baseline has two */
};

typedef struct {
    uint8_t id;
    uint8_t quant; /* number of a table */
    uint8_t dc;
    uint8_t ac;
    int32_t before; /* quantised DC coefficient of the last block */
} n6_jpeg_component_t;

typedef struct {
    n6_bits_t bits;
    n6_jpeg_component_t component[N6_JPEG_COMPONENTS];
    uint32_t segment; /* bytes that are left of a segment with tables */
    uint32_t x;       /* of the next unit, in pixels */
    uint32_t y;
    uint16_t interval;  /* units between restart markers; 0 = none */
    uint16_t until;     /* units until the next one */
    uint8_t restarts;   /* number of the next one, 0 to 7 */
    uint8_t marker;     /* of a segment with tables */
    uint8_t components; /* 0 = SOF0 was not read */
    uint8_t across;     /* blocks of the first component in a unit */
    uint8_t down;
    bool begun;
    bool other_colours; /* Adobe's segment says that three components are not Y, Cb, Cr */
    bool scanning;
    uint8_t quant_known;                                /* bits */
    uint8_t huffman_known;                              /* bits: class << 1 | number */
    uint8_t quant[N6_JPEG_QUANT_TABLES][N6_IDCT_BLOCK]; /* in the order of the zigzag */
    n6_huffman_t huffman[2][N6_JPEG_HUFFMAN_TABLES];    /* class 0: DC, 1: AC */
} n6_jpeg_t;

#ifdef __cplusplus
}
#endif

#endif
