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
    if (n6_coded_word(at + 4) != target->width) {
        return n6_coded_fail(coded, N6_PICTURE_SIZE, 4);
    }
    if (n6_coded_word(at + 8) != target->height) {
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

/* What changes with each chunk; kept in registers. */
typedef struct {
    const uint8_t *at;
    uint32_t left; /* bytes */
    uint32_t run;
    n6_qoi_pixel_t pixel;
} cursor_t;

/* Reads a chunk: the next pixel, or also the number of its repetitions. False: the bytes end. */
static inline bool next(cursor_t *cursor, n6_qoi_pixel_t *seen)
{
    const uint8_t *at = cursor->at;
    const uint32_t left = cursor->left;
    const uint32_t tag = left ? at[0] : 0;
    const uint32_t size = tag == RGBA ? 5 : tag == RGB ? 4 : tag >> 6 == LUMA ? 2 : 1;
    n6_qoi_pixel_t pixel = cursor->pixel;

    if (left < size) {
        return false;
    }
    cursor->at += size;
    cursor->left -= size;
    if (tag >= RGB) {
        pixel = (n6_qoi_pixel_t){at[1], at[2], at[3], tag == RGBA ? at[4] : pixel.alpha};
    } else if (tag >> 6 == INDEX) {
        pixel = seen[tag];
    } else if (tag >> 6 == DIFF) {
        pixel = moved(pixel, (tag >> 4 & 3) - 2, (tag >> 2 & 3) - 2, (tag & 3) - 2);
    } else if (tag >> 6 == LUMA) {
        const uint32_t green = (tag & 63) - 32;
        pixel = moved(pixel, green + (at[1] >> 4) - 8, green, green + (at[1] & 15u) - 8);
    } else {
        cursor->run = tag & 63;
    }
    seen[place(pixel)] = pixel;
    cursor->pixel = pixel;
    return true;
}

/* Reads count pixels, at most N6_QOI_RUN. False: the bytes end. */
static bool read_run(n6_qoi_t *qoi, n6_coded_t *coded, uint32_t count, pixels_t *to)
{
    cursor_t cursor = {coded->bytes + coded->at, n6_coded_left(coded), qoi->run, qoi->pixel};
    uint32_t done = 0;

    for (; done < count; done++) {
        if (cursor.run > 0) {
            cursor.run--;
        } else if (!next(&cursor, qoi->seen)) {
            break;
        }
        to->red[done] = cursor.pixel.red;
        to->green[done] = cursor.pixel.green;
        to->blue[done] = cursor.pixel.blue;
    }
    coded->at = coded->size - cursor.left;
    qoi->run = cursor.run;
    qoi->pixel = cursor.pixel;
    return done == count;
}

/* The luma of ITU-R 601, as in tensors/image.py, in the place of red. */
static void make_grey(pixels_t *pixels, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pixels->red[i] = (uint8_t)((19595u * pixels->red[i] + 38470u * pixels->green[i] +
                                    7471u * pixels->blue[i] + 0x8000u) >>
                                   16);
    }
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
        if (!read_run(qoi, coded, count, &run)) {
            return n6_coded_fail(coded, N6_PICTURE_ENDS, coded->size);
        }
        if (target->channels == 1) {
            make_grey(&run, count);
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
