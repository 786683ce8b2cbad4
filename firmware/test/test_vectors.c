/* The golden frames: each is one good frame, is made again byte by byte, and the dialogue is the
 * server's own. */
#include "n6_rig.h"
#include "n6_vectors.h"

enum {
    VECTORS = sizeof n6_vectors / sizeof *n6_vectors,
};

typedef struct {
    int frames;
    bool good;
    n6_frame_header_t header;
    uint8_t payload[N6_LINK_FRAME_MAX];
} caught_t;

static void catch_control(void *context, const n6_frame_header_t *header, const uint8_t *payload)
{
    caught_t *caught = context;

    caught->frames++;
    caught->good = true;
    caught->header = *header;
    memcpy(caught->payload, payload, header->length);
}

static void catch_place(void *context, n6_chunk_t *chunk)
{
    caught_t *caught = context;
    const size_t head = sizeof chunk->head;

    caught->header = (n6_frame_header_t){.type = N6_MESSAGE_TYPE_DATA, .id = chunk->id};
    caught->header.length = (uint16_t)(head + chunk->size);
    memcpy(caught->payload, &chunk->head, head);
    chunk->at = caught->payload + head;
}

static void catch_chunk(void *context, const n6_chunk_t *chunk, bool good)
{
    caught_t *caught = context;

    (void)chunk;
    caught->frames++;
    caught->good = good;
}

static void feed(n6_link_t *link, const uint8_t *bytes, size_t size, size_t step)
{
    while (size > 0) {
        n6_window_t window[N6_LINK_WINDOWS];
        size_t part = step < size ? step : size;
        CHECK(n6_link_rx_windows(link, window) > 0);
        part = part < window[0].size ? part : window[0].size;
        memcpy(window[0].at, bytes, part);
        n6_link_rx_done(link, part);
        while (n6_link_parse(link)) {
            ;
        }
        bytes += part;
        size -= part;
    }
}

static void vectors_parse(void)
{
    for (size_t step = 1; step <= 64; step += 63) {
        for (int i = 0; i < VECTORS; i++) {
            const n6_vector_t *vector = &n6_vectors[i];
            static caught_t caught;
            static n6_link_t link;
            static uint8_t tx[2 * N6_LINK_FRAME_MAX];
            const n6_link_calls_t calls = {&caught, catch_control, catch_place, catch_chunk, NULL};

            memset(&caught, 0, sizeof caught);
            n6_link_init(&link, &calls, tx, sizeof tx);
            feed(&link, vector->bytes, vector->size, step);
            EQUAL(caught.frames, 1);
            CHECK(caught.good);
            EQUAL(caught.header.type, vector->type);
            EQUAL(caught.header.id, vector->id);
            if (vector->type != N6_MESSAGE_TYPE_DATA) {
                EQUAL(caught.header.flags, vector->flags);
            }
            BYTES(caught.payload, vector->bytes + 12, caught.header.length);
            EQUAL(link.counts.rx_frames, 1);
            EQUAL(link.counts.rx_bytes, vector->size);
            EQUAL(link.counts.skipped + link.counts.header_errors + link.counts.payload_errors, 0);
        }
    }
}

static void vectors_are_made_again(void)
{
    for (int i = 0; i < VECTORS; i++) {
        const n6_vector_t *vector = &n6_vectors[i];
        static n6_link_t link;
        static uint8_t tx[2 * N6_LINK_FRAME_MAX];
        const n6_link_calls_t calls = {0};
        const uint8_t *payload = vector->bytes + 12;
        const size_t length = vector->size - 12 - (vector->size > 12 ? 4 : 0);
        n6_span_t span[N6_LINK_SPANS];
        size_t at = 0;

        n6_link_init(&link, &calls, tx, sizeof tx);
        if (vector->type == N6_MESSAGE_TYPE_DATA) {
            n6_data_header_t head;
            memcpy(&head, payload, sizeof head);
            n6_link_send_data(&link, vector->id, head.position, head.offset, payload + 12,
                              (uint32_t)length - 12);
        } else {
            CHECK(n6_link_send(&link, vector->type, vector->flags, vector->id, payload, length));
        }
        for (size_t j = 0, count = n6_link_tx_spans(&link, span); j < count; j++) {
            BYTES(span[j].at, vector->bytes + at, span[j].size);
            at += span[j].size;
        }
        EQUAL(at, vector->size);
    }
}

/* All that the host says in the example of protocol.md, at once: the device says what is written there.
 */
static void example_is_reproduced(void)
{
    rig_t *rig = rig_new();
    uint8_t wanted[1024];
    size_t size = 0;

    rig->npu.networks = 1;
    rig->config.slot_size = 256;
    rig->config.parts = NULL;
    rig->config.result_size = 512;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    for (int i = 0; i < VECTORS; i++) {
        const n6_vector_t *vector = &n6_vectors[i];
        if (strcmp(vector->group, "inference") != 0) {
            continue;
        }
        if (vector->from_host) {
            rig_feed(rig, vector->bytes, vector->size);
        } else {
            memcpy(wanted + size, vector->bytes, vector->size);
            size += vector->size;
        }
    }
    EQUAL(rig->line_size, size);
    BYTES(rig->line, wanted, size);
}

const n6_test_t n6_vector_tests[] = {
    TEST(vectors_parse),
    TEST(vectors_are_made_again),
    TEST(example_is_reproduced),
    TESTS_END,
};
