/*
 * n6_target.h - the tensor that a picture is decoded into: the layout and the values of a network's
 * input.
 *
 * A pixel has values 0 to 255 of red, green and blue. An element of the tensor is the value of the
 * table of its channel for the pixel's value. The host makes the same table for an unencoded picture
 * (tensors/image.py, PictureInput), so that both give equal elements; a lossless picture thus gives
 * the same input, byte for byte. Mean, standard deviation, scale, zero point and type of the element
 * are all in the table; here an element is only a number of bytes.
 */
#ifndef N6_TARGET_H
#define N6_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_TARGET_CHANNELS = 3,
};

/*
 * [height, width, channels], or [channels, height, width] if it is planar. The tensor has no gaps.
 *
 * table[c] has 256 elements for channel c, aligned to the element's size; the pointers may be equal.
 * If table[0] is NULL, there is no table, and the elements are bytes: the pixel's value with the bits of
 * flip inverted; 0 for uint8, and 0x80 for int8, which is the value - 128.
 *
 * One channel is grey: the luma of ITU-R 601. With bgr channel 0 is blue, else red.
 */
typedef struct {
    void *at; /* aligned to the element's size */
    uint16_t height;
    uint16_t width;
    uint8_t channels; /* 1 or 3 */
    uint8_t element;  /* bytes: 1, 2 or 4 */
    uint8_t flip;
    bool planar;
    bool bgr;
    const void *table[N6_TARGET_CHANNELS];
} n6_target_t;

/* Whether every field has a possible value. */
bool n6_target_possible(const n6_target_t *target);

/* Bytes of the tensor; no overflow if it is possible. */
uint32_t n6_target_bytes(const n6_target_t *target);

typedef struct {
    uint32_t x;
    uint32_t y;
    uint32_t width;
    uint32_t height;
} n6_target_area_t;

/*
 * Writes an area, which must be inside of the picture. The values of red, green and blue, or of grey in the first
 * plane, are in rows of `stride` bytes.
 */
void n6_target_write(const n6_target_t *target, const n6_target_area_t *area,
                     const uint8_t *const planes[N6_TARGET_CHANNELS], uint32_t stride);

#ifdef __cplusplus
}
#endif

#endif
