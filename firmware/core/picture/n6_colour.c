#include "n6_colour.h"

#include <stddef.h>

#define INLINE static inline __attribute__((always_inline))

/*
 * round(x * 2^16), so that a product has 16 bits after the point. In the comments the number without what a whole
 * number adds, which fits 16 bits with a sign: RED is 1 + 26345 / 2^16.
 */
enum {
    WIDTH = N6_COLOUR_WIDTH,
    NEUTRAL = 128, /* Cb and Cr of grey */
    HALF = 1 << 15,
    RED_CR = 26345,    /* 1.402 - 1 */
    GREEN_CB = -22554, /* -0.344136 */
    GREEN_CR = 18734,  /* 1 - 0.714136 */
    BLUE_CB = -14942,  /* 1.772 - 2 */
};

/* What is added to Y of the pixels of one row. */
typedef struct {
    _Alignas(16) int16_t of[3][WIDTH];
} added_t;

#if defined(__ARM_FEATURE_MVE) && !defined(N6_PICTURE_SCALAR)
#include <arm_mve.h>

/* Eight values for as many pixels, or for twice as many. */
INLINE void store(int16_t *to, int16x8_t value, uint32_t across)
{
    const int16x8x2_t twice = {{value, value}};

    if (across == 1) {
        vst1q_s16(to, value);
    } else {
        vst2q_s16(to, twice);
    }
}

static void set_row(added_t *added, const uint8_t *cb_row, const uint8_t *cr_row, uint32_t across)
{
    const int16x8_t cb = vsubq_n_s16(vreinterpretq_s16_u16(vldrbq_u16(cb_row)), NEUTRAL);
    const int16x8_t cr = vsubq_n_s16(vreinterpretq_s16_u16(vldrbq_u16(cr_row)), NEUTRAL);
    const int16x8_t green_cb = vdupq_n_s16(GREEN_CB);
    const int16x8_t green_cr = vdupq_n_s16(GREEN_CR);
    const int32x4_t even = vaddq_s32(vmullbq_int_s16(cb, green_cb), vmullbq_int_s16(cr, green_cr));
    const int32x4_t odd = vaddq_s32(vmulltq_int_s16(cb, green_cb), vmulltq_int_s16(cr, green_cr));
    const int16x8_t green = vrshrntq_n_s32(vrshrnbq_n_s32(vdupq_n_s16(0), even, 16), odd, 16);

    store(added->of[0], vaddq_s16(cr, vrmulhq_s16(cr, vdupq_n_s16(RED_CR))), across);
    store(added->of[1], vsubq_s16(green, cr), across);
    store(added->of[2], vaddq_s16(vaddq_s16(cb, cb), vrmulhq_s16(cb, vdupq_n_s16(BLUE_CB))),
          across);
}

INLINE void add(int16x8_t y, const int16_t *added, uint8_t *to)
{
    const uint8x16_t limited = vqmovunbq_s16(vdupq_n_u8(0), vaddq_s16(y, vld1q_s16(added)));

    vstrbq_u16(to, vreinterpretq_u16_u8(limited));
}

static void add_row(const uint8_t *y, const added_t *added, uint32_t width, uint8_t *restrict red)
{
    for (uint32_t x = 0; x < width; x += N6_COLOUR_SIDE) {
        const int16x8_t luma = vreinterpretq_s16_u16(vldrbq_u16(y + x));
        add(luma, added->of[0] + x, red + x);
        add(luma, added->of[1] + x, red + N6_COLOUR_PIXELS + x);
        add(luma, added->of[2] + x, red + (size_t)2 * N6_COLOUR_PIXELS + x);
    }
}

#else

static int16_t product(int32_t value, int32_t factor)
{
    return (int16_t)((value * factor + HALF) >> 16);
}

static void set_row(added_t *added, const uint8_t *cb_row, const uint8_t *cr_row, uint32_t across)
{
    for (uint32_t x = 0; x < N6_COLOUR_SIDE * across; x++) {
        const int32_t cb = cb_row[x >> (across - 1)] - NEUTRAL;
        const int32_t cr = cr_row[x >> (across - 1)] - NEUTRAL;
        added->of[0][x] = (int16_t)(cr + product(cr, RED_CR));
        added->of[1][x] = (int16_t)(((GREEN_CB * cb + GREEN_CR * cr + HALF) >> 16) - cr);
        added->of[2][x] = (int16_t)(2 * cb + product(cb, BLUE_CB));
    }
}

INLINE uint8_t sum(int32_t y, int32_t added)
{
    const int32_t value = y + added;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void add_row(const uint8_t *y, const added_t *added, uint32_t width, uint8_t *restrict red)
{
    for (uint32_t x = 0; x < width; x++) {
        red[x] = sum(y[x], added->of[0][x]);
        red[N6_COLOUR_PIXELS + x] = sum(y[x], added->of[1][x]);
        red[2 * N6_COLOUR_PIXELS + x] = sum(y[x], added->of[2][x]);
    }
}

#endif

void n6_colour(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, uint32_t across,
               uint32_t down, uint8_t rgb[3][N6_COLOUR_PIXELS])
{
    const uint32_t width = N6_COLOUR_SIDE * across;
    uint8_t *red = rgb[0];
    added_t added;

    for (uint32_t row = 0; row < N6_COLOUR_SIDE;
         row++, cb += N6_COLOUR_SIDE, cr += N6_COLOUR_SIDE) {
        set_row(&added, cb, cr, across);
        for (uint32_t i = 0; i < down; i++, y += width, red += width) {
            add_row(y, &added, width, red);
        }
    }
}
