/*
 * n6_device.h - the parts of a device, from the highest to the lowest layer. The header of each
 * part describes its function and its members. A part uses only parts of lower layers:
 *
 *     n6_busy.c       a connection that is opened while another client uses the device
 *     n6_server.c     the interface for the port: bytes in and out, the loop
 *     n6_dispatch.c   passes each request to its part, or refuses it
 *     n6_session.c    HELLO, PING, RESET: requests that concern all parts
 *     n6_sharing.c    LEASE and CLIENTS, of a board with several clients
 *     n6_rate.c       RATE: another bit rate of the line
 *     n6_stats.c      the counters of all parts
 *     n6_describe.c   description of the device and its networks
 *     n6_upload.c     DATA and COMMIT into input slots, credits for the host
 *     n6_unpack.c     decoding of uploads with parts, by n6_picture.c
 *     n6_parts.c      checks of the parts of a COMMIT
 *     n6_queue.c      INFER, CANCEL, priorities, deadlines, and the NPU
 *     n6_infer.c      checks of an INFER
 *     n6_check.c      CHECK
 *     n6_slots.h      states of the input slots
 *     n6_finished.h   keys of finished inferences
 *     n6_result.c     result buffers: outputs and reductions, RELEASE, NAK
 *     n6_runs.c       times and totals of each network
 *     n6_send.c       DATA to the host, limited by its credits
 *     n6_channel.c    configuration, clock, session, answers, LOG_LEVEL
 *     n6_link.c       frames
 *     n6_mistakes.c   table of all errors of requests
 */
#ifndef N6_DEVICE_H
#define N6_DEVICE_H

#include "n6_channel.h"
#include "n6_check.h"
#include "n6_queue.h"
#include "n6_rate.h"
#include "n6_result.h"
#include "n6_runs.h"
#include "n6_send.h"
#include "n6_slots.h"
#include "n6_stats.h"
#include "n6_upload.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_SERVER_QUIET_MS = 250, /* a frame is aborted if no byte arrives for this time */
};

/* Detects an incomplete frame whose bytes have stopped. */
typedef struct {
    uint64_t heard; /* bytes received at the last poll */
    uint64_t ticks; /* N6_SERVER_QUIET_MS */
    uint64_t at;    /* device time at which an incomplete frame is aborted */
} n6_silence_t;

struct n6_server {
    bool stalled;    /* poll() waits for room in the send queue */
    bool restarting; /* the device restarts after the answer to RESET was sent */
    n6_silence_t silence;
    n6_rates_t rate;
    n6_stats_t stats;
    n6_uploads_t uploads;
    n6_queue_t queue;
    n6_checker_t check;
    n6_slots_t slots;
    n6_results_t results;
    n6_runs_t runs;
    n6_sends_t sends;
    n6_channel_t channel;
};

typedef struct n6_server n6_server_t;

#ifdef __cplusplus
}
#endif

#endif
