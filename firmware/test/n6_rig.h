/*
 * n6_rig.h - a whole device in memory: the server, a port, a fake runtime, and the host's end of
 * the line.
 *
 * The runtime adds one to every input byte; how long it takes, and how it fails, is set by
 * the test. Time moves only when a test moves it.
 */
#ifndef N6_RIG_H
#define N6_RIG_H

#include "n6_frames.h"
#include "n6_server.h"
#include "n6_test.h"

enum {
    RIG_SLOTS = 2,
    RIG_RESULTS = 2,
    RIG_SLOT_SIZE = 4096,
    RIG_RESULT_SIZE = 8192,
    RIG_PARTS_SIZE = 3072,
    RIG_CHUNK = 256,
    RIG_WINDOW = 2048,
    RIG_TX = 4 * (N6_LIMIT_MAX_CONTROL + 16),
    RIG_BLOCKS = 4,
    RIG_GUARD = 64, /* bytes around every buffer that must stay as they are */
    RIG_LINE = 1 << 16,
    RIG_FRAMES = 256,
    RIG_BAUD = 921600,
};

enum {
    RIG_TINY = 0,  /* int8[4] -> int8[4], no timers */
    RIG_IMAGE = 1, /* uint8[1000] -> int8[8,8,3] and float32[5,4]; 3 blocks with timers; everything
                      described */
    RIG_NETWORKS = 2,
    RIG_IMAGE_BYTES = 1000,
};

typedef struct {
    uint8_t type;
    uint8_t flags;
    uint32_t id;
    uint16_t length;
    const uint8_t *payload;
} rig_frame_t;

typedef struct {
    n6_server_t server;
    n6_config_t config;
    n6_port_t port;
    n6_npu_t npu;

    uint64_t now;
    int restarts;

    /* The line's rate, for rig_rates(). */
    uint32_t baud;
    int rate_changes;
    int rate_busy; /* number of calls for which bytes are still on the line */

    /* The runtime. */
    int steps;      /* so many RUNNING or WAITING before DONE */
    int step_state; /* which of them */
    int fail_start; /* negative: what start() returns */
    int fail_step;  /* negative: what step() returns instead of DONE */
    int left;
    int starts;
    int stops;
    bool busy;
    uint16_t network;
    uint64_t step_ticks;
    uint64_t early; /* so much before its end the last step says that it began */
    const uint8_t *input;
    n6_block_time_t *times;
    uint8_t output[2][256];

    /* The host. */
    uint32_t position;
    uint32_t next_id;
    size_t read_size; /* most bytes the port takes at once */
    size_t send_size; /* most bytes it gives at once */
    bool vectors;     /* it uses windows and spans */
    bool deaf;        /* the host does not read */
    bool forgetful; /* frames from the device are checked, and not kept: it may send without end */
    size_t line_size;
    size_t parsed;
    int frames;
    int taken;
    rig_frame_t frame[RIG_FRAMES];
    uint8_t line[RIG_LINE]; /* what the device has sent */

    uint8_t *slot[RIG_SLOTS];
    uint8_t *result[RIG_RESULTS];
    uint8_t *parts;
    uint32_t chunks[RIG_SLOTS * N6_SERVER_CHUNK_WORDS(RIG_SLOT_SIZE)];
    n6_block_time_t time_memory[RIG_BLOCKS];
    n6_block_sums_t sums[RIG_BLOCKS];
    uint8_t tx[RIG_TX];
    _Alignas(32) uint8_t
        memory[RIG_SLOTS * (RIG_SLOT_SIZE + RIG_GUARD) +
               RIG_RESULTS * (RIG_RESULT_SIZE + RIG_GUARD) + RIG_PARTS_SIZE + 2 * RIG_GUARD];
} rig_t;

/* The rig, as new; configured, not initialised. There is one. */
rig_t *rig_new(void);
/* Initialises the server. */
rig_t *rig_start(void);
/* rig_start() and a session. */
rig_t *rig_session(void);

/* Gives the port a UART with a clock of 200 MHz that starts at RIG_BAUD; before the server is
 * initialised. */
void rig_rates(rig_t *rig);
/* rig_session() with that. */
rig_t *rig_rate_session(void);

/* A HELLO that asks for nothing special. */
n6_hello_t rig_hello(uint64_t nonce);
/* Sends it with an id of its own, and takes the answer. Positions are 0 after it. */
n6_hello_reply_t rig_open(rig_t *rig, const n6_hello_t *hello);

/* Puts bytes on the line, and lets the device work until it is idle. */
void rig_feed(rig_t *rig, const void *bytes, size_t size);
void rig_run(rig_t *rig);
/* One turn of the port's loop. */
int rig_turn(rig_t *rig);

/* From now on the NPU never ends by itself. */
void rig_hold_npu(rig_t *rig);
/* It ends what it has begun, and then all else at once. */
void rig_free_npu(rig_t *rig);

void rig_send(rig_t *rig, uint8_t type, uint32_t id, const void *payload, size_t size);
/* The host sends one chunk of an upload, and counts its position. */
void rig_send_chunk(rig_t *rig, uint32_t id, uint8_t slot, const uint8_t *bytes, uint32_t size,
                    uint32_t chunk);
void rig_send_commit(rig_t *rig, uint32_t id, uint8_t slot, uint16_t network, const uint8_t *bytes,
                     uint32_t size);
/* A COMMIT with parts. */
void rig_send_parts(rig_t *rig, uint32_t id, uint8_t slot, uint16_t network, const uint8_t *bytes,
                    uint32_t size, const n6_part_t *parts, uint8_t count);
/* All chunks and the COMMIT. */
void rig_upload(rig_t *rig, uint32_t id, uint8_t slot, uint16_t network, const uint8_t *bytes,
                uint32_t size);
/* head and record are filled in where they are 0. */
void rig_infer(rig_t *rig, uint32_t id, const n6_infer_t *infer, const n6_return_t *returns);

/* The next frame from the device that was not taken yet; fails the test if there is none, or if it
 * is another one. */
const rig_frame_t *rig_take(rig_t *rig, uint8_t type, uint32_t id);
/* An ERROR. */
n6_error_reply_t rig_take_error(rig_t *rig, uint32_t id, n6_status_t status);
/* An ERROR with this field of the request, and its value. */
void rig_take_refusal(rig_t *rig, uint32_t id, n6_status_t status, size_t field, uint32_t value);
/* Nothing was sent that was not taken, grants apart. */
void rig_nothing(rig_t *rig);
/* Bytes around the buffers are as they were. */
void rig_check_guards(const rig_t *rig);

#endif
