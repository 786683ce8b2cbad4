/*
 * The reductions of this build against its scalar kernels, byte for byte. Where the compiler has a
 * vector unit for n6_reduce.c these are two programs; elsewhere the same one, compiled twice.
 */
#define N6_REDUCE_SCALAR
#define n6_reduce scalar_reduce
#include "n6_reduce.c"
#undef n6_reduce

#include "n6_rig.h"

int32_t n6_reduce(const n6_tensor_t *tensor, const n6_return_t *what, const void *data,
                  uint8_t *out, uint32_t room, uint32_t *count, n6_selection_t *selection);

enum {
    BYTES_MOST = 10240,
    MISALIGNED = 4,
    ROOM = 5 * BYTES_MOST + 1024,
};

static _Alignas(16) uint8_t data[BYTES_MOST + MISALIGNED];
static uint8_t got[ROOM], wanted[ROOM];

static const uint8_t dtypes[] = {N6_DTYPE_INT8, N6_DTYPE_UINT8, N6_DTYPE_INT16, N6_DTYPE_FLOAT32};

static uint32_t seed;

static uint32_t below(uint32_t limit)
{
    return (rig_random(&seed) >> 4) % limit;
}

/* Words of any bits, or few values, of which many are equal. */
static void fill(bool few)
{
    static const uint32_t words[] = {0,          0x80000000, 0x3f800000, 0xbf800000,
                                     0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001,
                                     1,          0x80000001, 0x7f7fffff, 0x80ff7f00};

    for (uint32_t i = 0; i < sizeof data; i += 4) {
        const uint32_t word = few ? words[below(12)] : rig_random(&seed) ^ rig_random(&seed) << 16;
        memcpy(data + i, &word, sizeof word);
    }
}

static void compare(const n6_tensor_t *tensor, const n6_return_t *what, const uint8_t *from)
{
    n6_selection_t selection = {0};
    uint32_t rows = 0;
    uint32_t count;
    uint32_t scalar_count;
    int32_t size = 0;

    EQUAL(n6_reduce_check(tensor, what, &rows), N6_MISTAKE_NONE);
    memset(got, 0xa5, sizeof got);
    memset(wanted, 0xa5, sizeof wanted);
    size = n6_reduce(tensor, what, from, got, sizeof got, &count, &selection);
    EQUAL(size,
          scalar_reduce(tensor, what, from, wanted, sizeof wanted, &scalar_count, &selection));
    EQUAL(count, scalar_count);
    CHECK(size >= 0);
    BYTES(got, wanted, (size_t)size + 64);
}

/* A tensor of whole rows, or of columns, which is mostly where vectors can read it. */
static n6_tensor_t tensor_of(uint8_t dtype, uint32_t channels, bool columns, const uint8_t **from)
{
    const uint32_t size = element_size(dtype);
    const uint32_t rows = 1 + below(BYTES_MOST / size / channels);

    *from = data + (below(4) ? 0 : below(MISALIGNED));
    fill(below(2));
    return (n6_tensor_t){.dtype = dtype,
                         .ndim = 2,
                         .shape = {columns ? channels : rows, columns ? rows : channels},
                         .size = rows * channels * size};
}

static void argmax_kernels(void)
{
    seed = 11;
    for (uint32_t round = 0; round < 400; round++) {
        const uint16_t channels = (uint16_t)(1 + below(round % 3 ? 20 : 300));
        const uint8_t *from = NULL;
        const n6_tensor_t tensor = tensor_of(dtypes[round % 4], channels, false, &from);
        compare(&tensor, &(n6_return_t){.reduction = N6_REDUCTION_ARGMAX, .channels = channels},
                from);
    }
}

static void topk_kernels(void)
{
    seed = 12;
    for (uint32_t round = 0; round < 400; round++) {
        const uint8_t *from = NULL;
        const n6_tensor_t tensor = tensor_of(dtypes[round % 4], 1, false, &from);
        const uint32_t elements = tensor.size / element_size(tensor.dtype);
        const uint32_t offset = below(elements);
        const n6_return_t what = {
            .reduction = N6_REDUCTION_TOPK,
            .offset = offset,
            .length = below(elements - offset + 1),
            .k = (uint16_t)(1 + below(round % 3 ? 4 : N6_LIMIT_MAX_TOPK)),
        };
        compare(&tensor, &what, from);
    }
}

static const uint32_t thresholds[] = {0x80000000, 0x7fffffff, 0xffffff80, 127,        128,
                                      0,          0xffff8000, 32767,      0x3f800000, 0x7f800000,
                                      0xff800000, 1,          255,        0x80000001};

/* A NaN is not a threshold. */
static void compare_if_number(const n6_tensor_t *tensor, const n6_return_t *what,
                              const uint8_t *from)
{
    uint32_t rows = 0;

    if (n6_reduce_check(tensor, what, &rows) != N6_MISTAKE_THRESHOLD) {
        compare(tensor, what, from);
    }
}

static void detections_kernels(void)
{
    seed = 14;
    for (uint32_t round = 0; round < 600; round++) {
        const uint16_t channels = (uint16_t)(1 + below(round % 3 ? 60 : 400));
        const bool columns = round % 2;
        const uint8_t *from = NULL;
        const n6_tensor_t tensor = tensor_of(dtypes[round / 2 % 4], channels, columns, &from);
        const uint16_t channel = (uint16_t)below(channels);
        const n6_return_t what = {
            .reduction = columns ? N6_REDUCTION_DETECTIONS_COLUMNS : N6_REDUCTION_DETECTIONS,
            .channels = channels,
            .channel = channel,
            .length = below(channels - channel + 1u),
            .threshold = thresholds[below(14)],
            .k = (uint16_t)(1 + below(60)),
        };
        compare_if_number(&tensor, &what, from);
    }
}

static void class_map_kernels(void)
{
    seed = 15;
    for (uint32_t round = 0; round < 600; round++) {
        const uint16_t channels = (uint16_t)(1 + below(round % 3 ? 30 : 256));
        const bool columns = round % 2;
        const uint8_t *from = NULL;
        const n6_tensor_t tensor = tensor_of(dtypes[round / 2 % 4], channels, columns, &from);
        const n6_return_t what = {
            .reduction = columns ? N6_REDUCTION_CLASS_MAP_COLUMNS : N6_REDUCTION_CLASS_MAP,
            .channels = channels,
            .threshold = thresholds[below(14)],
        };
        compare_if_number(&tensor, &what, from);
    }
}

static void threshold_kernels(void)
{
    seed = 13;
    for (uint32_t round = 0; round < 400; round++) {
        const uint16_t channels = (uint16_t)(1 + below(60));
        const uint8_t *from = NULL;
        const n6_tensor_t tensor = tensor_of(dtypes[round % 4], channels, round % 5 != 0, &from);
        const n6_return_t what = {
            .reduction = round % 5 ? N6_REDUCTION_THRESHOLD_COLUMNS : N6_REDUCTION_THRESHOLD,
            .channels = channels,
            .channel = (uint16_t)below(channels),
            .threshold = thresholds[below(14)],
            .k = (uint16_t)(1 + below(60)),
        };
        compare_if_number(&tensor, &what, from);
    }
}

const n6_test_t n6_reduce_kernels_tests[] = {
    TEST(argmax_kernels),     TEST(topk_kernels),      TEST(threshold_kernels),
    TEST(detections_kernels), TEST(class_map_kernels), TESTS_END,
};
