/* See litert_signature.h. */
#include "litert_signature.h"

#include <string.h>

static void read_quantisation(litert_network_t *network, lrt_tensor_t *from,
                              litert_tensor_t *tensor)
{
    const lrt_api_t *api = network->api;
    lrt_per_tensor_t whole;
    lrt_per_channel_t each;
    int kind = 0;
    api->GetQuantizationTypeId(from, &kind);
    if (kind == LRT_PER_TENSOR && !api->GetPerTensorQuantization(from, &whole)) {
        tensor->scale = whole.scale;
        tensor->zero_point = (int32_t)whole.zero_point;
    } else if (kind == LRT_PER_CHANNEL && !api->GetPerChannelQuantization(from, &each)) {
        float *scales = n6_litert_keep(network, each.channels * sizeof(*scales));
        int32_t *zero_points = n6_litert_keep(network, each.channels * sizeof(*zero_points));
        for (uint64_t i = 0; i < each.channels; i++) {
            scales[i] = each.scales[i];
            zero_points[i] = (int32_t)each.zero_points[i];
        }
        tensor->channels = (uint32_t)each.channels;
        tensor->axis = (uint32_t)each.axis;
        tensor->scales = scales;
        tensor->zero_points = zero_points;
    }
}

void n6_litert_set_shape(litert_tensor_t *tensor, const lrt_layout_t *layout)
{
    tensor->rank = LRT_RANK(layout);
    memcpy(tensor->shape, layout->shape, sizeof(tensor->shape));
}

/* The description of a tensor in the file. */
static int read_tensor(litert_load_t *load, litert_signature_t *self, int side, size_t index)
{
    const lrt_api_t *api = load->self->api;
    litert_tensor_t *tensor = &self->tensor[side][index];
    const bool input = side == LITERT_INPUT;
    lrt_tensor_t *from = NULL;
    lrt_tensor_type_t type;
    if ((input ? api->GetSignatureInputTensorByIndex
               : api->GetSignatureOutputTensorByIndex)(self->signature, index, &from) ||
        (input ? api->GetSignatureInputName : api->GetSignatureOutputName)(self->signature, index,
                                                                           &tensor->name) ||
        api->GetRankedTensorType(from, &type)) {
        return n6_litert_fail(load, "%s %zu has no number of dimensions",
                              input ? "input" : "output", index);
    }
    tensor->name = n6_litert_keep_text(load->self, tensor->name ? tensor->name : "");
    for (size_t i = 0; i < index; i++) {
        if (!strcmp(self->tensor[side][i].name, tensor->name)) {
            return n6_litert_fail(load, "two of its tensors have the name '%s'", tensor->name);
        }
    }
    for (size_t i = 0; i < self->seen_count; i++) {
        if (self->seen[i] == from) {
            return n6_litert_fail(load,
                                  "tensor %s is one tensor with another input or output, which "
                                  "LiteRT's CompiledModel leaves without values",
                                  tensor->name);
        }
    }
    self->seen[self->seen_count++] = from;
    tensor->element = type.element;
    n6_litert_set_shape(tensor, &type.layout);
    read_quantisation(load->self, from, tensor);
    return 0;
}

static int read_side(litert_load_t *load, litert_signature_t *self, int side)
{
    const lrt_api_t *api = load->self->api;
    size_t *count = &self->count[side];
    if ((side == LITERT_INPUT ? api->GetNumSignatureInputs
                              : api->GetNumSignatureOutputs)(self->signature, count)) {
        *count = 0;
    }
    if (n6_litert_check_count(load, side, *count)) {
        return -1;
    }
    for (size_t i = 0; i < *count; i++) {
        if (read_tensor(load, self, side, i)) {
            return -1;
        }
    }
    return 0;
}

int n6_litert_signature_read(litert_load_t *load, litert_signature_t *self)
{
    if (load->self->api->GetModelSignature(load->self->model, 0, &self->signature)) {
        return n6_litert_fail(load, "LiteRT does not describe it");
    }
    return read_side(load, self, LITERT_INPUT) || read_side(load, self, LITERT_OUTPUT) ? -1 : 0;
}
