/* See n6_link.h for the states and the rules. */
#include "n6_link.h"

#include <string.h>

#include "n6_crc.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are the wire: little-endian");

enum {
    HEADER = N6_LIMIT_HEADER_SIZE,
    CRC = N6_LIMIT_CRC_SIZE,
    GUARDED = 10, /* bytes of both headers that their CRC-16 covers */
    MAGIC_0 = N6_LIMIT_MAGIC & 0xff,
    MAGIC_1 = N6_LIMIT_MAGIC >> 8,
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void n6_link_place_nowhere(void *context, n6_chunk_t *chunk)
{
    (void)context;
    chunk->at = NULL;
}

void n6_link_forget_chunk(void *context, const n6_chunk_t *chunk, bool good)
{
    (void)context;
    (void)chunk;
    (void)good;
}

void n6_link_init(n6_link_t *link, const n6_link_calls_t *calls, uint8_t *tx, uint32_t tx_size)
{
    memset(link, 0, sizeof *link);
    link->calls = *calls;
    if (!link->calls.crc32) {
        link->calls.crc32 = n6_crc32;
    }
    link->chunk_size = N6_LIMIT_MAX_CHUNK;
    link->tx = tx;
    link->tx_size = tx_size;
}

void n6_link_clear(n6_link_t *link)
{
    link->lost = link->blocked = link->in_chunk = link->out = false;
    link->rx_begin = link->rx_end = 0;
    link->tx_head = link->tx_tail = 0;
    link->lent = 0;
    link->chunk_size = N6_LIMIT_MAX_CHUNK;
}

void n6_link_reset_counts(n6_link_t *link)
{
    memset(&link->counts, 0, sizeof link->counts);
}

/* ---- receiving ---- */

static uint32_t held(const n6_link_t *link)
{
    return link->rx_end - link->rx_begin;
}

static void skip(n6_link_t *link, uint32_t size)
{
    if (!link->lost && size > 0) {
        link->counts.resyncs++;
    }
    link->lost = link->lost || size > 0;
    link->counts.skipped += size;
    link->rx_begin += size;
}

static bool permitted(const n6_link_t *link, const n6_frame_header_t *header)
{
    if (header->type != N6_MESSAGE_TYPE_DATA) {
        return header->length <= N6_LIMIT_MAX_CONTROL;
    }
    return header->length > HEADER && header->length <= HEADER + link->chunk_size;
}

/* Skips to the next good FrameHeader. false = more bytes are required. */
static bool find_header(n6_link_t *link, n6_frame_header_t *header)
{
    while (held(link) > 0) {
        const uint8_t *from = link->rx + link->rx_begin;
        const uint8_t *at = memchr(from, MAGIC_0, held(link));

        skip(link, at ? (uint32_t)(at - from) : held(link));
        if (!at || held(link) < 2) {
            return false;
        }
        if (at[1] == MAGIC_1) {
            if (held(link) < HEADER) {
                return false;
            }
            memcpy(header, at, HEADER);
            if (header->crc == n6_crc16(at, GUARDED) && permitted(link, header)) {
                return true;
            }
            link->counts.header_errors++;
        }
        skip(link, 1);
    }
    return false;
}

static bool room_to_answer(n6_link_t *link)
{
    link->blocked = !n6_link_room(link, N6_LINK_FRAME_MAX);
    return !link->blocked;
}

static bool parse_data(n6_link_t *link, const n6_frame_header_t *header)
{
    const uint8_t *at = link->rx + link->rx_begin + HEADER;
    n6_chunk_t *chunk = &link->chunk;

    if (held(link) < N6_LINK_DATA_HEAD) {
        return false;
    }
    memcpy(&chunk->head, at, HEADER);
    if (chunk->head.crc != n6_crc16(at, GUARDED)) {
        link->counts.header_errors++;
        skip(link, 1);
        return true;
    }
    link->in_chunk = true;
    link->chunk_got = 0;
    chunk->id = header->id;
    chunk->size = (uint32_t)header->length - HEADER;
    chunk->head_crc = link->calls.crc32(0, at, HEADER);
    chunk->crc = chunk->head_crc;
    link->calls.place(link->calls.context, chunk);
    link->rx_begin += N6_LINK_DATA_HEAD;
    return true;
}

static bool parse_control(n6_link_t *link, const n6_frame_header_t *header)
{
    const uint8_t *payload = link->rx + link->rx_begin + HEADER;

    if (header->length > 0) {
        if (held(link) < (uint32_t)HEADER + header->length + CRC) {
            return false;
        }
        uint32_t crc = 0;
        memcpy(&crc, payload + header->length, CRC);
        if (crc != link->calls.crc32(0, payload, header->length)) {
            link->counts.payload_errors++;
            skip(link, 1);
            return true;
        }
    }
    if (!room_to_answer(link)) {
        return false;
    }
    link->rx_begin += (uint32_t)HEADER + header->length + (header->length > 0 ? CRC : 0);
    link->lost = false;
    link->counts.rx_frames++;
    link->calls.control(link->calls.context, header, payload);
    return true;
}

static void end_chunk(n6_link_t *link, bool good)
{
    link->in_chunk = false;
    link->lost = !good;
    if (good) {
        link->counts.rx_frames++;
    } else {
        link->counts.payload_errors++;
    }
    link->calls.chunk(link->calls.context, &link->chunk, good);
}

static bool parse_chunk(n6_link_t *link)
{
    const uint8_t *from = link->rx + link->rx_begin;
    n6_chunk_t *chunk = &link->chunk;
    const uint32_t size = smaller(held(link), chunk->size - link->chunk_got);

    if (size > 0) {
        if (chunk->at) {
            memcpy(chunk->at + link->chunk_got, from, size);
        } else {
            chunk->crc = link->calls.crc32(chunk->crc, from, size);
        }
        link->chunk_got += size;
        link->rx_begin += size;
    }
    if (link->chunk_got < chunk->size || held(link) < CRC || !room_to_answer(link)) {
        return false;
    }
    if (chunk->at) {
        chunk->crc = link->calls.crc32(chunk->crc, chunk->at, chunk->size);
    }
    uint32_t crc = 0;
    memcpy(&crc, link->rx + link->rx_begin, CRC);
    link->rx_begin += CRC;
    end_chunk(link, crc == chunk->crc);
    return true;
}

bool n6_link_parse(n6_link_t *link)
{
    n6_frame_header_t header = {0};

    link->blocked = false;
    if (link->in_chunk) {
        return parse_chunk(link);
    }
    if (!find_header(link, &header)) {
        return false;
    }
    return header.type == N6_MESSAGE_TYPE_DATA ? parse_data(link, &header)
                                               : parse_control(link, &header);
}

size_t n6_link_rx_windows(n6_link_t *link, n6_window_t window[N6_LINK_WINDOWS])
{
    size_t count = 0;

    if (link->rx_begin > 0) {
        memmove(link->rx, link->rx + link->rx_begin, held(link));
        link->rx_end = held(link);
        link->rx_begin = 0;
    }
    link->lent = 0;
    if (link->in_chunk && link->chunk.at && link->chunk_got < link->chunk.size &&
        link->rx_end == 0) {
        link->lent = link->chunk.size - link->chunk_got;
        window[count++] = (n6_window_t){link->chunk.at + link->chunk_got, link->lent};
    }
    if (link->rx_end < sizeof link->rx) {
        window[count++] = (n6_window_t){link->rx + link->rx_end, sizeof link->rx - link->rx_end};
    }
    return count;
}

void n6_link_rx_done(n6_link_t *link, size_t size)
{
    uint32_t placed = smaller(link->lent, (uint32_t)size);
    uint32_t more = (uint32_t)size - placed;

    link->counts.rx_bytes += size;
    link->lent -= placed;
    if (link->in_chunk) {
        link->chunk_got += placed;
    }
    link->rx_end += smaller(more, sizeof link->rx - link->rx_end);
}

bool n6_link_partial(const n6_link_t *link)
{
    return link->in_chunk || held(link) >= HEADER;
}

void n6_link_give_up(n6_link_t *link)
{
    if (link->in_chunk) {
        end_chunk(link, false);
    } else {
        skip(link, 1);
    }
}

/* ---- sending ---- */

/* Start of a frame: the tail, or the start of the memory if that part was sent. */
static bool find_room(const n6_link_t *link, size_t frame, uint32_t *at)
{
    if (link->tx_tail < link->tx_head) {
        *at = link->tx_tail;
        return link->tx_head - link->tx_tail > frame;
    }
    *at = link->tx_size - link->tx_tail >= frame ? link->tx_tail : 0;
    return *at == link->tx_tail || link->tx_head > frame;
}

bool n6_link_room(const n6_link_t *link, size_t frame)
{
    uint32_t at = 0;
    return find_room(link, frame, &at);
}

static void make_header(uint8_t *at, uint8_t type, uint8_t flags, uint32_t id, size_t length)
{
    n6_frame_header_t header = {
        .magic = N6_LIMIT_MAGIC,
        .type = type,
        .flags = flags,
        .id = id,
        .length = (uint16_t)length,
    };

    header.crc = n6_crc16(&header, GUARDED);
    memcpy(at, &header, sizeof header);
}

uint8_t *n6_link_begin(n6_link_t *link, size_t payload)
{
    uint32_t at = 0;

    if (!find_room(link, HEADER + payload + CRC, &at)) {
        return NULL;
    }
    if (at != link->tx_tail) {
        link->tx_end = link->tx_tail;
        link->tx_tail = at;
    }
    return link->tx + link->tx_tail + HEADER;
}

void n6_link_end(n6_link_t *link, uint8_t type, uint8_t flags, uint32_t id, size_t payload)
{
    uint8_t *at = link->tx + link->tx_tail;

    make_header(at, type, flags, id, payload);
    link->tx_tail += HEADER + (uint32_t)payload;
    if (payload > 0) {
        uint32_t crc = link->calls.crc32(0, at + HEADER, payload);
        memcpy(at + HEADER + payload, &crc, CRC);
        link->tx_tail += CRC;
    }
    link->counts.tx_frames++;
}

bool n6_link_send(n6_link_t *link, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                  size_t size)
{
    uint8_t *at = n6_link_begin(link, size);

    if (!at) {
        return false;
    }
    if (size > 0) {
        memcpy(at, payload, size);
    }
    n6_link_end(link, type, flags, id, size);
    return true;
}

bool n6_link_ready_for_data(const n6_link_t *link)
{
    return !link->out && link->tx_head == link->tx_tail;
}

void n6_link_send_data(n6_link_t *link, uint32_t id, uint32_t position, uint32_t offset,
                       const uint8_t *at, uint32_t size)
{
    n6_data_header_t data = {.position = position, .offset = offset};

    data.crc = n6_crc16(&data, GUARDED);
    make_header(link->out_head, N6_MESSAGE_TYPE_DATA, 0, id, HEADER + size);
    memcpy(link->out_head + HEADER, &data, HEADER);
    const uint32_t crc = link->calls.crc32(link->calls.crc32(0, &data, HEADER), at, size);
    memcpy(link->out_crc, &crc, CRC);
    link->out = true;
    link->out_at = at;
    link->out_bytes = size;
    link->out_sent = 0;
    link->counts.tx_frames++;
}

size_t n6_link_tx_spans(const n6_link_t *link, n6_span_t span[N6_LINK_SPANS])
{
    const bool wrapped = link->tx_tail < link->tx_head;
    const n6_span_t data[N6_LINK_SPANS] = {
        {link->out_head, sizeof link->out_head},
        {link->out_at, link->out_bytes},
        {link->out_crc, sizeof link->out_crc},
    };
    const n6_span_t queue[N6_LINK_SPANS] = {
        {link->tx + link->tx_head, (wrapped ? link->tx_end : link->tx_tail) - link->tx_head},
        {link->tx, wrapped ? link->tx_tail : 0},
    };
    const n6_span_t *from = link->out ? data : queue;
    size_t sent = link->out ? link->out_sent : 0;
    size_t count = 0;

    for (size_t i = 0; i < N6_LINK_SPANS; i++) {
        if (sent >= from[i].size) {
            sent -= from[i].size;
        } else {
            span[count++] = (n6_span_t){from[i].at + sent, from[i].size - sent};
            sent = 0;
        }
    }
    return count;
}

void n6_link_tx_done(n6_link_t *link, size_t size)
{
    link->counts.tx_bytes += size;
    if (link->out) {
        link->out_sent += (uint32_t)size;
        link->out = link->out_sent < N6_LINK_DATA_HEAD + link->out_bytes + CRC;
        return;
    }
    if (link->tx_tail < link->tx_head) {
        uint32_t first = smaller((uint32_t)size, link->tx_end - link->tx_head);
        link->tx_head += first;
        size -= first;
        if (link->tx_head == link->tx_end) {
            link->tx_head = 0;
        }
    }
    link->tx_head += smaller((uint32_t)size, link->tx_tail - link->tx_head);
    if (link->tx_head == link->tx_tail) {
        link->tx_head = link->tx_tail = 0;
    }
}
