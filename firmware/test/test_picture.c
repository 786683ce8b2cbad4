/* Decoders of pictures: each kind of chunk, each layout of the tensor, and bytes that are not a picture. */
#include "n6_picture.h"
#include "n6_test.h"

enum {
    ROOM = 4096,
    GUARD = 0xa5,
    BUDGET = 1,
};

static uint8_t coded[ROOM];
static uint32_t coded_size;
static _Alignas(16) uint8_t tensor[ROOM + 16];
static n6_picture_t picture;

static void add(const void *bytes, size_t size)
{
    memcpy(coded + coded_size, bytes, size);
    coded_size += (uint32_t)size;
}

#define ADD(...)                                                                                   \
    do {                                                                                           \
        static const uint8_t added_[] = {__VA_ARGS__};                                             \
        add(added_, sizeof added_);                                                                \
    } while (0)

static void decode(uint8_t encoding, const n6_target_t *target, int result, uint32_t offset)
{
    int got = n6_picture_begin(&picture, encoding, coded, coded_size, target);

    memset(tensor, GUARD, sizeof tensor);
    for (uint32_t steps = 0; got == N6_PICTURE_MORE; steps++) {
        CHECK(steps < ROOM);
        got = n6_picture_step(&picture, BUDGET);
    }
    EQUAL(got, result);
    EQUAL(n6_picture_step(&picture, BUDGET), result);
    if (result < 0) {
        EQUAL(n6_picture_offset(&picture), offset);
        CHECK(n6_picture_text(result)[0] != 0);
    }
}

static n6_target_t target_of(uint16_t height, uint16_t width, uint8_t channels)
{
    return (n6_target_t){
        .at = tensor, .height = height, .width = width, .channels = channels, .element = 1};
}

static void head(uint8_t width, uint8_t height, uint8_t channels)
{
    coded_size = 0;
    ADD('q', 'o', 'i', 'f');
    add((uint8_t[]){0, 0, 0, width, 0, 0, 0, height, channels, 0}, 10);
}

static void tail(void)
{
    ADD(0, 0, 0, 0, 0, 0, 0, 1);
}

/* 3 x 2 pixels, each of another kind of chunk. */
static void chunks(uint8_t channels)
{
    head(3, 2, channels);
    ADD(0xfe, 10, 20, 30);                           /* RGB */
    ADD(0x40 | 3 << 4 | 0 << 2 | 2);                 /* DIFF: 11, 18, 30 */
    ADD(0x80 | (32 + 20), 5 << 4 | 12);              /* LUMA: green 20, red 20 - 3, blue 20 + 4 */
    ADD((10 * 3 + 20 * 5 + 30 * 7 + 255 * 11) % 64); /* INDEX: the first */
    ADD(0xc0 | 1);                                   /* RUN of 2 */
    tail();
}

static const uint8_t chunk_pixels[] = {10, 20, 30, 11, 18, 30, 28, 38, 54,
                                       10, 20, 30, 10, 20, 30, 10, 20, 30};

static void qoi_chunks(void)
{
    const n6_target_t target = target_of(2, 3, 3);

    for (uint8_t channels = 3; channels <= 4; channels++) {
        chunks(channels);
        decode(N6_ENCODING_QOI, &target, N6_PICTURE_DONE, 0);
        BYTES(tensor, chunk_pixels, sizeof chunk_pixels);
        EQUAL(tensor[sizeof chunk_pixels], GUARD);
    }
    head(1, 1, 4);
    ADD(0xff, 1, 2, 3, 4); /* RGBA */
    tail();
    decode(N6_ENCODING_QOI, &(n6_target_t){tensor, 1, 1, 3, 1, 0, false, false, {NULL}},
           N6_PICTURE_DONE, 0);
    BYTES(tensor, ((uint8_t[]){1, 2, 3, GUARD}), 4);
}

const n6_test_t n6_picture_tests[] = {
    TEST(qoi_chunks),
    TESTS_END,
};
