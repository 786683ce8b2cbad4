/* Decoders of pictures: each kind of chunk, each layout of the tensor, and bytes that are not a picture. */
#include "n6_picture.h"
#include "n6_test.h"

enum {
    ROOM = 512,
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

/* ---- JPEG ---- */

static uint32_t bit_word;
static uint32_t bit_count;

static void bits(const char *text)
{
    for (; *text; text++) {
        if (*text == ' ') {
            continue;
        }
        bit_word = bit_word << 1 | (*text == '1');
        if (++bit_count == 8) {
            add(&(uint8_t){(uint8_t)bit_word}, 1);
            if ((uint8_t)bit_word == 0xff) {
                ADD(0);
            }
            bit_count = bit_word = 0;
        }
    }
}

/* The rest of the last byte is 1. */
static void end_bits(void)
{
    while (bit_count) {
        bits("1");
    }
}

/* All in front of the scan; quantisation by 2 and the standard Huffman tables. */
static void jpeg_head(uint8_t width, uint8_t height, uint8_t components, uint8_t sampling)
{
    coded_size = 0;
    ADD(0xff, 0xd8, 0xff, 0xdb, 0, 67, 0);
    memset(coded + coded_size, 2, 64);
    coded_size += 64;
    ADD(0xff, 0xc0, 0);
    add((uint8_t[]){(uint8_t)(8 + 3 * components), 8, 0, height, 0, width, components}, 7);
    for (uint8_t i = 0; i < components; i++) {
        add((uint8_t[]){(uint8_t)(i + 1), i ? 0x11 : sampling, 0}, 3);
    }
}

static void jpeg_scan(uint8_t components)
{
    ADD(0xff, 0xda, 0);
    add((uint8_t[]){(uint8_t)(6 + 2 * components), components}, 2);
    for (uint8_t i = 0; i < components; i++) {
        add((uint8_t[]){(uint8_t)(i + 1), i ? 0x11 : 0}, 2);
    }
    ADD(0, 63, 0);
}

static void jpeg_end(void)
{
    end_bits();
    ADD(0xff, 0xd9);
}

/* Categories of DC and values of AC in the standard tables of Y (K.3, K.5) */
#define DC6 "1110"
#define DC7 "11110"
#define EOB "1010"

/* 16 x 8 grey: blocks with 40 * 2 / 8 and (40 + 64) * 2 / 8 above the centre. */
static void jpeg_grey(void)
{
    n6_target_t target = target_of(8, 16, 1);

    for (uint8_t channels = 1; channels <= 3; channels += 2) {
        target.channels = channels;
        jpeg_head(16, 8, 1, 0x22); /* a single component has one block in a unit in any case */
        jpeg_scan(1);
        bits(DC6 "101000" EOB DC7 "1000000" EOB);
        jpeg_end();
        ADD(0, 1, 2); /* as some cameras */
        decode(N6_ENCODING_JPEG, &target, N6_PICTURE_DONE, 0);
        for (uint32_t i = 0; i < 128u * channels; i++) {
            EQUAL(tensor[i], i / channels % 16 < 8 ? 138 : 154);
        }
        EQUAL(tensor[128 * channels], GUARD);
    }
}

const n6_test_t n6_picture_tests[] = {
    TEST(qoi_chunks),         TEST(qoi_errors), TEST(layouts), TEST(grey_of_colours),
    TEST(impossible_targets), TEST(jpeg_grey),  TESTS_END,
};
