/* The decoder of JPEG: coefficients, colours, restarts, and each error. */
#include "n6_pictures.h"

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

/* Categories of DC and values of AC in the standard tables of Y (K.3, K.5), and of Cb and Cr (K.4, K.6) */
#define DC0 "00"
#define DC6 "1110"
#define DC7 "11110"
#define DC11 "111111110"
#define EOB "1010"
#define ZEROS "11111111001"
#define C_DC6 "111110"
#define C_EOB "00"

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

/* A grey block with these bits. */
static void block(const char *text)
{
    jpeg_head(8, 8, 1, 0x11);
    jpeg_scan(1);
    bits(text);
    jpeg_end();
}

/* The coefficients are where the bits say, times the quantisation. */
static void jpeg_coefficients(void)
{
    static const _Alignas(16)
        int16_t coefficients[64] = {[0] = -80, [1] = 10, [16] = 2, [40] = 20, [48] = -2046};
    _Alignas(4) uint8_t samples[64];
    const n6_target_t target = target_of(8, 8, 1);

    block(DC6 "010111"                      /* -40 */
              "100 101"                     /* 5 */
              "1100 1"                      /* a zero and 1 */
          ZEROS "1011 1010"                 /* 16 zeros and 10 */
              "1111111110000011 0000000000" /* -1023, with the longest code */
          EOB);
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_DONE, 0);
    n6_idct(coefficients, samples, 8);
    BYTES(tensor, samples, sizeof samples);
    EQUAL(tensor[sizeof samples], GUARD);
}

static void jpeg_blocks_with_errors(void)
{
    static const struct {
        const char *bits;
        int result;
    } blocks[] = {
        {"111111111", N6_PICTURE_CODE},                        /* no such code of DC */
        {DC0 "1111111111111111", N6_PICTURE_CODE},             /* nor of AC */
        {DC11 "11111111111" EOB, N6_PICTURE_COEFFICIENT},      /* 2047 * 2 */
        {DC11 "00000000000" EOB, N6_PICTURE_COEFFICIENT},      /* -2047 * 2 */
        {DC0 ZEROS ZEROS ZEROS ZEROS, N6_PICTURE_COEFFICIENT}, /* 65 coefficients */
        {DC0 ZEROS ZEROS ZEROS "11111111001 1", N6_PICTURE_COEFFICIENT},
        {DC0 EOB "11111111 0", N6_PICTURE_TOO_LONG},
        {DC0, N6_PICTURE_ENDS},
    };
    const n6_target_t target = target_of(8, 8, 1);

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        block(blocks[i].bits);
        decode(N6_ENCODING_JPEG, &target, blocks[i].result, ANY);
        CHECK(n6_picture_offset(&picture) <= coded_size);
    }
    jpeg_head(8, 8, 1, 0x11);
    memset(coded + 7, 255, 64); /* quantisation */
    jpeg_scan(1);
    bits(DC0 "11010 11111" EOB); /* 31 * 255 */
    jpeg_end();
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_COEFFICIENT, ANY);
}

/* 16 x 16 with colours: Y of four blocks, then Cb and Cr. */
static void jpeg_colours(uint8_t sampling, const char *luma)
{
    n6_target_t target = target_of(16, 16, 3);

    jpeg_head(16, 16, 3, sampling);
    jpeg_scan(3);
    for (uint32_t unit = 0; unit < (sampling == 0x22 ? 1 : 2); unit++) {
        bits(luma);
        bits(unit ? DC0 C_EOB : C_DC6 "101000" C_EOB); /* Cb: 40 * 2 / 8 */
        bits(unit ? DC0 C_EOB : C_DC6 "010111" C_EOB); /* Cr: -40 * 2 / 8 */
    }
    jpeg_end();
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_DONE, 0);
    for (uint32_t pixel = 0; pixel < 256;
         pixel++) { /* 128 - 14.02, 128 - 3.44 + 7.14, 128 + 17.72 */
        BYTES(tensor + (size_t)3 * pixel, ((uint8_t[]){114, 132, 146}), 3);
    }
    EQUAL(tensor[768], GUARD);
    target.channels = 1;
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_DONE, 0);
    for (uint32_t pixel = 0; pixel < 256; pixel++) {
        EQUAL(tensor[pixel], 128);
    }
    EQUAL(tensor[256], GUARD);
}

static void jpeg_samplings(void)
{
    jpeg_colours(0x22, DC0 EOB DC0 EOB DC0 EOB DC0 EOB);
    jpeg_colours(0x21, DC0 EOB DC0 EOB);
    jpeg_colours(0x12, DC0 EOB DC0 EOB);
}

static void jpeg_restarts(void)
{
    const n6_target_t target = target_of(8, 80, 1);
    uint32_t third = 0;

    jpeg_head(80, 8, 1, 0x11);
    ADD(0xff, 0xdd, 0, 4, 0, 1); /* one unit */
    jpeg_scan(1);
    for (uint8_t i = 0; i < 10; i++) {
        bits(DC6 "101000" EOB); /* not relative to the block before */
        end_bits();
        if (i == 2) {
            third = coded_size;
        }
        if (i < 9) {
            ADD(0xff, 0xff); /* a fill byte */
            add(&(uint8_t){0xd0 | (i & 7)}, 1);
        }
    }
    jpeg_end();
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_DONE, 0);
    for (uint32_t i = 0; i < 640; i++) {
        EQUAL(tensor[i], 138);
    }
    coded[third + 2] = 0xd3;
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_TAIL, third + 1);
    coded[third + 1] = 0;
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_TOO_LONG, ANY);
}

/* ---- segments ---- */

static struct {
    uint32_t quant;
    uint32_t interval;
    uint32_t frame;
    uint32_t huffman;
    uint32_t scan;
} at; /* the contents of segments */

/* 8 x 8 with each kind of segment and own Huffman tables: DC 0 and 12 are 0 and 10, AC 0, 0x0b and 0x50 are 0, 10 and 110. */
static void all_segments(const char *text)
{
    coded_size = 0;
    ADD(0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xfe, 0, 3, 'c');
    ADD(0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 1); /* Y, Cb, Cr */
    ADD(0xff, 0xff, 0xff, 0xdb, 0, 67, 1);                                  /* fill bytes */
    at.quant = coded_size - 1;
    memset(coded + coded_size, 1, 64);
    coded_size += 64;
    ADD(0xff, 0xdd, 0, 4, 0, 0);
    at.interval = coded_size - 2;
    ADD(0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 7, 0x11, 1);
    at.frame = coded_size - 9;
    ADD(0xff, 0xc4, 0, 41);
    at.huffman = coded_size;
    ADD(0x00, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12);
    ADD(0x10, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0x50);
    ADD(0xff, 0xda, 0, 8, 1, 7, 0x00, 0, 63, 0);
    at.scan = coded_size - 6;
    bits(text);
    jpeg_end();
}

static void jpeg_segments(void)
{
    const n6_target_t target = target_of(8, 8, 1);

    all_segments("0 0");
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_DONE, 0);
    EQUAL(tensor[0], 128);
    all_segments("10 0000");
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_CODE, ANY); /* category 12 */
    all_segments("0 10 0000");
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_CODE, ANY); /* category 11 */
    all_segments("0 110 0000");
    decode(N6_ENCODING_JPEG, &target, N6_PICTURE_CODE, ANY); /* five zeros without a value */
    all_segments("0 0");
    for (uint32_t size = coded_size; size-- > 0;) {
        coded_size = size;
        decode(N6_ENCODING_JPEG, &target, N6_PICTURE_ENDS, size);
    }
}

static void jpeg_segments_with_errors(void)
{
    const n6_target_t target = target_of(8, 8, 1);

    all_segments("0 0");
    const struct {
        uint32_t at;
        uint8_t to;
        int result;
        uint32_t offset;
    } changes[] = {
        {1, 0xd9, N6_PICTURE_FORMAT, 0},
        {2, 0, N6_PICTURE_SEGMENT, 2},    /* not a marker */
        {3, 0x01, N6_PICTURE_SEGMENT, 3}, /* TEM */
        {5, 1, N6_PICTURE_SEGMENT, 4},    /* a length below 2 */
        {at.quant, 4, N6_PICTURE_SEGMENT, at.quant},
        {at.quant, 0x11, N6_PICTURE_SEGMENT, at.quant}, /* 16 bits */
        {at.quant, 2, N6_PICTURE_SEGMENT, at.scan + 1}, /* the component's table is missing */
        {at.quant - 1, 66, N6_PICTURE_SEGMENT, at.quant + 64},
        {at.interval - 1, 5, N6_PICTURE_SEGMENT, at.interval},
        {at.frame - 3, 0xc1, N6_PICTURE_PROCESS, at.frame - 3}, /* extended */
        {at.frame - 3, 0xc2, N6_PICTURE_PROCESS, at.frame - 3}, /* progressive */
        {at.frame - 3, 0xe1, N6_PICTURE_SEGMENT, at.scan},      /* no frame */
        {at.frame - 1, 10, N6_PICTURE_SEGMENT, at.frame},
        {at.frame - 1, 7, N6_PICTURE_SEGMENT, at.frame},
        {at.frame, 12, N6_PICTURE_PROCESS, at.frame},
        {at.frame + 2, 9, N6_PICTURE_SIZE, at.frame + 1},
        {at.frame + 4, 7, N6_PICTURE_SIZE, at.frame + 3},
        {at.frame + 5, 2, N6_PICTURE_SEGMENT, at.frame}, /* its length fits one component */
        {at.frame + 7, 0x51, N6_PICTURE_SAMPLING, at.frame + 7},
        {at.frame + 7, 0x10, N6_PICTURE_SAMPLING, at.frame + 7},
        {at.frame + 8, 4, N6_PICTURE_SEGMENT, at.frame + 8},
        {at.huffman, 0x20, N6_PICTURE_SEGMENT, at.huffman},
        {at.huffman, 0x02, N6_PICTURE_SEGMENT, at.huffman},
        {at.huffman + 1, 3, N6_PICTURE_HUFFMAN, at.huffman}, /* three codes of one bit */
        {at.huffman - 1, 22, N6_PICTURE_SEGMENT, at.huffman + 19},
        {at.huffman - 1, 40, N6_PICTURE_SEGMENT, at.huffman + 19},
        {at.scan - 1, 5, N6_PICTURE_SEGMENT, at.scan},
        {at.scan - 1, 9, N6_PICTURE_SEGMENT, at.scan},
        {at.scan, 3, N6_PICTURE_PROCESS, at.scan},
        {at.scan + 1, 8, N6_PICTURE_SEGMENT, at.scan + 1}, /* another component */
        {at.scan + 2, 0x20, N6_PICTURE_SEGMENT, at.scan + 1},
        {at.scan + 2, 0x02, N6_PICTURE_SEGMENT, at.scan + 1},
        {at.scan + 3, 1, N6_PICTURE_SEGMENT, at.scan},
        {at.scan + 4, 62, N6_PICTURE_SEGMENT, at.scan},
        {at.scan + 5, 1, N6_PICTURE_SEGMENT, at.scan},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        all_segments("0 0");
        coded[changes[i].at] = changes[i].to;
        decode(N6_ENCODING_JPEG, &target, changes[i].result, changes[i].offset);
    }
}

/* Components that are red, green and blue, and blocks in another proportion. */
static void jpeg_components_with_errors(void)
{
    const n6_target_t target = target_of(8, 8, 3);
    uint32_t frame = 0;

    for (uint32_t round = 0; round < 5; round++) {
        jpeg_head(8, 8, round == 4 ? 2 : 3, 0x11);
        frame = coded_size - 15;
        if (round == 0) {
            coded[frame + 6] = 'R';
            coded[frame + 9] = 'G';
            coded[frame + 12] = 'B';
        } else if (round == 1) {
            coded[frame + 7] = 0x31;
        } else if (round == 2) {
            coded[frame + 13] = 0x21;
        } else if (round == 3) {
            ADD(0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0);
        }
        jpeg_scan(3);
        bits(DC0 EOB DC0 C_EOB DC0 C_EOB);
        jpeg_end();
        decode(N6_ENCODING_JPEG, &target,
               round == 1 || round == 2 ? N6_PICTURE_SAMPLING : N6_PICTURE_COLOURS, ANY);
    }
}

const n6_test_t n6_jpeg_tests[] = {
    TEST(jpeg_grey),
    TEST(jpeg_coefficients),
    TEST(jpeg_blocks_with_errors),
    TEST(jpeg_samplings),
    TEST(jpeg_restarts),
    TEST(jpeg_segments),
    TEST(jpeg_segments_with_errors),
    TEST(jpeg_components_with_errors),
    TESTS_END,
};
