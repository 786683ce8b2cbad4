/*
 * n6_picture.h - decodes a picture into the input of a network, in small steps.
 *
 *     begin(picture, encoding, bytes, size, target) -> step() ... step() -> N6_PICTURE_DONE
 *
 * The encoded bytes are complete in memory and are only read; the tensor is only written. The two must
 * not overlap, and must not change until the last step. There is no other memory than n6_picture_t, no
 * heap and no recursion. A step is a limited amount of work for any input, so that a main loop can call
 * it alternately with the link. The picture must have exactly the target's height and width.
 *
 * Pixels are written in the order of rows (QOI) or of blocks (JPEG) while they are decoded. After an
 * error the tensor has undefined values; nothing outside of it was written, and nothing outside of the
 * encoded bytes was read. Decoding again gives the same result.
 *
 * N6_ENCODING_QOI: qoiformat.org, version 1.0, with 3 or 4 channels; alpha is ignored. Lossless.
 *
 * N6_ENCODING_JPEG: baseline JPEG of ITU-T T.81 (SOF0, 8 bits, Huffman), one scan: one component, or Y, Cb
 * and Cr with 1 x 1, 2 x 1, 1 x 2 or 2 x 2 blocks of Y for each block of Cb and Cr (4:4:4, 4:2:2, 4:4:0,
 * 4:2:0), and restart markers. Without a DHT segment, as in frames of many cameras, the Huffman tables are
 * those of T.81, K.3. A grey picture fills all channels; a channel of grey is Y. Bytes after EOI are ignored.
 *
 * A picture with other components than Y, Cb and Cr, with 12 bits, arithmetic coding, progressive, lossless
 * or of several scans is refused.
 */
#ifndef N6_PICTURE_H
#define N6_PICTURE_H

#include "n6_jpeg.h"
#include "n6_protocol.h"
#include "n6_qoi.h"
#include "n6_target.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    n6_coded_t coded;
    n6_target_t target;
    uint8_t encoding; /* n6_encoding_t */
    union {
        n6_qoi_t qoi;
        n6_jpeg_t jpeg;
    } of;
} n6_picture_t;

/* Whether this firmware decodes an encoding; RAW is not one. */
bool n6_picture_decodes(uint8_t encoding);

/*
 * Starts, in constant time: copies the target, reads nothing. Returns N6_PICTURE_MORE, N6_PICTURE_ENCODING or
 * N6_PICTURE_TARGET.
 */
int n6_picture_begin(n6_picture_t *picture, uint8_t encoding, const void *bytes, uint32_t size,
                     const n6_target_t *target);

/*
 * Decodes about `pixels` pixels, at least one unit of work: one segment of a JPEG header, one unit of at most
 * 16 x 16 pixels, N6_QOI_RUN pixels of QOI. Returns N6_PICTURE_MORE, N6_PICTURE_DONE or a negative
 * n6_picture_result_t, and after an error or the end always the same.
 */
int n6_picture_step(n6_picture_t *picture, uint32_t pixels);

/* After an error: the offset of the byte that is wrong, or of the first one that is missing. */
uint32_t n6_picture_offset(const n6_picture_t *picture);

#ifdef __cplusplus
}
#endif

#endif
