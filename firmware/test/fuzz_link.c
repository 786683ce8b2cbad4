/*
 * Fuzzes the link alone. The input is made into a stream of frames, most of them good, bytes between
 * them, and silences in which the link gives up what it waits for.
 *
 * The invariant: however the stream is cut into reads, whichever window they go to, and however slowly
 * the answers leave, the same frames and chunks are delivered, the same bytes skipped, and the same
 * bytes sent. What is sent is what was queued, and chunks are written to their place alone.
 */
#include "fuzz.h"
#include "n6_crc.h"
#include "n6_frames.h"
#include "n6_link.h"
#include "n6_test.h"

enum {
    CHUNK = 512,
    MOST = 1024,
    STREAM = 1 << 15,
    SENT = 1 << 16,
    SILENCES = 64,
    GUARD = 0xa5,
};

/* What a link has done with a stream. */
typedef struct {
    n6_link_t link;
    n6_link_counts_t counts;
    uint32_t events; /* CRC-32 over all of them */
    size_t sent;
    uint8_t out[SENT];
    uint8_t tx[3 * N6_LINK_FRAME_MAX];
    uint8_t before[64];
    uint8_t place[CHUNK];
    uint8_t after[64];
} way_t;

typedef struct {
    size_t size;
    size_t silences;
    size_t silence[SILENCES]; /* after so many bytes */
    uint8_t bytes[STREAM];
} stream_t;

/* ---- what the link calls ---- */

static void note(way_t *way, const void *what, size_t size)
{
    way->events = n6_crc32(way->events, what, size);
}

static void control(void *context, const n6_frame_header_t *header, const uint8_t *payload)
{
    way_t *way = context;

    CHECK(header->length <= N6_LIMIT_MAX_CONTROL);
    note(way, header, sizeof *header);
    note(way, payload, header->length);
    CHECK(
        n6_link_send(&way->link, header->type, N6_FLAG_REPLY, header->id, payload, header->length));
}

static void place(void *context, n6_chunk_t *chunk)
{
    way_t *way = context;

    CHECK(chunk->size <= CHUNK);
    note(way, &chunk->head, sizeof chunk->head);
    memset(way->place, 0, sizeof way->place);
    chunk->at = chunk->head.slot & 1 ? NULL : way->place;
    chunk->verdict = chunk->head.slot;
}

static void chunk(void *context, const n6_chunk_t *chunk, bool good)
{
    way_t *way = context;

    EQUAL(chunk->verdict, chunk->head.slot);
    note(way, &good, sizeof good);
    if (good) {
        note(way, way->place, sizeof way->place);
    }
}

/* ---- the port ---- */

static void send(way_t *way, size_t most)
{
    n6_span_t span[N6_LINK_SPANS];
    size_t count;

    while ((count = n6_link_tx_spans(&way->link, span)) > 0) {
        size_t done = 0;
        for (size_t i = 0; i < count && done < most; i++) {
            const size_t part = span[i].size < most - done ? span[i].size : most - done;
            CHECK(way->sent + part <= SENT);
            memcpy(way->out + way->sent, span[i].at, part);
            way->sent += part;
            done += part;
        }
        n6_link_tx_done(&way->link, done);
    }
}

/* Handles what is there; answers leave when the link wants room, or at the end. */
static void work(way_t *way, size_t most)
{
    while (n6_link_parse(&way->link) || n6_link_blocked(&way->link)) {
        if (n6_link_blocked(&way->link)) {
            send(way, most);
        }
    }
}

static size_t push(way_t *way, const uint8_t *bytes, size_t size, bool both)
{
    n6_window_t window[N6_LINK_WINDOWS];
    const size_t count = n6_link_rx_windows(&way->link, window);
    size_t done = 0;

    for (size_t i = 0; i < count && (i == 0 || both) && done < size; i++) {
        const size_t part = window[i].size < size - done ? window[i].size : size - done;
        memcpy(window[i].at, bytes + done, part);
        done += part;
    }
    n6_link_rx_done(&way->link, done);
    CHECK(done > 0);
    return done;
}

/* seed = 0: a byte at a time. */
static void take_way(way_t *way, const stream_t *stream, uint32_t seed)
{
    const n6_link_calls_t calls = {way, control, place, chunk, NULL};
    const size_t most = seed ? 1 + seed % 97 : SENT;
    size_t at = 0;

    memset(way, 0, sizeof *way);
    memset(way->before, GUARD, sizeof way->before);
    memset(way->after, GUARD, sizeof way->after);
    n6_link_init(&way->link, &calls, way->tx, sizeof way->tx);
    n6_link_set_chunk(&way->link, CHUNK);
    for (size_t i = 0; i <= stream->silences; i++) {
        const size_t end = i < stream->silences ? stream->silence[i] : stream->size;
        while (at < end) {
            const size_t most_now = seed ? 1 + rig_random(&seed) % 700 : 1;
            const size_t part = end - at < most_now ? end - at : most_now;
            at += push(way, stream->bytes + at, part, seed & 1);
            work(way, most);
        }
        if (i < stream->silences && n6_link_partial(&way->link)) {
            n6_link_give_up(&way->link);
            work(way, most);
        }
    }
    send(way, most);
    way->counts = *n6_link_counts(&way->link);
    for (size_t i = 0; i < sizeof way->before; i++) {
        EQUAL(way->before[i], GUARD);
        EQUAL(way->after[i], GUARD);
    }
    if (n6_link_ready_for_data(&way->link)) {
        n6_link_send_data(&way->link, 7, 8, 9, stream->bytes, (uint32_t)(stream->size % CHUNK));
        CHECK(n6_link_sending(&way->link));
        send(way, most);
        CHECK(!n6_link_sending(&way->link));
    }
}

/* ---- the stream ---- */

static void add(stream_t *stream, fuzz_input_t *input)
{
    uint8_t payload[CHUNK];
    const uint8_t choice = fuzz_take(input);
    const uint8_t type = fuzz_take(input);
    const size_t size = fuzz_take(input) * (choice & 1 ? 2u : 1u);
    uint8_t *at = stream->bytes + stream->size;
    size_t length;

    memset(payload, type, sizeof payload);
    for (size_t i = 0; i < size && choice & 2; i++) {
        payload[i] = fuzz_take(input);
    }
    if (choice & 4) {
        memcpy(at, payload, size);
        length = size;
    } else if (type & 1) {
        length = rig_data(at, choice, type, (uint32_t)size, choice >> 3 & 1, payload, size);
    } else {
        length = rig_frame(at, type, choice, fuzz_take32(input), payload, size);
    }
    if (choice & 16 && length > 0) {
        at[fuzz_take(input) % length] ^= (uint8_t)(1u << (type & 7));
    }
    if (choice & 32) {
        length -= length > fuzz_take(input) ? 1 : 0;
    }
    stream->size += length;
    if (choice & 64 && stream->silences < SILENCES) {
        stream->silence[stream->silences++] = stream->size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static stream_t stream;
    static way_t whole;
    static way_t cut;
    fuzz_input_t input = {bytes, size};

    if (size > MOST) {
        return 0;
    }
    const uint32_t seed = fuzz_take(&input);
    stream.size = stream.silences = 0;
    while (input.left > 0 && stream.size + 2 * CHUNK + 64 < STREAM) {
        add(&stream, &input);
    }
    take_way(&whole, &stream, 0);
    for (uint32_t way = 1; way < 4; way++) {
        take_way(&cut, &stream, 2 * seed + way);
        EQUAL(cut.events, whole.events);
        EQUAL(cut.counts.rx_frames, whole.counts.rx_frames);
        EQUAL(cut.counts.header_errors, whole.counts.header_errors);
        EQUAL(cut.counts.payload_errors, whole.counts.payload_errors);
        EQUAL(cut.counts.skipped, whole.counts.skipped);
        EQUAL(cut.counts.resyncs, whole.counts.resyncs);
        EQUAL(cut.sent, whole.sent);
        EQUAL(memcmp(cut.out, whole.out, whole.sent), 0);
    }
    return 0;
}
