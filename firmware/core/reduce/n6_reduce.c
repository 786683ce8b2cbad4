/*
 * Reductions of two kinds. Peaks: ARGMAX, TOPK. Rows: the tensor is a table whose rows may be stored
 * as columns; THRESHOLD* and DETECTIONS* select rows, SAME_ROWS copies what another one selected,
 * and CLASS_MAP* finds the best channel of each row.
 */
#include "n6_reduce.h"

#include <stdbool.h>
#include <string.h>

#include "n6_reduce_kernels.h"

#define ALIGNED(size) (((uint32_t)(size) + 3u) & ~3u)

enum {
    BLOCK_ROWS = 64, /* rows whose best channels are found at a time: vectors of all types */
    LONGEST_RUN = 256,
};

/* ---- peaks ---- */

/* Converts keys to values: element peak.index * step + i * shift. */
static void settle(uint8_t dtype, const uint8_t *data, uint32_t peaks, uint32_t step,
                   uint32_t shift, uint8_t *out)
{
    for (uint32_t i = 0; i < peaks; i++) {
        n6_peak_t peak = load_peak(out, i);
        peak.value = raw(dtype, data, peak.index * step + i * shift);
        store_peak(out, i, peak);
    }
}

static void topk(uint8_t dtype, const uint8_t *row, uint32_t length, uint32_t k, uint8_t *out)
{
    int32_t limit = NAN_KEY;
    uint32_t have = 0;

    for (uint32_t i = 0; (i = find(dtype, row, i, length, 1, limit)) < length; i++) {
        const n6_peak_t peak = {i, key(dtype, row, i)};
        uint32_t at = have < k ? have++ : k - 1;
        for (; at > 0 && peak.value > load_peak(out, at - 1).value; at--) {
            store_peak(out, at, load_peak(out, at - 1));
        }
        store_peak(out, at, peak);
        if (have == k) {
            limit = load_peak(out, k - 1).value + 1;
        }
    }
    settle(dtype, row, have, 1, 0, out);
}

static int32_t peaks(const n6_tensor_t *tensor, const n6_return_t *what, const uint8_t *data,
                     uint8_t *out, uint32_t room, uint32_t *count)
{
    const uint32_t size = element_size(tensor->dtype);
    const uint32_t elements = tensor->size / size;
    const uint32_t length = what->length ? what->length : elements - what->offset;
    const bool by_channel = what->reduction == N6_REDUCTION_ARGMAX;

    *count = by_channel ? what->channels : what->k < length ? what->k : length;
    if (*count * sizeof(n6_peak_t) > room) {
        return N6_REDUCE_TOO_LARGE;
    }
    if (by_channel) {
        argmax(tensor->dtype, data, 0, elements, *count, *count, out);
        settle(tensor->dtype, data, *count, *count, 1, out);
    } else {
        topk(tensor->dtype, data + (size_t)what->offset * size, length, *count, out);
    }
    return (int32_t)(*count * sizeof(n6_peak_t));
}

/* ---- rows ---- */

typedef struct {
    const uint8_t *data;
    uint32_t rows;
    uint32_t row_step; /* elements from a row to the next one */
    uint32_t channel_step;
    uint32_t size; /* of an element */
    uint8_t dtype;
} table_t;

static table_t table_of(const n6_tensor_t *tensor, const n6_return_t *what, const uint8_t *data)
{
    const uint32_t size = element_size(tensor->dtype);
    const uint32_t rows = tensor->size / size / what->channels;
    const bool columns = is_columns(what->reduction) || what->channels == 1;

    return (table_t){.data = data,
                     .rows = rows,
                     .row_step = columns ? 1 : what->channels,
                     .channel_step = columns ? rows : 1,
                     .size = size,
                     .dtype = tensor->dtype};
}

/* Copies count channels of a row from first on. Returns the end of the copy. */
static uint8_t *copy(const table_t *table, uint32_t row, uint32_t first, uint32_t count,
                     uint8_t *to)
{
    const uint32_t at = row * table->row_step + first * table->channel_step;
    const uint8_t *from = table->data + (size_t)at * table->size;

    for (; count > 0; count--, from += (size_t)table->channel_step * table->size) {
        to = (uint8_t *)memcpy(to, from, table->size) + table->size;
    }
    return to;
}

/* The best of some channels in each of count rows, at most BLOCK_ROWS: number from first on, key. */
static void best_channels(const table_t *table, uint32_t row, uint32_t count, uint32_t first,
                          uint32_t channels, n6_peak_t *found)
{
    if (table->row_step == 1) {
        argmax(table->dtype, table->data, first * table->channel_step + row,
               (first + channels) * table->channel_step, table->channel_step, count,
               (uint8_t *)found);
        return;
    }
    best_in_rows(table->dtype, table->data, row * table->row_step + first, table->row_step, count,
                 channels, found);
}

/* Room for one more record of a selection; NULL = none. Rows beyond k are only counted. */
typedef struct {
    uint8_t *out;
    uint32_t room;
    uint32_t used;
    uint32_t record;
    uint32_t limit;
    uint32_t passed;
    bool full;
} selected_t;

static uint8_t *add(selected_t *to)
{
    uint8_t *record = to->out + to->used;

    if (to->passed++ >= to->limit) {
        return NULL;
    }
    if (to->room - to->used < to->record) {
        to->full = true;
        return NULL;
    }
    to->used += to->record;
    return (uint8_t *)memset(record, 0, to->record);
}

static void threshold(const table_t *table, const n6_return_t *what, selected_t *to)
{
    const uint32_t first = what->channel * table->channel_step;
    const uint32_t end = first + table->rows * table->row_step;
    const int32_t limit = limit_of(table->dtype, what);

    for (uint32_t at = first; !to->full; at += table->row_step) {
        at = find(table->dtype, table->data, at, end, table->row_step, limit);
        if (at >= end) {
            return;
        }
        const n6_selected_t selected = {(at - first) / table->row_step};
        uint8_t *record = add(to);
        if (record != NULL) {
            memcpy(record, &selected, sizeof selected);
            (void)copy(table, selected.index, 0, what->channels, record + sizeof selected);
        }
    }
}

static void detections(const table_t *table, const n6_return_t *what, selected_t *to)
{
    const uint32_t scores = scores_of(what);
    const uint32_t after = what->channel + scores;
    const int32_t limit = limit_of(table->dtype, what);
    n6_peak_t found[BLOCK_ROWS];

    for (uint32_t row = 0; row < table->rows && !to->full; row += BLOCK_ROWS) {
        const uint32_t left = table->rows - row;
        const uint32_t count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
        best_channels(table, row, count, what->channel, scores, found);
        for (uint32_t i = 0; i < count; i++) {
            uint8_t *record = found[i].value >= limit ? add(to) : NULL;
            if (record != NULL) {
                const n6_detected_t detected = {.index = row + i, .best = (uint16_t)found[i].index};
                memcpy(record, &detected, sizeof detected);
                record = copy(table, row + i, 0, what->channel, record + sizeof detected);
                record = copy(table, row + i, what->channel + found[i].index, 1, record);
                (void)copy(table, row + i, after, what->channels - after, record);
            }
        }
    }
}

static int32_t select(const table_t *table, const n6_return_t *what, uint8_t *out, uint32_t room,
                      uint32_t *count, n6_selection_t *selection)
{
    const bool best_only = is_detections(what->reduction);
    const uint32_t values = best_only ? what->channels - scores_of(what) + 1u : what->channels;
    const size_t head = best_only ? sizeof(n6_detected_t) : sizeof(n6_selected_t);
    selected_t to = {.out = out,
                     .room = room,
                     .record = ALIGNED(head + (size_t)values * table->size),
                     .limit = what->k};

    if (best_only) {
        detections(table, what, &to);
    } else {
        threshold(table, what, &to);
    }
    *count = to.passed;
    *selection = (n6_selection_t){out, to.record, to.used / to.record};
    return to.full ? N6_REDUCE_TOO_LARGE : (int32_t)to.used;
}

static int32_t same_rows(const table_t *table, const n6_return_t *what, uint8_t *out, uint32_t room,
                         uint32_t *count, const n6_selection_t *selection)
{
    const uint32_t width = what->channels * table->size;
    const uint8_t *record = selection->records;
    uint8_t *to = out;

    *count = selection->count;
    if (*count > room / width) {
        return N6_REDUCE_TOO_LARGE;
    }
    for (uint32_t i = 0; i < selection->count; i++, record += selection->size) {
        uint32_t row = 0;
        memcpy(&row, record, sizeof row);
        to = copy(table, row, 0, what->channels, to);
    }
    return (int32_t)(to - out);
}

/* Runs of equal classes; the last one is not written yet. */
typedef struct {
    uint8_t *out;
    uint32_t room;
    uint32_t used;
    uint32_t label;
    uint32_t length;
} runs_t;

/* Writes the last run, and starts one of another class. false = not enough room. */
static bool change(runs_t *runs, uint32_t label)
{
    while (runs->length > 0) {
        const uint32_t length = runs->length < LONGEST_RUN ? runs->length : LONGEST_RUN;
        const n6_label_run_t run = {(uint8_t)runs->label, (uint8_t)(length - 1)};
        if (runs->room - runs->used < sizeof run) {
            return false;
        }
        memcpy(runs->out + runs->used, &run, sizeof run);
        runs->used += sizeof run;
        runs->length -= length;
    }
    runs->label = label;
    return true;
}

/* Elements that pass a threshold, and those that do not, in turn. */
static bool mask(const table_t *table, int32_t limit, runs_t *runs)
{
    for (uint32_t at = 0; at < table->rows;) {
        const uint32_t passing = find(table->dtype, table->data, at, table->rows, 1, limit);
        const uint32_t below = find_below(table->dtype, table->data, passing, table->rows, limit);
        runs->length = passing - at;
        if (!change(runs, 1)) {
            return false;
        }
        runs->length = below - passing;
        if (!change(runs, 0)) {
            return false;
        }
        at = below;
    }
    return true;
}

static bool classes(const table_t *table, uint32_t channels, runs_t *runs)
{
    n6_peak_t found[BLOCK_ROWS];

    for (uint32_t row = 0; row < table->rows; row += BLOCK_ROWS) {
        const uint32_t left = table->rows - row;
        const uint32_t count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
        best_channels(table, row, count, 0, channels, found);
        for (uint32_t i = 0; i < count; i++, runs->length++) {
            if (found[i].index != runs->label && !change(runs, found[i].index)) {
                return false;
            }
        }
    }
    return change(runs, 0);
}

static int32_t class_map(const table_t *table, const n6_return_t *what, uint8_t *out, uint32_t room,
                         uint32_t *count)
{
    runs_t runs = {.out = out, .room = room};

    if (!(what->channels == 1 ? mask(table, limit_of(table->dtype, what), &runs)
                              : classes(table, what->channels, &runs))) {
        return N6_REDUCE_TOO_LARGE;
    }
    *count = runs.used / sizeof(n6_label_run_t);
    return (int32_t)runs.used;
}

/* ---- all ---- */

static int32_t range(const n6_tensor_t *tensor, const n6_return_t *what, const uint8_t *data,
                     uint8_t *out, uint32_t room)
{
    const uint32_t length = what->length ? what->length : tensor->size - what->offset;

    if (length > room) {
        return N6_REDUCE_TOO_LARGE;
    }
    memcpy(out, data + what->offset, length);
    return (int32_t)length;
}

int32_t n6_reduce(const n6_tensor_t *tensor, const n6_return_t *what, const void *data,
                  uint8_t *out, uint32_t room, uint32_t *count, n6_selection_t *selection)
{
    *count = 0;
    switch (what->reduction) {
    case N6_REDUCTION_RAW:
        return range(tensor, what, data, out, room);
    case N6_REDUCTION_ARGMAX:
    case N6_REDUCTION_TOPK:
        return peaks(tensor, what, data, out, room, count);
    default:
        break;
    }
    const table_t table = table_of(tensor, what, data);
    if (is_class_map(what->reduction)) {
        return class_map(&table, what, out, room, count);
    }
    if (what->reduction == N6_REDUCTION_SAME_ROWS) {
        return same_rows(&table, what, out, room, count, selection);
    }
    return select(&table, what, out, room, count, selection);
}
