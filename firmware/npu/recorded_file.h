/*
 * recorded_file.h - the file that recorded.c plays; n6link/recorder/script.py writes it.
 *
 * Little-endian. Each part starts at a multiple of eight bytes:
 *
 *     n6_recorded_head_t
 *     text of the network runtime, text of the memory regions; each ends with a zero
 *     for each network
 *         n6_recorded_network_t
 *         input and output n6_tensor_record_t, input and output n6_scale_record_t,
 *         n6_pool_record_t, n6_block_record_t; as many as the network record says
 *         card, reason; each ends with a zero
 *         initial bytes of all outputs, each at a multiple of N6_RECORDED_ALIGNMENT bytes
 *     for each run, in order
 *         n6_recorded_run_t
 *         blocks n6_block_time_t, start relative to the start of the run
 *         for each piece: n6_recorded_piece_t, then its bytes
 *
 * The outputs of a run are the initial bytes with its pieces: a recording of reductions does not
 * have all bytes of an output.
 */
#ifndef N6_RECORDED_FILE_H
#define N6_RECORDED_FILE_H

#include <stdbool.h>

#include "n6_npu.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_RECORDED_VERSION = 1,
    N6_RECORDED_ALIGNMENT = 64,
    N6_RECORDED_ANY = 0, /* digest of a run whose input was encoded: the next one in order */
};

typedef enum {
    N6_RECORDED_DONE = 0,
    N6_RECORDED_FAULT = 1,   /* value: the error code */
    N6_RECORDED_ENDLESS = 2, /* did not end, or was cancelled */
    N6_RECORDED_REBOOT = 3,  /* the device was restarted */
} n6_recorded_kind_t;

typedef struct {
    char magic[8]; /* "n6replay" */
    uint32_t version;
    uint32_t networks;
    uint32_t runs;
    uint32_t features;      /* n6_feature_t of the device */
    uint32_t runtime_bytes; /* without the zero, as for all texts */
    uint32_t memory_bytes;
    uint8_t unique_id[16];
    char build[24];
    n6_info_reply_t info;
} n6_recorded_head_t;

typedef struct {
    n6_network_record_t record;
    uint32_t input_scales;
    uint32_t output_scales;
    uint32_t reason_bytes;
} n6_recorded_network_t;

typedef struct {
    uint64_t duration; /* nanoseconds */
    uint32_t digest;   /* CRC-32 of the input; N6_RECORDED_ANY = not known */
    uint32_t value;
    uint32_t blocks;
    uint32_t pieces;
    uint16_t network;
    uint8_t kind; /* n6_recorded_kind_t */
    uint8_t reserved[5];
} n6_recorded_run_t;

typedef struct {
    uint32_t offset; /* in the bytes of all outputs */
    uint32_t length;
} n6_recorded_piece_t;

_Static_assert(sizeof(n6_recorded_head_t) == 72 + sizeof(n6_info_reply_t), "head");
_Static_assert(sizeof(n6_recorded_network_t) == sizeof(n6_network_record_t) + 12, "network");
_Static_assert(sizeof(n6_recorded_run_t) == 32, "run");

/* A run in memory. */
typedef struct {
    const n6_recorded_run_t *run;
    const n6_block_time_t *times;
    const uint8_t *pieces;
    bool played;
} n6_recorded_entry_t;

typedef struct {
    uint8_t *bytes; /* the file */
    const n6_recorded_head_t *head;
    const char *runtime;
    const char *memory;
    n6_network_t *network;
    const uint8_t **initial; /* of each network: initial bytes of all outputs */
    uint32_t *output_bytes;  /* of each network */
    n6_recorded_entry_t *entry;
    void **memories; /* what was allocated for descriptions */
    size_t allocated;
} n6_recorded_file_t;

/* Bytes that an output occupies. */
static inline uint64_t n6_recorded_room(uint32_t size)
{
    return ((uint64_t)size + N6_RECORDED_ALIGNMENT - 1) / N6_RECORDED_ALIGNMENT *
           N6_RECORDED_ALIGNMENT;
}

/* false = it cannot be used, and text contains the reason. Close it in both cases. */
bool n6_recorded_file_read(n6_recorded_file_t *file, const char *path, char *text, size_t size);

void n6_recorded_file_close(n6_recorded_file_t *file);

#ifdef __cplusplus
}
#endif

#endif
