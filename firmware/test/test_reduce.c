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

static bool is_columns(uint8_t reduction)
{
    return reduction == N6_REDUCTION_THRESHOLD_COLUMNS ||
           reduction == N6_REDUCTION_DETECTIONS_COLUMNS ||
           reduction == N6_REDUCTION_CLASS_MAP_COLUMNS;
}

/* A tensor that has the rows which the reduction wants. */
static n6_tensor_t tensor_of(uint8_t dtype, const n6_return_t *what)
{
    const uint32_t channels = what->channels > 0 ? what->channels : 1;
    const uint32_t rows = ELEMENTS / channels;

    if (is_columns(what->reduction)) {
        return (n6_tensor_t){.dtype = dtype,
                             .ndim = 4,
                             .shape = {1, 1, channels, rows},
                             .size = ELEMENTS * size_of(dtype)};
    }
    if (rows % 2 == 0 && (what->reduction == N6_REDUCTION_THRESHOLD ||
                          what->reduction == N6_REDUCTION_DETECTIONS)) { /* two in the last axis */
        return (n6_tensor_t){.dtype = dtype,
                             .ndim = 2,
                             .shape = {rows / 2, channels * 2},
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

    n6_selection_t selection = {0};
    uint32_t rows = 0;

    EQUAL(n6_reduce_check(&tensor, what, &rows), N6_MISTAKE_NONE);
    memset(out, 0xee, sizeof out);
    size = n6_reduce(&tensor, what, data, out, sizeof out, count, &selection);
    CHECK(size >= 0);
    for (int i = 0; i < 16; i++) {
        EQUAL(out[size + i], 0xee);
    }
    if (size > 0) { /* exactly so much room, and not a byte less */
        EQUAL(n6_reduce(&tensor, what, data, out, (uint32_t)size - 1, count, &selection),
              N6_REDUCE_TOO_LARGE);
    }
    EQUAL(n6_reduce(&tensor, what, data, out, (uint32_t)size, count, &selection), size);
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

/* Index of a value in a table that is stored by rows or by columns. */
static uint32_t place(uint32_t row, uint32_t channel, uint32_t width, bool columns)
{
    return columns ? channel * (ELEMENTS / width) + row : row * width + channel;
}

/* The first largest of some channels of a row. */
static uint32_t best_channel(uint8_t dtype, uint32_t row, uint32_t first, uint32_t count,
                             uint32_t width, bool columns)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < count; i++) {
        if (larger(value_of(dtype, place(row, first + i, width, columns)),
                   value_of(dtype, place(row, first + best, width, columns)))) {
            best = i;
        }
    }
    return best;
}

/* A value of the tensor as a threshold, or 0.5 instead of NaN. */
static double limit_at(uint8_t dtype, uint32_t index, n6_return_t *what)
{
    const float half = 0.5f;

    what->threshold = (uint32_t)bits_of(dtype, index);
    if (!isnan(value_of(dtype, index))) {
        return value_of(dtype, index);
    }
    memcpy(&what->threshold, &half, 4);
    return 0.5;
}

static void class_map_round(uint8_t dtype, uint32_t width, bool columns)
{
    n6_return_t what = {.reduction =
                            columns ? N6_REDUCTION_CLASS_MAP_COLUMNS : N6_REDUCTION_CLASS_MAP,
                        .channels = (uint16_t)width};
    const double limit = limit_at(dtype, 7, &what);
    const uint32_t rows = ELEMENTS / width;
    uint32_t count = 0;
    uint32_t row = 0;
    const uint32_t used = reduce(dtype, &what, &count);

    EQUAL(used, count * 2);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *run = out + (size_t)i * 2;
        CHECK(i == 0 || run[0] != run[-2] || run[-1] == 255); /* runs are as long as possible */
        for (uint32_t more = 0; more <= run[1]; more++, row++) {
            const uint32_t best = width == 1 ? value_of(dtype, row) >= limit
                                             : best_channel(dtype, row, 0, width, width, columns);
            EQUAL(run[0], best);
        }
    }
    EQUAL(row, rows);
}

static void class_map(void)
{
    static const uint32_t widths[] = {1, 2, 3, 5, 15, 16, 20, 96, 240};

    for (uint32_t round = 0; round < 4 * 9 * 2; round++) {
        fill(dtypes[round % 4], round + 300);
        class_map_round(dtypes[round % 4], widths[round / 4 % 9], round >= 36);
    }
    for (uint32_t i = 0; i < 4; i++) { /* long runs */
        memset(data, 0, sizeof data);
        class_map_round(dtypes[i], 1, false);
        class_map_round(dtypes[i], 2, i % 2 == 0);
    }
}

static void detections_round(uint32_t round, uint8_t dtype, uint32_t width, uint16_t k,
                             bool columns)
{
    const uint32_t channel = round % width;
    const uint32_t scores = round % 3 == 0 ? width - channel : 1 + round % (width - channel);
    const uint32_t size = size_of(dtype);
    const uint32_t record = 8 + ((width - scores + 1) * size + 3) / 4 * 4;
    n6_return_t what = {.reduction =
                            columns ? N6_REDUCTION_DETECTIONS_COLUMNS : N6_REDUCTION_DETECTIONS,
                        .channels = (uint16_t)width,
                        .channel = (uint16_t)channel,
                        .length = round % 3 == 0 ? 0 : scores,
                        .k = k};
    uint32_t passed = 0;
    uint32_t used = 0;
    uint32_t total = 0;
    double limit = NAN;

    fill(dtype, round + 400);
    limit = limit_at(dtype, 7, &what);
    used = reduce(dtype, &what, &total);
    for (uint32_t row = 0; row < ELEMENTS / width; row++) {
        const uint32_t best = best_channel(dtype, row, channel, scores, width, columns);
        const uint8_t *at = out + (size_t)passed * record;
        n6_detected_t detected = {0};

        if (!(value_of(dtype, place(row, channel + best, width, columns)) >= limit) ||
            passed++ >= k) {
            continue;
        }
        memcpy(&detected, at, sizeof detected);
        EQUAL(detected.index, row);
        EQUAL(detected.best, best);
        EQUAL(detected.reserved, 0);
        at += sizeof detected;
        for (uint32_t c = 0; c < width; c++) {
            if (c < channel || c >= channel + scores || c == channel + best) {
                BYTES(at, data + (size_t)place(row, c, width, columns) * size, size);
                at += size;
            }
        }
        for (; at < out + (size_t)passed * record; at++) {
            EQUAL(*at, 0);
        }
    }
    EQUAL(total, passed);
    EQUAL(used, (passed < k ? passed : k) * record);
}

static void detections(void)
{
    static const uint32_t widths[] = {1, 2, 3, 5, 32, 96};

    for (uint32_t round = 0; round < 4 * 6 * 6; round++) {
        for (uint16_t k = 1; k <= 1000; k = (uint16_t)(k * 9)) {
            detections_round(round, dtypes[round % 4], widths[round / 4 % 6], k, round >= 72);
        }
    }
}

/* The rows of one selection, from a tensor of another type and width. */
static void same_rows(void)
{
    static const uint8_t selections[] = {N6_REDUCTION_THRESHOLD, N6_REDUCTION_THRESHOLD_COLUMNS,
                                         N6_REDUCTION_DETECTIONS, N6_REDUCTION_DETECTIONS_COLUMNS};

    for (uint32_t round = 0; round < 4 * 4 * 3; round++) {
        const uint8_t dtype = dtypes[round % 4];
        n6_return_t what = {.reduction = selections[round / 4 % 4],
                            .channels = 6,
                            .channel = 2,
                            .k = (uint16_t)(round < 32 ? 200 : 10)};
        const n6_return_t same = {.reduction = N6_REDUCTION_SAME_ROWS, .channels = 4};
        const uint8_t other = dtypes[round % 3];
        n6_tensor_t rows_of_four = {.dtype = other, .ndim = 3, .shape = {1, 160, 4}};
        static uint8_t rows_of[160 * 4 * 4];
        n6_selection_t selection = {0};
        uint32_t rows = 0;
        uint32_t count = 0;

        fill(dtype, round + 500);
        (void)limit_at(dtype, 7, &what);
        rows_of_four.size = 160 * 4 * size_of(other);
        const n6_tensor_t tensor = tensor_of(dtype, &what);
        EQUAL(n6_reduce_check(&rows_of_four, &same, &rows), N6_MISTAKE_SELECTION);
        EQUAL(n6_reduce_check(&tensor, &what, &rows), N6_MISTAKE_NONE);
        EQUAL(rows, 160);
        EQUAL(n6_reduce_check(&rows_of_four, &same, &rows), N6_MISTAKE_NONE);
        rows++;
        EQUAL(n6_reduce_check(&rows_of_four, &same, &rows), N6_MISTAKE_SELECTION);

        const int32_t used = n6_reduce(&tensor, &what, data, out, ROOM, &count, &selection);
        CHECK(used > 0);
        const uint32_t width = 4 * size_of(other);
        const uint32_t size = selection.count * width;
        EQUAL((uint32_t)used, selection.count * selection.size);
        EQUAL(selection.count, count < what.k ? count : what.k);
        fill(other, round + 600);
        EQUAL(n6_reduce(&rows_of_four, &same, data, rows_of, size - 1, &count, &selection),
              N6_REDUCE_TOO_LARGE);
        EQUAL(n6_reduce(&rows_of_four, &same, data, rows_of, size, &count, &selection),
              (int32_t)size);
        EQUAL(count, selection.count);
        for (uint32_t i = 0; i < selection.count; i++) {
            uint32_t row = 0;
            memcpy(&row, out + (size_t)i * selection.size, sizeof row);
            BYTES(rows_of + (size_t)i * width, data + (size_t)row * width, width);
        }
    }
}

/* A class is one byte. */
static void classes_of_a_map(void)
{
    uint32_t rows = 0;

    for (uint16_t channels = 255; channels < 259; channels++) {
        const n6_return_t what = {.reduction = N6_REDUCTION_CLASS_MAP, .channels = channels};
        const n6_tensor_t tensor = {
            .dtype = N6_DTYPE_INT8, .ndim = 2, .shape = {3, channels}, .size = 3u * channels};
        EQUAL(n6_reduce_check(&tensor, &what, &rows),
              channels <= 256 ? N6_MISTAKE_NONE : N6_MISTAKE_TENSOR);
    }
    const n6_tensor_t one = {.dtype = N6_DTYPE_FLOAT32, .ndim = 3, .shape = {1, 1, 1}, .size = 4};
    n6_return_t what = {.reduction = N6_REDUCTION_CLASS_MAP_COLUMNS, .channels = 1};
    EQUAL(n6_reduce_check(&one, &what, &rows), N6_MISTAKE_NONE);
    what.threshold = 0x7fc00000;
    EQUAL(n6_reduce_check(&one, &what, &rows), N6_MISTAKE_THRESHOLD);
}

static void raw(void)
{
    uint32_t count = 0;
    uint32_t rows = 0;
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
    EQUAL(n6_reduce_check(&tensor, &what, &rows), N6_MISTAKE_NONE); /* of any type */
    what.length = 87;
    EQUAL(n6_reduce_check(&tensor, &what, &rows), N6_MISTAKE_NONE);
    what.length = 88;
    EQUAL(n6_reduce_check(&tensor, &what, &rows), N6_MISTAKE_LENGTH);
    what.offset = 100;
    what.length = 0;
    EQUAL(n6_reduce_check(&tensor, &what, &rows), N6_MISTAKE_OFFSET);
    what.offset = 1;
    what.length = 0xffffffff;
    EQUAL(n6_reduce_check(&tensor, &what, &rows), N6_MISTAKE_LENGTH);
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
        {N6_MISTAKE_REDUCTION, N6_DTYPE_INT8, {.reduction = N6_REDUCTION_SAME_ROWS + 1}},
        {N6_MISTAKE_REDUCTION, N6_DTYPE_INT8, {.reduction = 255}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 1, .channels = 0}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 1, .channels = 3}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 1, .channels = 8}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 3, .channels = 3, .k = 1}},
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
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 5, .channels = 3}},
        {N6_MISTAKE_TENSOR, N6_DTYPE_INT32, {.reduction = 5, .channels = 4}},
        {N6_MISTAKE_NONE, N6_DTYPE_FLOAT32, {.reduction = 5, .channels = 4}},
        {N6_MISTAKE_CHANNEL, N6_DTYPE_INT8, {.reduction = 6, .channels = 4, .k = 1, .channel = 4}},
        {N6_MISTAKE_LENGTH,
         N6_DTYPE_INT8,
         {.reduction = 6, .channels = 4, .k = 1, .channel = 1, .length = 4}},
        {N6_MISTAKE_NONE,
         N6_DTYPE_INT8,
         {.reduction = 6, .channels = 4, .k = 1, .channel = 1, .length = 3}},
        {N6_MISTAKE_K, N6_DTYPE_INT8, {.reduction = 6, .channels = 4}},
        {N6_MISTAKE_THRESHOLD,
         N6_DTYPE_FLOAT32,
         {.reduction = 6, .channels = 4, .k = 1, .threshold = 0xffc00000}},
        {N6_MISTAKE_NONE, N6_DTYPE_INT8, {.reduction = 9, .channels = 4}},
        {N6_MISTAKE_CHANNELS, N6_DTYPE_INT8, {.reduction = 9, .channels = 120}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) { /* [2, 120, 4] */
        uint32_t rows = 240;
        const n6_tensor_t tensor = {.dtype = cases[i].dtype,
                                    .ndim = 3,
                                    .shape = {2, ELEMENTS / 8, 4},
                                    .size = ELEMENTS * size_of(cases[i].dtype)};
        EQUAL(n6_reduce_check(&tensor, &cases[i].what, &rows), cases[i].mistake);
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
        {N6_REDUCTION_DETECTIONS, 3, {2, 80, 6}, 6},
        {N6_REDUCTION_DETECTIONS_COLUMNS, 3, {1, 6, 160}, 6},
        {N6_REDUCTION_DETECTIONS_COLUMNS, 3, {2, 6, 80}, 0},
        {N6_REDUCTION_CLASS_MAP, 4, {1, 16, 10, 6}, 6},
        {N6_REDUCTION_CLASS_MAP_COLUMNS, 4, {1, 6, 16, 10}, 6},
        {N6_REDUCTION_CLASS_MAP_COLUMNS, 3, {6, 16, 10}, 6},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        n6_tensor_t tensor = {.dtype = N6_DTYPE_INT8, .ndim = cases[i].ndim, .size = ELEMENTS};
        memcpy(tensor.shape, cases[i].shape, sizeof tensor.shape);
        for (uint16_t channels = 0; channels < 1000; channels++) {
            const n6_return_t what = {
                .reduction = cases[i].reduction, .channels = channels, .k = 1};
            uint32_t rows = 0;
            const n6_mistake_t mistake = n6_reduce_check(&tensor, &what, &rows);
            if (cases[i].channels == 0) {
                EQUAL(mistake, N6_MISTAKE_TENSOR);
            } else {
                const bool parts = channels > 0 && cases[i].channels % channels == 0 &&
                                   (cases[i].reduction == N6_REDUCTION_THRESHOLD ||
                                    cases[i].reduction == N6_REDUCTION_DETECTIONS);
                const bool fits = parts || channels == cases[i].channels ||
                                  (channels == 1 && cases[i].reduction % 2 == 1 && /* class maps */
                                   cases[i].reduction >= N6_REDUCTION_CLASS_MAP);
                EQUAL(mistake, fits ? N6_MISTAKE_NONE : N6_MISTAKE_CHANNELS);
            }
        }
    }
}

const n6_test_t n6_reduce_tests[] = {
    TEST(argmax),
    TEST(topk),
    TEST(threshold),
    TEST(class_map),
    TEST(detections),
    TEST(same_rows),
    TEST(classes_of_a_map),
    TEST(raw),
    TEST(checks),
    TEST(axes),
    TESTS_END,
};
