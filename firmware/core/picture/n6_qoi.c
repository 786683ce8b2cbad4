#include "n6_qoi.h"

#include <stdbool.h>
#include <string.h>

enum {
    HEADER = 14,
    TAIL = 8, /* seven zeros and a 1 */
    RGB = 0xfe,
    RGBA = 0xff,
    INDEX = 0, /* the two upper bits */
    DIFF = 1,
    LUMA = 2,
    OPAQUE = 255,
};

/* Pixels that were decoded and not yet written. */
typedef struct {
    uint8_t red[N6_QOI_RUN];
    uint8_t green[N6_QOI_RUN];
    uint8_t blue[N6_QOI_RUN];
} pixels_t;

static uint32_t read32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void n6_qoi_begin(n6_qoi_t *qoi)
{
    memset(qoi, 0, sizeof *qoi);
    qoi->pixel.alpha = OPAQUE;
}

static int header(n6_qoi_t *qoi, n6_coded_t *coded, const n6_target_t *target)
{
    static const uint8_t magic[] = {'q', 'o', 'i', 'f'};
    const uint8_t *at = coded->bytes;

    if (coded->size < HEADER) {
        return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->size);
    }
    if (memcmp(at, magic, sizeof magic) != 0) {
        return n6_coded_fail(coded, N6_PICTURE_FORMAT, 0);
    }
    if (read32(at + 4) != target->width) {
        return n6_coded_fail(coded, N6_PICTURE_SIZE, 4);
    }
    if (read32(at + 8) != target->height) {
        return n6_coded_fail(coded, N6_PICTURE_SIZE, 8);
    }
    if (at[12] != 3 && at[12] != 4) {
        return n6_coded_fail(coded, N6_PICTURE_FORMAT, 12);
    }
    coded->at = HEADER;
    qoi->begun = true;
    return N6_PICTURE_MORE;
}

/* The hash of a pixel: its place in seen. */
static uint32_t place(n6_qoi_pixel_t pixel)
{
    return (pixel.red * 3u + pixel.green * 5u + pixel.blue * 7u + pixel.alpha * 11u) % 64u;
}

static n6_qoi_pixel_t moved(n6_qoi_pixel_t pixel, uint32_t red, uint32_t green, uint32_t blue)
{
    return (n6_qoi_pixel_t){(uint8_t)(pixel.red + red), (uint8_t)(pixel.green + green),
                            (uint8_t)(pixel.blue + blue), pixel.alpha};
}

/* Reads the next pixel, or the number of its repetitions. False: the bytes end. */
static bool next(n6_qoi_t *qoi, n6_coded_t *coded)
{
    static const uint8_t sizes[] = {1, 1, 2, 1}; /* of a chunk, by its two upper bits */
    const uint8_t *at = coded->bytes + coded->at;
    const uint32_t left = n6_coded_left(coded);
    const uint32_t tag = left ? at[0] : 0;
    const uint32_t size = tag == RGBA ? 5 : tag == RGB ? 4 : sizes[tag >> 6];

    if (left < size) {
        return false;
    }
    coded->at += size;
    if (tag >= RGB) {
        qoi->pixel = (n6_qoi_pixel_t){at[1], at[2], at[3], tag == RGBA ? at[4] : qoi->pixel.alpha};
    } else if (tag >> 6 == INDEX) {
        qoi->pixel = qoi->seen[tag];
    } else if (tag >> 6 == DIFF) {
        qoi->pixel = moved(qoi->pixel, (tag >> 4 & 3) - 2, (tag >> 2 & 3) - 2, (tag & 3) - 2);
    } else if (tag >> 6 == LUMA) {
        const uint32_t green = (tag & 63) - 32;
        qoi->pixel = moved(qoi->pixel, green + (at[1] >> 4) - 8, green, green + (at[1] & 15u) - 8);
    } else {
        qoi->run = tag & 63;
    }
    qoi->seen[place(qoi->pixel)] = qoi->pixel;
    return true;
}

/* The luma of ITU-R 601, as in tensors/image.py. */
static uint8_t luma(n6_qoi_pixel_t pixel)
{
    return (uint8_t)((19595u * pixel.red + 38470u * pixel.green + 7471u * pixel.blue + 0x8000u) >>
                     16);
}

/* Reads count pixels, at most N6_QOI_RUN. False: the bytes end. */
static bool read_run(n6_qoi_t *qoi, n6_coded_t *coded, uint32_t count, bool grey, pixels_t *to)
{
    for (uint32_t i = 0; i < count; i++) {
        if (qoi->run > 0) {
            qoi->run--;
        } else if (!next(qoi, coded)) {
            return false;
        }
        to->red[i] = grey ? luma(qoi->pixel) : qoi->pixel.red;
        to->green[i] = qoi->pixel.green;
        to->blue[i] = qoi->pixel.blue;
    }
    return true;
}

static int end(const n6_qoi_t *qoi, n6_coded_t *coded)
{
    static const uint8_t tail[TAIL] = {0, 0, 0, 0, 0, 0, 0, 1};

    if (qoi->run > 0) {
        return n6_coded_fail(coded, N6_PICTURE_TOO_LONG, coded->at - 1);
    }
    if (n6_coded_left(coded) < TAIL) {
        return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->size);
    }
    if (memcmp(coded->bytes + coded->at, tail, TAIL) != 0) {
        return n6_coded_fail(coded, N6_PICTURE_TAIL, coded->at);
    }
    if (n6_coded_left(coded) > TAIL) {
        return n6_coded_fail(coded, N6_PICTURE_TOO_LONG, coded->at + TAIL);
    }
    coded->result = N6_PICTURE_DONE;
    return N6_PICTURE_DONE;
}

int n6_qoi_step(n6_qoi_t *qoi, n6_coded_t *coded, const n6_target_t *target, uint32_t pixels)
{
    pixels_t run;
    const uint8_t *const rgb[] = {run.red, run.green, run.blue};
    uint32_t done = 0;

    if (!qoi->begun && header(qoi, coded, target) != N6_PICTURE_MORE) {
        return coded->result;
    }
    do {
        const uint32_t left = (uint32_t)target->width - qoi->x;
        const uint32_t count = left < N6_QOI_RUN ? left : N6_QOI_RUN;
        if (!read_run(qoi, coded, count, target->channels == 1, &run)) {
            return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->size);
        }
        n6_target_write(target, &(n6_target_area_t){qoi->x, qoi->y, count, 1}, rgb, N6_QOI_RUN);
        done += count;
        qoi->x = (uint16_t)(qoi->x + count);
        if (qoi->x == target->width) {
            qoi->x = 0;
            if (++qoi->y == target->height) {
                return end(qoi, coded);
            }
        }
    } while (done < pixels);
    return N6_PICTURE_MORE;
}
