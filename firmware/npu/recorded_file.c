/* See recorded_file.h. */
#include "recorded_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 65536, MULTIPLE = 8 };

static const char magic[8] = {'n', '6', 'r', 'e', 'p', 'l', 'a', 'y'};

/* The rest of the file. at is NULL after a part that was not complete. */
typedef struct {
    uint8_t *at;
    size_t left;
} cursor_t;

/* The next bytes; NULL = the file ends before. */
static void *take(cursor_t *cursor, uint64_t size)
{
    const uint64_t whole = (size + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
    uint8_t *found = cursor->at;

    if (!found || whole > cursor->left) {
        cursor->at = NULL;
        return NULL;
    }
    cursor->at += whole;
    cursor->left -= (size_t)whole;
    return found;
}

/* A text of size bytes and its zero; "" if the file ends before. */
static const char *take_text(cursor_t *cursor, uint64_t size)
{
    char *text = take(cursor, size + 1);
    if (!text) {
        return "";
    }
    text[size] = '\0';
    return text;
}

static void *reserve(n6_recorded_file_t *file, size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    void **more = realloc(file->memories, (file->allocated + 1) * sizeof(*more));
    if (!memory || !more) {
        abort();
    }
    file->memories = more;
    more[file->allocated++] = memory;
    return memory;
}

/* ---- networks ---- */

static const n6_tensor_t *read_tensors(n6_recorded_file_t *file, n6_tensor_record_t *records,
                                       uint32_t count)
{
    n6_tensor_t *tensors = reserve(file, count, sizeof(*tensors));

    for (uint32_t i = 0; i < count; i++) {
        n6_tensor_record_t *r = &records[i];
        r->name[sizeof(r->name) - 1] = '\0';
        tensors[i] = (n6_tensor_t){
            .name = r->name,
            .dtype = r->dtype,
            .ndim = r->ndim <= N6_LIMIT_MAX_DIMS ? r->ndim : N6_LIMIT_MAX_DIMS,
            .channels = r->scales,
            .size = r->size,
            .offset = r->offset,
            .scale = r->scale,
            .zero_point = r->zero_point,
            .axis = r->axis,
        };
        memcpy(tensors[i].shape, r->shape, sizeof(tensors[i].shape));
    }
    return tensors;
}

/* Adds the scales per channel to tensors. false = there are fewer than the tensors have channels. */
static bool add_scales(n6_recorded_file_t *file, const n6_tensor_t *tensors, uint32_t count,
                       const n6_scale_record_t *records, uint32_t scales)
{
    float *scale = reserve(file, scales, sizeof(*scale));
    int32_t *zero = reserve(file, scales, sizeof(*zero));
    n6_tensor_t *tensor = (n6_tensor_t *)tensors;
    uint32_t used = 0;

    for (uint32_t i = 0; i < scales; i++) {
        scale[i] = records[i].scale;
        zero[i] = records[i].zero_point;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (tensor[i].channels > scales - used) {
            return false;
        }
        tensor[i].scales = scale + used;
        tensor[i].zero_points = zero + used;
        used += tensor[i].channels;
    }
    return true;
}

static const n6_pool_t *read_pools(n6_recorded_file_t *file, n6_pool_record_t *records,
                                   uint32_t count)
{
    n6_pool_t *pools = reserve(file, count, sizeof(*pools));

    for (uint32_t i = 0; i < count; i++) {
        n6_pool_record_t *r = &records[i];
        r->name[sizeof(r->name) - 1] = '\0';
        pools[i] = (n6_pool_t){r->name, r->base, r->total, r->used, r->weights, r->activations};
    }
    return pools;
}

static const n6_block_t *read_blocks(n6_recorded_file_t *file, n6_block_record_t *records,
                                     uint32_t count)
{
    n6_block_t *blocks = reserve(file, count, sizeof(*blocks));

    for (uint32_t i = 0; i < count; i++) {
        n6_block_record_t *r = &records[i];
        r->operation[sizeof(r->operation) - 1] = '\0';
        blocks[i] = (n6_block_t){
            .estimated_npu = r->estimated_npu,
            .estimated_total = r->estimated_total,
            .first = r->first,
            .last = r->last,
            .kind = r->kind,
            .operation = *r->operation ? r->operation : NULL,
        };
    }
    return blocks;
}

static bool read_network(n6_recorded_file_t *file, cursor_t *cursor, uint32_t index)
{
    n6_recorded_network_t *known = take(cursor, sizeof(*known));
    if (!known) {
        return false;
    }
    n6_network_record_t *r = &known->record;
    n6_tensor_record_t *inputs = take(cursor, (uint64_t)r->inputs * sizeof(*inputs));
    n6_tensor_record_t *outputs = take(cursor, (uint64_t)r->outputs * sizeof(*outputs));
    n6_scale_record_t *in = take(cursor, (uint64_t)known->input_scales * sizeof(*in));
    n6_scale_record_t *out = take(cursor, (uint64_t)known->output_scales * sizeof(*out));
    n6_pool_record_t *pools = take(cursor, (uint64_t)r->pools * sizeof(*pools));
    n6_block_record_t *blocks = take(cursor, (uint64_t)r->blocks * sizeof(*blocks));
    const char *card = take_text(cursor, r->card_bytes);
    const char *reason = take_text(cursor, known->reason_bytes);
    if (!cursor->at) {
        return false;
    }
    r->name[sizeof(r->name) - 1] = '\0';
    n6_network_t *network = &file->network[index];
    *network = (n6_network_t){
        .name = r->name,
        .card = card,
        .reason = *reason || r->state == N6_NETWORK_STATE_READY ? reason : "unknown",
        .card_bytes = r->card_bytes,
        .inputs = r->inputs,
        .outputs = r->outputs,
        .pools = r->pools,
        .timer_source = r->timer_source,
        .state = r->state,
        .blocks = r->blocks,
        .epochs = r->epochs,
        .digest = r->digest,
        .input_bytes = r->input_bytes,
        .output_bytes = r->output_bytes,
        .input = read_tensors(file, inputs, r->inputs),
        .output = read_tensors(file, outputs, r->outputs),
        .pool = read_pools(file, pools, r->pools),
        .block = read_blocks(file, blocks, r->blocks),
    };
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < r->outputs; i++) {
        bytes += n6_recorded_room(network->output[i].size);
    }
    file->output_bytes[index] = (uint32_t)bytes;
    file->initial[index] = take(cursor, bytes);
    return file->initial[index] && bytes <= UINT32_MAX &&
           add_scales(file, network->input, r->inputs, in, known->input_scales) &&
           add_scales(file, network->output, r->outputs, out, known->output_scales);
}

/* ---- runs ---- */

static bool read_run(n6_recorded_file_t *file, cursor_t *cursor, n6_recorded_entry_t *entry)
{
    const n6_recorded_run_t *run = take(cursor, sizeof(*run));
    if (!run || run->network >= file->head->networks) {
        return false;
    }
    entry->run = run;
    entry->times = take(cursor, (uint64_t)run->blocks * sizeof(*entry->times));
    entry->pieces = cursor->at;
    for (uint32_t i = 0; i < run->pieces; i++) {
        const n6_recorded_piece_t *piece = take(cursor, sizeof(*piece));
        if (!piece || piece->length > file->output_bytes[run->network] ||
            piece->offset > file->output_bytes[run->network] - piece->length ||
            !take(cursor, piece->length)) {
            return false;
        }
    }
    return cursor->at != NULL;
}

/* ---- file ---- */

static bool load(n6_recorded_file_t *file, const char *path, cursor_t *cursor)
{
    FILE *from = fopen(path, "rb");
    size_t got = BLOCK;
    if (!from) {
        return false;
    }
    while (got == BLOCK) {
        uint8_t *more = realloc(file->bytes, cursor->left + BLOCK);
        if (!more) {
            abort();
        }
        file->bytes = more;
        got = fread(more + cursor->left, 1, BLOCK, from);
        cursor->left += got;
    }
    const bool good = !ferror(from);
    fclose(from);
    cursor->at = file->bytes;
    return good;
}

static bool read_head(n6_recorded_file_t *file, cursor_t *cursor)
{
    n6_recorded_head_t *head = take(cursor, sizeof(*head));
    if (!head || memcmp(head->magic, magic, sizeof(magic)) != 0 ||
        head->version != N6_RECORDED_VERSION) {
        return false;
    }
    head->build[sizeof(head->build) - 1] = '\0';
    head->info.firmware[sizeof(head->info.firmware) - 1] = '\0';
    file->head = head;
    file->runtime = take_text(cursor, head->runtime_bytes);
    file->memory = take_text(cursor, head->memory_bytes);
    return true;
}

static bool parse(n6_recorded_file_t *file, cursor_t *cursor)
{
    if (!read_head(file, cursor)) {
        return false;
    }
    const uint32_t networks = file->head->networks;
    const uint32_t runs = file->head->runs;
    if ((uint64_t)networks + runs > cursor->left) {
        return false;
    }
    file->network = reserve(file, networks, sizeof(*file->network));
    file->initial = reserve(file, networks, sizeof(*file->initial));
    file->output_bytes = reserve(file, networks, sizeof(*file->output_bytes));
    file->entry = reserve(file, runs, sizeof(*file->entry));
    for (uint32_t i = 0; i < networks; i++) {
        if (!read_network(file, cursor, i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < runs; i++) {
        if (!read_run(file, cursor, &file->entry[i])) {
            return false;
        }
    }
    return true;
}

bool n6_recorded_file_read(n6_recorded_file_t *file, const char *path, char *text, size_t size)
{
    cursor_t cursor = {0};

    *file = (n6_recorded_file_t){0};
    if (!load(file, path, &cursor)) {
        snprintf(text, size, "%s: %s", path, strerror(errno));
        return false;
    }
    if (!parse(file, &cursor)) {
        snprintf(text, size,
                 "%s is not a replay file of this version; create it with n6link replay", path);
        return false;
    }
    return true;
}

void n6_recorded_file_close(n6_recorded_file_t *file)
{
    for (size_t i = 0; i < file->allocated; i++) {
        free(file->memories[i]);
    }
    free(file->memories);
    free(file->bytes);
    *file = (n6_recorded_file_t){0};
}
