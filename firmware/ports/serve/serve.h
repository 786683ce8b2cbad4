/*
 * serve.h - the library of `n6link serve`: a board that is somewhere else, as several clients see it.
 *
 * Each client has a core of its own, with a runtime that forwards (n6_forward.h). The program owns
 * the sockets and the connection to the real board: it passes bytes in and out, takes orders, and
 * returns answers. No function may be called by two threads at the same time.
 *
 *     served = n6_serve_new(&board);  n6_serve_describe(served, ...)   for each network
 *     client = n6_serve_open(served);
 *     n6_serve_turn(client, ...);  while (n6_serve_order(client, &order)) ...
 *     n6_serve_answer(client, ...);  n6_serve_turn(client, ...);
 */
#ifndef N6_SERVE_H
#define N6_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "n6_config.h"
#include "n6_protocol.h"

#define N6_SERVE_API __attribute__((visibility("default")))

enum {
    N6_SERVE_SECTIONS = 8, /* INPUTS to REASON, by their numbers */
    N6_SERVE_TEXT = 128,
    N6_SERVE_MEMORY = 512,
};

/* A board as it describes itself, and the memory of each client. */
typedef struct {
    uint64_t tick_hz;
    uint64_t boot_nonce;
    uint32_t features; /* of the runtime: see n6_npu_t */
    uint32_t slot_size;
    uint32_t result_size;
    uint32_t parts_size; /* 0 = uploads cannot have parts */
    uint16_t networks;
    uint16_t chunk;
    uint8_t slots;
    uint8_t results;
    uint8_t depth; /* orders of one client at a time */
    uint8_t unique_id[16];
    n6_info_reply_t info;
    char build[N6_SERVE_TEXT];
    char firmware[N6_SERVE_TEXT];
    char runtime[N6_SERVE_TEXT];
    char fault_record[N6_SERVE_TEXT];
    char memory[N6_SERVE_MEMORY];
} n6_serve_board_t;

typedef struct n6_served n6_served_t;
typedef struct n6_serve_client n6_serve_client_t;

/* What a turn has done. */
typedef struct {
    uint64_t due;      /* ticks until the next turn, if no byte and no answer comes before */
    uint32_t taken;    /* bytes that were taken from the input */
    uint32_t made;     /* bytes to send */
    uint32_t orders;   /* number of orders to take; if there are any, another turn follows them */
    uint8_t log_level; /* n6_log_level_t: what its session wants; NONE = it has no session */
} n6_serve_turn_t;

/* What the program has to do. */
typedef struct {
    n6_order_t order; /* its pointers are valid until the next turn */
    bool withdrawn;   /* the order with this number is not wanted any more */
    n6_return_t what[N6_LIMIT_MAX_RETURNS];
} n6_serve_order_t;

/* ---- a board ---- */

/* NULL = not enough memory. */
N6_SERVE_API n6_served_t *n6_serve_new(const n6_serve_board_t *board);
/*
 * Describes a network, once: its record, and the bytes of each section, packed as in replies. false
 * = the numbers of records contradict the sizes.
 */
N6_SERVE_API bool n6_serve_describe(n6_served_t *served, const n6_network_record_t *record,
                                    const uint8_t *const *section, const uint32_t *sizes);
/* Sets the clock of the board, in ticks; it does not go back. */
N6_SERVE_API void n6_serve_clock(n6_served_t *served, uint64_t ticks);
/* After all clients. */
N6_SERVE_API void n6_serve_delete(n6_served_t *served);

/* ---- a client ---- */

/* NULL = not enough memory, or the core refuses the sizes of the board. */
N6_SERVE_API n6_serve_client_t *n6_serve_open(n6_served_t *served);
N6_SERVE_API void n6_serve_turn(n6_serve_client_t *client, const uint8_t *in, uint32_t size,
                                uint8_t *out, uint32_t room, n6_serve_turn_t *turn);
/* Takes an order. false = there is none. */
N6_SERVE_API bool n6_serve_order(n6_serve_client_t *client, n6_serve_order_t *order);
/*
 * Returns the answer to an order; its memory is used during the call only. false = the client does
 * not read, and its queue is full: call it again after a turn that has made bytes.
 */
N6_SERVE_API bool n6_serve_answer(n6_serve_client_t *client, const n6_answer_t *answer);
/*
 * Sends it a line of the board's log, if the level is not below that of its session. ticks: time of
 * the line; 0 = now. lost: number of lines before this one that were dropped. false = there is no
 * room: call it again, with 0 for lost, after a turn that has made bytes.
 */
N6_SERVE_API bool n6_serve_log(n6_serve_client_t *client, uint8_t level, const char *text,
                               uint64_t ticks, uint32_t lost);
/*
 * Notes how long its inferences have waited in the program so far, for the list of clients: number
 * of them, microseconds in sum, and of the longest wait.
 */
N6_SERVE_API void n6_serve_waits(n6_serve_client_t *client, uint32_t waits, uint64_t us,
                                 uint32_t longest_us);
/* Its connection was lost: it may resume its session. */
N6_SERVE_API void n6_serve_relink(n6_serve_client_t *client);
/* It has left: orders are withdrawn, results and keys are kept. */
N6_SERVE_API void n6_serve_leave(n6_serve_client_t *client);
/* Nonce of its session, also of one that it has left; 0 = none. */
N6_SERVE_API uint64_t n6_serve_nonce(const n6_serve_client_t *client);
/* The name of its program; "" = unknown. */
N6_SERVE_API const char *n6_serve_name(const n6_serve_client_t *client);
N6_SERVE_API void n6_serve_close(n6_serve_client_t *client);

/* ---- a connection before its first HELLO ---- */

/* A HELLO in these bytes: nonce of the session that it continues, or 0. false = there is none. */
N6_SERVE_API bool n6_serve_hello(const uint8_t *bytes, uint32_t size, uint64_t *resume);
/*
 * Writes the ERROR that refuses this HELLO, with a text, to out, which has room for a frame.
 * Returns its size; 0 = there is no HELLO.
 */
N6_SERVE_API uint32_t n6_serve_refuse(const uint8_t *bytes, uint32_t size, const char *text,
                                      uint8_t *out);

#endif
