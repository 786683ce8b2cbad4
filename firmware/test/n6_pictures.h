/*
 * n6_pictures.h - for tests of the decoders of pictures: encoded bytes, and decoding with the smallest steps.
 */
#ifndef N6_PICTURES_H
#define N6_PICTURES_H

#include "n6_picture.h"
#include "n6_test.h"

enum {
    ROOM = 1024,
    GUARD = 0xa5,
    BUDGET = 1,
    ANY = UINT16_MAX, /* an offset that is not compared */
};

static uint8_t coded[ROOM];
static uint32_t coded_size;
static _Alignas(16) uint8_t tensor[ROOM + 16];
static n6_picture_t picture;

static inline void add(const void *bytes, size_t size)
{
    memcpy(coded + coded_size, bytes, size);
    coded_size += (uint32_t)size;
}

#define ADD(...)                                                                                   \
    do {                                                                                           \
        static const uint8_t added_[] = {__VA_ARGS__};                                             \
        add(added_, sizeof added_);                                                                \
    } while (0)

static inline void decode(uint8_t encoding, const n6_target_t *target, int result, uint32_t offset)
{
    int got = n6_picture_begin(&picture, encoding, coded, coded_size, target);

    memset(tensor, GUARD, sizeof tensor);
    for (uint32_t steps = 0; got == N6_PICTURE_MORE; steps++) {
        CHECK(steps < ROOM);
        got = n6_picture_step(&picture, BUDGET);
    }
    EQUAL(got, result);
    EQUAL(n6_picture_step(&picture, BUDGET), result);
    CHECK(result == N6_PICTURE_DONE || n6_picture_text(result)[0] != 0);
    if (result < 0 && offset != ANY) {
        EQUAL(n6_picture_offset(&picture), offset);
    }
}

static inline n6_target_t target_of(uint16_t height, uint16_t width, uint8_t channels)
{
    return (n6_target_t){
        .at = tensor, .height = height, .width = width, .channels = channels, .element = 1};
}

#endif
