/* See n6_describe.h. */
#include "n6_describe.h"

#include <string.h>

#include "n6_fields.h"
#include "n6_picture.h"
#include "n6_shape.h"

enum {
    MEMORY_TEXT = 512, /* maximum bytes of the port's text on memory regions */
};

void n6_describe_info(n6_channel_t *channel, const n6_request_t *request)
{
    const n6_port_t *port = channel->config.port;
    const n6_npu_t *npu = channel->config.npu;
    n6_info_reply_t info = {.temperature_dc = N6_LIMIT_NO_TEMPERATURE, .head = sizeof info};
    char memory[MEMORY_TEXT];
    size_t length = 0;

    port->info(port->context, &info);
    n6_copy_text(info.firmware, sizeof info.firmware, port->firmware);
    info.uptime = n6_now(channel);
    info.timer_source = npu->networks > 0 ? npu->network[0].timer_source : N6_TIMER_SOURCE_NONE;
    if (port->memory) {
        length = port->memory(port->context, memory, sizeof memory - 1);
    }
    memory[length < sizeof memory ? length : sizeof memory - 1] = '\0';

    uint8_t *at = n6_link_begin(&channel->link, N6_LIMIT_MAX_CONTROL);
    memcpy(at, &info, sizeof info);
    length = n6_put_field(at, sizeof info, N6_FIELD_TAG_NPU_RUNTIME, port->runtime);
    length = n6_put_field(at, length, N6_FIELD_TAG_MEMORY, memory);
    n6_end_reply(channel, request, length);
}

/* ---- LIST ---- */

enum {
    LIST_PAGE = (N6_LIMIT_MAX_CONTROL - sizeof(n6_list_reply_t)) / sizeof(n6_network_record_t),
};

static void put_network(uint8_t *at, const n6_network_t *network, uint32_t index)
{
    n6_network_record_t record = {
        .digest = network->digest,
        .input_bytes = network->input_bytes,
        .output_bytes = network->output_bytes,
        .index = (uint16_t)index,
        .blocks = network->blocks,
        .epochs = network->epochs,
        .card_bytes = network->card_bytes,
        .inputs = network->inputs,
        .outputs = network->outputs,
        .pools = network->pools,
        .timer_source = network->timer_source,
        .state = network->state,
    };

    n6_copy_text(record.name, sizeof record.name, network->name);
    memcpy(at, &record, sizeof record);
}

void n6_describe_list(n6_channel_t *channel, const n6_request_t *request)
{
    const n6_npu_t *npu = channel->config.npu;
    const n6_list_t *wanted = request->body;
    n6_list_reply_t reply = {
        .head = sizeof reply,
        .record = sizeof(n6_network_record_t),
        .first = wanted->first,
        .total = npu->networks,
    };
    uint8_t *at = n6_link_begin(&channel->link, N6_LIMIT_MAX_CONTROL);
    size_t length = sizeof reply;

    for (uint32_t i = reply.first; i < reply.total && reply.count < LIST_PAGE; i++, reply.count++) {
        put_network(at + length, &npu->network[i], i);
        length += sizeof(n6_network_record_t);
    }
    memcpy(at, &reply, sizeof reply);
    n6_end_reply(channel, request, length);
}

/* ---- DESCRIBE ---- */

typedef union {
    n6_tensor_record_t tensor;
    n6_scale_record_t scale;
    n6_pool_record_t pool;
    n6_block_record_t block;
    char letter;
} record_t;

static uint32_t scales_of(const n6_tensor_t *tensor, uint32_t tensors)
{
    uint32_t scales = 0;

    for (; tensors > 0; tensors--, tensor++) {
        scales += tensor->channels;
    }
    return scales;
}

/* The records of a section, and their size. */
static uint32_t count_section(const n6_network_t *network, uint8_t section, uint32_t *size)
{
    switch (section) {
    case N6_SECTION_INPUTS:
        *size = sizeof(n6_tensor_record_t);
        return network->inputs;
    case N6_SECTION_OUTPUTS:
        *size = sizeof(n6_tensor_record_t);
        return network->outputs;
    case N6_SECTION_POOLS:
        *size = sizeof(n6_pool_record_t);
        return network->pools;
    case N6_SECTION_BLOCKS:
        *size = sizeof(n6_block_record_t);
        return network->blocks;
    case N6_SECTION_CARD:
        *size = 1;
        return network->card_bytes;
    case N6_SECTION_INPUT_SCALES:
        *size = sizeof(n6_scale_record_t);
        return scales_of(network->input, network->inputs);
    case N6_SECTION_OUTPUT_SCALES:
        *size = sizeof(n6_scale_record_t);
        return scales_of(network->output, network->outputs);
    case N6_SECTION_REASON:
        *size = 1;
        return network->reason ? (uint32_t)strlen(network->reason) : 0;
    default: /* INTERMEDIATES: none */
        *size = sizeof(n6_tensor_record_t);
        return 0;
    }
}

static void make_tensor(n6_tensor_record_t *record, const n6_tensor_t *tensor)
{
    n6_copy_text(record->name, sizeof record->name, tensor->name);
    record->dtype = tensor->dtype;
    record->ndim = tensor->ndim;
    record->scales = tensor->channels;
    memcpy(record->shape, tensor->shape, sizeof record->shape);
    record->size = tensor->size;
    record->offset = tensor->offset;
    record->scale = tensor->scale;
    record->zero_point = tensor->zero_point;
    record->axis = tensor->axis;
}

/*
 * An input. Encodings are described also if this device has no memory for parts: Feature ENCODINGS
 * reports this.
 */
static void make_input(n6_tensor_record_t *record, const n6_tensor_t *tensor, uint8_t inputs)
{
    const n6_shape_t shape = n6_shape_of(tensor);

    make_tensor(record, tensor);
    record->height = shape.height;
    record->width = shape.width;
    record->channels = shape.channels;
    for (uint8_t i = 0; shape.channels > 0 && inputs <= N6_LIMIT_MAX_PARTS && i < 32; i++) {
        record->encodings |= (uint32_t)n6_picture_decodes(i) << i;
    }
}

static void make_scale(n6_scale_record_t *record, const n6_tensor_t *tensor, uint32_t index)
{
    for (; index >= tensor->channels; tensor++) {
        index -= tensor->channels;
    }
    record->scale = tensor->scales[index];
    record->zero_point = tensor->zero_points ? tensor->zero_points[index] : 0;
}

static void make_pool(n6_pool_record_t *record, const n6_pool_t *pool)
{
    n6_copy_text(record->name, sizeof record->name, pool->name);
    record->base = pool->base;
    record->total = pool->total;
    record->used = pool->used;
    record->weights = pool->weights;
    record->activations = pool->activations;
}

static void make_block(n6_block_record_t *record, const n6_block_t *block)
{
    n6_copy_text(record->operation, sizeof record->operation, block->operation);
    record->estimated_npu = block->estimated_npu;
    record->estimated_total = block->estimated_total;
    record->first = block->first;
    record->last = block->last;
    record->kind = block->kind;
}

static void make(record_t *record, const n6_network_t *network, uint8_t section, uint32_t index)
{
    memset(record, 0, sizeof *record);
    switch (section) {
    case N6_SECTION_INPUTS:
        make_input(&record->tensor, &network->input[index], network->inputs);
        break;
    case N6_SECTION_OUTPUTS:
        make_tensor(&record->tensor, &network->output[index]);
        break;
    case N6_SECTION_POOLS:
        make_pool(&record->pool, &network->pool[index]);
        break;
    case N6_SECTION_BLOCKS:
        make_block(&record->block, &network->block[index]);
        break;
    case N6_SECTION_CARD:
        record->letter = network->card[index];
        break;
    case N6_SECTION_INPUT_SCALES:
        make_scale(&record->scale, network->input, index);
        break;
    case N6_SECTION_OUTPUT_SCALES:
        make_scale(&record->scale, network->output, index);
        break;
    default:
        record->letter = network->reason[index];
        break;
    }
}

static uint8_t *put_page(uint8_t *at, const uint8_t *end, const n6_network_t *network,
                         n6_describe_reply_t *reply)
{
    uint32_t size = 0;
    record_t record;

    reply->total = count_section(network, reply->section, &size);
    reply->record = (uint16_t)size;
    for (uint32_t i = reply->first; i < reply->total && size <= (size_t)(end - at); i++) {
        make(&record, network, reply->section, i);
        memcpy(at, &record, size);
        at += size;
        reply->count++;
    }
    return at;
}

void n6_describe_network(n6_channel_t *channel, const n6_request_t *request)
{
    const n6_describe_t *wanted = request->body;
    n6_describe_reply_t reply = {
        .network = wanted->network,
        .section = wanted->section,
        .first = wanted->first,
        .head = sizeof reply,
    };

    if (wanted->network >= channel->config.npu->networks) {
        n6_refuse(channel, request, N6_MISTAKE_DESCRIBE_NETWORK, 0);
        return;
    }
    if (wanted->section > N6_SECTION_INTERMEDIATES) {
        n6_refuse(channel, request, N6_MISTAKE_SECTION, 0);
        return;
    }
    uint8_t *at = n6_link_begin(&channel->link, N6_LIMIT_MAX_CONTROL);
    const uint8_t *end = put_page(at + sizeof reply, at + N6_LIMIT_MAX_CONTROL,
                                  n6_network(channel, wanted->network), &reply);
    memcpy(at, &reply, sizeof reply);
    n6_end_reply(channel, request, (size_t)(end - at));
}
