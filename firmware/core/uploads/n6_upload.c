/*
 * Input slots (protocol.md section 4) and the credits that the host has (section 5).
 *
 *     slot state   event                                                     next
 *     any          newer upload, slot not in use: bitmap cleared             FILLING
 *     FILLING      COMMIT with the network's size, all chunks, good digest   COMMITTED
 *     FILLING      COMMIT of an unknown network, or with another size        EMPTY
 *     COMMITTED    a run has overwritten it (Feature CONSUMES_INPUT)         CONSUMED
 *
 * What becomes of a chunk is decided when its headers have arrived, because its bytes go straight into the slot; what is
 * answered, when its CRC-32 has. A chunk whose headers were good and whose bytes were not is asked for at once. The digest
 * is put together from the CRC-32s of the chunks, so that no byte is read twice.
 */
#include <string.h>

#include "n6_parts.h"

enum {
    /* Verdicts on a chunk beside n6_status_t: OK = it is wanted, others = the ERROR that it earns. */
    DROP = 0xfe,
    DUPLICATE = 0xff,
    /* NAKs for one COMMIT; its repetition asks for the next gaps. */
    MAX_GAPS = 32,
};

/* ---- chunks of a slot: one bit each, then one CRC-32 each ---- */

static size_t words(const n6_server_t *s)
{
    return N6_SERVER_BITMAP_WORDS(s->config.slot_size, s->config.chunk);
}

static uint32_t *bitmap_of(const n6_server_t *s, uint32_t slot)
{
    return s->config.chunks +
           (size_t)slot * N6_SERVER_CHUNK_WORDS(s->config.slot_size, s->config.chunk);
}

static uint32_t *crcs_of(const n6_server_t *s, uint32_t slot)
{
    return bitmap_of(s, slot) + words(s);
}

static bool is_marked(const uint32_t *bitmap, uint32_t chunk)
{
    return (bitmap[chunk / 32] >> (chunk % 32)) & 1u;
}

/* The first chunk of [first, end) that is marked, or is not; end = none. */
static uint32_t find(const uint32_t *bitmap, uint32_t first, uint32_t end, bool marked)
{
    while (first < end && is_marked(bitmap, first) != marked)
        first++;
    return first;
}

static uint32_t chunks_of(const n6_server_t *s, uint32_t bytes)
{
    return (bytes + s->config.chunk - 1u) / s->config.chunk;
}

/* ---- slots ---- */

static void clear(n6_server_t *s, uint32_t index)
{
    n6_slot_t *slot = &s->slot[index];

    memset(bitmap_of(s, index), 0, words(s) * sizeof(uint32_t));
    slot->next = 0;
    slot->parked = false;
    slot->state = N6_SLOT_FILLING;
}

static bool is_newer(const n6_slot_t *slot, uint32_t id)
{
    return slot->id == 0 || n6_newer(id, slot->id);
}

/* The slot turns to a newer upload. false = it is in use. */
static bool turn_to(n6_server_t *s, uint32_t index, uint32_t id)
{
    if (n6_queue_uses(s, index, id))
        return false;
    s->slot[index].id = id;
    clear(s, index);
    return true;
}

void n6_upload_forget(n6_server_t *s)
{
    memset(s->slot, 0, sizeof s->slot);
}

/* ---- credits ---- */

void n6_upload_seen(n6_server_t *s, uint32_t position)
{
    if (n6_newer(position, s->consumed))
        s->consumed = position;
}

static void grant(n6_server_t *s)
{
    const n6_credit_t credit = {.limit = s->consumed + s->config.window};

    if (credit.limit - s->granted < (s->config.window + 1) / 2)
        return;
    s->granted = credit.limit;
    n6_event(s, N6_MESSAGE_TYPE_CREDIT, 0, &credit, sizeof credit);
}

/* ---- chunks ---- */

/* NAK of the chunks [first, end), whose last byte is before bytes. */
static void ask(n6_server_t *s, uint32_t id, uint32_t first, uint32_t end, uint32_t bytes)
{
    n6_nak_t nak = {.offset = first * s->config.chunk};
    const uint32_t to = end * s->config.chunk;

    nak.length = (to < bytes ? to : bytes) - nak.offset;
    s->stats.naks_sent++;
    n6_event(s, N6_MESSAGE_TYPE_NAK, id, &nak, sizeof nak);
}

static uint8_t judge(n6_server_t *s, uint32_t id, const n6_data_header_t *data, uint32_t size)
{
    const n6_config_t *config = &s->config;
    n6_slot_t *slot;

    if (!s->session || id == 0)
        return DROP;
    if (n6_newer(data->position + size, s->granted))
        return N6_STATUS_OUT_OF_CREDITS;
    if (data->slot >= config->slots)
        return N6_STATUS_BAD_SLOT;
    if (size == 0 || data->offset % config->chunk != 0 || size > config->slot_size ||
        data->offset > config->slot_size - size)
        return N6_STATUS_BAD_REQUEST;
    slot = &s->slot[data->slot];
    if (is_newer(slot, id)) {
        if (turn_to(s, data->slot, id))
            return N6_STATUS_OK;
        if (slot->refused == id)
            return DROP;
        slot->refused = id;
        return N6_STATUS_BUSY;
    }
    if (slot->id != id || slot->state == N6_SLOT_EMPTY)
        return DROP;
    if (slot->state != N6_SLOT_FILLING ||
        is_marked(bitmap_of(s, data->slot), data->offset / config->chunk))
        return DUPLICATE;
    return N6_STATUS_OK;
}

uint8_t *n6_upload_place(void *server, uint32_t id, const n6_data_header_t *data, uint32_t size)
{
    n6_server_t *s = server;

    s->verdict = judge(s, id, data, size);
    return s->verdict == N6_STATUS_OK ? s->config.slot[data->slot] + data->offset : NULL;
}

/* Of the chunk that has just been received; the link has that of the chunk behind its header. */
static uint32_t crc_of_chunk(const n6_server_t *s, const n6_data_header_t *data, uint32_t size)
{
    if (size < s->config.chunk)
        return s->link.calls.crc32(0, s->config.slot[data->slot] + data->offset, size);
    return s->link.chunk_crc ^ n6_crc32_past(&s->past_chunk, s->link.chunk_head_crc);
}

/* Of the whole upload, from those of its chunks: each was computed from the bytes in the slot. */
static uint32_t digest(const n6_server_t *s, uint32_t index, uint32_t length)
{
    const uint32_t *crcs = crcs_of(s, index);
    uint32_t crc = 0;

    for (; length >= s->config.chunk; length -= s->config.chunk)
        crc = n6_crc32_past(&s->past_chunk, crc) ^ *crcs++;
    return length > 0 ? n6_crc32_zeros(crc, length) ^ *crcs : crc;
}

/* All chunks are there. */
static void finish(n6_server_t *s, uint32_t index)
{
    n6_slot_t *slot = &s->slot[index];
    const n6_request_t request = {.id = slot->id, .type = N6_MESSAGE_TYPE_COMMIT};
    const uint32_t crc = digest(s, index, s->config.npu->network[slot->network].input_bytes);

    if (crc != slot->crc) {
        clear(s, index);
        n6_refuse(s, &request, N6_STATUS_BAD_DIGEST, crc);
        return;
    }
    slot->state = N6_SLOT_COMMITTED;
    slot->committed_at = n6_now(s);
    n6_reply(s, &request, NULL, 0);
    n6_queue_input(s, index, N6_STATUS_OK);
}

/* Finishes the COMMIT if nothing is missing. */
static bool try_to_finish(n6_server_t *s, uint32_t index)
{
    const uint32_t length = s->config.npu->network[s->slot[index].network].input_bytes;
    const uint32_t end = chunks_of(s, length);

    if (find(bitmap_of(s, index), 0, end, false) < end)
        return false;
    finish(s, index);
    return true;
}

/* A gap before the chunk is asked for once, and a damaged chunk each time. */
static void receive(n6_server_t *s, const n6_data_header_t *data, uint32_t size, bool good)
{
    n6_slot_t *slot = &s->slot[data->slot];
    const uint32_t chunk = data->offset / s->config.chunk;
    const uint32_t first = chunk < slot->next ? chunk : slot->next;
    const uint32_t end = good ? chunk : chunk + 1;

    if (good) {
        bitmap_of(s, data->slot)[chunk / 32] |= 1u << (chunk % 32);
        crcs_of(s, data->slot)[chunk] = crc_of_chunk(s, data, size);
    } else {
        n6_server_log(s, N6_LOG_LEVEL_WARNING, "a damaged chunk is asked for again");
    }
    if (first < end)
        ask(s, slot->id, first, end, data->offset + size);
    if (chunk >= slot->next)
        slot->next = chunk + 1;
    if (good && slot->parked)
        (void)try_to_finish(s, data->slot);
}

void n6_upload_chunk(void *server, uint32_t id, const n6_data_header_t *data, uint32_t size,
                     bool good)
{
    n6_server_t *s = server;
    const uint32_t position = data->position + size;

    if (!s->session)
        return;
    n6_upload_seen(s, position);
    if (s->verdict == N6_STATUS_OK)
        receive(s, data, size, good);
    else if (s->verdict == DUPLICATE)
        s->stats.duplicates++;
    else if (s->verdict != DROP)
        n6_error(s, id, N6_MESSAGE_TYPE_DATA, (n6_status_t)s->verdict,
                 s->verdict == N6_STATUS_OUT_OF_CREDITS ? position : data->slot);
    grant(s);
}

/* ---- COMMIT ---- */

/* The slot is FILLING with this upload, and the COMMIT fits its network. */
static void park(n6_server_t *s, uint32_t index, uint32_t length)
{
    n6_slot_t *slot = &s->slot[index];
    const uint32_t *bitmap = bitmap_of(s, index);
    const uint32_t end = chunks_of(s, length);
    uint32_t first = 0;

    if (!slot->parked && slot->next < end)
        ask(s, slot->id, slot->next, end, length);
    for (uint32_t gaps = 0; slot->parked && gaps < MAX_GAPS; gaps++) {
        const uint32_t gap = find(bitmap, first, end, false);
        first = find(bitmap, gap, end, true);
        if (gap == end)
            break;
        ask(s, slot->id, gap, first, length);
    }
    slot->parked = true;
    slot->next = end;
}

static n6_status_t commit(n6_server_t *s, const n6_request_t *request, const n6_commit_t *wanted,
                          uint32_t *value)
{
    n6_slot_t *slot = &s->slot[wanted->slot];

    if (is_newer(slot, request->id)) {
        if (!turn_to(s, wanted->slot, request->id))
            return N6_STATUS_BUSY;
    } else if (slot->id != request->id) {
        return N6_STATUS_NO_INPUT;
    }
    *value = wanted->network;
    if (wanted->network >= s->config.npu->networks)
        return N6_STATUS_UNKNOWN_NETWORK;
    *value = wanted->length;
    if (wanted->length != s->config.npu->network[wanted->network].input_bytes)
        return N6_STATUS_BAD_TENSOR_SIZE;
    if (slot->state == N6_SLOT_EMPTY)
        return N6_STATUS_NO_INPUT;
    if (slot->state == N6_SLOT_FILLING) {
        slot->network = wanted->network;
        slot->crc = wanted->crc;
        if (!try_to_finish(s, wanted->slot))
            park(s, wanted->slot, wanted->length);
    } else {
        n6_reply(s, request, NULL, 0);
    }
    return N6_STATUS_OK;
}

void n6_upload_commit(n6_server_t *s, const n6_request_t *request)
{
    n6_commit_t wanted;
    n6_status_t status = N6_STATUS_BAD_SLOT;
    uint32_t value;

    memcpy(&wanted, request->payload, sizeof wanted);
    n6_upload_seen(s, wanted.position);
    value = wanted.slot;
    if (wanted.slot < s->config.slots)
        status = commit(s, request, &wanted, &value);
    if (status != N6_STATUS_OK)
        n6_refuse(s, request, status, value);
    if (status == N6_STATUS_UNKNOWN_NETWORK || status == N6_STATUS_BAD_TENSOR_SIZE) {
        n6_slot_t *slot = &s->slot[wanted.slot];
        if (slot->state == N6_SLOT_FILLING) {
            slot->state = N6_SLOT_EMPTY;
            n6_queue_input(s, wanted.slot, N6_STATUS_NO_INPUT);
        }
    }
    grant(s);
}
