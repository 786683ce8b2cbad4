#include "n6_jpeg_scan.h"

#include <string.h>

#include "n6_colour.h"

enum {
    SIDE = N6_IDCT_SIDE,
    BLOCK = N6_IDCT_BLOCK,
    LARGEST_DC = 11, /* category */
    LARGEST_AC = 10,
    SIXTEEN_ZEROS = 0xf0,
    RST0 = 0xd0,
    EOI = 0xd9,
};

/* Place in rows of each coefficient in the order of the bits (T.81, figure A.6). */
static const uint8_t zigzag[BLOCK] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

/* Samples of a unit, and its pixels. */
typedef struct {
    _Alignas(4) uint8_t y[N6_COLOUR_PIXELS];
    _Alignas(4) uint8_t cb[BLOCK];
    _Alignas(4) uint8_t cr[BLOCK];
    uint8_t rgb[3][N6_COLOUR_PIXELS];
} unit_t;

/* ---- a block ---- */

static bool add_coefficient(int16_t *block, uint32_t at, int32_t value, uint8_t quant)
{
    const int32_t product = value * quant;

    block[zigzag[at]] = (int16_t)product;
    return product >= -N6_IDCT_LARGEST && product <= N6_IDCT_LARGEST;
}

/*
 * Reads the coefficients of a block, dequantised. Returns the number of the last one, in the order of the bits, or
 * an error.
 */
static int read_block(n6_jpeg_t *jpeg, n6_jpeg_component_t *component, n6_coded_t *coded,
                      int16_t *block)
{
    const n6_huffman_t *ac = &jpeg->huffman[1][component->ac];
    const uint8_t *quant = jpeg->quant[component->quant];
    n6_bits_t bits = jpeg->bits; /* in registers */
    n6_coded_t from = *coded;
    uint32_t last = 0;
    int result = 0;
    int value = 0;

    memset(block, 0, BLOCK * sizeof *block);
    n6_bits_fill(&bits, &from, N6_HUFFMAN_LENGTHS);
    value = n6_huffman_next(&jpeg->huffman[0][component->dc], &bits);
    if (value < 0 || value > LARGEST_DC) {
        result = N6_PICTURE_CODE;
    } else if (value > 0) {
        n6_bits_fill(&bits, &from, LARGEST_DC);
        component->before += n6_bits_signed(&bits, (uint32_t)value);
    }
    if (component->before < -N6_IDCT_LARGEST || component->before > N6_IDCT_LARGEST ||
        !add_coefficient(block, 0, component->before, quant[0])) {
        result = N6_PICTURE_COEFFICIENT;
    }
    for (uint32_t at = 1; at < BLOCK && result == 0; at++) {
        uint32_t category = 0;
        n6_bits_fill(&bits, &from, N6_HUFFMAN_LENGTHS);
        value = n6_huffman_next(ac, &bits);
        category = (uint32_t)value & 15;
        at += (uint32_t)value >> 4 & 15;
        if (value == 0) {
            break;
        }
        if (value < 0 || category > LARGEST_AC || (category == 0 && value != SIXTEEN_ZEROS)) {
            result = N6_PICTURE_CODE;
        } else if (at >= BLOCK) {
            result = N6_PICTURE_COEFFICIENT;
        } else if (category > 0) {
            n6_bits_fill(&bits, &from, category);
            if (!add_coefficient(block, at, n6_bits_signed(&bits, category), quant[at])) {
                result = N6_PICTURE_COEFFICIENT;
            }
            last = at;
        }
    }
    jpeg->bits = bits;
    *coded = from;
    return result ? result : (int)last;
}

/* Reads a block and writes its samples, unless they are not needed (NULL). */
static int decode_block(n6_jpeg_t *jpeg, n6_jpeg_component_t *component, n6_coded_t *coded,
                        uint8_t *samples, uint32_t stride)
{
    _Alignas(16) int16_t block[BLOCK];
    const int last = read_block(jpeg, component, coded, block);

    if (last < 0 || !samples) {
        return last;
    }
    if (last == 0) {
        n6_idct_flat(block[0], samples, stride);
    } else {
        n6_idct(block, samples, stride);
    }
    return 0;
}

/* All blocks of a unit. */
static int read_unit(n6_jpeg_t *jpeg, n6_coded_t *coded, unit_t *unit, bool grey)
{
    const uint32_t stride = jpeg->across * (uint32_t)SIDE;
    int result = 0;

    for (uint32_t row = 0; row < jpeg->down && result >= 0; row++) {
        for (uint32_t column = 0; column < jpeg->across && result >= 0; column++) {
            result = decode_block(jpeg, &jpeg->component[0], coded,
                                  unit->y + row * SIDE * stride + column * SIDE, stride);
        }
    }
    if (jpeg->components > 1 && result >= 0) {
        result = decode_block(jpeg, &jpeg->component[1], coded, grey ? NULL : unit->cb, SIDE);
    }
    if (jpeg->components > 1 && result >= 0) {
        result = decode_block(jpeg, &jpeg->component[2], coded, grey ? NULL : unit->cr, SIDE);
    }
    return result;
}

static void write_unit(const n6_jpeg_t *jpeg, unit_t *unit, const n6_target_t *target)
{
    const bool grey = jpeg->components == 1 || target->channels == 1;
    const uint32_t width = jpeg->across * (uint32_t)SIDE;
    const uint32_t height = jpeg->down * (uint32_t)SIDE;
    const uint32_t right = target->width - jpeg->x;
    const uint32_t below = target->height - jpeg->y;
    const n6_target_area_t area = {jpeg->x, jpeg->y, width < right ? width : right,
                                   height < below ? height : below};

    if (grey) {
        n6_target_write(target, &area, (const uint8_t *const[]){unit->y, unit->y, unit->y}, width);
    } else {
        n6_colour(unit->y, unit->cb, unit->cr, jpeg->across, jpeg->down, unit->rgb);
        n6_target_write(target, &area,
                        (const uint8_t *const[]){unit->rgb[0], unit->rgb[1], unit->rgb[2]}, width);
    }
}

/* ---- markers in the scan ---- */

/* Ends the bits: what follows must be this marker. */
static int expect(n6_jpeg_t *jpeg, n6_coded_t *coded, uint8_t marker)
{
    if (n6_bits_unread(&jpeg->bits) >= 8) {
        return n6_coded_fail(coded, N6_PICTURE_TOO_LONG, coded->at);
    }
    while (n6_coded_left(coded) >= 2 && coded->bytes[coded->at] == N6_BITS_MARKER &&
           coded->bytes[coded->at + 1] == N6_BITS_MARKER) {
        coded->at++;
    }
    if (n6_coded_left(coded) < 2) {
        return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->size);
    }
    if (coded->bytes[coded->at] != N6_BITS_MARKER || coded->bytes[coded->at + 1] != marker) {
        return n6_coded_fail(coded, N6_PICTURE_TAIL, coded->at);
    }
    coded->at += 2;
    jpeg->bits = (n6_bits_t){0};
    return N6_PICTURE_MORE;
}

static int restart(n6_jpeg_t *jpeg, n6_coded_t *coded)
{
    const int result = expect(jpeg, coded, (uint8_t)(RST0 + jpeg->restarts));

    jpeg->restarts = (jpeg->restarts + 1) & 7;
    jpeg->until = jpeg->interval;
    for (uint32_t i = 0; i < N6_JPEG_COMPONENTS; i++) {
        jpeg->component[i].before = 0;
    }
    return result;
}

int n6_jpeg_scan_unit(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target)
{
    unit_t unit;
    int result = 0;

    if (jpeg->interval) {
        if (jpeg->until == 0 && restart(jpeg, coded) != N6_PICTURE_MORE) {
            return coded->result;
        }
        jpeg->until--;
    }
    result = read_unit(jpeg, coded, &unit, target->channels == 1);
    if (n6_bits_missing(&jpeg->bits)) {
        return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->at);
    }
    if (result < 0) {
        return n6_coded_fail(coded, (n6_picture_result_t)result,
                             coded->at - n6_bits_unread(&jpeg->bits) / 8);
    }
    write_unit(jpeg, &unit, target);
    jpeg->x += jpeg->across * (uint32_t)SIDE;
    if (jpeg->x >= target->width) {
        jpeg->x = 0;
        jpeg->y += jpeg->down * (uint32_t)SIDE;
        if (jpeg->y >= target->height) {
            result = expect(jpeg, coded, EOI);
            if (result == N6_PICTURE_MORE) {
                coded->result = N6_PICTURE_DONE;
            }
            return coded->result;
        }
    }
    return N6_PICTURE_MORE;
}
