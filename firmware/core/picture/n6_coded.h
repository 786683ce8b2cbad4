/*
 * n6_coded.h - what all decoders of pictures have in common: the encoded bytes, the position in them, and
 * results.
 */
#ifndef N6_CODED_H
#define N6_CODED_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Errors of pictures: name, text for people. */
#define N6_PICTURE_ERRORS(ERROR)                                                                   \
    ERROR(ENCODING, "the encoding is not supported")                                               \
    ERROR(TARGET, "the input cannot be a picture")                                                 \
    ERROR(FORMAT, "the bytes are not a picture of this encoding")                                  \
    ERROR(SIZE, "the picture has another size than the input")                                     \
    ERROR(ENDS, "the picture ends too early")                                                      \
    ERROR(TOO_LONG, "the picture has more data than its size permits")                             \
    ERROR(TAIL, "the mark of the end, or of a restart, is missing")                                \
    ERROR(SEGMENT, "a segment in front of the JPEG scan is damaged")                               \
    ERROR(HUFFMAN, "a Huffman table is damaged")                                                   \
    ERROR(PROCESS, "the JPEG is not baseline with 8 bits and one scan")                            \
    ERROR(COLOURS, "the components of the JPEG are not Y, or Y, Cb and Cr")                        \
    ERROR(SAMPLING, "the JPEG is not 4:4:4, 4:2:2, 4:4:0 or 4:2:0")                                \
    ERROR(CODE, "a Huffman code of the JPEG is wrong")                                             \
    ERROR(COEFFICIENT, "a coefficient of the JPEG is out of range")

enum n6_picture_error_number {
    N6_PICTURE_NO_ERROR,
#define N6_PICTURE_NUMBER(name, text) N6_PICTURE_NUMBER_##name,
    N6_PICTURE_ERRORS(N6_PICTURE_NUMBER)
#undef N6_PICTURE_NUMBER
        N6_PICTURE_ERROR_COUNT,
};

/* What a step returns; errors are negative. */
typedef enum {
    N6_PICTURE_DONE = 0,
    N6_PICTURE_MORE = 1,
#define N6_PICTURE_RESULT(name, text) N6_PICTURE_##name = -(int)N6_PICTURE_NUMBER_##name,
    N6_PICTURE_ERRORS(N6_PICTURE_RESULT)
#undef N6_PICTURE_RESULT
} n6_picture_result_t;

/* A sentence without a period for an error; empty for other numbers. */
const char *n6_picture_text(int result);

typedef struct {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t at;
    int result; /* n6_picture_result_t */
} n6_coded_t;

static inline uint32_t n6_coded_left(const n6_coded_t *coded)
{
    return coded->size - coded->at;
}

/* Four bytes as a number, the most significant one first. */
static inline uint32_t n6_coded_word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Ends with an error at an offset. */
static inline int n6_coded_fail(n6_coded_t *coded, n6_picture_result_t error, uint32_t at)
{
    coded->at = at;
    coded->result = error;
    return error;
}

#ifdef __cplusplus
}
#endif

#endif
