/* See networks.h. */
#include "networks.h"

#include <stdlib.h>
#include <string.h>

enum {
    NAME = 33, /* bytes of the longest name, and a zero */
};

_Static_assert(sizeof((n6_tensor_record_t){0}.name) < NAME, "names of tensors");
_Static_assert(sizeof((n6_pool_record_t){0}.name) < NAME, "names of pools");
_Static_assert(sizeof((n6_block_record_t){0}.operation) < NAME, "names of operations");

/* Places the next name; its memory is zeroed. */
static const char *keep_name(char **names, const char *name, size_t size)
{
    char *at = *names;

    memcpy(at, name, size);
    *names += NAME;
    return at;
}

/* Per-channel scales of the tensors of one section, in order. */
typedef struct {
    const uint8_t *at;
    uint32_t left;
} scales_t;

static bool read_tensors(n6_serve_network_t *memory, n6_tensor_t *tensor, uint32_t count,
                         const uint8_t *at, scales_t from, char **names, uint32_t *used)
{
    n6_tensor_record_t record;
    n6_scale_record_t scale;

    for (; count > 0; count--, tensor++, at += sizeof record) {
        memcpy(&record, at, sizeof record);
        if (record.scales > from.left || record.ndim > N6_LIMIT_MAX_DIMS) {
            return false;
        }
        tensor->name = keep_name(names, record.name, sizeof record.name);
        tensor->dtype = record.dtype;
        tensor->ndim = record.ndim;
        tensor->channels = record.scales;
        memcpy(tensor->shape, record.shape, sizeof record.shape);
        tensor->size = record.size;
        tensor->offset = record.offset;
        tensor->scale = record.scale;
        tensor->zero_point = record.zero_point;
        tensor->axis = record.axis;
        tensor->scales = memory->scales + *used;
        tensor->zero_points = memory->zero_points + *used;
        for (uint32_t i = 0; i < record.scales; i++, (*used)++, from.at += sizeof scale) {
            memcpy(&scale, from.at, sizeof scale);
            memory->scales[*used] = scale.scale;
            memory->zero_points[*used] = scale.zero_point;
        }
        from.left -= record.scales;
    }
    return true;
}

static void read_pools(n6_pool_t *pool, uint32_t count, const uint8_t *at, char **names)
{
    n6_pool_record_t record;

    for (; count > 0; count--, pool++, at += sizeof record) {
        memcpy(&record, at, sizeof record);
        pool->name = keep_name(names, record.name, sizeof record.name);
        pool->base = record.base;
        pool->total = record.total;
        pool->used = record.used;
        pool->weights = record.weights;
        pool->activations = record.activations;
    }
}

static void read_blocks(n6_block_t *block, uint32_t count, const uint8_t *at, char **names)
{
    n6_block_record_t record;

    for (; count > 0; count--, block++, at += sizeof record) {
        memcpy(&record, at, sizeof record);
        block->estimated_npu = record.estimated_npu;
        block->estimated_total = record.estimated_total;
        block->first = record.first;
        block->last = record.last;
        block->kind = record.kind;
        block->operation = keep_name(names, record.operation, sizeof record.operation);
    }
}

static bool copy_sections(n6_serve_network_t *memory, const uint8_t *const *section,
                          const uint32_t *sizes)
{
    for (uint32_t i = 0; i < N6_SERVE_SECTIONS; i++) {
        memory->section[i] = calloc(1, (size_t)sizes[i] + 1);
        if (!memory->section[i]) {
            return false;
        }
        if (sizes[i] > 0) {
            memcpy(memory->section[i], section[i], sizes[i]);
        }
    }
    return true;
}

static bool reserve(n6_serve_network_t *memory, const n6_network_record_t *record, uint32_t scales)
{
    const size_t names = (size_t)record->inputs + record->outputs + record->pools + record->blocks;

    memory->input = calloc(record->inputs + 1u, sizeof *memory->input);
    memory->output = calloc(record->outputs + 1u, sizeof *memory->output);
    memory->pool = calloc(record->pools + 1u, sizeof *memory->pool);
    memory->block = calloc(record->blocks + 1u, sizeof *memory->block);
    memory->names = calloc(names + 1, NAME);
    memory->scales = calloc(scales + 1u, sizeof *memory->scales);
    memory->zero_points = calloc(scales + 1u, sizeof *memory->zero_points);
    return memory->input && memory->output && memory->pool && memory->block && memory->names &&
           memory->scales && memory->zero_points;
}

static bool fits(const n6_network_record_t *record, const uint32_t *sizes)
{
    return sizes[N6_SECTION_INPUTS] == record->inputs * sizeof(n6_tensor_record_t) &&
           sizes[N6_SECTION_OUTPUTS] == record->outputs * sizeof(n6_tensor_record_t) &&
           sizes[N6_SECTION_POOLS] == record->pools * sizeof(n6_pool_record_t) &&
           sizes[N6_SECTION_BLOCKS] == record->blocks * sizeof(n6_block_record_t) &&
           sizes[N6_SECTION_CARD] == record->card_bytes;
}

bool n6_serve_network_read(n6_serve_network_t *memory, const n6_network_record_t *record,
                           const uint8_t *const *section, const uint32_t *sizes,
                           n6_network_t *network)
{
    const uint32_t in = sizes[N6_SECTION_INPUT_SCALES] / (uint32_t)sizeof(n6_scale_record_t);
    const uint32_t out = sizes[N6_SECTION_OUTPUT_SCALES] / (uint32_t)sizeof(n6_scale_record_t);
    uint32_t used = 0;

    if (!fits(record, sizes) || !copy_sections(memory, section, sizes) ||
        !reserve(memory, record, in + out)) {
        return false;
    }
    char *names = memory->names;
    uint8_t *const *copy = memory->section;
    if (!read_tensors(memory, memory->input, record->inputs, copy[N6_SECTION_INPUTS],
                      (scales_t){copy[N6_SECTION_INPUT_SCALES], in}, &names, &used) ||
        !read_tensors(memory, memory->output, record->outputs, copy[N6_SECTION_OUTPUTS],
                      (scales_t){copy[N6_SECTION_OUTPUT_SCALES], out}, &names, &used)) {
        return false;
    }
    read_pools(memory->pool, record->pools, copy[N6_SECTION_POOLS], &names);
    read_blocks(memory->block, record->blocks, copy[N6_SECTION_BLOCKS], &names);
    memcpy(memory->name, record->name, sizeof record->name);
    *network = (n6_network_t){
        .name = memory->name,
        .card = (const char *)copy[N6_SECTION_CARD],
        .reason = (const char *)copy[N6_SECTION_REASON],
        .card_bytes = record->card_bytes,
        .inputs = record->inputs,
        .outputs = record->outputs,
        .pools = record->pools,
        .timer_source = record->timer_source,
        .state = record->state,
        .blocks = record->blocks,
        .epochs = record->epochs,
        .digest = record->digest,
        .input_bytes = record->input_bytes,
        .output_bytes = record->output_bytes,
        .input = memory->input,
        .output = memory->output,
        .pool = memory->pool,
        .block = memory->block,
    };
    return true;
}

void n6_serve_network_free(n6_serve_network_t *memory)
{
    for (uint32_t i = 0; i < N6_SERVE_SECTIONS; i++) {
        free(memory->section[i]);
    }
    free(memory->input);
    free(memory->output);
    free(memory->pool);
    free(memory->block);
    free(memory->names);
    free(memory->scales);
    free(memory->zero_points);
}
