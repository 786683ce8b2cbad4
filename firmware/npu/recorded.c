/* See recorded.h. */
#include "recorded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "n6_crc.h"
#include "recorded_file.h"

struct n6_recorded {
    n6_recorded_config_t config;
    n6_recorded_file_t file;
    n6_recorded_counts_t counts;
    uint8_t *outputs;                 /* of the run that is played, or was played last */
    uint16_t network;                 /* of this run */
    const n6_recorded_entry_t *entry; /* the run that is played; NULL = none */
    n6_block_time_t *times;
    uint64_t started;
};

static uint64_t scaled(const n6_recorded_t *self, uint64_t time)
{
    return self->config.speed > 0 ? (uint64_t)((double)time / self->config.speed) : 0;
}

/* ---- selection ---- */

/* The run to play for an input; NULL = all were played. */
static n6_recorded_entry_t *choose(n6_recorded_t *self, uint16_t network, uint32_t digest)
{
    n6_recorded_entry_t *next = NULL;
    uint32_t seen = 0;

    for (uint32_t i = 0; i < self->file.head->runs && seen < N6_RECORDED_WINDOW; i++) {
        n6_recorded_entry_t *entry = &self->file.entry[i];
        if (entry->played || entry->run->network != network) {
            continue;
        }
        if (entry->run->digest == digest || entry->run->digest == N6_RECORDED_ANY) {
            return entry;
        }
        next = next ? next : entry;
        seen++;
    }
    return next;
}

static void warn(const n6_recorded_t *self, uint32_t count, uint16_t network, const char *what)
{
    char text[160];
    if (count <= N6_RECORDED_LOGGED) {
        snprintf(text, sizeof(text), "replay: %s: %s", self->file.network[network].name, what);
        self->config.log(self->config.context, text);
    }
}

/* ---- n6_npu_t ---- */

static int start(void *context, uint16_t network, const void *input, n6_block_time_t *times)
{
    n6_recorded_t *self = context;
    const uint64_t now = self->config.now(self->config.context);
    const uint32_t digest = n6_crc32(0, input, self->file.network[network].input_bytes);
    n6_recorded_entry_t *entry = choose(self, network, digest);

    if (!entry) {
        self->counts.absent++;
        warn(self, self->counts.absent, network, "the recording does not contain another run");
        return N6_RECORDED_ABSENT;
    }
    if (entry->run->digest != digest && entry->run->digest != N6_RECORDED_ANY) {
        self->counts.different++;
        warn(self, self->counts.different, network, "the input differs from the recorded one");
    }
    entry->played = true;
    self->counts.played++;
    self->entry = entry;
    self->network = network;
    self->times = times;
    self->started = now;
    return 0;
}

static void copy_outputs(n6_recorded_t *self)
{
    const uint8_t *at = self->entry->pieces;

    memcpy(self->outputs, self->file.initial[self->network],
           self->file.output_bytes[self->network]);
    for (uint32_t i = 0; i < self->entry->run->pieces; i++) {
        n6_recorded_piece_t piece;
        memcpy(&piece, at, sizeof(piece));
        memcpy(self->outputs + piece.offset, at + sizeof(piece), piece.length);
        at += sizeof(piece) + (piece.length + 7u) / 8u * 8u;
    }
}

static void copy_times(n6_recorded_t *self)
{
    const uint32_t known = self->entry->run->blocks;
    const uint32_t blocks = self->file.network[self->network].blocks;

    for (uint32_t i = 0; self->times && i < blocks && i < known; i++) {
        const n6_block_time_t *time = &self->entry->times[i];
        self->times[i] = (n6_block_time_t){
            .start = self->started + scaled(self, time->start),
            .pre = scaled(self, time->pre),
            .core = scaled(self, time->core),
            .post = scaled(self, time->post),
        };
    }
}

static int step(void *context)
{
    n6_recorded_t *self = context;

    if (self->config.now(self->config.context) < n6_recorded_due(self)) {
        return N6_NPU_WAITING;
    }
    const n6_recorded_run_t *run = self->entry->run;
    if (run->kind == N6_RECORDED_REBOOT) {
        self->config.restart(self->config.context);
        return N6_NPU_WAITING;
    }
    if (run->kind == N6_RECORDED_DONE) {
        copy_outputs(self);
        copy_times(self);
    }
    self->entry = NULL;
    return run->kind == N6_RECORDED_DONE ? N6_NPU_DONE : -(int)run->value;
}

static void stop(void *context)
{
    n6_recorded_t *self = context;
    self->entry = NULL;
}

static const void *output(void *context, uint8_t index)
{
    const n6_recorded_t *self = context;
    const n6_tensor_t *tensor = self->file.network[self->network].output;
    size_t offset = 0;

    for (uint8_t i = 0; i < index; i++) {
        offset += n6_recorded_room(tensor[i].size);
    }
    return self->outputs + offset;
}

/* ---- life ---- */

n6_recorded_t *n6_recorded_open(const char *path, const n6_recorded_config_t *config, char *text,
                                size_t size)
{
    n6_recorded_t *self = calloc(1, sizeof(*self));
    uint32_t most = N6_RECORDED_ALIGNMENT;
    if (!self) {
        abort();
    }
    self->config = *config;
    if (!n6_recorded_file_read(&self->file, path, text, size)) {
        n6_recorded_close(self);
        return NULL;
    }
    for (uint32_t i = 0; i < self->file.head->networks; i++) {
        most = self->file.output_bytes[i] > most ? self->file.output_bytes[i] : most;
    }
    self->outputs = aligned_alloc(N6_RECORDED_ALIGNMENT, most);
    if (!self->outputs) {
        abort();
    }
    return self;
}

n6_npu_t n6_recorded_npu(n6_recorded_t *self)
{
    const uint32_t kept = N6_FEATURE_ZERO_COPY | N6_FEATURE_CONSUMES_INPUT;
    return (n6_npu_t){
        .context = self,
        .network = self->file.network,
        .networks = (uint16_t)self->file.head->networks,
        .features = N6_FEATURE_SIMULATED | (self->file.head->features & kept),
        .start = start,
        .step = step,
        .stop = stop,
        .output = output,
    };
}

n6_recorded_device_t n6_recorded_device(const n6_recorded_t *self)
{
    const n6_recorded_head_t *head = self->file.head;
    return (n6_recorded_device_t){
        .info = &head->info,
        .unique_id = head->unique_id,
        .build = head->build,
        .runtime = *self->file.runtime ? self->file.runtime : NULL,
        .memory = self->file.memory,
    };
}

uint64_t n6_recorded_due(const n6_recorded_t *self)
{
    if (!self->entry || self->entry->run->kind == N6_RECORDED_ENDLESS) {
        return UINT64_MAX;
    }
    return self->started + scaled(self, self->entry->run->duration);
}

n6_recorded_counts_t n6_recorded_counts(const n6_recorded_t *self)
{
    n6_recorded_counts_t counts = self->counts;
    counts.left = self->file.head->runs - counts.played;
    return counts;
}

void n6_recorded_close(n6_recorded_t *self)
{
    n6_recorded_file_close(&self->file);
    free(self->outputs);
    free(self);
}
