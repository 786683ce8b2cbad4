/*
 * n6_qoi.h - the decoder of QOI (The Quite OK Image Format, qoiformat.org, version 1.0).
 *
 * Other lossless encodings are smaller. Of the bytes of 20 crops of photographs with 192 x 192 pixels, the median is 61 %
 * for QOI, 52 % for PNG, 43 % for differences to the median of the neighbours with Huffman codes, and 38 % for
 * WebP. QOI was chosen because its decoder is 1 KB of code with 280 bytes of memory (Inflate needs a window of 32 KB),
 * and because Pillow writes it.
 */
#ifndef N6_QOI_H
#define N6_QOI_H

#include "n6_coded.h"
#include "n6_target.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_QOI_RUN = 64, /* pixels of a unit of work, at most */
};

typedef struct {
    uint8_t red;
    uint8_t green;
    uint8_t blue;
    uint8_t alpha;
} n6_qoi_pixel_t;

typedef struct {
    n6_qoi_pixel_t seen[64]; /* pixels by their hash */
    n6_qoi_pixel_t pixel;    /* the last one */
    uint32_t run;            /* how often it is still repeated */
    uint16_t x;              /* of the next pixel */
    uint16_t y;
    uint8_t begun; /* the header was read */
} n6_qoi_t;

void n6_qoi_begin(n6_qoi_t *qoi);

/* As n6_picture_step(). */
int n6_qoi_step(n6_qoi_t *qoi, n6_coded_t *coded, const n6_target_t *target, uint32_t pixels);

#ifdef __cplusplus
}
#endif

#endif
