#include "n6_target.h"

#include <stddef.h>
#include <string.h>

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

/* ---- one row of one channel: `apart` is the distance of its elements, in elements ---- */

#if defined(__ARM_FEATURE_MVE) && !defined(N6_PICTURE_SCALAR)
#include <arm_mve.h>

enum {
    HALVES = 8, /* lanes of a vector */
    WORDS = 4,
};

/* The table of a channel may be NULL. */
static void write_bytes(uint8_t *to, uint32_t apart, const uint8_t *table, uint8_t flip,
                        const uint8_t *values, uint32_t count)
{
    const uint16x8_t place = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)apart);

    for (uint32_t i = 0; i < count; i += HALVES, to += (size_t)HALVES * apart) {
        const mve_pred16_t which = vctp16q(count - i);
        const uint16x8_t value = vldrbq_z_u16(values + i, which);
        const uint16x8_t element = table ? vldrbq_gather_offset_z_u16(table, value, which)
                                         : veorq_u16(value, vdupq_n_u16(flip));
        vstrbq_scatter_offset_p_u16(to, place, element, which);
    }
}

static void write_halves(uint16_t *to, uint32_t apart, const uint16_t *table, const uint8_t *values,
                         uint32_t count)
{
    const uint16x8_t place = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)apart);

    for (uint32_t i = 0; i < count; i += HALVES, to += (size_t)HALVES * apart) {
        const mve_pred16_t which = vctp16q(count - i);
        const uint16x8_t value = vldrbq_z_u16(values + i, which);
        vstrhq_scatter_shifted_offset_p_u16(
            to, place, vldrhq_gather_shifted_offset_z_u16(table, value, which), which);
    }
}

static void write_words(uint32_t *to, uint32_t apart, const uint32_t *table, const uint8_t *values,
                        uint32_t count)
{
    const uint32x4_t place = vmulq_n_u32(vidupq_n_u32(0, 1), apart);

    for (uint32_t i = 0; i < count; i += WORDS, to += (size_t)WORDS * apart) {
        const mve_pred16_t which = vctp32q(count - i);
        const uint32x4_t value = vldrbq_z_u32(values + i, which);
        vstrwq_scatter_shifted_offset_p_u32(
            to, place, vldrwq_gather_shifted_offset_z_u32(table, value, which), which);
    }
}

#else

static void write_flipped(uint8_t *to, uint32_t apart, uint8_t flip, const uint8_t *values,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, to += apart) {
        *to = values[i] ^ flip;
    }
}

/* The table of a channel may be NULL. */
static void write_bytes(uint8_t *to, uint32_t apart, const uint8_t *table, uint8_t flip,
                        const uint8_t *values, uint32_t count)
{
    if (!table) {
        write_flipped(to, apart, flip, values, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++, to += apart) {
        *to = table[values[i]];
    }
}

static void write_halves(uint16_t *to, uint32_t apart, const uint16_t *table, const uint8_t *values,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, to += apart) {
        *to = table[values[i]];
    }
}

static void write_words(uint32_t *to, uint32_t apart, const uint32_t *table, const uint8_t *values,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, to += apart) {
        *to = table[values[i]];
    }
}

#endif

void n6_target_write(const n6_target_t *target, const n6_target_area_t *area,
                     const uint8_t *const planes[N6_TARGET_CHANNELS], uint32_t stride)
{
    const uint32_t channels = target->channels;
    const uint32_t apart = target->planar ? 1 : channels;
    const size_t row = (size_t)target->width * apart;
    const size_t first = area->y * row + (size_t)area->x * apart;

    for (uint32_t c = 0; c < channels; c++) {
        const uint8_t *values = planes[target->bgr && channels > 1 ? channels - 1 - c : c];
        const void *table = target->table[0] ? target->table[c] : NULL;
        size_t at = first + (target->planar ? c * row * target->height : c);
        for (uint32_t y = 0; y < area->height; y++, at += row, values += stride) {
            if (target->element == 1) {
                write_bytes((uint8_t *)target->at + at, apart, table, target->flip, values,
                            area->width);
            } else if (target->element == 2) {
                write_halves((uint16_t *)target->at + at, apart, table, values, area->width);
            } else {
                write_words((uint32_t *)target->at + at, apart, table, values, area->width);
            }
        }
    }
}
