/*
 * Reductions against references that are as plain as can be: real numbers compared as such, one
 * channel or row at a time, selection by repeated search. Values come from small sets, so that ties
 * are the rule and not the exception.
 */
#include <math.h>

#include "n6_reduce.h"
#include "n6_rig.h"

enum {
    ELEMENTS = 960,
    ROOM = 1 << 16,
};

static uint8_t data[ELEMENTS * 4 + 1];
static uint8_t out[ROOM];

static const uint8_t dtypes[] = {N6_DTYPE_INT8, N6_DTYPE_UINT8, N6_DTYPE_INT16, N6_DTYPE_FLOAT32};

static uint32_t size_of(uint8_t dtype)
{
    return dtype == N6_DTYPE_FLOAT32 ? 4 : dtype == N6_DTYPE_INT16 ? 2 : 1;
}

/* A tensor that has the rows which the reduction wants. */
static n6_tensor_t tensor_of(uint8_t dtype, const n6_return_t *what)
{
    const uint32_t channels = what->channels > 0 ? what->channels : 1;
    const uint32_t rows = ELEMENTS / channels;

    if (what->reduction == N6_REDUCTION_THRESHOLD_COLUMNS) {
        return (n6_tensor_t){.dtype = dtype,
                             .ndim = 4,
                             .shape = {1, 1, channels, rows},
                             .size = ELEMENTS * size_of(dtype)};
    }
    return (n6_tensor_t){
        .dtype = dtype, .ndim = 2, .shape = {rows, channels}, .size = ELEMENTS * size_of(dtype)};
}

static void fill(uint8_t dtype, uint32_t seed)
{
    static const float floats[] = {0.0f,  -0.0f, 1.0f,      -1.0f,    1e-45f, -1e-45f,
                                   1e38f, 0.5f,  -INFINITY, INFINITY, NAN,    -2.5f};
    static const int16_t words[] = {-32768, 32767, 0, -1, 1, 255, 256};

    for (uint32_t i = 0; i < ELEMENTS; i++) {
        const uint32_t r = rig_random(&seed) >> 8;
        if (dtype == N6_DTYPE_FLOAT32) {
            memcpy(data + (size_t)i * 4, &floats[r % 12], 4);
        } else if (dtype == N6_DTYPE_INT16) {
            memcpy(data + (size_t)i * 2, &words[r % 7], 2);
        } else {
            data[i] = (uint8_t)(r % 5 == 0 ? r >> 8 : (r % 3) * 127);
        }
    }
}

static double value_of(uint8_t dtype, uint32_t index)
{
    float real = NAN;
    int16_t word = 0;

    memcpy(&real, data + (size_t)index * 4, dtype == N6_DTYPE_FLOAT32 ? 4 : 0);
    memcpy(&word, data + (size_t)index * 2, dtype == N6_DTYPE_INT16 ? 2 : 0);
    switch (dtype) {
    case N6_DTYPE_FLOAT32:
        return (double)real;
    case N6_DTYPE_INT16:
        return word;
    case N6_DTYPE_INT8:
        return (int8_t)data[index];
    default:
        return data[index];
    }
}

/* a > b, where NaN is smaller than every number. */
static bool larger(double a, double b)
{
    return !isnan(a) && (isnan(b) || a > b);
}

static int32_t bits_of(uint8_t dtype, uint32_t index)
{
    int32_t bits = 0;

    if (dtype != N6_DTYPE_FLOAT32) {
        return (int32_t)value_of(dtype, index);
    }
    memcpy(&bits, data + (size_t)index * 4, 4);
    return bits;
}

static n6_peak_t peak_at(uint32_t index)
{
    n6_peak_t peak;
    memcpy(&peak, out + (size_t)index * sizeof peak, sizeof peak);
    return peak;
}

static uint32_t reduce(uint8_t dtype, const n6_return_t *what, uint32_t *count)
{
    const n6_tensor_t tensor = tensor_of(dtype, what);
    int32_t size = 0;

    EQUAL(n6_reduce_check(&tensor, what), N6_MISTAKE_NONE);
    memset(out, 0xee, sizeof out);
    size = n6_reduce(&tensor, what, data, out, sizeof out, count);
    CHECK(size >= 0);
    for (int i = 0; i < 16; i++) {
        EQUAL(out[size + i], 0xee);
    }
    if (size > 0) { /* exactly so much room, and not a byte less */
        EQUAL(n6_reduce(&tensor, what, data, out, (uint32_t)size - 1, count), N6_REDUCE_TOO_LARGE);
    }
    EQUAL(n6_reduce(&tensor, what, data, out, (uint32_t)size, count), size);
    return (uint32_t)size;
}

static void argmax(void)
{
    static const uint16_t channels[] = {1, 2, 3, 12, 64, 65, 120, ELEMENTS};

    for (uint32_t round = 0; round < 4 * 8; round++) {
        const uint8_t dtype = dtypes[round % 4];
        const uint16_t width = channels[round / 4];
        const n6_return_t what = {.reduction = N6_REDUCTION_ARGMAX, .channels = width};
        uint32_t count = 0;

        if (ELEMENTS % width != 0) {
            continue;
        }
        fill(dtype, round + 1);
        EQUAL(reduce(dtype, &what, &count), width * 8u);
        EQUAL(count, width);
        for (uint32_t c = 0; c < width; c++) {
            uint32_t best = 0;
            for (uint32_t row = 1; row < ELEMENTS / width; row++) {
                if (larger(value_of(dtype, row * width + c), value_of(dtype, best * width + c))) {
                    best = row;
                }
            }
            EQUAL(peak_at(c).index, best);
            EQUAL(peak_at(c).value, bits_of(dtype, best * width + c));
        }
    }
}

static void topk(void)
{
    static const struct {
        uint32_t offset, length;
        uint16_t k;
    } cases[] = {{0, 0, 1}, {0, 0, 64}, {100, 300, 10}, {959, 0, 5}, {10, 3, 64}, {1, 1, 1}};

    for (uint32_t round = 0; round < 4 * 6; round++) {
        const uint8_t dtype = dtypes[round % 4];
        const uint32_t offset = cases[round / 4].offset;
        const uint32_t length =
            cases[round / 4].length ? cases[round / 4].length : ELEMENTS - offset;
        const uint32_t k = cases[round / 4].k < length ? cases[round / 4].k : length;
        const n6_return_t what = {.reduction = N6_REDUCTION_TOPK,
                                  .offset = offset,
                                  .length = cases[round / 4].length,
                                  .k = cases[round / 4].k};
        static bool taken[ELEMENTS];
        uint32_t count = 0;

        fill(dtype, round + 100);
        EQUAL(reduce(dtype, &what, &count), k * 8);
        EQUAL(count, k);
        memset(taken, 0, sizeof taken);
        for (uint32_t i = 0; i < k; i++) {
            uint32_t best = 0;
            while (taken[best]) {
                best++;
            }
            for (uint32_t j = best + 1; j < length; j++) {
                if (!taken[j] &&
                    larger(value_of(dtype, offset + j), value_of(dtype, offset + best))) {
                    best = j;
                }
            }
            taken[best] = true;
            EQUAL(peak_at(i).index, best);
            EQUAL(peak_at(i).value, bits_of(dtype, offset + best));
        }
    }
}

static void threshold_round(uint32_t round, uint8_t dtype, uint32_t width, uint16_t k, bool columns)
{
    const uint32_t rows = ELEMENTS / width;
    const uint32_t size = size_of(dtype);
    const uint32_t record = 4 + (width * size + 3) / 4 * 4;
    const uint32_t channel = round % width;
    uint32_t passed = 0;
    uint32_t used = 0;
    uint32_t total;
    n6_return_t what = {.reduction =
                            columns ? N6_REDUCTION_THRESHOLD_COLUMNS : N6_REDUCTION_THRESHOLD,
                        .channels = (uint16_t)width,
                        .channel = (uint16_t)channel,
                        .k = k};
    double limit = NAN;

    fill(dtype, round + 200);
    what.threshold = (uint32_t)bits_of(dtype, 7); /* one of the values: equality passes */
    limit = value_of(dtype, 7);
    if (isnan(limit)) {
        const float half = 0.5f;
        memcpy(&what.threshold, &half, 4);
        limit = 0.5;
    }
    used = reduce(dtype, &what, &total);
    for (uint32_t row = 0; row < rows; row++) {
        const uint32_t score = columns ? channel * rows + row : row * width + channel;
        const uint8_t *at = out + (size_t)passed * record;
        uint32_t index = 0;
        if (!(value_of(dtype, score) >= limit)) {
            continue;
        }
        if (passed++ >= k) {
            continue;
        }
        memcpy(&index, at, 4);
        EQUAL(index, row);
        for (uint32_t c = 0; c < width; c++) {
            BYTES(at + 4 + (size_t)c * size,
                  data + (size_t)(columns ? c * rows + row : row * width + c) * size, size);
        }
        for (uint32_t i = 4 + width * size; i < record; i++) {
            EQUAL(at[i], 0);
        }
    }
    EQUAL(total, passed);
    EQUAL(used, (passed < k ? passed : k) * record);
}

static void threshold(void)
{
    static const uint32_t widths[] = {1, 2, 3, 5, 32, 96};

    for (uint32_t round = 0; round < 4 * 6 * 2; round++) {
        for (uint16_t k = 1; k <= 1000; k = (uint16_t)(k * 9)) {
            threshold_round(round, dtypes[round % 4], widths[round / 4 % 6], k, round >= 24);
        }
    }
}

static void raw(void)
{
    uint32_t count = 0;
    n6_return_t what = {.reduction = N6_REDUCTION_RAW};
    n6_tensor_t tensor = {.dtype = N6_DTYPE_FLOAT16, .ndim = 1, .shape = {50}, .size = 100};

    fill(N6_DTYPE_INT8, 5);
    EQUAL(reduce(N6_DTYPE_INT8, &what, &count), ELEMENTS);
    BYTES(out, data, ELEMENTS);
    what.offset = 13;
    what.length = 7;
    EQUAL(reduce(N6_DTYPE_INT8, &what, &count), 7);
    BYTES(out, data + 13, 7);
    EQUAL(count, 0);
    EQUAL(n6_reduce_check(&tensor, &what), N6_MISTAKE_NONE); /* of any type */
    what.length = 87;
    EQUAL(n6_reduce_check(&tensor, &what), N6_MISTAKE_NONE);
    what.length = 88;
    EQUAL(n6_reduce_check(&tensor, &what), N6_MISTAKE_LENGTH);
    what.offset = 100;
    what.length = 0;
    EQUAL(n6_reduce_check(&tensor, &what), N6_MISTAKE_OFFSET);
    what.offset = 1;
    what.length = 0xffffffff;
    EQUAL(n6_reduce_check(&tensor, &what), N6_MISTAKE_LENGTH);
}

static void checks(void)
{
    static const struct {
        n6_mistake_t mistake;
        uint8_t dtype;
        n6_return_t what;
    } cases[] = {
        {N6_MISTAKE_TENSOR, N6_DTYPE_INT32, {.reduction = 1, .channels = 4}},
        {N6_MISTAKE_TENSOR, N6_DTYPE_FLOAT16, {.reduction = 2, .k = 1}},
        {N6_MISTAKE_TENSOR, N6_DTYPE_BOOL, {.reduction = 3, .channels = 4, .k = 1}},
        {N6_MISTAKE_REDUCTION, N6_DTYPE_INT8, {.reduction = N6_REDUCTION_CLASS_MAP}},
        {N6_MISTAKE_REDUCTION, N6_DTYPE_INT8, {.reduction = N6_REDUCTION_DETECTIONS}},
        {N6_MISTAKE_REDUCTION, N6_DTYPE_INT8, {.reduction = 255}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 1, .channels = 0}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 1, .channels = 3}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 1, .channels = 8}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 3, .channels = 2, .k = 1}},
        {N6_MISTAKE_TENSOR, N6_DTYPE_INT8, {.reduction = 4, .channels = 240, .k = 1}},
        {N6_MISTAKE_K, N6_DTYPE_INT8, {.reduction = 2, .k = 0}},
        {N6_MISTAKE_K, N6_DTYPE_INT8, {.reduction = 2, .k = 65}},
        {N6_MISTAKE_OFFSET, N6_DTYPE_INT8, {.reduction = 2, .k = 1, .offset = ELEMENTS}},
        {N6_MISTAKE_LENGTH,
         N6_DTYPE_INT8,
         {.reduction = 2, .k = 1, .offset = 1, .length = ELEMENTS}},
        {N6_MISTAKE_K, N6_DTYPE_INT8, {.reduction = 3, .channels = 4, .k = 0}},
        {N6_MISTAKE_CHANNEL, N6_DTYPE_INT8, {.reduction = 3, .channels = 4, .k = 1, .channel = 4}},
        {N6_MISTAKE_THRESHOLD,
         N6_DTYPE_FLOAT32,
         {.reduction = 3, .channels = 4, .k = 1, .threshold = 0x7fc00000}},
        {N6_MISTAKE_NONE,
         N6_DTYPE_FLOAT32,
         {.reduction = 3, .channels = 4, .k = 1, .threshold = 0x7f800000}},
        {N6_MISTAKE_NONE, N6_DTYPE_INT8, {.reduction = 2, .k = 64, .offset = ELEMENTS - 1}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) { /* [2, 120, 4] */
        const n6_tensor_t tensor = {.dtype = cases[i].dtype,
                                    .ndim = 3,
                                    .shape = {2, ELEMENTS / 8, 4},
                                    .size = ELEMENTS * size_of(cases[i].dtype)};
        EQUAL(n6_reduce_check(&tensor, &cases[i].what), cases[i].mistake);
    }
}

/* channels is the size of the axis that the reduction reads, and not of another one. */
static void axes(void)
{
    static const struct {
        uint8_t reduction;
        uint8_t ndim;
        uint32_t shape[N6_LIMIT_MAX_DIMS];
        uint16_t channels; /* 0 = not for this tensor */
    } cases[] = {
        {N6_REDUCTION_ARGMAX, 4, {1, 12, 10, 8}, 8},
        {N6_REDUCTION_ARGMAX, 1, {960}, 960},
        {N6_REDUCTION_ARGMAX, 0, {0}, 0},
        {N6_REDUCTION_THRESHOLD, 3, {2, 80, 6}, 6},
        {N6_REDUCTION_THRESHOLD_COLUMNS, 3, {1, 6, 160}, 6},
        {N6_REDUCTION_THRESHOLD_COLUMNS, 6, {1, 1, 1, 1, 6, 160}, 6},
        {N6_REDUCTION_THRESHOLD_COLUMNS, 2, {6, 160}, 6},
        {N6_REDUCTION_THRESHOLD_COLUMNS, 3, {2, 6, 80}, 0},
        {N6_REDUCTION_THRESHOLD_COLUMNS, 1, {960}, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        n6_tensor_t tensor = {.dtype = N6_DTYPE_INT8, .ndim = cases[i].ndim, .size = ELEMENTS};
        memcpy(tensor.shape, cases[i].shape, sizeof tensor.shape);
        for (uint16_t channels = 0; channels < 1000; channels++) {
            const n6_return_t what = {
                .reduction = cases[i].reduction, .channels = channels, .k = 1};
            const n6_mistake_t mistake = n6_reduce_check(&tensor, &what);
            if (cases[i].channels == 0) {
                EQUAL(mistake, N6_MISTAKE_TENSOR);
            } else {
                EQUAL(mistake,
                      channels == cases[i].channels ? N6_MISTAKE_NONE : N6_MISTAKE_CHANNELS);
            }
        }
    }
}

const n6_test_t n6_reduce_tests[] = {
    TEST(argmax), TEST(topk), TEST(threshold), TEST(raw), TEST(checks), TEST(axes), TESTS_END,
};
