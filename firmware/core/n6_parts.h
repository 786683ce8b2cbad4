/* n6_parts.h - what the parts of the server give each other. Not for ports. */
#ifndef N6_PARTS_H
#define N6_PARTS_H

#include "n6_server.h"

enum {
    N6_NONE = 0xff, /* no job, no buffer */
    N6_MAX_OUTPUTS =
        32, /* of a network: so many ResultRecords and an InferReply fit the reserve for answers */

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

/* n6_server.c. An answer always finds room: no request is handled before there is. */
uint64_t n6_now(const n6_server_t *s);
uint64_t n6_ticks(const n6_server_t *s, uint64_t count, uint32_t per_second);
bool n6_newer(uint32_t a, uint32_t b);
uint32_t n6_crc(const n6_server_t *s, const void *data, size_t size);
void n6_reply(n6_server_t *s, const n6_request_t *request, const void *payload, size_t size);
void n6_error(n6_server_t *s, uint32_t id, uint8_t type, n6_status_t status, uint32_t value);
void n6_event(n6_server_t *s, uint8_t type, uint32_t id, const void *payload, size_t size);
void n6_copy_text(char *to, size_t size, const char *text);
/* Appends an optional field; returns the new length of the payload. */
size_t n6_put_field(uint8_t *payload, size_t length, n6_field_tag_t tag, const char *text);

/* n6_upload.c */
uint8_t *n6_upload_place(n6_server_t *s, uint32_t id, const n6_data_header_t *data, uint32_t size);
void n6_upload_chunk(n6_server_t *s, uint32_t id, const n6_data_header_t *data, uint32_t size,
                     bool good);
void n6_upload_commit(n6_server_t *s, const n6_request_t *request);
void n6_upload_seen(n6_server_t *s, uint32_t position);
void n6_upload_forget(n6_server_t *s);

/* n6_queue.c */
void n6_queue_infer(n6_server_t *s, const n6_request_t *request);
void n6_queue_cancel(n6_server_t *s, const n6_request_t *request);
/* A slot is in use: a newer upload than this one has to wait. */
bool n6_queue_uses(const n6_server_t *s, uint8_t slot, uint32_t upload);
/* The upload in the slot is committed, or (status) has been refused or consumed. */
void n6_queue_input(n6_server_t *s, uint8_t slot, n6_status_t status);
/* CANCELLED for every job; silent when they are those of an older session. */
void n6_queue_clear(n6_server_t *s, bool silent);
/* ERROR DEADLINE for those whose time has passed. */
void n6_queue_expire(n6_server_t *s, uint64_t now);
/* When the next one's has. */
uint64_t n6_queue_deadline(const n6_server_t *s);
/* Starts the first in order, or one step of it. N6_SERVER_IDLE, _WAITING or _BUSY. */
int n6_queue_run(n6_server_t *s, uint64_t now);

/* n6_result.c */
uint8_t n6_result_reserve(n6_server_t *s);
n6_status_t n6_result_check(const n6_network_t *network, const n6_return_t *what);
/* Fills the reserved buffer from the outputs, and sends it. OK or TOO_LARGE. */
n6_status_t n6_result_finish(n6_server_t *s, const n6_job_t *job, const n6_return_t *what,
                             uint64_t ended_at);
/* Sends the result with this key again, under this id. false = there is none. */
bool n6_result_again(n6_server_t *s, const n6_request_t *request, uint64_t key);
bool n6_result_drop(n6_server_t *s, uint32_t id);
void n6_result_read(n6_server_t *s, const n6_request_t *request);
void n6_result_release(n6_server_t *s, const n6_request_t *request);
void n6_result_nak(n6_server_t *s, const n6_request_t *request);
void n6_result_credit(n6_server_t *s, const n6_request_t *request);
/* Held ones become cached, or (all) everything is forgotten. */
void n6_result_forget(n6_server_t *s, bool all);
/* Begins the next DATA frame, if there is one to send, and credit. */
void n6_result_send(n6_server_t *s);

/* n6_describe.c */
void n6_describe_info(n6_server_t *s, const n6_request_t *request);
void n6_describe_list(n6_server_t *s, const n6_request_t *request);
void n6_describe_network(n6_server_t *s, const n6_request_t *request);

/* n6_stats.c */
void n6_stats_ran(n6_server_t *s, const n6_job_t *job, uint64_t ended_at);
void n6_stats_read(n6_server_t *s, const n6_request_t *request);
void n6_stats_epochs(n6_server_t *s, const n6_request_t *request);
void n6_stats_reset(n6_server_t *s, const n6_request_t *request);
void n6_stats_subscribe(n6_server_t *s, const n6_request_t *request);
void n6_stats_push(n6_server_t *s, uint64_t now);
bool n6_stats_timed(const n6_server_t *s, uint16_t network);

#endif
