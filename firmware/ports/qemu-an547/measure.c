/*
 * measure.c - number of instructions of the core for an upload.
 *
 * It acts as a host that uploads tensors of two sizes in chunks of two sizes. It writes the bytes
 * to the core's windows (as a DMA would, not counted), and adds up the time in the core's functions
 * with the clock that counts instructions. Each run prints one line on standard output: chunk size,
 * tensor size, ticks. benchmarks/m55_size.py prints them as a table.
 */
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "n6_crc.h"
#include "n6_server.h"

enum {
    LARGEST = 65536,
    TX_SIZE = 8192,
    RESULT_SIZE = 1024,
    UPLOAD = 7,
};

static _Alignas(32) uint8_t slot_memory[2][LARGEST];
static _Alignas(32) uint8_t result_memory[2][RESULT_SIZE];
static uint8_t tensor[LARGEST];
static uint8_t tx[TX_SIZE];
static uint8_t stream[N6_LIMIT_MAX_CHUNK + 64]; /* one frame */
static uint32_t chunks[2 * N6_SERVER_CHUNK_WORDS(LARGEST)];
static n6_server_t server;
static uint64_t spent;
static uint64_t overhead; /* ticks for two readings of the clock */

static uint64_t now(void *context)
{
    (void)context;
    return n6_clock_now();
}

static void info(void *context, n6_info_reply_t *reply)
{
    (void)context;
    (void)reply;
}

static int start(void *context, uint16_t network, const void *input, n6_block_time_t *times)
{
    (void)context;
    (void)network;
    (void)input;
    (void)times;
    return -1;
}

static int step(void *context)
{
    (void)context;
    return -1;
}

static void stop(void *context)
{
    (void)context;
}

static const void *output(void *context, uint8_t index)
{
    (void)context;
    (void)index;
    return tensor;
}

/*
 * Writes a frame to the stream; the payload of a DATA frame starts with its DataHeader. Returns its
 * size.
 */
static size_t frame(uint8_t type, uint32_t id, const void *head, size_t head_size, const void *body,
                    size_t body_size)
{
    n6_frame_header_t header = {
        .magic = N6_LIMIT_MAGIC,
        .type = type,
        .id = id,
        .length = (uint16_t)(head_size + body_size),
    };
    header.crc = n6_crc16(&header, sizeof header - sizeof header.crc);
    size_t size = sizeof header;
    memcpy(stream, &header, sizeof header);
    memcpy(stream + size, head, head_size);
    memcpy(stream + size + head_size, body, body_size);
    uint32_t crc = n6_crc32(0, stream + size, head_size + body_size);
    size += head_size + body_size;
    memcpy(stream + size, &crc, sizeof crc);
    return size + sizeof crc;
}

/* Passes the stream to the core. Returns whether it has sent an answer of this type. */
static int feed(size_t size, uint8_t answer)
{
    int answered = 0;
    int state = N6_SERVER_BUSY;
    for (size_t done = 0; done < size || state == N6_SERVER_BUSY;) {
        n6_window_t window[N6_LINK_WINDOWS];
        uint64_t begun = n6_clock_now();
        size_t windows = n6_server_rx_windows(&server, window);
        spent += n6_clock_now() - begun - overhead;
        size_t count = 0;
        for (size_t i = 0; i < windows; i++) {
            size_t part =
                size - done - count < window[i].size ? size - done - count : window[i].size;
            memcpy(window[i].at, stream + done + count, part);
            count += part;
        }
        done += count;
        const uint8_t *from;
        begun = n6_clock_now();
        n6_server_rx_done(&server, count);
        state = n6_server_poll(&server);
        size_t sent = n6_server_tx_peek(&server, &from);
        n6_server_tx_done(&server, sent);
        spent += n6_clock_now() - begun - overhead;
        answered |= sent > 2 && from[2] == answer;
    }
    return answered;
}

/* Ticks of one upload, or 0 if the core has refused it. */
static uint64_t upload(uint16_t chunk, uint32_t size)
{
    const n6_tensor_t input = {
        .name = "input", .dtype = N6_DTYPE_UINT8, .ndim = 1, .shape = {size}, .size = size};
    const n6_tensor_t out = {
        .name = "output", .dtype = N6_DTYPE_UINT8, .ndim = 1, .shape = {4}, .size = 4};
    const n6_block_t block = {.first = 1, .last = 1};
    const n6_network_t network = {
        .name = "upload",
        .inputs = 1,
        .outputs = 1,
        .blocks = 1,
        .epochs = 1,
        .input_bytes = size,
        .output_bytes = 4,
        .input = &input,
        .output = &out,
        .block = &block,
    };
    const n6_npu_t npu = {.network = &network,
                          .networks = 1,
                          .start = start,
                          .step = step,
                          .stop = stop,
                          .output = output};
    const n6_port_t port = {.tick_hz = N6_BOARD_CLOCK_HZ,
                            .now = now,
                            .info = info,
                            .build = N6_BUILD,
                            .firmware = N6_FIRMWARE};
    uint8_t *slots[] = {slot_memory[0], slot_memory[1]};
    uint8_t *results[] = {result_memory[0], result_memory[1]};
    n6_block_time_t times;
    n6_block_sums_t sums;
    const n6_config_t config = {
        .port = &port,
        .npu = &npu,
        .slot = slots,
        .slots = 2,
        .slot_size = LARGEST,
        .chunks = chunks,
        .result = results,
        .results = 2,
        .result_size = RESULT_SIZE,
        .times = &times,
        .max_blocks = 1,
        .sums = &sums,
        .total_blocks = 1,
        .tx = tx,
        .tx_size = TX_SIZE,
        .window = LARGEST,
        .chunk = chunk,
    };
    if (n6_server_init(&server, &config) != 0) {
        return 0;
    }
    const n6_hello_t hello = {.major = N6_VERSION_MAJOR,
                              .minor = N6_VERSION_MINOR,
                              .schema = N6_SCHEMA_ID,
                              .nonce = 1,
                              .head = sizeof hello,
                              .max_chunk = N6_LIMIT_MAX_CHUNK,
                              .window = LARGEST};
    if (!feed(frame(N6_MESSAGE_TYPE_HELLO, 1, &hello, sizeof hello, "", 0),
              N6_MESSAGE_TYPE_HELLO)) {
        return 0;
    }
    spent = 0;
    for (uint32_t at = 0; at < size; at += chunk) {
        n6_data_header_t head = {.position = at, .offset = at};
        head.crc = n6_crc16(&head, sizeof head - sizeof head.crc);
        feed(frame(N6_MESSAGE_TYPE_DATA, UPLOAD, &head, sizeof head, tensor + at, chunk), 0);
    }
    const n6_commit_t commit = {
        .position = size, .length = size, .crc = n6_crc32(0, tensor, size), .head = sizeof commit};
    if (!feed(frame(N6_MESSAGE_TYPE_COMMIT, UPLOAD, &commit, sizeof commit, "", 0),
              N6_MESSAGE_TYPE_COMMIT)) {
        return 0;
    }
    return memcmp(slot_memory[0], tensor, size) == 0 ? spent : 0;
}

int main(void)
{
    n6_clock_init();
    for (uint32_t i = 0; i < LARGEST; i++) {
        tensor[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    uint64_t begun = n6_clock_now();
    overhead = n6_clock_now() - begun;
    static const uint16_t chunks[] = {1024, 8192};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        for (uint32_t size = LARGEST / 2; size <= LARGEST; size *= 2) {
            uint64_t ticks = upload(chunks[i], size);
            if (!ticks) {
                return 1;
            }
            printf("%u %lu %lu\n", (unsigned)chunks[i], (unsigned long)size, (unsigned long)ticks);
        }
    }
    return 0;
}
