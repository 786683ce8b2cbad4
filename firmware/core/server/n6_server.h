/*
 * n6_server.h - the device side of the protocol: sessions, uploads, the inference queue, results, statistics.
 *
 * The port drives it as n6_port.h shows. All state is in n6_server_t; there is no allocation and no global. The parts:
 *
 *     n6_server.c     the port's end: configuration, bytes in and out, the loop
 *     n6_session.c    HELLO, and the one place where requests are told apart and refused
 *     n6_upload.c     input slots: DATA, COMMIT, gaps, credits for the host
 *     n6_queue.c      INFER, CANCEL, priorities, deadlines, and the NPU
 *     n6_result.c     result buffers: outputs and reductions, READ, RELEASE
 *     n6_send.c       DATA to the host under its credits, NAK
 *     n6_describe.c   what the device and its networks are
 *     n6_stats.c      what they did, and the log
 */
#ifndef N6_SERVER_H
#define N6_SERVER_H

#include "n6_crc.h"
#include "n6_link.h"
#include "n6_port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_SERVER_MAX_SLOTS = 8,
    N6_SERVER_MAX_RESULTS = 8,
    N6_SERVER_MAX_NETWORKS = 8,
    N6_SERVER_MAX_QUEUE = 8,
    N6_SERVER_MAX_RETURNS = 32, /* Return records of the whole queue */
    N6_SERVER_MAX_SENDS = 16,   /* results, parts of results and repairs that wait to be sent */
    N6_SERVER_QUIET_MS = 250,   /* a frame whose bytes stop coming for so long is given up */
};
/* What an input slot needs beside its bytes: a bit and a CRC-32 for each chunk. */
#define N6_SERVER_CHUNKS(size, chunk) (((size) + (chunk) - 1u) / (chunk))
#define N6_SERVER_BITMAP_WORDS(size, chunk) ((N6_SERVER_CHUNKS(size, chunk) + 31u) / 32u)
#define N6_SERVER_CHUNK_WORDS(size, chunk)                                                         \
    (N6_SERVER_BITMAP_WORDS(size, chunk) + N6_SERVER_CHUNKS(size, chunk))
/* What a result buffer needs for all outputs of a network and its epoch timers. */
#define N6_SERVER_RESULT_SIZE(output_bytes, outputs, blocks)                                       \
    (sizeof(n6_result_t) + (output_bytes) + (outputs) * (sizeof(n6_result_record_t) + 4u) +        \
     (blocks) * sizeof(n6_epoch_time_t) + 4u)

enum {
    N6_SERVER_IDLE = 0,    /* nothing to do before a byte comes or leaves, or n6_server_due() */
    N6_SERVER_WAITING = 1, /* the NPU is at work: sleep until its interrupt, or as for IDLE */
    N6_SERVER_BUSY = 2,    /* poll again at once */
};

/* Why n6_server_init() refuses a configuration. */
enum {
    N6_SERVER_BAD_PORT = -1,     /* a function that is not optional is missing, or tick_hz is 0 */
    N6_SERVER_BAD_NETWORKS = -2, /* more than MAX_NETWORKS, or a description that is not complete */
    N6_SERVER_BAD_CHUNK = -3,    /* not a power of two in the limits, or larger than the window */
    N6_SERVER_BAD_SLOTS = -4,    /* fewer than 2, more than MAX_SLOTS, or smaller than an input */
    N6_SERVER_BAD_RESULTS = -5,  /* the same; see N6_SERVER_RESULT_SIZE */
    N6_SERVER_BAD_TIMES = -6,    /* fewer than the epoch blocks of a network, or of all of them */
    N6_SERVER_BAD_TX = -7,       /* smaller than 4 * (MAX_CONTROL + 16) */
};

typedef struct n6_server n6_server_t;

/* 0, or negative when the configuration does not hold. What config points to is kept in use. */
int n6_server_init(n6_server_t *server, const n6_config_t *config);

/*
 * Where the next received bytes go, and how many at most; 0 while answers wait to be sent (back-pressure). The answer
 * holds until the next call of this or of n6_server_rx_done(), whatever else is called between.
 */
size_t n6_server_rx_space(n6_server_t *server, uint8_t **at);
/*
 * The same for readv(): 0..2 windows, filled in order. While a chunk arrives they are the rest of it, in its slot,
 * and the buffer for what follows: one system call a chunk, and next to no copying.
 */
size_t n6_server_rx_windows(n6_server_t *server, n6_window_t window[N6_LINK_WINDOWS]);
/* That many bytes have been put there. */
void n6_server_rx_done(n6_server_t *server, size_t size);

/* Runs at most one step of the NPU, and whatever else is due. N6_SERVER_IDLE, _WAITING or _BUSY. */
int n6_server_poll(n6_server_t *server);

/* The next bytes to send; 0 = none. They stay in place until they are reported as sent. */
size_t n6_server_tx_peek(n6_server_t *server, const uint8_t **from);
/* The same for writev(): 0..3 spans, sent in order. */
size_t n6_server_tx_spans(n6_server_t *server, n6_span_t span[N6_LINK_SPANS]);
/* That many of them have been sent. */
void n6_server_tx_done(n6_server_t *server, size_t size);

/* Sends a LOG event, if level is at least as severe as the host asked for. printf-less: text is sent as it is. */
void n6_server_log(n6_server_t *server, uint8_t level, const char *text);

/*
 * Ticks until poll() has to be called again though no byte came (STATS event, deadline, room to answer); UINT64_MAX =
 * never. To be asked right before going to sleep.
 */
uint64_t n6_server_due(const n6_server_t *server);

/* The link was lost and found again (another client): drops half-received frames, unsent bytes and the session. */
void n6_server_relink(n6_server_t *server);

/* ---- the members below are the core's own, not the port's ---- */

typedef struct {
    uint64_t committed_at;
    uint32_t id;      /* of the upload; 0 = none in this session */
    uint32_t refused; /* id of the last upload that was answered with BUSY */
    uint32_t next;    /* first chunk that has neither arrived nor been asked for */
    uint32_t crc;     /* of the parked COMMIT */
    uint16_t network;
    uint8_t state;
    bool parked; /* COMMIT came before the last chunk */
} n6_slot_t;

typedef struct {
    uint64_t key;
    uint64_t queued_at;
    uint64_t committed_at;
    uint64_t started_at;
    uint64_t deadline; /* UINT64_MAX = none */
    uint32_t id;
    uint32_t upload;
    uint16_t network;
    uint8_t slot;
    uint8_t priority;
    uint8_t flags;
    uint8_t returns;
    uint8_t state; /* n6_infer_state_t */
} n6_job_t;

typedef struct {
    uint64_t key;
    uint32_t id;      /* of the INFER; 0 = of an older session */
    uint32_t read_id; /* of the last READ; 0 = none */
    uint32_t read_end;
    uint32_t length;
    uint32_t stamp; /* grows: the smallest has been cached longest */
    uint16_t meta;  /* bytes of Result and ResultRecords, which end the buffer */
    uint8_t state;
} n6_buffer_t;

typedef struct {
    uint32_t id;
    uint32_t next;
    uint32_t end;
    uint8_t result;
    bool repair;
} n6_send_t;

struct n6_server {
    bool session;
    bool stalled;    /* poll() waits for room in the send queue */
    bool restarting; /* when the answer has left */
    uint8_t log_level;
    uint8_t verdict; /* on the chunk that is being received */
    uint8_t jobs;
    uint8_t running; /* the job on the NPU */
    uint8_t filling; /* its result buffer */
    uint8_t sends;
    uint8_t sending;  /* result buffer of the DATA frame that is being sent */
    uint8_t failures; /* counts up: where the next one is remembered */

    uint32_t consumed; /* credits: DATA of the host, and how far it may go */
    uint32_t granted;
    uint32_t position; /* DATA to the host, how far it may go, and what was granted at first */
    uint32_t limit;
    uint32_t host_window;
    uint32_t stamp;  /* of the result that was cached last */
    uint32_t starts; /* of the NPU */

    n6_config_t config;
    uint64_t heard;       /* rx_bytes at the last poll */
    uint64_t quiet_ticks; /* N6_SERVER_QUIET_MS */
    uint64_t quiet_at;    /* when a frame that is not continued is given up */
    uint64_t stats_every; /* 0 = not subscribed */
    uint64_t stats_at;

    n6_crc32_shift_t past_chunk; /* of config.chunk bytes */
    n6_slot_t slot[N6_SERVER_MAX_SLOTS];
    n6_buffer_t result[N6_SERVER_MAX_RESULTS];
    n6_job_t job[N6_SERVER_MAX_QUEUE];   /* oldest first */
    n6_send_t send[N6_SERVER_MAX_SENDS]; /* in order */
    uint32_t
        failed_id[N6_SERVER_MAX_QUEUE]; /* of the last INFERs that were answered with an ERROR */
    uint8_t failed_status[N6_SERVER_MAX_QUEUE]; /* which one */
    uint32_t started[N6_SERVER_MAX_NETWORKS];   /* value of starts when the network ran last */
    n6_return_t returns[N6_SERVER_MAX_RETURNS]; /* job after job */
    n6_stats_reply_t stats;                     /* payload of STATS, which goes on with */
    n6_network_stats_t network[N6_SERVER_MAX_NETWORKS]; /* the records of the networks */
    n6_link_t link;
};

#ifdef __cplusplus
}
#endif

#endif
