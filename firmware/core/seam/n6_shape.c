/* See n6_shape.h. */
#include "n6_shape.h"

static bool is_side(uint32_t length)
{
    return length > 0 && length <= UINT16_MAX;
}

n6_shape_t n6_shape_of(const n6_tensor_t *tensor)
{
    const n6_shape_t none = {0};
    const uint32_t *axis = tensor->shape;
    const bool planar = axis[3] != 1 && axis[3] != 3;
    const uint32_t channels = axis[planar ? 1 : 3];
    const uint32_t height = axis[planar ? 2 : 1];
    const uint32_t width = axis[planar ? 3 : 2];

    if (tensor->ndim != 4 || axis[0] != 1 || !is_side(height) || !is_side(width) ||
        (channels != 1 && channels != 3)) {
        return none;
    }
    const uint64_t elements = (uint64_t)height * width * channels;
    const uint64_t element = tensor->size / elements;
    if (element * elements != tensor->size || (element != 1 && element != 2 && element != 4)) {
        return none;
    }
    return (n6_shape_t){(uint16_t)height, (uint16_t)width, (uint8_t)channels, (uint8_t)element,
                        planar};
}
