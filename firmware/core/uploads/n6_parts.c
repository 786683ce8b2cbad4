/* See n6_parts.h. */
#include "n6_parts.h"

#include <string.h>

#include "n6_picture.h"
#include "n6_shape.h"

static n6_mistake_t check_picture(const n6_part_t *part, const n6_tensor_t *input)
{
    const bool plain = input->dtype == N6_DTYPE_UINT8 || input->dtype == N6_DTYPE_INT8;
    const n6_shape_t shape = n6_shape_of(input);

    if (!n6_picture_decodes(part->encoding) || shape.channels == 0) {
        return N6_MISTAKE_PART_ENCODING;
    }
    if (part->flags & ~N6_PART_FLAG_BGR) {
        return N6_MISTAKE_PART_FLAGS;
    }
    if (part->tables != 1 && part->tables != shape.channels && (part->tables != 0 || !plain)) {
        return N6_MISTAKE_PART_TABLES;
    }
    return part->length < part->tables * n6_parts_table(shape.element) ? N6_MISTAKE_PART_SHORT
                                                                       : N6_MISTAKE_NONE;
}

/* seen: bits of the inputs that have a part. */
static n6_mistake_t check(const n6_part_t *part, const n6_network_t *network, uint32_t length,
                          uint32_t *seen)
{
    if (part->offset > length || part->offset % 4 != 0) {
        return N6_MISTAKE_PART_OFFSET;
    }
    if (part->length > length - part->offset) {
        return N6_MISTAKE_PART_LENGTH;
    }
    if (part->input >= network->inputs || (*seen >> part->input & 1u)) {
        return N6_MISTAKE_PART_INPUT;
    }
    *seen |= 1u << part->input;
    const n6_tensor_t *input = &network->input[part->input];
    if (part->encoding != N6_ENCODING_RAW) {
        return check_picture(part, input);
    }
    return part->length == input->size ? N6_MISTAKE_NONE : N6_MISTAKE_PART_RAW;
}

n6_mistake_t n6_parts_read(n6_parts_t *parts, const n6_config_t *config,
                           const n6_network_t *network, const n6_request_t *request, size_t *at)
{
    const n6_commit_t *wanted = request->body;
    const size_t size = wanted->record < sizeof *parts->part ? wanted->record : sizeof *parts->part;
    uint32_t seen = 0;

    parts->count = wanted->parts;
    parts->at = request->head;
    parts->record = wanted->record;
    if (!config->parts) {
        return N6_MISTAKE_COMMIT_PARTS;
    }
    if (wanted->parts != network->inputs || wanted->parts > N6_LIMIT_MAX_PARTS) {
        return N6_MISTAKE_COMMIT_COUNT;
    }
    if (wanted->record < N6_PART_BASE_SIZE) {
        return N6_MISTAKE_COMMIT_RECORD;
    }
    if ((uint32_t)request->length - request->head < (uint32_t)wanted->parts * wanted->record) {
        return N6_MISTAKE_TOO_SHORT;
    }
    if (wanted->length > config->parts_size) {
        return N6_MISTAKE_COMMIT_LONG;
    }
    memset(parts->part, 0, sizeof parts->part);
    for (uint32_t i = 0; i < wanted->parts; i++) {
        memcpy(&parts->part[i], request->payload + n6_parts_at(parts, i), size);
        const n6_mistake_t mistake = check(&parts->part[i], network, wanted->length, &seen);
        if (mistake != N6_MISTAKE_NONE) {
            *at = n6_parts_at(parts, i);
            return mistake;
        }
    }
    return N6_MISTAKE_NONE;
}
