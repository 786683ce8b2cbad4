/*
 * n6_colour.h - Y, Cb and Cr (ITU-R 601, all of 0 to 255, as JFIF 1.02 describes) to red, green and blue.
 *
 * A value of Cb or Cr is used for all pixels that it covers (box), because encoders take the mean of these pixels.
 * libjpeg interpolates (triangle), which needs rows of the neighbours. No difference was measured for networks: with
 * 4:2:0 and the qualities 80, 85, 90 and 95, OKS on 12 annotated people changed in the mean by +0.001 (box) and -0.012
 * (triangle) for movenet13, and by -0.042 and -0.030 for yolov8n_pose_256; at 95 alone by +0.008 and -0.004, and by +0.016
 * and 0.000. The 95 % intervals have widths of 0.05 to 0.15.
 */
#ifndef N6_COLOUR_H
#define N6_COLOUR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_COLOUR_SIDE = 8,   /* of cb and cr */
    N6_COLOUR_WIDTH = 16, /* of y and rgb, at most */
    N6_COLOUR_PIXELS = 16 * 16,
};

/* 8 x 8 values of Cb and Cr, each for across x down values of Y; both are 1 or 2. The rows have no gaps. */
void n6_colour(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, uint32_t across,
               uint32_t down, uint8_t rgb[3][N6_COLOUR_PIXELS]);

#ifdef __cplusplus
}
#endif

#endif
