#include "n6_target.h"

#include <stddef.h>
#include <string.h>

enum {
    BYTES_MOST = 1 << 30, /* of a tensor */
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

    if (!numbers || target->height == 0 || target->width == 0 || bytes_of(target) > BYTES_MOST ||
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

/* Writes one channel; `apart` is the distance of its elements. */
static void write_bytes(uint8_t *at, size_t apart, const uint8_t *table, const uint8_t *values,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, at += apart) {
        *at = table[values[i]];
    }
}

static void write_flipped(uint8_t *at, size_t apart, uint8_t flip, const uint8_t *values,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, at += apart) {
        *at = values[i] ^ flip;
    }
}

static void write_halves(uint16_t *at, size_t apart, const uint16_t *table, const uint8_t *values,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, at += apart) {
        *at = table[values[i]];
    }
}

static void write_words(uint32_t *at, size_t apart, const uint32_t *table, const uint8_t *values,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, at += apart) {
        *at = table[values[i]];
    }
}

void n6_target_write(const n6_target_t *target, uint32_t x, uint32_t y, uint32_t count,
                     const uint8_t *const rgb[N6_TARGET_CHANNELS])
{
    const size_t channels = target->channels;
    const size_t plane = (size_t)target->height * target->width;
    const size_t pixel = (size_t)y * target->width + x;
    const size_t apart = target->planar ? 1 : channels;

    for (size_t c = 0; c < channels; c++) {
        const size_t place = target->planar ? c * plane + pixel : pixel * channels + c;
        const uint8_t *values = rgb[target->bgr && channels > 1 ? channels - 1 - c : c];
        const void *table = target->table[c];
        if (!target->table[0]) {
            write_flipped((uint8_t *)target->at + place, apart, target->flip, values, count);
        } else if (target->element == 1) {
            write_bytes((uint8_t *)target->at + place, apart, table, values, count);
        } else if (target->element == 2) {
            write_halves((uint16_t *)target->at + place, apart, table, values, count);
        } else {
            write_words((uint32_t *)target->at + place, apart, table, values, count);
        }
    }
}
