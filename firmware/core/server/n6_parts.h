/* n6_parts.h - what the parts of the server give each other. Not for ports. */
#ifndef N6_PARTS_H
#define N6_PARTS_H

#include "n6_server.h"

enum {
    N6_NONE = 0xff, /* no job, no buffer */
    /* Of a network: so many ResultRecords and an InferReply fit the reserve for answers. */
    N6_MAX_OUTPUTS = 32,

    N6_SLOT_EMPTY = 0, /* nothing, or an upload that was refused at its COMMIT */
    N6_SLOT_FILLING = 1,
    N6_SLOT_COMMITTED = 2,
    N6_SLOT_CONSUMED = 3, /* committed, and overwritten by its run */

    N6_BUFFER_FREE = 0,
    N6_BUFFER_FILLING = 1, /* reserved by the running job */
    N6_BUFFER_HELD = 2,
    N6_BUFFER_CACHED = 3,
};

typedef struct {
    uint32_t id;
    uint8_t type;
    uint16_t length;
    const uint8_t *payload;
} n6_request_t;

/* a comes after b, modulo 2^32. */
static inline bool n6_newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* n6_session.c: requests, and what their handlers answer with. No request is handled before an answer has room. */
void n6_session_request(void *server, const n6_frame_header_t *header, const uint8_t *payload);
void n6_reply(n6_server_t *s, const n6_request_t *request, const void *payload, size_t size);
/* After n6_link_begin(). */
void n6_end_reply(n6_server_t *s, const n6_request_t *request, size_t size);
void n6_refuse(n6_server_t *s, const n6_request_t *request, n6_status_t status, uint32_t value);
void n6_error(n6_server_t *s, uint32_t id, uint8_t type, n6_status_t status, uint32_t value);
void n6_event(n6_server_t *s, uint8_t type, uint32_t id, const void *payload, size_t size);
/* Appends an optional field; returns the new length of the payload. */
size_t n6_put_field(uint8_t *payload, size_t length, n6_field_tag_t tag, const char *text);
void n6_copy_text(char *to, size_t size, const char *text);
uint64_t n6_now(const n6_server_t *s);
uint64_t n6_ticks(const n6_server_t *s, uint32_t count, uint32_t per_second);

/* n6_upload.c */
uint8_t *n6_upload_place(void *server, uint32_t id, const n6_data_header_t *data, uint32_t size);
void n6_upload_chunk(void *server, uint32_t id, const n6_data_header_t *data, uint32_t size,
                     bool good);
void n6_upload_commit(n6_server_t *s, const n6_request_t *request);
void n6_upload_seen(n6_server_t *s, uint32_t position);
void n6_upload_forget(n6_server_t *s);

/* n6_queue.c */
void n6_queue_infer(n6_server_t *s, const n6_request_t *request);
void n6_queue_cancel(n6_server_t *s, const n6_request_t *request);
/* The slot is in use: a newer upload than this one has to wait. */
bool n6_queue_uses(const n6_server_t *s, uint32_t slot, uint32_t upload);
/* The upload in the slot is committed, or (status) was refused or consumed. */
void n6_queue_input(n6_server_t *s, uint32_t slot, n6_status_t status);
/* CANCELLED for every job; silent when they are those of an older session. */
void n6_queue_clear(n6_server_t *s, bool silent);
/* DEADLINE for those whose time has passed. */
void n6_queue_expire(n6_server_t *s, uint64_t now);
/* When the next one's has. */
uint64_t n6_queue_deadline(const n6_server_t *s);
/* Starts the first in order, or runs one step of it. N6_SERVER_IDLE, _WAITING or _BUSY. */
int n6_queue_run(n6_server_t *s, uint64_t now);

/* n6_result.c */
uint32_t n6_result_reserve(n6_server_t *s);
n6_status_t n6_result_check(const n6_network_t *network, const n6_return_t *what);
/* Fills the reserved buffer from the outputs, and sends it. OK or TOO_LARGE. */
n6_status_t n6_result_finish(n6_server_t *s, const n6_job_t *job, const n6_return_t *what,
                             uint64_t ended_at);
/* Sends the result with this key again, under this id. false = there is none. */
bool n6_result_again(n6_server_t *s, const n6_request_t *request, uint64_t key);
/* A held result becomes a cached one. false = it is not held. */
bool n6_result_drop(n6_server_t *s, uint32_t id);
void n6_result_read(n6_server_t *s, const n6_request_t *request);
void n6_result_release(n6_server_t *s, const n6_request_t *request);
/* Held ones become cached, or (all) everything is forgotten. */
void n6_result_forget(n6_server_t *s, bool all);

/* n6_send.c */
/* Whole results always find room: there are no more of them than buffers. */
bool n6_send_add(n6_server_t *s, n6_send_t send, bool always);
/* Forgets what is to be sent of a result, all of it or (id) one transfer. */
void n6_send_remove(n6_server_t *s, uint32_t result, uint32_t id);
bool n6_send_needs(const n6_server_t *s, uint32_t result);
/* Begins the next DATA frame, if there is one, and credit for it. */
void n6_send_next(n6_server_t *s);
void n6_send_nak(n6_server_t *s, const n6_request_t *request);
void n6_send_credit(n6_server_t *s, const n6_request_t *request);

/* n6_describe.c */
void n6_describe_info(n6_server_t *s, const n6_request_t *request);
void n6_describe_list(n6_server_t *s, const n6_request_t *request);
void n6_describe_network(n6_server_t *s, const n6_request_t *request);

/* n6_stats.c */
bool n6_stats_timed(const n6_server_t *s, uint32_t network);
void n6_stats_ran(n6_server_t *s, const n6_job_t *job, uint64_t ended_at);
void n6_stats_read(n6_server_t *s, const n6_request_t *request);
void n6_stats_epochs(n6_server_t *s, const n6_request_t *request);
void n6_stats_reset(n6_server_t *s, const n6_request_t *request);
void n6_stats_subscribe(n6_server_t *s, const n6_request_t *request);
void n6_stats_push(n6_server_t *s, uint64_t now);

#endif
