#include "n6_target.h"

#include <stddef.h>

enum {
    TENSOR_MOST = 1 << 30, /* of a tensor */
};

static uint64_t bytes_of(const n6_target_t *target)
{
    return (uint64_t)target->height * target->width * target->channels * target->element;
}

uint32_t n6_target_bytes(const n6_target_t *target)
{
    return (uint32_t)bytes_of(target);
}

bool n6_target_possible(const n6_target_t *target)
{
    const uint32_t element = target->element;
    const bool numbers = (target->channels == 1 || target->channels == N6_TARGET_CHANNELS) &&
                         (element == 1 || element == 2 || element == 4);

    if (!numbers || target->height == 0 || target->width == 0 || bytes_of(target) > TENSOR_MOST ||
        !target->at || (uintptr_t)target->at % element != 0) {
        return false;
    }
    if (!target->table[0]) {
        return element == 1;
    }
    for (uint32_t c = 0; c < target->channels; c++) {
        if (!target->table[c] || (uintptr_t)target->table[c] % element != 0) {
            return false;
        }
    }
    return true;
}

/* ---- one channel of an area; elements of a row are `apart` elements apart ---- */

typedef struct {
    uint32_t width;
    uint32_t height;
    uint32_t apart;
    uint32_t row;    /* elements of a row of the tensor */
    uint32_t stride; /* bytes of a row of values */
} shape_t;

#if defined(__ARM_FEATURE_MVE) && !defined(N6_PICTURE_SCALAR)
#include <arm_mve.h>

enum {
    HALVES = 8, /* lanes of a vector */
    WORDS = 4,
};

/* LOOK_UP gives the elements of a vector of values. A row is whole vectors, and then a part of one. */
#define WRITE(LANES, vector, bits, LOOK_UP, STORE)                                                 \
    do {                                                                                           \
        const vector place =                                                                       \
            vmulq_n_u##bits(vidupq_n_u##bits(0, 1), (uint##bits##_t)shape->apart);                 \
        for (uint32_t y = 0; y < shape->height; y++, at += shape->row, values += shape->stride) {  \
            uint32_t x = 0;                                                                        \
            uint32_t to = 0;                                                                       \
            for (; shape->width - x >= (LANES); x += (LANES), to += (LANES) * shape->apart) {      \
                STORE##_u##bits(at + to, place, LOOK_UP(vldrbq_u##bits(values + x)));              \
            }                                                                                      \
            if (x < shape->width) {                                                                \
                const mve_pred16_t which = vctp##bits##q(shape->width - x);                        \
                const vector value = vldrbq_z_u##bits(values + x, which);                          \
                STORE##_p_u##bits(at + to, place, LOOK_UP(value), which);                          \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static void write_flipped(uint8_t *at, const shape_t *shape, uint8_t flip, const uint8_t *values)
{
    const uint16x8_t mask = vdupq_n_u16(flip);

#define FLIP(value) veorq_u16(value, mask)
    WRITE(HALVES, uint16x8_t, 16, FLIP, vstrbq_scatter_offset);
}

static void write_bytes(uint8_t *at, const shape_t *shape, const uint8_t *table,
                        const uint8_t *values)
{
#define BYTE(value) vldrbq_gather_offset_u16(table, value)
    WRITE(HALVES, uint16x8_t, 16, BYTE, vstrbq_scatter_offset);
}

static void write_halves(uint16_t *at, const shape_t *shape, const uint16_t *table,
                         const uint8_t *values)
{
#define HALF(value) vldrhq_gather_shifted_offset_u16(table, value)
    WRITE(HALVES, uint16x8_t, 16, HALF, vstrhq_scatter_shifted_offset);
}

static void write_words(uint32_t *at, const shape_t *shape, const uint32_t *table,
                        const uint8_t *values)
{
#define WORD(value) vldrwq_gather_shifted_offset_u32(table, value)
    WRITE(WORDS, uint32x4_t, 32, WORD, vstrwq_scatter_shifted_offset);
}

#else

/* LOOK_UP gives the element of a value. */
#define WRITE(LOOK_UP)                                                                             \
    for (uint32_t y = 0; y < shape->height; y++, at += shape->row, values += shape->stride) {      \
        for (uint32_t x = 0, to = 0; x < shape->width; x++, to += shape->apart) {                  \
            at[to] = LOOK_UP(values[x]);                                                           \
        }                                                                                          \
    }

#define FLIP(value) ((value) ^ flip)
#define ELEMENT(value) table[value]

static void write_flipped(uint8_t *at, const shape_t *shape, uint8_t flip, const uint8_t *values)
{
    WRITE(FLIP)
}

static void write_bytes(uint8_t *at, const shape_t *shape, const uint8_t *table,
                        const uint8_t *values)
{
    WRITE(ELEMENT)
}

static void write_halves(uint16_t *at, const shape_t *shape, const uint16_t *table,
                         const uint8_t *values)
{
    WRITE(ELEMENT)
}

static void write_words(uint32_t *at, const shape_t *shape, const uint32_t *table,
                        const uint8_t *values)
{
    WRITE(ELEMENT)
}

#endif

void n6_target_write(const n6_target_t *target, const n6_target_area_t *area,
                     const uint8_t *const planes[N6_TARGET_CHANNELS], uint32_t stride)
{
    const uint32_t channels = target->channels;
    const uint32_t apart = target->planar ? 1 : channels;
    const shape_t shape = {area->width, area->height, apart, target->width * apart, stride};
    const size_t first = (size_t)area->y * shape.row + (size_t)area->x * apart;

    for (uint32_t c = 0; c < channels; c++) {
        const size_t at = first + (target->planar ? (size_t)c * shape.row * target->height : c);
        const uint8_t *values = planes[target->bgr && channels > 1 ? channels - 1 - c : c];
        if (!target->table[0]) {
            write_flipped((uint8_t *)target->at + at, &shape, target->flip, values);
        } else if (target->element == 1) {
            write_bytes((uint8_t *)target->at + at, &shape, target->table[c], values);
        } else if (target->element == 2) {
            write_halves((uint16_t *)target->at + at, &shape, target->table[c], values);
        } else {
            write_words((uint32_t *)target->at + at, &shape, target->table[c], values);
        }
    }
}
