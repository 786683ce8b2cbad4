/* See litert_describe.h. */
#include "litert_describe.h"

#include <stdio.h>
#include <string.h>

enum { ALIGNMENT = 32 };

static const struct {
    int32_t element; /* TensorFlow Lite's type */
    uint8_t dtype;
    uint8_t size;
} elements[] = {
    {1, N6_DTYPE_FLOAT32, 4}, {2, N6_DTYPE_INT32, 4},    {3, N6_DTYPE_UINT8, 1},
    {4, N6_DTYPE_INT64, 8},   {6, N6_DTYPE_BOOL, 1},     {7, N6_DTYPE_INT16, 2},
    {9, N6_DTYPE_INT8, 1},    {10, N6_DTYPE_FLOAT16, 2}, {11, N6_DTYPE_FLOAT64, 8},
    {13, N6_DTYPE_UINT64, 8}, {16, N6_DTYPE_UINT32, 4},  {17, N6_DTYPE_UINT16, 2},
};

/* ---- names ---- */

/* The first or the last bytes of a text; does not divide a character. */
static const char *last_bytes(const char *text, size_t most)
{
    size_t length = strlen(text);
    const char *at = length > most ? text + length - most : text;
    while (((unsigned char)*at & 0xc0) == 0x80) {
        at++;
    }
    return at;
}

static int first_bytes(const char *text, size_t most)
{
    size_t length = strlen(text);
    length = length > most ? most : length;
    while (length && ((unsigned char)text[length] & 0xc0) == 0x80) {
        length--;
    }
    return (int)length;
}

static bool is_taken(const n6_tensor_t *tensors, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].name && !strcmp(tensors[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void wish(char wanted[N6_LITERT_NAME + 1], int side, size_t index, const char *name)
{
    const size_t room = N6_LITERT_NAME + 1;
    if (!name || !*name) {
        snprintf(wanted, room, "%s_%zu", side == LITERT_INPUT ? "input" : "output", index);
    } else if (strlen(name) <= N6_LITERT_NAME) {
        snprintf(wanted, room, "%s", name);
    } else {
        snprintf(wanted, room, "..%s", last_bytes(name, N6_LITERT_NAME - 2));
    }
}

static void name_tensors(litert_network_t *self, int side, const litert_tensor_t *tensor,
                         n6_tensor_t *about, size_t count)
{
    char wanted[N6_LITERT_NAME + 1];
    char numbered[N6_LITERT_NAME + 1];
    char number[16];
    for (size_t i = 0; i < count; i++) {
        wish(wanted, side, i, tensor[i].name);
        if (!is_taken(about, i, wanted)) {
            about[i].name = n6_litert_keep_text(self, wanted);
        }
    }
    for (size_t i = 0; i < count; i++) {
        wish(wanted, side, i, tensor[i].name);
        for (int n = 1; !about[i].name; n++) {
            snprintf(number, sizeof(number), "_%d", n);
            int head = first_bytes(wanted, N6_LITERT_NAME - strlen(number));
            snprintf(numbered, sizeof(numbered), "%.*s%s", head, wanted, number);
            if (!is_taken(about, count, numbered)) {
                about[i].name = n6_litert_keep_text(self, numbered);
            }
        }
    }
}

/* ---- values ---- */

static uint8_t dtype_of(int32_t element, uint8_t *size)
{
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        if (elements[i].element == element) {
            *size = elements[i].size;
            return elements[i].dtype;
        }
    }
    *size = 0;
    return 0;
}

size_t n6_litert_bytes(const litert_tensor_t *tensor)
{
    uint8_t width = 0;
    dtype_of(tensor->element, &width);
    uint64_t size = tensor->rank <= sizeof(tensor->shape) / sizeof(tensor->shape[0]) ? width : 0;
    for (uint32_t i = 0; size && i < tensor->rank; i++) {
        size *= tensor->shape[i] > 0 ? (uint64_t)tensor->shape[i] : 0;
        size = size > LITERT_MAX_BYTES ? 0 : size;
    }
    return (size_t)size;
}

static int describe_type(litert_load_t *load, const litert_tensor_t *tensor, n6_tensor_t *about)
{
    uint8_t width = 0;
    about->dtype = dtype_of(tensor->element, &width);
    if (!width) {
        return n6_litert_fail(load, "tensor %s has elements of type %d, which no n6link tensor has",
                              about->name, (int)tensor->element);
    }
    if (tensor->rank > N6_LIMIT_MAX_DIMS) {
        return n6_litert_fail(load, "tensor %s has %u dimensions, more than %d", about->name,
                              (unsigned)tensor->rank, N6_LIMIT_MAX_DIMS);
    }
    about->ndim = (uint8_t)tensor->rank;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] <= 0) {
            return n6_litert_fail(load, "tensor %s has no values: its dimension %u is %d",
                                  about->name, (unsigned)i, (int)tensor->shape[i]);
        }
        about->shape[i] = (uint32_t)tensor->shape[i];
    }
    about->size = (uint32_t)n6_litert_bytes(tensor);
    return about->size ? 0 : n6_litert_fail(load, "tensor %s is too large", about->name);
}

static int describe_quantisation(litert_load_t *load, const litert_tensor_t *tensor,
                                 n6_tensor_t *about)
{
    if (tensor->channels > UINT16_MAX) {
        return n6_litert_fail(load, "tensor %s has more than %d scales", about->name, UINT16_MAX);
    }
    about->scale = tensor->scale;
    about->zero_point = tensor->zero_point;
    about->channels = (uint16_t)tensor->channels;
    about->axis = tensor->axis;
    about->scales = tensor->scales;
    about->zero_points = tensor->zero_points;
    return 0;
}

int n6_litert_check_count(litert_load_t *load, int side, size_t count)
{
    return count > 0 && count <= LITERT_MAX_TENSORS
               ? 0
               : n6_litert_fail(load, "it has %zu %s", count,
                                side == LITERT_INPUT ? "inputs" : "outputs");
}

int n6_litert_describe(litert_load_t *load, int side, const litert_tensor_t *tensor, size_t count)
{
    n6_network_t *network = &load->self->about;
    const bool inputs = side == LITERT_INPUT;
    uint64_t end = 0;
    n6_tensor_t *about = n6_litert_keep(load->self, count * sizeof(*about));
    name_tensors(load->self, side, tensor, about, count);
    for (size_t i = 0; i < count; i++) {
        if (describe_type(load, &tensor[i], &about[i]) ||
            describe_quantisation(load, &tensor[i], &about[i])) {
            return -1;
        }
        if (inputs) {
            end = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            about[i].offset = (uint32_t)end;
        }
        end += about[i].size;
        if (end > LITERT_MAX_BYTES) {
            return n6_litert_fail(load, "its tensors are too large");
        }
    }
    *(inputs ? &network->input : &network->output) = about;
    *(inputs ? &network->inputs : &network->outputs) = (uint8_t)count;
    *(inputs ? &network->input_bytes : &network->output_bytes) = (uint32_t)end;
    return 0;
}
