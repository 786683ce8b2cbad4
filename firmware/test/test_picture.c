/* Decoders of pictures: QOI, and each layout of the tensor. */
#include "n6_pictures.h"

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

/* ---- QOI: errors ---- */

static void qoi_errors(void)
{
    static const struct {
        uint32_t at; /* the byte that is changed */
        uint8_t to;
        int result;
        uint32_t offset;
    } changes[] = {
        {0, 'x', N6_PICTURE_FORMAT, 0},  {7, 4, N6_PICTURE_SIZE, 4},
        {11, 3, N6_PICTURE_SIZE, 8},     {4, 1, N6_PICTURE_SIZE, 4},
        {12, 2, N6_PICTURE_FORMAT, 12},  {22, 0xc2, N6_PICTURE_TOO_LONG, 22}, /* a pixel more */
        {22, 0xc0, N6_PICTURE_ENDS, 31}, /* a pixel less: the tail gives it */
        {30, 0, N6_PICTURE_TAIL, 23},
    };
    const n6_target_t target = target_of(2, 3, 3);

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        chunks(3);
        coded[changes[i].at] = changes[i].to;
        decode(N6_ENCODING_QOI, &target, changes[i].result, changes[i].offset);
    }
    for (uint32_t size = 0; size < 31; size++) {
        chunks(3);
        EQUAL(coded_size, 31);
        coded_size = size;
        decode(N6_ENCODING_QOI, &target, N6_PICTURE_ENDS, size);
    }
    chunks(3);
    ADD(0);
    decode(N6_ENCODING_QOI, &target, N6_PICTURE_TOO_LONG, 31);
}

/* ---- the tensor ---- */

static void layouts(void)
{
    static uint16_t halves[3][256];
    static uint32_t words[256];
    static uint8_t bytes[256];
    n6_target_t target = target_of(2, 3, 3);

    for (uint32_t i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)(255 - i);
        words[i] = i << 20 | i;
        for (uint32_t c = 0; c < 3; c++) {
            halves[c][i] = (uint16_t)(i << 8 | c);
        }
    }
    for (uint32_t round = 0; round < 16; round++) {
        target.bgr = round & 1;
        target.planar = round & 2;
        target.element = (uint8_t[]){1, 1, 2, 4}[round >> 2];
        target.flip = 0x80;
        memset(target.table, 0, sizeof target.table);
        for (uint32_t c = 0; c < 3 && round >> 2; c++) {
            target.table[c] = round >> 2 == 1   ? (const void *)bytes
                              : round >> 2 == 2 ? (const void *)halves[c]
                                                : (const void *)words;
        }
        chunks(3);
        decode(N6_ENCODING_QOI, &target, N6_PICTURE_DONE, 0);
        EQUAL(n6_target_bytes(&target), 18 * target.element);
        EQUAL(tensor[n6_target_bytes(&target)], GUARD);
        for (uint32_t pixel = 0; pixel < 6; pixel++) {
            for (uint32_t c = 0; c < 3; c++) {
                const uint32_t value = chunk_pixels[3 * pixel + (target.bgr ? 2 - c : c)];
                const uint32_t at = target.planar ? 6 * c + pixel : 3 * pixel + c;
                uint32_t got = 0;
                memcpy(&got, tensor + (size_t)at * target.element, target.element);
                EQUAL(got, round < 4    ? value ^ 0x80
                           : round < 8  ? 255 - value
                           : round < 12 ? value << 8 | c
                                        : value << 20 | value);
            }
        }
    }
}

static void grey_of_colours(void)
{
    const n6_target_t target = target_of(1, 3, 1);

    head(3, 1, 3);
    ADD(0xfe, 255, 0, 0, 0xfe, 0, 255, 0, 0xfe, 9, 9, 9);
    tail();
    decode(N6_ENCODING_QOI, &target, N6_PICTURE_DONE, 0);
    BYTES(tensor, ((uint8_t[]){76, 150, 9, GUARD}), 4);
}

static void impossible_targets(void)
{
    static const uint8_t table[256];
    const n6_target_t good = target_of(2, 3, 3);
    n6_target_t bad[12];
    size_t count = 0;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bad[i] = good;
    }
    bad[count++].at = NULL;
    bad[count++].height = 0;
    bad[count++].width = 0;
    bad[count++].channels = 2;
    bad[count++].channels = 4;
    bad[count++].element = 0;
    bad[count++].element = 3;
    bad[count++].element = 2; /* without a table */
    bad[count].element = 4;
    bad[count++].at = tensor + 2;
    bad[count++].table[0] = table; /* of one channel only */
    bad[count].element = 2;
    bad[count].table[0] = bad[count].table[1] = table;
    bad[count++].table[2] = table + 1;
    bad[count].height = bad[count].width = UINT16_MAX;
    count++;
    EQUAL(count, sizeof bad / sizeof *bad);
    chunks(3);
    for (size_t i = 0; i < count; i++) {
        CHECK(!n6_target_possible(&bad[i]));
        decode(N6_ENCODING_QOI, &bad[i], N6_PICTURE_TARGET, 0);
    }
    decode(N6_ENCODING_RAW, &good, N6_PICTURE_ENCODING, 0);
    CHECK(!n6_picture_decodes(N6_ENCODING_RAW));
    EQUAL(n6_picture_text(N6_PICTURE_DONE)[0], 0);
    EQUAL(n6_picture_text(-1000)[0], 0);
}

const n6_test_t n6_picture_tests[] = {
    TEST(qoi_chunks),      TEST(qoi_errors),         TEST(layouts),
    TEST(grey_of_colours), TEST(impossible_targets), TESTS_END,
};
