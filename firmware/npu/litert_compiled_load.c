/* See litert_compiled_load.h. */
#include "litert_compiled_load.h"

#include <stdio.h>
#include <string.h>

#include "litert_compiled.h"
#include "litert_signature.h"

enum { MAX_TRIES = 4 };

/* ---- shapes ---- */

/* The stored shape of an input. */
static int shape_input(litert_load_t *load, litert_signature_t *file, size_t index)
{
    litert_tensor_t *tensor = &file->tensor[LITERT_INPUT][index];
    lrt_layout_t layout = {0};
    if (load->self->api->GetCompiledModelInputTensorLayout(load->self->compiled, 0, index,
                                                           &layout)) {
        return n6_litert_fail(load, "LiteRT gives no shape of input %s", tensor->name);
    }
    n6_litert_set_shape(tensor, &layout);
    return 0;
}

static int shape_inputs(litert_load_t *load, litert_signature_t *file)
{
    for (size_t i = 0; i < file->count[LITERT_INPUT]; i++) {
        if (shape_input(load, file, i)) {
            return -1;
        }
    }
    return 0;
}

/* Reads the present shapes of the outputs from LiteRT. */
static int shape_outputs(litert_load_t *load, litert_signature_t *file, bool allocate,
                         bool *changed)
{
    litert_network_t *self = load->self;
    const size_t count = file->count[LITERT_OUTPUT];
    lrt_layout_t layout[LITERT_MAX_TENSORS];
    memset(layout, 0, sizeof(layout));
    if (self->api->GetCompiledModelOutputTensorLayouts(self->compiled, 0, count, layout,
                                                       allocate)) {
        char text[160];
        n6_litert_compiled_reason(self, text, sizeof(text));
        return n6_litert_fail(load, "LiteRT cannot prepare it: %s", text);
    }
    for (size_t i = 0; i < count; i++) {
        const litert_tensor_t before = file->tensor[LITERT_OUTPUT][i];
        litert_tensor_t *tensor = &file->tensor[LITERT_OUTPUT][i];
        n6_litert_set_shape(tensor, &layout[i]);
        *changed =
            *changed || before.rank != tensor->rank ||
            memcmp(before.shape, tensor->shape, tensor->rank * sizeof(tensor->shape[0])) != 0;
    }
    return 0;
}

/* ---- buffers ---- */

static int make_buffer(litert_load_t *load, int side, size_t index, const litert_tensor_t *tensor,
                       size_t size)
{
    litert_network_t *self = load->self;
    lrt_tensor_type_t type = {.element = tensor->element, .layout.rank = tensor->rank};
    for (uint32_t i = 0; i < tensor->rank; i++) {
        type.layout.shape[i] = tensor->shape[i] > 0 ? tensor->shape[i] : 1;
    }
    if (self->api->CreateTensorBufferFromHostMemory(&type, self->memory[side][index], size, NULL,
                                                    &self->buffer[side][index])) {
        return n6_litert_fail(load, "LiteRT takes no memory for tensor %s", tensor->name);
    }
    return 0;
}

static int make_buffers(litert_load_t *load, litert_signature_t *file, int side)
{
    const n6_network_t *about = &load->self->about;
    const n6_tensor_t *tensor = side == LITERT_INPUT ? about->input : about->output;
    n6_litert_compiled_drop(load->self, side);
    for (size_t i = 0; i < file->count[side]; i++) {
        if (make_buffer(load, side, i, &file->tensor[side][i], tensor[i].size)) {
            return -1;
        }
    }
    return 0;
}

static int map_memory(litert_load_t *load, litert_signature_t *file)
{
    litert_network_t *self = load->self;
    for (size_t i = 0; i < file->count[LITERT_INPUT]; i++) {
        self->memory[LITERT_INPUT][i] = n6_litert_map(self, self->about.input[i].size);
        if (!self->memory[LITERT_INPUT][i]) {
            return n6_litert_fail(load, "there is no memory for its inputs");
        }
    }
    for (size_t i = 0; i < file->count[LITERT_OUTPUT]; i++) {
        self->memory[LITERT_OUTPUT][i] = n6_litert_map(self, LITERT_MAX_BYTES);
        if (!self->memory[LITERT_OUTPUT][i]) {
            return n6_litert_fail(load, "there is no memory for its outputs");
        }
    }
    return 0;
}

/* ---- loading ---- */

static int prepare(litert_load_t *load)
{
    int status = n6_litert_compiled_prepare(load->self);
    return status ? n6_litert_fail(load, "LiteRT cannot prepare it (status %d)", status) : 0;
}

/* The buffers of the outputs, with the sizes that are known so far. */
static int guess_outputs(litert_load_t *load, litert_signature_t *file)
{
    n6_litert_compiled_drop(load->self, LITERT_OUTPUT);
    for (size_t i = 0; i < file->count[LITERT_OUTPUT]; i++) {
        const litert_tensor_t *tensor = &file->tensor[LITERT_OUTPUT][i];
        const size_t size = n6_litert_bytes(tensor);
        if (make_buffer(load, LITERT_OUTPUT, i, tensor, size ? size : 1)) {
            return -1;
        }
    }
    return 0;
}

/* Runs, and detects whether the outputs were written. */
static int invoke(litert_load_t *load, const litert_signature_t *file, unsigned char mark)
{
    litert_network_t *self = load->self;
    const size_t count = file->count[LITERT_OUTPUT];
    for (size_t i = 0; i < count; i++) {
        memset(self->memory[LITERT_OUTPUT][i], mark,
               n6_litert_bytes(&file->tensor[LITERT_OUTPUT][i]));
    }
    int status = n6_litert_compiled_invoke(self, count);
    n6_litert_compiled_reason(self, self->failure, sizeof(self->failure));
    for (size_t i = 0; !status && i < count; i++) {
        const unsigned char *at = self->memory[LITERT_OUTPUT][i];
        size_t left = n6_litert_bytes(&file->tensor[LITERT_OUTPUT][i]);
        while (left && *at == mark) {
            at++;
            left--;
        }
        if (!left) {
            snprintf(self->failure, sizeof(self->failure), "output %s is not written",
                     file->tensor[LITERT_OUTPUT][i].name);
            status = LRT_RUNTIME_FAILURE;
        }
    }
    return status;
}

/*
 * Runs with the present input memory. A run in which an output gets another size may write the
 * output, or fail and report the new size. The second run is checked as well: CompiledModel writes
 * some outputs in only one of the two.
 */
static int try_once(litert_load_t *load, litert_signature_t *file)
{
    bool bad = true;
    bool changed = true;
    for (int tries = 0; bad && changed && tries < MAX_TRIES; tries++) {
        if ((tries && prepare(load)) || guess_outputs(load, file)) {
            return -1;
        }
        changed = false;
        bad = invoke(load, file, 0x55) != 0;
        if (shape_outputs(load, file, false, &changed)) {
            return -1;
        }
        bad = bad || changed || invoke(load, file, 0xaa) != 0;
    }
    return bad ? n6_litert_fail(load, "it does not run on zeros or ones: %s", load->self->failure)
               : 0;
}

/* An integer network may divide by its input, or compute its logarithm. */
static void fill_with_ones(litert_network_t *self)
{
    for (size_t i = 0; i < self->about.inputs; i++) {
        const n6_tensor_t *tensor = &self->about.input[i];
        size_t width = tensor->size;
        for (size_t j = 0; j < tensor->ndim; j++) {
            width /= tensor->shape[j];
        }
        const uint64_t one = tensor->dtype == N6_DTYPE_FLOAT32   ? 0x3f800000
                             : tensor->dtype == N6_DTYPE_FLOAT16 ? 0x3c00
                             : tensor->dtype == N6_DTYPE_FLOAT64 ? 0x3ff0000000000000
                                                                 : 1;
        for (size_t at = 0; at < tensor->size; at += width) {
            memcpy((char *)self->memory[LITERT_INPUT][i] + at, &one, width);
        }
    }
}

static int try_out(litert_load_t *load, litert_signature_t *file)
{
    litert_network_t *self = load->self;
    if (try_once(load, file)) {
        fill_with_ones(self);
        if (prepare(load) || try_once(load, file)) {
            return -1;
        }
    }
    if (!self->events) {
        return n6_litert_fail(load, "LiteRT's profiler reports no operator");
    }
    for (int i = 0; i < self->events; i++) { /* the names are in the profiler's memory */
        self->event[i].name = n6_litert_keep_text(self, self->event[i].name);
    }
    return 0;
}

static int read_file(litert_load_t *load, litert_signature_t *file)
{
    const lrt_api_t *api = load->self->api;
    int status =
        api->CreateModelFromFile(load->environment, load->source->path, &load->self->model);
    if (status) {
        return n6_litert_fail(load, "LiteRT cannot read it (status %d)", status);
    }
    return prepare(load) || n6_litert_signature_read(load, file) || shape_inputs(load, file) ? -1
                                                                                             : 0;
}

int n6_litert_compiled_load(litert_load_t *load)
{
    litert_signature_t *file = n6_litert_keep(load->self, sizeof(*file));
    bool changed = false;
    load->self->engine = &n6_litert_compiled;
    if (read_file(load, file) ||
        n6_litert_describe(load, LITERT_INPUT, file->tensor[LITERT_INPUT],
                           file->count[LITERT_INPUT]) ||
        shape_outputs(load, file, true, &changed) || map_memory(load, file) ||
        make_buffers(load, file, LITERT_INPUT) || try_out(load, file) ||
        n6_litert_describe(load, LITERT_OUTPUT, file->tensor[LITERT_OUTPUT],
                           file->count[LITERT_OUTPUT])) {
        return -1;
    }
    return prepare(load) || make_buffers(load, file, LITERT_OUTPUT) ? -1 : 0;
}
