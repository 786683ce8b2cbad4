/*
 * n6_device.h - the parts that make up a device, from the highest to the lowest. Each part has its
 * own header, which says what it does and what its members mean, and uses only parts of lower layers:
 *
 *     n6_busy.c       the end of a connection that comes while another one holds the device
 *     n6_server.c     the port's end: bytes in and out, the loop
 *     n6_dispatch.c   which part handles which request, and what is refused at once
 *     n6_session.c    HELLO, PING, RESET: what concerns all parts
 *     n6_stats.c      the counters of all parts
 *     n6_describe.c   what the device and its networks are
 *     n6_upload.c     DATA and COMMIT into input slots, credits for the host
 *     n6_queue.c      INFER, CANCEL, priorities, deadlines, and the NPU
 *     n6_slots.h      what each input slot holds
 *     n6_finished.h   keys of inferences that have ended
 *     n6_result.c     result buffers: outputs and reductions, RELEASE, NAK
 *     n6_runs.c       times and totals of each network
 *     n6_send.c       DATA to the host under its credits
 *     n6_channel.c    configuration, clock, session, answers, LOG_LEVEL
 *     n6_link.c       frames
 *     n6_mistakes.c   every way in which the device refuses something
 */
#ifndef N6_DEVICE_H
#define N6_DEVICE_H

#include "n6_channel.h"
#include "n6_queue.h"
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
    N6_SERVER_QUIET_MS = 250, /* a frame whose bytes stop coming for so long is given up */
};

/* Watches for a frame whose bytes stop coming. */
typedef struct {
    uint64_t heard; /* bytes received at the last poll */
    uint64_t ticks; /* N6_SERVER_QUIET_MS */
    uint64_t at;    /* device time at which an unfinished frame is given up */
} n6_silence_t;

struct n6_server {
    bool stalled;    /* poll() waits for room in the send queue */
    bool restarting; /* the device restarts when the answer to RESET has left */
    n6_silence_t silence;
    n6_stats_t stats;
    n6_uploads_t uploads;
    n6_queue_t queue;
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
