/* See litert_tensors.h. */
#include "litert_tensors.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TENSORS = 255, NAME = sizeof(((n6_tensor_record_t *)0)->name), ALIGNMENT = 32 };

static const struct {
    int32_t element; /* TensorFlow Lite's */
    uint8_t dtype;
    uint8_t size;
} elements[] = {
    {1, N6_DTYPE_FLOAT32, 4}, {2, N6_DTYPE_INT32, 4},    {3, N6_DTYPE_UINT8, 1},
    {4, N6_DTYPE_INT64, 8},   {6, N6_DTYPE_BOOL, 1},     {7, N6_DTYPE_INT16, 2},
    {9, N6_DTYPE_INT8, 1},    {10, N6_DTYPE_FLOAT16, 2}, {11, N6_DTYPE_FLOAT64, 8},
    {13, N6_DTYPE_UINT64, 8}, {16, N6_DTYPE_UINT32, 4},  {17, N6_DTYPE_UINT16, 2},
};

static int describe_quantisation(litert_load_t *load, lrt_tensor_t *tensor, n6_tensor_t *about)
{
    const lrt_api_t *api = load->self->api;
    lrt_per_tensor_t whole;
    lrt_per_channel_t each;
    int kind = 0;
    api->GetQuantizationTypeId(tensor, &kind);
    if (kind == LRT_PER_TENSOR && !api->GetPerTensorQuantization(tensor, &whole)) {
        about->scale = whole.scale;
        about->zero_point = (int32_t)whole.zero_point;
    } else if (kind == LRT_PER_CHANNEL && !api->GetPerChannelQuantization(tensor, &each)) {
        if (each.channels > UINT16_MAX) {
            return n6_litert_fail(load, "tensor %s has more than %d scales", about->name,
                                  UINT16_MAX);
        }
        float *scales = n6_litert_keep(load->self, each.channels * sizeof(*scales));
        int32_t *zero_points = n6_litert_keep(load->self, each.channels * sizeof(*zero_points));
        for (uint64_t i = 0; i < each.channels; i++) {
            scales[i] = each.scales[i];
            zero_points[i] = (int32_t)each.zero_points[i];
        }
        about->channels = (uint16_t)each.channels;
        about->axis = (uint32_t)each.axis;
        about->scales = scales;
        about->zero_points = zero_points;
    }
    return 0;
}

static int describe_type(litert_load_t *load, const lrt_tensor_type_t *type, n6_tensor_t *about)
{
    uint32_t rank = type->rank & 0x7f;
    uint64_t size = 0;
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        if (elements[i].element == type->element) {
            about->dtype = elements[i].dtype;
            size = elements[i].size;
        }
    }
    if (!size) {
        return n6_litert_fail(load, "tensor %s has elements of type %d, which no n6link tensor has",
                              about->name, (int)type->element);
    }
    if (rank > N6_LIMIT_MAX_DIMS) {
        return n6_litert_fail(load, "tensor %s has %u dimensions, more than %d", about->name,
                              (unsigned)rank, N6_LIMIT_MAX_DIMS);
    }
    about->ndim = (uint8_t)rank;
    for (uint32_t i = 0; i < rank; i++) {
        if (type->shape[i] <= 0) {
            return n6_litert_fail(
                load, "tensor %s has no fixed shape; convert the network with one", about->name);
        }
        about->shape[i] = (uint32_t)type->shape[i];
        size *= about->shape[i];
        if (size > UINT32_MAX / 4) {
            return n6_litert_fail(load, "tensor %s is too large", about->name);
        }
    }
    about->size = (uint32_t)size;
    return 0;
}

/* The signature's name, unless another tensor looks the same in the NAME bytes of a TensorRecord.
 */
static const char *unique_name(litert_load_t *load, int side, size_t index,
                               const n6_tensor_t *others)
{
    const lrt_api_t *api = load->self->api;
    const char *name = NULL;
    char number[NAME];
    snprintf(number, sizeof(number), "%s_%zu", side == LITERT_INPUT ? "input" : "output", index);
    (side == LITERT_INPUT ? api->GetSignatureInputName
                          : api->GetSignatureOutputName)(load->signature, index, &name);
    for (size_t i = 0; name && i < index; i++) {
        if (!strncmp(others[i].name, name, NAME)) {
            name = NULL;
        }
    }
    return n6_litert_keep_text(load->self, name && *name ? name : number);
}

/* Is the tensor an input or output that has been described? Keeps it, if not. */
static bool is_described(litert_network_t *self, int side, size_t index, const lrt_tensor_t *tensor)
{
    for (int other = LITERT_INPUT; other <= side; other++) {
        size_t count = other == side ? index : self->about.inputs;
        for (size_t i = 0; i < count; i++) {
            if (self->tensor[other][i] == tensor) {
                return true;
            }
        }
    }
    self->tensor[side][index] = tensor;
    return false;
}

static int describe_tensor(litert_load_t *load, int side, size_t index, n6_tensor_t *about)
{
    litert_network_t *self = load->self;
    const lrt_api_t *api = self->api;
    lrt_tensor_t *tensor = NULL;
    lrt_tensor_type_t type;
    lrt_requirements_t *requirements = NULL;
    lrt_buffer_t **buffer = &self->buffer[side][index];
    int kind = 0;
    size_t size = 0;
    if ((side == LITERT_INPUT
             ? api->GetSignatureInputTensorByIndex
             : api->GetSignatureOutputTensorByIndex)(load->signature, index, &tensor) ||
        api->GetRankedTensorType(tensor, &type)) {
        return n6_litert_fail(load, "tensor %s has no fixed shape", about->name);
    }
    if (is_described(self, side, index, tensor)) {
        return n6_litert_fail(load,
                              "tensor %s is one tensor with another input or output, which LiteRT "
                              "leaves without values",
                              about->name);
    }
    if (describe_type(load, &type, about) || describe_quantisation(load, tensor, about)) {
        return -1;
    }
    if ((side == LITERT_INPUT ? api->GetCompiledModelInputBufferRequirements
                              : api->GetCompiledModelOutputBufferRequirements)(
            self->compiled, 0, index, &requirements) ||
        api->CreateManagedTensorBufferFromRequirements(load->environment, &type, requirements,
                                                       buffer) ||
        api->GetTensorBufferType(*buffer, &kind) || kind != LRT_HOST_MEMORY ||
        api->GetTensorBufferSize(*buffer, &size) || size < about->size ||
        api->GetTensorBufferHostMemory(*buffer, &self->memory[side][index])) {
        return n6_litert_fail(load, "LiteRT gives no memory for tensor %s", about->name);
    }
    return 0;
}

int n6_litert_describe_tensors(litert_load_t *load, int side)
{
    litert_network_t *self = load->self;
    n6_network_t *about = &self->about;
    size_t count = 0;
    if ((side == LITERT_INPUT ? self->api->GetNumSignatureInputs
                              : self->api->GetNumSignatureOutputs)(load->signature, &count) ||
        count == 0 || count > MAX_TENSORS) {
        return n6_litert_fail(load, "it has %zu %s", count,
                              side == LITERT_INPUT ? "inputs" : "outputs");
    }
    n6_tensor_t *tensors = n6_litert_keep(self, count * sizeof(*tensors));
    self->tensor[side] = n6_litert_keep(self, count * sizeof(*self->tensor[side]));
    self->buffer[side] = n6_litert_keep(self, count * sizeof(*self->buffer[side]));
    self->memory[side] = n6_litert_keep(self, count * sizeof(*self->memory[side]));
    *(side == LITERT_INPUT ? &about->input : &about->output) = tensors;
    *(side == LITERT_INPUT ? &about->inputs : &about->outputs) = (uint8_t)count;
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        tensors[i].name = unique_name(load, side, i, tensors);
        if (describe_tensor(load, side, i, &tensors[i])) {
            return -1;
        }
        if (side == LITERT_INPUT) {
            end = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            tensors[i].offset = (uint32_t)end;
        }
        end += tensors[i].size;
        if (end > UINT32_MAX / 4) {
            return n6_litert_fail(load, "its tensors are too large");
        }
    }
    *(side == LITERT_INPUT ? &about->input_bytes : &about->output_bytes) = (uint32_t)end;
    return 0;
}
