/* See n6_upload.h. */
#include "n6_upload.h"

#include <string.h>

/* Destination of a chunk. */
enum {
    WANTED,
    DUPLICATE,
    OLD,        /* of an upload older than that of the slot */
    REFUSED,    /* the slot is in use, or the role is READ_ONLY */
    IMPOSSIBLE, /* the host violates the protocol: its numbers are not used */
    UNASKED,    /* no session is open */
};

enum {
    MAX_GAPS = 32, /* NAKs per COMMIT; a repeated COMMIT requests the next gaps */
};

void n6_upload_open(n6_uploads_t *uploads)
{
    for (uint32_t i = 0; i < N6_SERVER_MAX_SLOTS; i++) {
        /* If it is not decoded here, a job may still need the parts of a committed upload. */
        if (n6_slot(uploads->slots, i)->state != N6_SLOT_COMMITTED) {
            memset(&uploads->upload[i], 0, sizeof uploads->upload[i]);
        }
    }
    uploads->consumed = 0;
    uploads->granted = uploads->channel->config.window;
    uploads->unpacked = N6_NONE;
    n6_crc32_shift_init(&uploads->past_chunk, uploads->channel->session.chunk);
}

/* ---- chunks of a slot: one bit each, then one CRC-32 each ---- */

static uint32_t *bitmap_of(const n6_config_t *config, uint32_t slot)
{
    return config->chunks + (size_t)slot * N6_SERVER_CHUNK_WORDS(config->slot_size);
}

static uint32_t *crcs_of(const n6_config_t *config, uint32_t slot)
{
    return bitmap_of(config, slot) + N6_SERVER_BITMAP_WORDS(config->slot_size);
}

static bool is_marked(const uint32_t *bitmap, uint32_t chunk)
{
    return (bitmap[chunk / 32] >> (chunk % 32)) & 1u;
}

/* The first chunk of [first, end) that is marked, or not marked; end = none. */
static uint32_t find(const uint32_t *bitmap, uint32_t first, uint32_t end, bool marked)
{
    while (first < end && is_marked(bitmap, first) != marked) {
        first++;
    }
    return first;
}

static uint32_t chunk_size(const n6_uploads_t *uploads)
{
    return uploads->channel->session.chunk;
}

static uint32_t chunks_of(const n6_uploads_t *uploads, uint32_t bytes)
{
    return (bytes + chunk_size(uploads) - 1u) / chunk_size(uploads);
}

/* ---- slots ---- */

/* The upload starts, or starts again. */
static void clear(n6_uploads_t *uploads, uint32_t index, uint32_t id)
{
    const n6_config_t *config = &uploads->channel->config;
    n6_upload_t *upload = &uploads->upload[index];

    memset(bitmap_of(config, index), 0,
           N6_SERVER_BITMAP_WORDS(config->slot_size) * sizeof(uint32_t));
    upload->next = 0;
    upload->parked = false;
    if (uploads->unpacked == index) {
        uploads->unpacked = N6_NONE;
    }
    n6_slot_fill(uploads->slots, index, id);
}

/* Changes the slot to a newer upload. false = it is in use. */
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

/* Sends CREDIT after each half window. */
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

/* NAK of the chunks [first, end); the upload ends at bytes. */
static void ask(const n6_uploads_t *uploads, uint32_t id, uint32_t first, uint32_t end,
                uint32_t bytes)
{
    n6_channel_t *channel = uploads->channel;
    n6_nak_t nak = {.offset = first * chunk_size(uploads)};
    const uint32_t to = end * chunk_size(uploads);

    nak.length = (to < bytes ? to : bytes) - nak.offset;
    channel->counts.naks_sent++;
    n6_event(channel, N6_MESSAGE_TYPE_NAK, id, &nak, sizeof nak);
}

/* Whether offset, size and slot are possible for a chunk within the grant. */
static bool is_possible(const n6_uploads_t *uploads, const n6_chunk_t *chunk)
{
    const n6_config_t *config = &uploads->channel->config;
    const n6_data_header_t *data = &chunk->head;

    return chunk->id != 0 && data->slot < config->slots &&
           data->offset % chunk_size(uploads) == 0 && chunk->size <= config->slot_size &&
           data->offset <= config->slot_size - chunk->size &&
           n6_upload_believes(uploads, data->position + chunk->size);
}

static uint8_t judge(n6_uploads_t *uploads, const n6_chunk_t *chunk)
{
    const n6_channel_t *channel = uploads->channel;
    const uint32_t index = chunk->head.slot;

    if (!channel->session.open) {
        return UNASKED;
    }
    if (!is_possible(uploads, chunk)) {
        return IMPOSSIBLE;
    }
    if (channel->session.role != N6_ROLE_CONTROL) {
        return REFUSED;
    }
    if (n6_slot_is_older(uploads->slots, index, chunk->id)) {
        return turn_to(uploads, index, chunk->id) ? WANTED : REFUSED;
    }
    const n6_slot_t *slot = n6_slot(uploads->slots, index);
    if (slot->upload != chunk->id || slot->state == N6_SLOT_EMPTY) {
        return OLD;
    }
    return slot->state == N6_SLOT_FILLING && !is_marked(bitmap_of(&channel->config, index),
                                                        chunk->head.offset / chunk_size(uploads))
               ? WANTED
               : DUPLICATE;
}

void n6_upload_place(n6_uploads_t *uploads, n6_chunk_t *chunk)
{
    const n6_data_header_t *data = &chunk->head;

    chunk->verdict = judge(uploads, chunk);
    chunk->at =
        chunk->verdict == WANTED ? uploads->channel->config.slot[data->slot] + data->offset : NULL;
}

/* The CRC-32 of its bytes alone. */
static uint32_t crc_of_chunk(const n6_uploads_t *uploads, const n6_chunk_t *chunk)
{
    if (chunk->size < chunk_size(uploads)) {
        return n6_link_crc32(&uploads->channel->link, 0, chunk->at, chunk->size);
    }
    return chunk->crc ^ n6_crc32_past(&uploads->past_chunk, chunk->head_crc);
}

/*
 * The CRC-32 of the whole upload, from those of its chunks, which were computed from the bytes in
 * the slot. It is wrong if a chunk is shorter or longer than its place; the upload is then sent
 * again.
 */
static uint32_t digest(const n6_uploads_t *uploads, uint32_t index, uint32_t length)
{
    const uint32_t *crcs = crcs_of(&uploads->channel->config, index);
    uint32_t crc = 0;

    for (; length >= chunk_size(uploads); length -= chunk_size(uploads)) {
        crc = n6_crc32_past(&uploads->past_chunk, crc) ^ *crcs++;
    }
    return length > 0 ? n6_crc32_zeros(crc, length) ^ *crcs : crc;
}

/* The slot contains the inputs. */
static void accept(n6_uploads_t *uploads, uint32_t index)
{
    const n6_upload_t *upload = &uploads->upload[index];
    const n6_request_t request = {.id = n6_slot(uploads->slots, index)->upload,
                                  .type = N6_MESSAGE_TYPE_COMMIT};

    n6_slot_commit(uploads->slots, index, upload->network, upload->crc, n6_now(uploads->channel));
    n6_reply(uploads->channel, &request, NULL, 0);
    n6_queue_feed(uploads->queue, index);
}

/* All chunks were received. */
static void finish(n6_uploads_t *uploads, uint32_t index)
{
    const n6_upload_t *upload = &uploads->upload[index];

    if (digest(uploads, index, upload->length) != upload->crc) {
        const uint32_t id = n6_slot(uploads->slots, index)->upload;
        clear(uploads, index, id);
        n6_error(uploads->channel, id, N6_MESSAGE_TYPE_COMMIT, N6_MISTAKE_COMMIT_CRC, upload->crc);
    } else if (uploads->channel->config.npu->forward) {
        n6_slot_keep(uploads->slots, index, upload->length, upload->parts.part,
                     upload->parts.count);
        accept(uploads, index);
    } else if (upload->parts.count > 0) {
        n6_slot_decode(uploads->slots, index);
    } else {
        accept(uploads, index);
    }
}

/* Finishes the COMMIT if all chunks were received. */
static bool try_to_finish(n6_uploads_t *uploads, uint32_t index)
{
    const uint32_t end = chunks_of(uploads, uploads->upload[index].length);

    if (find(bitmap_of(&uploads->channel->config, index), 0, end, false) < end) {
        return false;
    }
    finish(uploads, index);
    return true;
}

/* A gap before the chunk is requested once, a damaged chunk each time. */
static void receive(n6_uploads_t *uploads, const n6_chunk_t *chunk, bool good)
{
    n6_channel_t *channel = uploads->channel;
    const uint32_t slot = chunk->head.slot;
    n6_upload_t *upload = &uploads->upload[slot];
    const uint32_t index = chunk->head.offset / chunk_size(uploads);
    const uint32_t first = index < upload->next ? index : upload->next;
    const uint32_t end = good ? index : index + 1;

    if (good) {
        bitmap_of(&channel->config, slot)[index / 32] |= 1u << (index % 32);
        crcs_of(&channel->config, slot)[index] = crc_of_chunk(uploads, chunk);
    } else {
        n6_log(channel, N6_LOG_LEVEL_WARNING, "a damaged chunk is asked for again");
    }
    if (first < end) {
        ask(uploads, chunk->id, first, end, chunk->head.offset + chunk->size);
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
    const uint8_t verdict = chunk->verdict;

    if (verdict == UNASKED) {
        return;
    }
    if (verdict == IMPOSSIBLE || verdict == REFUSED) {
        channel->counts.refused++;
    }
    if (verdict == IMPOSSIBLE) {
        return;
    }
    see(uploads, chunk->head.position + chunk->size);
    if (verdict == WANTED || verdict == DUPLICATE) {
        n6_slot_touch(uploads->slots, chunk->head.slot, n6_now(channel));
    }
    if (verdict == WANTED) {
        receive(uploads, chunk, good);
    } else if (verdict == DUPLICATE) {
        channel->counts.duplicates++;
    }
    grant(uploads);
}

/* ---- COMMIT ---- */

/* The slot is FILLING with this upload, and the COMMIT fits its network. */
static void park(n6_uploads_t *uploads, uint32_t index, uint32_t id, uint32_t length)
{
    n6_upload_t *upload = &uploads->upload[index];
    const uint32_t *bitmap = bitmap_of(&uploads->channel->config, index);
    const uint32_t end = chunks_of(uploads, length);
    uint32_t first = 0;

    if (!upload->parked && upload->next < end) {
        ask(uploads, id, upload->next, end, length);
    }
    for (uint32_t gaps = 0; upload->parked && gaps < MAX_GAPS; gaps++) {
        const uint32_t gap = find(bitmap, first, end, false);

        first = find(bitmap, gap, end, true);
        if (gap == end) {
            break;
        }
        ask(uploads, id, gap, first, length);
    }
    upload->parked = true;
    upload->next = end;
}

/* Checks the body of a COMMIT, and stores it. *at is as for n6_parts_read(). */
static n6_mistake_t store(n6_upload_t *upload, const n6_config_t *config,
                          const n6_request_t *request, size_t *at)
{
    const n6_commit_t *wanted = request->body;

    if (wanted->network >= config->npu->networks) {
        return N6_MISTAKE_COMMIT_NETWORK;
    }
    const n6_network_t *network = &config->npu->network[wanted->network];
    upload->network = wanted->network;
    upload->crc = wanted->crc;
    upload->length = wanted->length;
    upload->parts.count = 0;
    if (wanted->parts > 0) {
        return n6_parts_read(&upload->parts, config, network, request, at);
    }
    return wanted->length == network->input_bytes ? N6_MISTAKE_NONE : N6_MISTAKE_COMMIT_LENGTH;
}

static n6_mistake_t commit(n6_uploads_t *uploads, const n6_request_t *request, size_t *at)
{
    const n6_commit_t *wanted = request->body;
    const n6_slot_t *slot = n6_slot(uploads->slots, wanted->slot);

    if (n6_slot_is_older(uploads->slots, wanted->slot, request->id)) {
        if (!turn_to(uploads, wanted->slot, request->id)) {
            return N6_MISTAKE_COMMIT_BUSY;
        }
    } else if (slot->upload != request->id) {
        return N6_MISTAKE_COMMIT_OLD;
    }
    if (slot->state == N6_SLOT_EMPTY) {
        return N6_MISTAKE_COMMIT_EMPTY;
    }
    n6_slot_touch(uploads->slots, wanted->slot, n6_now(uploads->channel));
    if (slot->state == N6_SLOT_DECODING) {
        return N6_MISTAKE_NONE; /* answered at the end */
    }
    if (slot->state != N6_SLOT_FILLING) {
        n6_reply(uploads->channel, request, NULL, 0);
        return N6_MISTAKE_NONE;
    }
    const n6_mistake_t mistake =
        store(&uploads->upload[wanted->slot], &uploads->channel->config, request, at);
    if (mistake != N6_MISTAKE_NONE) {
        n6_slot_empty(uploads->slots, wanted->slot);
        return mistake;
    }
    if (!try_to_finish(uploads, wanted->slot)) {
        park(uploads, wanted->slot, request->id, wanted->length);
    }
    return N6_MISTAKE_NONE;
}

/* A COMMIT was refused: the inferences that require its upload end. */
static void starve(n6_uploads_t *uploads, uint32_t index, uint32_t id)
{
    n6_slot_refuse(uploads->slots, index, id);
    n6_queue_starve(uploads->queue, index, id, N6_MISTAKE_INPUT_REFUSED);
}

void n6_upload_commit(n6_uploads_t *uploads, const n6_request_t *request)
{
    const n6_commit_t *wanted = request->body;
    size_t at = 0;

    if (wanted->slot >= uploads->channel->config.slots) {
        n6_refuse(uploads->channel, request, N6_MISTAKE_COMMIT_SLOT, 0);
        return;
    }
    n6_mistake_t mistake = N6_MISTAKE_COMMIT_POSITION;
    if (n6_upload_believes(uploads, wanted->position)) {
        see(uploads, wanted->position);
        mistake = commit(uploads, request, &at);
    }
    if (mistake != N6_MISTAKE_NONE) {
        n6_refuse(uploads->channel, request, mistake, at);
        starve(uploads, wanted->slot, request->id);
    }
    grant(uploads);
}

/* ---- parts ---- */

/* Starts to decode the complete upload with the oldest id. false = there is none. */
static bool start_unpacking(n6_uploads_t *uploads)
{
    const n6_config_t *config = &uploads->channel->config;

    for (uint8_t i = 0; i < config->slots; i++) {
        const n6_slot_t *slot = n6_slot(uploads->slots, i);

        if (slot->state == N6_SLOT_DECODING &&
            (uploads->unpacked == N6_NONE ||
             n6_newer(n6_slot(uploads->slots, uploads->unpacked)->upload, slot->upload))) {
            uploads->unpacked = i;
        }
    }
    if (uploads->unpacked == N6_NONE) {
        return false;
    }
    const n6_upload_t *upload = &uploads->upload[uploads->unpacked];
    n6_unpack_begin(&uploads->unpack, n6_network(uploads->channel, upload->network), &upload->parts,
                    config->slot[uploads->unpacked], config->parts, upload->length);
    return true;
}

static void refuse_part(n6_uploads_t *uploads, uint32_t index)
{
    const n6_unpack_t *unpack = &uploads->unpack;
    const uint32_t id = n6_slot(uploads->slots, index)->upload;

    n6_error_text(uploads->channel, id, N6_MESSAGE_TYPE_COMMIT, N6_MISTAKE_PICTURE,
                  n6_parts_at(unpack->parts, unpack->next), n6_unpack_offset(unpack),
                  n6_unpack_text(unpack));
    n6_slot_empty(uploads->slots, index);
    starve(uploads, index, id);
}

int n6_upload_run(n6_uploads_t *uploads)
{
    if (uploads->unpacked == N6_NONE && !start_unpacking(uploads)) {
        return N6_SERVER_IDLE;
    }
    const uint8_t index = uploads->unpacked;
    const int status = n6_unpack_step(&uploads->unpack);
    n6_slot_touch(uploads->slots, index, n6_now(uploads->channel));
    if (status == N6_UNPACK_MORE) {
        return N6_SERVER_BUSY;
    }
    uploads->unpacked = N6_NONE;
    if (status == N6_UNPACK_DONE) {
        accept(uploads, index);
    } else {
        refuse_part(uploads, index);
    }
    return N6_SERVER_BUSY;
}
