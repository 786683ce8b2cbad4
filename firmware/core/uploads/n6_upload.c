/* See n6_upload.h. */
#include "n6_upload.h"

#include <string.h>

enum {
    /* Verdicts on a chunk in addition to n6_status_t: OK = it is wanted, others = its ERROR. */
    DROP = 0xfe,
    DUPLICATE = 0xff,
    /* NAKs for one COMMIT; its repetition asks for the next gaps. */
    MAX_GAPS = 32,
};

void n6_upload_open(n6_uploads_t *uploads)
{
    n6_slots_forget(uploads->slots);
    memset(uploads->upload, 0, sizeof uploads->upload);
    uploads->consumed = 0;
    uploads->granted = uploads->channel->config.window;
}

/* ---- chunks of a slot: one bit each, then one CRC-32 each ---- */

static size_t words(const n6_config_t *config)
{
    return N6_SERVER_BITMAP_WORDS(config->slot_size, config->chunk);
}

static uint32_t *bitmap_of(const n6_config_t *config, uint32_t slot)
{
    return config->chunks + (size_t)slot * N6_SERVER_CHUNK_WORDS(config->slot_size, config->chunk);
}

static uint32_t *crcs_of(const n6_config_t *config, uint32_t slot)
{
    return bitmap_of(config, slot) + words(config);
}

static bool is_marked(const uint32_t *bitmap, uint32_t chunk)
{
    return (bitmap[chunk / 32] >> (chunk % 32)) & 1u;
}

/* The first chunk of [first, end) that is marked, or is not; end = none. */
static uint32_t find(const uint32_t *bitmap, uint32_t first, uint32_t end, bool marked)
{
    while (first < end && is_marked(bitmap, first) != marked) {
        first++;
    }
    return first;
}

static uint32_t chunks_of(const n6_config_t *config, uint32_t bytes)
{
    return (bytes + config->chunk - 1u) / config->chunk;
}

/* ---- slots ---- */

/* The upload begins, or begins again. */
static void clear(n6_uploads_t *uploads, uint32_t index, uint32_t id)
{
    const n6_config_t *config = &uploads->channel->config;
    n6_upload_t *upload = &uploads->upload[index];

    memset(bitmap_of(config, index), 0, words(config) * sizeof(uint32_t));
    upload->next = 0;
    upload->parked = false;
    n6_slot_fill(uploads->slots, index, id);
}

/* The slot turns to a newer upload. false = it is in use. */
static bool turn_to(n6_uploads_t *uploads, uint32_t index, uint32_t id)
{
    if (n6_queue_uses(uploads->queue, index, id)) {
        return false;
    }
    clear(uploads, index, id);
    return true;
}

/* ---- credits ---- */

static void see(n6_uploads_t *uploads, uint32_t position)
{
    if (n6_newer(position, uploads->consumed)) {
        uploads->consumed = position;
    }
}

uint32_t n6_upload_sync(n6_uploads_t *uploads, uint32_t position)
{
    see(uploads, position);
    uploads->granted = uploads->consumed + uploads->channel->config.window;
    return uploads->granted;
}

/* A CREDIT for each half window. */
static void grant(n6_uploads_t *uploads)
{
    const uint32_t window = uploads->channel->config.window;
    const n6_credit_t credit = {.limit = uploads->consumed + window};

    if (credit.limit - uploads->granted < (window + 1) / 2) {
        return;
    }
    uploads->granted = credit.limit;
    n6_event(uploads->channel, N6_MESSAGE_TYPE_CREDIT, 0, &credit, sizeof credit);
}

/* ---- chunks ---- */

/* NAK of the chunks [first, end), whose last byte is before bytes. */
static void ask(n6_channel_t *channel, uint32_t id, uint32_t first, uint32_t end, uint32_t bytes)
{
    n6_nak_t nak = {.offset = first * channel->config.chunk};
    const uint32_t to = end * channel->config.chunk;

    nak.length = (to < bytes ? to : bytes) - nak.offset;
    channel->counts.naks_sent++;
    n6_event(channel, N6_MESSAGE_TYPE_NAK, id, &nak, sizeof nak);
}

static uint8_t judge(n6_uploads_t *uploads, const n6_chunk_t *chunk)
{
    const n6_config_t *config = &uploads->channel->config;
    const n6_data_header_t *data = &chunk->head;
    const uint32_t size = chunk->size;

    if (!uploads->channel->session || chunk->id == 0) {
        return DROP;
    }
    if (n6_newer(data->position + size, uploads->granted)) {
        return N6_STATUS_OUT_OF_CREDITS;
    }
    if (data->slot >= config->slots) {
        return N6_STATUS_BAD_SLOT;
    }
    if (size == 0 || data->offset % config->chunk != 0 || size > config->slot_size ||
        data->offset > config->slot_size - size) {
        return N6_STATUS_BAD_REQUEST;
    }
    if (n6_slot_is_older(uploads->slots, data->slot, chunk->id)) {
        uint32_t *refused = &uploads->upload[data->slot].refused;

        if (turn_to(uploads, data->slot, chunk->id)) {
            return N6_STATUS_OK;
        }
        if (*refused == chunk->id) {
            return DROP;
        }
        *refused = chunk->id;
        return N6_STATUS_BUSY;
    }
    const n6_slot_t *slot = n6_slot(uploads->slots, data->slot);
    if (slot->upload != chunk->id || slot->state == N6_SLOT_EMPTY) {
        return DROP;
    }
    if (slot->state != N6_SLOT_FILLING ||
        is_marked(bitmap_of(config, data->slot), data->offset / config->chunk)) {
        return DUPLICATE;
    }
    return N6_STATUS_OK;
}

void n6_upload_place(n6_uploads_t *uploads, n6_chunk_t *chunk)
{
    const n6_data_header_t *data = &chunk->head;

    chunk->verdict = judge(uploads, chunk);
    chunk->at = chunk->verdict == N6_STATUS_OK
                    ? uploads->channel->config.slot[data->slot] + data->offset
                    : NULL;
}

/* The CRC-32 of its bytes alone. */
static uint32_t crc_of_chunk(const n6_uploads_t *uploads, const n6_chunk_t *chunk)
{
    if (chunk->size < uploads->channel->config.chunk) {
        return n6_link_crc32(&uploads->channel->link, chunk->at, chunk->size);
    }
    return chunk->crc ^ n6_crc32_past(&uploads->past_chunk, chunk->head_crc);
}

/* Of the whole upload, from those of its chunks: each was computed from the bytes in the slot. */
static uint32_t digest(const n6_uploads_t *uploads, uint32_t index, uint32_t length)
{
    const n6_config_t *config = &uploads->channel->config;
    const uint32_t *crcs = crcs_of(config, index);
    uint32_t crc = 0;

    for (; length >= config->chunk; length -= config->chunk) {
        crc = n6_crc32_past(&uploads->past_chunk, crc) ^ *crcs++;
    }
    return length > 0 ? n6_crc32_zeros(crc, length) ^ *crcs : crc;
}

static uint32_t length_of(const n6_uploads_t *uploads, uint32_t index)
{
    return n6_network(uploads->channel, uploads->upload[index].network)->input_bytes;
}

/* All chunks are there. */
static void finish(n6_uploads_t *uploads, uint32_t index)
{
    n6_channel_t *channel = uploads->channel;
    const n6_upload_t *upload = &uploads->upload[index];
    const n6_request_t request = {.id = n6_slot(uploads->slots, index)->upload,
                                  .type = N6_MESSAGE_TYPE_COMMIT};
    const uint32_t crc = digest(uploads, index, length_of(uploads, index));

    if (crc != upload->crc) {
        clear(uploads, index, request.id);
        n6_refuse(channel, &request, N6_STATUS_BAD_DIGEST, crc);
        return;
    }
    n6_slot_commit(uploads->slots, index, upload->network, n6_now(channel));
    n6_reply(channel, &request, NULL, 0);
    n6_queue_input(uploads->queue, index, N6_STATUS_OK);
}

/* Finishes the COMMIT if nothing is missing. */
static bool try_to_finish(n6_uploads_t *uploads, uint32_t index)
{
    const n6_config_t *config = &uploads->channel->config;
    const uint32_t end = chunks_of(config, length_of(uploads, index));

    if (find(bitmap_of(config, index), 0, end, false) < end) {
        return false;
    }
    finish(uploads, index);
    return true;
}

/* A gap before the chunk is asked for once, and a damaged chunk each time. */
static void receive(n6_uploads_t *uploads, const n6_chunk_t *chunk, bool good)
{
    n6_channel_t *channel = uploads->channel;
    const uint32_t slot = chunk->head.slot;
    n6_upload_t *upload = &uploads->upload[slot];
    const uint32_t index = chunk->head.offset / channel->config.chunk;
    const uint32_t first = index < upload->next ? index : upload->next;
    const uint32_t end = good ? index : index + 1;

    if (good) {
        bitmap_of(&channel->config, slot)[index / 32] |= 1u << (index % 32);
        crcs_of(&channel->config, slot)[index] = crc_of_chunk(uploads, chunk);
    } else {
        n6_log(channel, N6_LOG_LEVEL_WARNING, "a damaged chunk is asked for again");
    }
    if (first < end) {
        ask(channel, chunk->id, first, end, chunk->head.offset + chunk->size);
    }
    if (index >= upload->next) {
        upload->next = index + 1;
    }
    if (good && upload->parked) {
        (void)try_to_finish(uploads, slot);
    }
}

void n6_upload_chunk(n6_uploads_t *uploads, const n6_chunk_t *chunk, bool good)
{
    n6_channel_t *channel = uploads->channel;
    const uint32_t position = chunk->head.position + chunk->size;
    const uint8_t verdict = chunk->verdict;

    if (!channel->session) {
        return;
    }
    see(uploads, position);
    if (verdict == N6_STATUS_OK) {
        receive(uploads, chunk, good);
    } else if (verdict == DUPLICATE) {
        channel->counts.duplicates++;
    } else if (verdict != DROP) {
        n6_error(channel, chunk->id, N6_MESSAGE_TYPE_DATA, (n6_status_t)verdict,
                 verdict == N6_STATUS_OUT_OF_CREDITS ? position : chunk->head.slot);
    }
    grant(uploads);
}

/* ---- COMMIT ---- */

/* The slot is FILLING with this upload, and the COMMIT fits its network. */
static void park(n6_uploads_t *uploads, uint32_t index, uint32_t id, uint32_t length)
{
    n6_channel_t *channel = uploads->channel;
    n6_upload_t *upload = &uploads->upload[index];
    const uint32_t *bitmap = bitmap_of(&channel->config, index);
    const uint32_t end = chunks_of(&channel->config, length);
    uint32_t first = 0;

    if (!upload->parked && upload->next < end) {
        ask(channel, id, upload->next, end, length);
    }
    for (uint32_t gaps = 0; upload->parked && gaps < MAX_GAPS; gaps++) {
        const uint32_t gap = find(bitmap, first, end, false);

        first = find(bitmap, gap, end, true);
        if (gap == end) {
            break;
        }
        ask(channel, id, gap, first, length);
    }
    upload->parked = true;
    upload->next = end;
}

static n6_status_t commit(n6_uploads_t *uploads, const n6_request_t *request,
                          const n6_commit_t *wanted, uint32_t *value)
{
    const n6_npu_t *npu = uploads->channel->config.npu;
    const n6_slot_t *slot = n6_slot(uploads->slots, wanted->slot);

    if (n6_slot_is_older(uploads->slots, wanted->slot, request->id)) {
        if (!turn_to(uploads, wanted->slot, request->id)) {
            return N6_STATUS_BUSY;
        }
    } else if (slot->upload != request->id) {
        return N6_STATUS_NO_INPUT;
    }
    *value = wanted->network;
    if (wanted->network >= npu->networks) {
        return N6_STATUS_UNKNOWN_NETWORK;
    }
    *value = wanted->length;
    if (wanted->length != npu->network[wanted->network].input_bytes) {
        return N6_STATUS_BAD_TENSOR_SIZE;
    }
    if (slot->state == N6_SLOT_EMPTY) {
        return N6_STATUS_NO_INPUT;
    }
    if (slot->state == N6_SLOT_FILLING) {
        uploads->upload[wanted->slot].network = wanted->network;
        uploads->upload[wanted->slot].crc = wanted->crc;
        if (!try_to_finish(uploads, wanted->slot)) {
            park(uploads, wanted->slot, request->id, wanted->length);
        }
    } else {
        n6_reply(uploads->channel, request, NULL, 0);
    }
    return N6_STATUS_OK;
}

void n6_upload_commit(n6_uploads_t *uploads, const n6_request_t *request)
{
    n6_status_t status = N6_STATUS_BAD_SLOT;
    n6_commit_t wanted;

    memcpy(&wanted, request->payload, sizeof wanted);
    see(uploads, wanted.position);
    uint32_t value = wanted.slot;
    if (wanted.slot < uploads->channel->config.slots) {
        status = commit(uploads, request, &wanted, &value);
    }
    if (status != N6_STATUS_OK) {
        n6_refuse(uploads->channel, request, status, value);
    }
    if ((status == N6_STATUS_UNKNOWN_NETWORK || status == N6_STATUS_BAD_TENSOR_SIZE) &&
        n6_slot(uploads->slots, wanted.slot)->state == N6_SLOT_FILLING) {
        n6_slot_empty(uploads->slots, wanted.slot);
        n6_queue_input(uploads->queue, wanted.slot, N6_STATUS_NO_INPUT);
    }
    grant(uploads);
}
