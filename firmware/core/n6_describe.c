/* What the device and its networks are (protocol.md section 8): INFO, and LIST and DESCRIBE page by
 * page. */
#include <string.h>

#include "n6_parts.h"

enum {
    MEMORY_TEXT = 512, /* bytes of the port's text on memory regions */
};

void n6_describe_info(n6_server_t *s, const n6_request_t *request)
{
    const n6_port_t *port = s->config.port;
    const n6_npu_t *npu = s->config.npu;
    n6_info_reply_t info = {.temperature_dc = N6_LIMIT_NO_TEMPERATURE};
    char memory[MEMORY_TEXT];
    size_t length = 0;
    uint8_t *at;

    port->info(port->context, &info);
    n6_copy_text(info.firmware, sizeof info.firmware, port->firmware);
    info.uptime = n6_now(s);
    info.timer_source = npu->networks > 0 ? npu->network[0].timer_source : N6_TIMER_SOURCE_NONE;
    if (port->memory)
        length = port->memory(port->context, memory, sizeof memory - 1);
    memory[length < sizeof memory ? length : sizeof memory - 1] = '\0';

    at = n6_link_begin(&s->link, N6_LIMIT_MAX_CONTROL);
    memcpy(at, &info, sizeof info);
    length = n6_put_field(at, sizeof info, N6_FIELD_TAG_NPU_RUNTIME, port->runtime);
    length = n6_put_field(at, length, N6_FIELD_TAG_MEMORY, memory);
    n6_link_end(&s->link, request->type, N6_FLAG_REPLY, request->id, length);
}

/* ------------------------------------------------------------------------------------------ LIST
 */

static void put_network(uint8_t *at, const n6_network_t *network, uint16_t index)
{
    n6_network_record_t record = {
        .digest = network->digest,
        .input_bytes = network->input_bytes,
        .output_bytes = network->output_bytes,
        .index = index,
        .blocks = network->blocks,
        .epochs = network->epochs,
        .card_bytes = network->card_bytes,
        .inputs = network->inputs,
        .outputs = network->outputs,
        .pools = network->pools,
        .timer_source = network->timer_source,
    };

    n6_copy_text(record.name, sizeof record.name, network->name);
    memcpy(at, &record, sizeof record);
}

void n6_describe_list(n6_server_t *s, const n6_request_t *request)
{
    const uint16_t networks = s->config.npu->networks;
    uint8_t *at = n6_link_begin(&s->link, N6_LIMIT_MAX_CONTROL);
    size_t length = sizeof(n6_list_reply_t);
    n6_list_reply_t reply = {0};
    n6_list_t list;

    memcpy(&list, request->payload, sizeof list);
    reply.first = list.first;
    for (uint16_t i = list.first; i < networks; i++) {
        if (length + sizeof(n6_network_record_t) > N6_LIMIT_MAX_CONTROL)
            break;
        put_network(at + length, &s->config.npu->network[i], i);
        length += sizeof(n6_network_record_t);
        reply.count++;
    }
    memcpy(at, &reply, sizeof reply);
    n6_link_end(&s->link, request->type, N6_FLAG_REPLY, request->id, length);
}

/* -------------------------------------------------------------------------------------- DESCRIBE
 */

/* Writes record index of a section. */
typedef void put_record_t(uint8_t *at, const n6_network_t *network, uint32_t index);

typedef struct {
    uint32_t total;
    uint32_t size; /* of a record */
    put_record_t *put;
} section_t;

static void put_tensor(uint8_t *at, const n6_tensor_t *tensor)
{
    n6_tensor_record_t record = {
        .dtype = tensor->dtype,
        .ndim = tensor->ndim,
        .scales = tensor->channels,
        .size = tensor->size,
        .offset = tensor->offset,
        .scale = tensor->scale,
        .zero_point = tensor->zero_point,
        .axis = tensor->axis,
    };

    n6_copy_text(record.name, sizeof record.name, tensor->name);
    memcpy(record.shape, tensor->shape, sizeof record.shape);
    memcpy(at, &record, sizeof record);
}

static void put_input(uint8_t *at, const n6_network_t *network, uint32_t index)
{
    put_tensor(at, &network->input[index]);
}

static void put_output(uint8_t *at, const n6_network_t *network, uint32_t index)
{
    put_tensor(at, &network->output[index]);
}

static void put_scale(uint8_t *at, const n6_tensor_t *tensor, uint32_t index)
{
    n6_scale_record_t record;

    for (; index >= tensor->channels; tensor++)
        index -= tensor->channels;
    record.scale = tensor->scales[index];
    record.zero_point = tensor->zero_points ? tensor->zero_points[index] : 0;
    memcpy(at, &record, sizeof record);
}

static void put_input_scale(uint8_t *at, const n6_network_t *network, uint32_t index)
{
    put_scale(at, network->input, index);
}

static void put_output_scale(uint8_t *at, const n6_network_t *network, uint32_t index)
{
    put_scale(at, network->output, index);
}

static void put_pool(uint8_t *at, const n6_network_t *network, uint32_t index)
{
    const n6_pool_t *pool = &network->pool[index];
    n6_pool_record_t record = {
        .base = pool->base,
        .total = pool->total,
        .used = pool->used,
        .weights = pool->weights,
        .activations = pool->activations,
    };

    n6_copy_text(record.name, sizeof record.name, pool->name);
    memcpy(at, &record, sizeof record);
}

static void put_block(uint8_t *at, const n6_network_t *network, uint32_t index)
{
    const n6_block_t *block = &network->block[index];
    n6_block_record_t record = {
        .estimated_npu = block->estimated_npu,
        .estimated_total = block->estimated_total,
        .first = block->first,
        .last = block->last,
        .kind = block->kind,
    };

    n6_copy_text(record.operation, sizeof record.operation, block->operation);
    memcpy(at, &record, sizeof record);
}

static void put_card(uint8_t *at, const n6_network_t *network, uint32_t index)
{
    *at = (uint8_t)network->card[index];
}

static uint32_t scales_of(const n6_tensor_t *tensor, uint8_t count)
{
    uint32_t scales = 0;

    for (uint8_t i = 0; i < count; i++)
        scales += tensor[i].channels;
    return scales;
}

/* total, size and writer of a section; size 0 = there is no such section. */
static section_t section_of(const n6_network_t *network, uint8_t section)
{
    switch (section) {
    case N6_SECTION_INPUTS:
        return (section_t){network->inputs, sizeof(n6_tensor_record_t), put_input};
    case N6_SECTION_OUTPUTS:
        return (section_t){network->outputs, sizeof(n6_tensor_record_t), put_output};
    case N6_SECTION_POOLS:
        return (section_t){network->pools, sizeof(n6_pool_record_t), put_pool};
    case N6_SECTION_BLOCKS:
        return (section_t){network->blocks, sizeof(n6_block_record_t), put_block};
    case N6_SECTION_CARD:
        return (section_t){network->card_bytes, 1, put_card};
    case N6_SECTION_INPUT_SCALES:
        return (section_t){scales_of(network->input, network->inputs), sizeof(n6_scale_record_t),
                           put_input_scale};
    case N6_SECTION_OUTPUT_SCALES:
        return (section_t){scales_of(network->output, network->outputs), sizeof(n6_scale_record_t),
                           put_output_scale};
    default:
        return (section_t){0, 0, NULL};
    }
}

void n6_describe_network(n6_server_t *s, const n6_request_t *request)
{
    n6_describe_t wanted;
    n6_describe_reply_t reply = {0};
    section_t section;
    const n6_network_t *network;
    size_t length = sizeof reply;
    uint8_t *at;

    memcpy(&wanted, request->payload, sizeof wanted);
    if (wanted.network >= s->config.npu->networks) {
        n6_error(s, request->id, request->type, N6_STATUS_UNKNOWN_NETWORK, wanted.network);
        return;
    }
    network = &s->config.npu->network[wanted.network];
    section = section_of(network, wanted.section);
    if (section.size == 0) {
        n6_error(s, request->id, request->type, N6_STATUS_BAD_REQUEST, wanted.section);
        return;
    }
    at = n6_link_begin(&s->link, N6_LIMIT_MAX_CONTROL);
    for (uint32_t i = wanted.first;
         i < section.total && length + section.size <= N6_LIMIT_MAX_CONTROL; i++) {
        section.put(at + length, network, i);
        length += section.size;
        reply.count++;
    }
    reply.network = wanted.network;
    reply.section = wanted.section;
    reply.first = wanted.first;
    reply.total = section.total;
    memcpy(at, &reply, sizeof reply);
    n6_link_end(&s->link, request->type, N6_FLAG_REPLY, request->id, length);
}
