/*
 * n6_idct.h - the inverse discrete cosine transform of a block of 8 x 8 coefficients (T.81, A.3.3).
 *
 * One dimension has 12 multiplications (Loeffler, Ligtenberg and Moschytz, Practical fast 1-D DCT algorithms with 11
 * multiplications, ICASSP 1989, figure 1, with the variant of 12), with constants of 13 bits. Columns come first, and
 * keep 2 more bits for the rows. Other decoders that use these numbers, such as libjpeg-turbo, give the same samples.
 */
#ifndef N6_IDCT_H
#define N6_IDCT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_IDCT_SIDE = 8,
    N6_IDCT_BLOCK = 64,
    N6_IDCT_LARGEST =
        2047, /* absolute value of a coefficient; a picture of 8 bits has at most 1151 */
};

/*
 * Writes samples of 0 to 255, in rows of `stride` bytes. The coefficients are dequantised and in rows, the lowest
 * frequency first. Coefficients are aligned to 16 bytes, samples and stride to 4.
 */
void n6_idct(const int16_t *coefficients, uint8_t *samples, uint32_t stride);

/* The same for a block that has no other coefficient than the first. */
void n6_idct_flat(int32_t coefficient, uint8_t *samples, uint32_t stride);

#ifdef __cplusplus
}
#endif

#endif
