/*
 * reference.c - the int8 runtime that reference.h describes.
 *
 * It processes tables from reference_weights.py: a network is a list of layers, a layer contains
 * the offsets of its input and output in the arena (or in the caller's input slot), and an epoch
 * block consists of consecutive layers. The operators and their rounding are defined at the top of
 * reference_networks.py. This file is small for two reasons:
 *
 *   - The zero point of a convolution's input is included in its bias, and its border is written
 *     before it runs, so that a convolution consists only of dot products of patches.
 *   - Sums are exact int32 and every result is rounded once, from 64 bits, so that the order of
 *     summation, and with it the kernel (reference_kernels.h), does not change the result.
 */
#include "reference.h"

#include "reference_kernels.h"

enum {
    IN_SLOT = 0x8000, /* an offset in the caller's input slot, not in the arena */
    MAX_CHANNELS = 16,
    MAX_PATCH = 128,
    LARGEST = 127,
};

_Static_assert((int)N6_REFERENCE_ARENA <= (int)IN_SLOT, "places in the arena are 15 bits");

typedef enum {
    OP_CONV,
    OP_DENSE,
    OP_DEPTHWISE,
    OP_ADD,
    OP_RESIZE,
    OP_SOFTMAX,
    OP_ARGMAX,
} op_t;

typedef struct {
    uint8_t op;
    uint8_t height, width, channels;       /* of the input */
    uint8_t y_height, y_width, y_channels; /* of the output */
    uint8_t kernel, stride, pad;
    uint16_t x, x2, y; /* offsets of the inputs and of the output */
    int16_t x_zero, x2_zero, y_zero, lowest;
    const int8_t *
        weights; /* [y_channels][kernel][kernel][channels], Depthwise: [kernel][kernel][channels] */
    const int32_t *bias;       /* of each output channel; Softmax: the exponentials */
    const int32_t *multiplier; /* of each output channel; Add: of each input */
    const uint8_t *shift;      /* of each output channel; Add: one */
} layer_t;

typedef struct {
    n6_network_t network;
    const layer_t *layer;
    const uint16_t *output_at;
    uint32_t weights;
    uint32_t activations;
} network_t;

#include "reference_weights.h"

/* floor(value / 2^shift): in C the result of >> for negative numbers depends on the compiler. */
static int64_t shifted(int64_t value, uint8_t shift)
{
    return value < 0 ? ~(~value >> shift) : value >> shift;
}

static int8_t requantise(int64_t product, uint8_t shift, const layer_t *layer)
{
    int64_t value = shifted(product + (INT64_C(1) << (shift - 1)), shift) + layer->y_zero;
    if (value < layer->lowest) {
        value = layer->lowest;
    }
    if (value > LARGEST) {
        value = LARGEST;
    }
    return (int8_t)value;
}

/*
 * Writes the input and its border of zero points to the scratch memory, if it has a border. Returns
 * the input's address.
 */
static const int8_t *bordered(n6_reference_t *self, const layer_t *layer)
{
    const int8_t *x =
        layer->x & IN_SLOT ? self->input + (layer->x & ~IN_SLOT) : self->arena + layer->x;
    if (!layer->pad) {
        return x;
    }
    uint32_t row = (uint32_t)layer->width * layer->channels;
    uint32_t border = (uint32_t)layer->pad * layer->channels;
    uint32_t height = layer->height + 2u * layer->pad;
    memset(self->scratch, layer->x_zero, height * (row + 2 * border));
    for (uint32_t i = 0; i < layer->height; i++) {
        memcpy(self->scratch + (i + layer->pad) * (row + 2 * border) + border, x + i * row, row);
    }
    return self->scratch;
}

static void convolve(const layer_t *layer, const int8_t *x, int8_t *y)
{
    int8_t patch[MAX_PATCH];
    uint32_t pitch = (layer->width + 2u * layer->pad) * layer->channels;
    uint32_t run = (uint32_t)layer->kernel * layer->channels;
    uint32_t size = run * layer->kernel;
    for (uint32_t row = 0; row < layer->y_height; row++) {
        for (uint32_t column = 0; column < layer->y_width; column++) {
            const int8_t *corner =
                x + row * layer->stride * pitch + column * layer->stride * layer->channels;
            for (uint32_t i = 0; i < layer->kernel; i++) {
                memcpy(patch + i * run, corner + i * pitch, run);
            }
            for (uint32_t c = 0; c < layer->y_channels; c++) {
                int64_t sum = dot(patch, layer->weights + c * size, size, layer->bias[c]);
                *y++ = requantise(sum * layer->multiplier[c], layer->shift[c], layer);
            }
        }
    }
}

static void convolve_depthwise(const layer_t *layer, const int8_t *x, int8_t *y)
{
    int32_t sums[MAX_CHANNELS];
    uint32_t channels = layer->channels;
    uint32_t pitch = (layer->width + 2u * layer->pad) * channels;
    for (uint32_t row = 0; row < layer->y_height; row++) {
        for (uint32_t column = 0; column < layer->y_width; column++) {
            const int8_t *corner =
                x + row * layer->stride * pitch + column * layer->stride * channels;
            const int8_t *weights = layer->weights;
            memcpy(sums, layer->bias, channels * sizeof sums[0]);
            for (uint32_t i = 0; i < layer->kernel; i++) {
                for (uint32_t j = 0; j < layer->kernel; j++, weights += channels) {
                    accumulate(sums, corner + i * pitch + j * channels, weights, channels);
                }
            }
            for (uint32_t c = 0; c < channels; c++) {
                *y++ = requantise((int64_t)sums[c] * layer->multiplier[c], layer->shift[c], layer);
            }
        }
    }
}

static void add(const layer_t *layer, const int8_t *x, const int8_t *x2, int8_t *y)
{
    uint32_t size = (uint32_t)layer->height * layer->width * layer->channels;
    for (uint32_t i = 0; i < size; i++) {
        int64_t sum = (int64_t)(x[i] - layer->x_zero) * layer->multiplier[0] +
                      (int64_t)(x2[i] - layer->x2_zero) * layer->multiplier[1];
        y[i] = requantise(sum, layer->shift[0], layer);
    }
}

/* The input pixel that has 3/4 of the weight at an output position, and the other one, repeated at
 * the border. */
static void neighbours(uint32_t position, uint32_t size, uint32_t *near, uint32_t *far)
{
    *near = position / 2;
    *far = *near;
    if (position % 2 && *near + 1 < size) {
        *far = *near + 1;
    }
    if (position % 2 == 0 && *near > 0) {
        *far = *near - 1;
    }
}

static void resize(const layer_t *layer, const int8_t *x, int8_t *y)
{
    uint32_t channels = layer->channels;
    for (uint32_t row = 0; row < layer->y_height; row++) {
        uint32_t near_row = 0;
        uint32_t far_row = 0;
        neighbours(row, layer->height, &near_row, &far_row);
        for (uint32_t column = 0; column < layer->y_width; column++) {
            uint32_t near_column = 0;
            uint32_t far_column = 0;
            neighbours(column, layer->width, &near_column, &far_column);
            const int8_t *p = x + (near_row * layer->width + near_column) * channels;
            const int8_t *q = x + (near_row * layer->width + far_column) * channels;
            const int8_t *r = x + (far_row * layer->width + near_column) * channels;
            const int8_t *t = x + (far_row * layer->width + far_column) * channels;
            for (uint32_t c = 0; c < channels; c++) {
                *y++ = (int8_t)shifted(9 * p[c] + 3 * q[c] + 3 * r[c] + t[c] + 8, 4);
            }
        }
    }
}

static uint32_t first_maximum(const int8_t *x, uint32_t size)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < size; i++) {
        if (x[i] > x[best]) {
            best = i;
        }
    }
    return best;
}

static void softmax(const layer_t *layer, const int8_t *x, int8_t *y)
{
    int32_t largest = x[first_maximum(x, layer->channels)];
    uint32_t sum = 0;
    for (uint32_t i = 0; i < layer->channels; i++) {
        sum += (uint32_t)layer->bias[largest - x[i]];
    }
    for (uint32_t i = 0; i < layer->channels; i++) {
        uint32_t part = (256 * (uint32_t)layer->bias[largest - x[i]] + sum / 2) / sum;
        y[i] = (int8_t)(part > 255 ? LARGEST : (int32_t)part - 128);
    }
}

/* x is the input with its border. */
static void run_layer(n6_reference_t *self, const layer_t *layer, const int8_t *x)
{
    int8_t *y = self->arena + layer->y;
    switch ((op_t)layer->op) {
    case OP_CONV:
    case OP_DENSE:
        convolve(layer, x, y);
        break;
    case OP_DEPTHWISE:
        convolve_depthwise(layer, x, y);
        break;
    case OP_ADD:
        add(layer, x,
            layer->x2 & IN_SLOT ? self->input + (layer->x2 & ~IN_SLOT) : self->arena + layer->x2,
            y);
        break;
    case OP_RESIZE:
        resize(layer, x, y);
        break;
    case OP_SOFTMAX:
        softmax(layer, x, y);
        break;
    case OP_ARGMAX: {
        int32_t index = (int32_t)first_maximum(x, layer->channels);
        memcpy(y, &index, sizeof index);
        break;
    }
    }
}

static int start(void *context, uint16_t network, const void *input, n6_block_time_t *times)
{
    n6_reference_t *self = context;
    if (network >= N6_REFERENCE_NETWORKS) {
        return N6_REFERENCE_BAD_NETWORK;
    }
    self->current = network;
    self->block = 0;
    self->input = input;
    self->times = times;
    self->running = 1;
    return 0;
}

static int step(void *context)
{
    n6_reference_t *self = context;
    if (!self->running) {
        return N6_REFERENCE_NOT_STARTED;
    }
    const network_t *network = &reference_networks[self->current];
    const n6_block_t *block = &network->network.block[self->block];
    const layer_t *layer = &network->layer[block->first - 1];
    const layer_t *end = &network->layer[block->last];

    uint64_t begun = self->now(self->now_context);
    const int8_t *x = bordered(self, layer);
    uint64_t prepared = self->now(self->now_context);
    run_layer(self, layer, x);
    while (++layer < end) {
        run_layer(self, layer, bordered(self, layer));
    }
    uint64_t done = self->now(self->now_context);

    if (self->times) {
        n6_block_time_t time = {.start = begun, .pre = prepared - begun, .core = done - prepared};
        if (block->kind == N6_EPOCH_KIND_SW) {
            time = (n6_block_time_t){.start = begun, .post = done - begun};
        }
        self->times[self->block] = time;
    }
    if (++self->block < network->network.blocks) {
        return N6_NPU_RUNNING;
    }
    self->running = 0;
    return N6_NPU_DONE;
}

static void stop(void *context)
{
    n6_reference_t *self = context;
    self->running = 0;
}

static const void *output(void *context, uint8_t index)
{
    const n6_reference_t *self = context;
    return self->arena + reference_networks[self->current].output_at[index];
}

/* The address in memory on a 32-bit machine; 0 on other machines. */
static uint32_t address(const void *memory)
{
    return sizeof memory == sizeof(uint32_t) ? (uint32_t)(uintptr_t)memory : 0;
}

/* CRC-32 of the outputs for the stored input. */
static const uint32_t digests[N6_REFERENCE_NETWORKS] = {0x520aa14d, 0xcb69522c};

/* Squares of colours with a slope, as an image of 48 pixels in a row. */
static void draw_stored(int8_t *stored)
{
    enum { ROW = 48, SQUARE = 6, LIGHT = 100, SLOPE = 28 };

    for (int32_t i = 0; i < N6_REFERENCE_MAX_INPUT; i++) {
        const int32_t pixel = i / 3;
        const int32_t colour = 1 + (pixel % ROW / SQUARE + pixel / ROW / SQUARE) % 7;
        const int32_t value = LIGHT - pixel % SLOPE;

        stored[i] = (int8_t)(((uint32_t)colour >> i % 3) & 1u ? value : -value);
    }
}

int n6_reference_init(n6_reference_t *self, uint64_t (*now)(void *context), void *context,
                      uint8_t timer_source)
{
    memset(self, 0, sizeof *self);
    self->now = now;
    self->now_context = context;
    draw_stored(self->stored);
    for (uint32_t i = 0; i < N6_REFERENCE_NETWORKS; i++) {
        const network_t *network = &reference_networks[i];
        self->pool[i][0] = (n6_pool_t){
            .name = "arena",
            .base = address(self->arena),
            .total = N6_REFERENCE_ARENA,
            .used = network->activations,
            .activations = network->activations,
        };
        self->pool[i][1] = (n6_pool_t){
            .name = "constants",
            .base = address(network->layer[0].weights),
            .total = network->weights,
            .used = network->weights,
            .weights = network->weights,
        };
        self->network[i] = network->network;
        self->network[i].pool = self->pool[i];
        self->network[i].timer_source = timer_source;
        self->network[i].check_input = self->stored;
        self->network[i].check_known = 1;
        self->network[i].check_digest = digests[i];
    }
    return 0;
}

n6_npu_t n6_reference_npu(n6_reference_t *self)
{
    return (n6_npu_t){
        .context = self,
        .network = self->network,
        .networks = N6_REFERENCE_NETWORKS,
        .features = N6_FEATURE_SIMULATED | N6_FEATURE_CHECK,
        .start = start,
        .step = step,
        .stop = stop,
        .output = output,
    };
}
