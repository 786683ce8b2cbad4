#include "n6_jpeg_head.h"

#include <string.h>

enum {
    SOF0 = 0xc0,
    SOF15 = 0xcf,
    DHT = 0xc4,
    JPG = 0xc8,
    SOI = 0xd8,
    SOS = 0xda,
    DQT = 0xdb,
    DRI = 0xdd,
    APP0 = 0xe0,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe,
    ADOBE_BYTES = 12,
    ADOBE_YCC = 1,
    FRAME_BYTES = 6, /* of SOF0, and 3 for each component */
    LAST = N6_IDCT_BLOCK - 1,
};

static const uint8_t dc_0[] = {0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0,  0,
                               0, 0, 0, 0, /* codes of each length */
                               0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static const uint8_t dc_1[] = {0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0,  0,
                               0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static const uint8_t ac_0[] = {
    0,    2,    1,    3,    3,    2,    4,    3,    5,    5,    4,    4,    0,    0,    1,
    125,  0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51,
    0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15,
    0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a,
    0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44,
    0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63,
    0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
    0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5,
    0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2,
    0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7,
    0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
};
static const uint8_t ac_1[] = {
    0,    2,    1,    2,    4,    4,    3,    4,    7,    5,    4,    4,    0,    1,    2,
    119,  0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07,
    0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23,
    0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17,
    0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43,
    0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a,
    0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79,
    0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3,
    0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9,
    0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6,
    0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
};

/* T.81, K.3: for pictures without tables. By class << 1 | number. */
static const struct {
    const uint8_t *bytes;
    uint32_t size;
} standard[] = {{dc_0, sizeof dc_0}, {dc_1, sizeof dc_1}, {ac_0, sizeof ac_0}, {ac_1, sizeof ac_1}};

static uint32_t read16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* ---- segments; `at` is their content ---- */

static int quant_table(n6_jpeg_t *jpeg, n6_coded_t *coded)
{
    const uint8_t *at = coded->bytes + coded->at;

    if (at[0] >= N6_JPEG_QUANT_TABLES) { /* also 16 bits, which baseline does not have */
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at);
    }
    if (jpeg->segment < 1 + N6_IDCT_BLOCK) {
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at + jpeg->segment);
    }
    memcpy(jpeg->quant[at[0]], at + 1, N6_IDCT_BLOCK);
    jpeg->quant_known |= (uint8_t)(1u << at[0]);
    coded->at += 1 + N6_IDCT_BLOCK;
    jpeg->segment -= 1 + N6_IDCT_BLOCK;
    return N6_PICTURE_MORE;
}

static int huffman_table(n6_jpeg_t *jpeg, n6_coded_t *coded)
{
    const uint8_t *at = coded->bytes + coded->at;
    const uint32_t class = at[0] >> 4;
    const uint32_t number = at[0] & 15;
    int size = 0;

    if (class > 1 || number >= N6_JPEG_HUFFMAN_TABLES) {
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at);
    }
    size = n6_huffman_read(&jpeg->huffman[class][number], at + 1, jpeg->segment - 1);
    if (size < 0) {
        return n6_coded_fail(coded, (n6_picture_result_t)size, coded->at);
    }
    jpeg->huffman_known |= (uint8_t)(1u << (class << 1 | number));
    coded->at += 1 + (uint32_t)size;
    jpeg->segment -= 1 + (uint32_t)size;
    return N6_PICTURE_MORE;
}

/* The factors of the sampling of all components: across in the upper 4 bits, down in the lower ones. */
static bool sampling(n6_jpeg_t *jpeg, const uint8_t *at)
{
    const uint32_t across = at[1] >> 4;
    const uint32_t down = at[1] & 15;

    if (jpeg->components == 1) { /* a unit is one block (T.81, A.2.2) */
        jpeg->across = jpeg->down = 1;
        return across >= 1 && across <= 4 && down >= 1 && down <= 4;
    }
    jpeg->across = (uint8_t)across;
    jpeg->down = (uint8_t)down;
    return (across == 1 || across == 2) && (down == 1 || down == 2) && at[4] == 0x11 &&
           at[7] == 0x11;
}

static int frame(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target, const uint8_t *at,
                 uint32_t size)
{
    const uint32_t count = size < FRAME_BYTES ? 0 : at[5];

    if (size < FRAME_BYTES || size != FRAME_BYTES + 3 * count || jpeg->components) {
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at);
    }
    if (at[0] != 8) {
        return n6_coded_fail(coded, N6_PICTURE_PROCESS, coded->at);
    }
    if (read16(at + 1) != target->height) {
        return n6_coded_fail(coded, N6_PICTURE_SIZE, coded->at + 1);
    }
    if (read16(at + 3) != target->width) {
        return n6_coded_fail(coded, N6_PICTURE_SIZE, coded->at + 3);
    }
    at += FRAME_BYTES;
    if ((count != 1 && count != N6_JPEG_COMPONENTS) ||
        (count > 1 && at[0] == 'R' && at[3] == 'G' && at[6] == 'B')) {
        return n6_coded_fail(coded, N6_PICTURE_COLOURS, coded->at + 5);
    }
    jpeg->components = (uint8_t)count;
    if (!sampling(jpeg, at)) {
        return n6_coded_fail(coded, N6_PICTURE_SAMPLING, coded->at + FRAME_BYTES + 1);
    }
    for (uint32_t i = 0; i < count; i++, at += 3) {
        if (at[2] >= N6_JPEG_QUANT_TABLES) {
            return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at + FRAME_BYTES + 3 * i + 2);
        }
        jpeg->component[i].id = at[0];
        jpeg->component[i].quant = at[2];
    }
    return N6_PICTURE_MORE;
}

/* The tables of a component are there; Huffman tables that were not sent are the standard's. */
static bool has_tables(n6_jpeg_t *jpeg, const n6_jpeg_component_t *component)
{
    const uint32_t numbers[] = {component->dc, component->ac};

    for (uint32_t class = 0; class < 2; class++) {
        const uint32_t which = class << 1 | numbers[class];
        if (!(jpeg->huffman_known & 1u << which)) {
            (void)n6_huffman_read(&jpeg->huffman[class][numbers[class]], standard[which].bytes,
                                  standard[which].size);
            jpeg->huffman_known |= (uint8_t)(1u << which);
        }
    }
    return jpeg->quant_known & 1u << component->quant;
}

static int scan(n6_jpeg_t *jpeg, n6_coded_t *coded, const uint8_t *at, uint32_t size)
{
    const uint32_t count = jpeg->components;
    const uint8_t *end = at + 1 + (size_t)2 * count; /* first and last coefficient, bits */

    if (count == 0 || size < 4) {
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at);
    }
    if (at[0] != count) {
        return n6_coded_fail(coded, N6_PICTURE_PROCESS, coded->at);
    }
    if (size != 4 + 2 * count || end[0] != 0 || end[1] != LAST || end[2] != 0) {
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at);
    }
    if (count > 1 && jpeg->other_colours) {
        return n6_coded_fail(coded, N6_PICTURE_COLOURS, coded->at);
    }
    at++;
    for (uint32_t i = 0; i < count; i++, at += 2) {
        n6_jpeg_component_t *component = &jpeg->component[i];
        component->dc = at[1] >> 4;
        component->ac = at[1] & 15;
        if (at[0] != component->id || component->dc >= N6_JPEG_HUFFMAN_TABLES ||
            component->ac >= N6_JPEG_HUFFMAN_TABLES || !has_tables(jpeg, component)) {
            return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at + 1 + 2 * i);
        }
    }
    coded->at += size;
    jpeg->until = jpeg->interval;
    jpeg->scanning = true;
    return N6_PICTURE_MORE;
}

/* A segment that is complete in the bytes. */
static int segment(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target, uint8_t marker,
                   uint32_t size)
{
    const uint8_t *at = coded->bytes + coded->at;

    if (marker == DQT || marker == DHT) {
        jpeg->segment = size;
        jpeg->marker = marker;
        return N6_PICTURE_MORE;
    }
    if (marker == SOS) {
        return scan(jpeg, coded, at, size);
    }
    if (marker == SOF0) {
        if (frame(jpeg, coded, target, at, size) != N6_PICTURE_MORE) {
            return coded->result;
        }
    } else if (marker > SOF0 && marker <= SOF15 && marker != JPG) { /* also DAC */
        return n6_coded_fail(coded, N6_PICTURE_PROCESS, coded->at - 3);
    } else if (marker == DRI) {
        if (size != 2) {
            return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at);
        }
        jpeg->interval = (uint16_t)read16(at);
    } else if (marker == APP14 && size >= ADOBE_BYTES && memcmp(at, "Adobe", 5) == 0) {
        jpeg->other_colours = at[ADOBE_BYTES - 1] != ADOBE_YCC;
    } else if ((marker < APP0 || marker > APP15) && marker != COM) {
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at - 3);
    }
    coded->at += size;
    return N6_PICTURE_MORE;
}

/* The next marker and, but for SOI, the length of its segment. */
static int marker(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target)
{
    const uint8_t *at = coded->bytes + coded->at;
    const uint32_t left = n6_coded_left(coded);
    uint32_t size = 0;

    if (!jpeg->begun) {
        if (left < 2) {
            return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->size);
        }
        if (at[0] != N6_BITS_MARKER || at[1] != SOI) {
            return n6_coded_fail(coded, N6_PICTURE_FORMAT, 0);
        }
        coded->at = 2;
        jpeg->begun = true;
        return N6_PICTURE_MORE;
    }
    if (left < 4) {
        return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->size);
    }
    if (at[0] != N6_BITS_MARKER) {
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at);
    }
    if (at[1] == N6_BITS_MARKER) { /* fill byte */
        coded->at++;
        return N6_PICTURE_MORE;
    }
    size = read16(at + 2);
    if (size < 2) {
        return n6_coded_fail(coded, N6_PICTURE_SEGMENT, coded->at + 2);
    }
    if (left - 2 < size) {
        return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->size);
    }
    coded->at += 4;
    return segment(jpeg, coded, target, at[1], size - 2);
}

int n6_jpeg_head_unit(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target)
{
    if (jpeg->segment == 0) {
        return marker(jpeg, coded, target);
    }
    return jpeg->marker == DQT ? quant_table(jpeg, coded) : huffman_table(jpeg, coded);
}
