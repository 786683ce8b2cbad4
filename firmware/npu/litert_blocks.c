/* See litert_blocks.h. */
#include "litert_blocks.h"

#include <string.h>

#include "block_table.h"
#include "litert_operations.h"

/* ---- times ---- */

/* Searches the block of an event, starting with first; -1 = none. */
static int find_block(const litert_network_t *self, const litert_event_t *event, int first)
{
    for (int i = first; i < self->about.blocks; i++) {
        const litert_event_t *known = &self->known[i];
        if (known->type == event->type && known->node == event->node &&
            !strcmp(known->name, event->name)) {
            return i;
        }
    }
    return -1;
}

static void time_operators(const litert_network_t *self, uint64_t begin, n6_block_time_t *times)
{
    uint64_t now = begin;
    int next = 0; /* blocks before this one have started */
    for (int i = 0; i < self->events; i++) {
        const litert_event_t *event = &self->event[i];
        int block = find_block(self, event, next);
        if (event->start_ns) {
            uint64_t start = begin + event->start_ns;
            now = start > now ? start : now;
        }
        while (next <= block) {
            times[next++].start = now;
        }
        times[next > 0 ? next - 1 : 0].core += event->elapsed_ns;
        now += event->elapsed_ns;
    }
    while (next < self->about.blocks) {
        times[next++].start = now;
    }
}

static unsigned epochs_of(const n6_block_t *block)
{
    return block->last - block->first + 1u;
}

/* The estimate for one epoch: the average of the blocks with an estimate; 1 if no block has one. */
static double mean_estimate(const n6_network_t *about)
{
    double cycles = 0;
    double epochs = 0;
    for (size_t i = 0; i < about->blocks; i++) {
        const n6_block_t *block = &about->block[i];
        cycles += (double)block->estimated_total;
        epochs += block->estimated_total ? epochs_of(block) : 0;
    }
    return cycles > 0 ? cycles / epochs : 1;
}

static double weigh(const n6_block_t *block, double mean)
{
    return block->estimated_total ? (double)block->estimated_total : mean * epochs_of(block);
}

static void spread_over_table(const litert_network_t *self, uint64_t begin, n6_block_time_t *times)
{
    const n6_network_t *about = &self->about;
    const double mean = mean_estimate(about);
    double ticks = 0;
    double all = 0;
    for (int i = 0; i < self->events; i++) {
        ticks += (double)self->event[i].elapsed_ns;
    }
    for (size_t i = 0; i < about->blocks; i++) {
        all += weigh(&about->block[i], mean);
    }
    double weight = 0;
    for (size_t i = 0; i < about->blocks; i++) {
        const n6_block_t *block = &about->block[i];
        uint64_t start = (uint64_t)(weight / all * ticks);
        weight += weigh(block, mean);
        times[i].start = begin + start;
        *(block->kind == N6_EPOCH_KIND_SW ? &times[i].post : &times[i].core) =
            (uint64_t)(weight / all * ticks) - start;
    }
}

void n6_litert_network_times(const litert_network_t *self, uint64_t begin, n6_block_time_t *times)
{
    memset(times, 0, self->about.blocks * sizeof(*times));
    (self->table ? spread_over_table : time_operators)(self, begin, times);
}

/* ---- blocks ---- */

/* "Convolution (NHWC, QC8) DWConv" -> "Convolution DWConv" */
static const char *short_name(litert_network_t *self, const char *name)
{
    char *text = n6_litert_keep_text(self, name);
    char *open = strstr(text, " (");
    char *close = open ? strchr(open, ')') : NULL;
    if (close) {
        memmove(open, close + 1, strlen(close + 1) + 1);
    }
    return text;
}

static uint8_t kind_of(const litert_event_t *event)
{
    return event->type == LRT_EVENT_DELEGATE   ? N6_EPOCH_KIND_HW
           : event->type == LRT_EVENT_OPERATOR ? N6_EPOCH_KIND_SW
                                               : N6_EPOCH_KIND_HYBRID;
}

/* The predicted kinds; without a prediction no operation is known. */
static int read_operations(litert_load_t *load, litert_operations_t *operations)
{
    const char *text = load->source->operations ? load->source->operations : "";
    size_t lines = (size_t)n6_litert_operations_lines(text);
    operations->operation = n6_litert_keep(load->self, lines * sizeof(*operations->operation));
    return n6_litert_operations_read(operations, n6_litert_keep_text(load->self, text))
               ? n6_litert_fail(load, "its operations: a line is not 'kind operation'")
               : 0;
}

static int learn_blocks(litert_load_t *load)
{
    litert_network_t *self = load->self;
    litert_operations_t operations;
    int count = self->events;
    int extra = 0;
    if (read_operations(load, &operations)) {
        return -1;
    }
    if (count < 1 || count > UINT16_MAX) {
        return n6_litert_fail(load, "LiteRT's profiler reports %d operators", count);
    }
    n6_block_t *blocks = n6_litert_keep(self, (size_t)count * sizeof(*blocks));
    self->known = n6_litert_keep(self, (size_t)count * sizeof(*self->known));
    for (int i = 0; i < count; i++) {
        const litert_operation_t *operation =
            n6_litert_operations_find(&operations, &self->event[i]);
        self->known[i] = self->event[i];
        blocks[i] = (n6_block_t){
            .first = (uint16_t)i,
            .last = (uint16_t)i,
            .kind = operation ? operation->kind : kind_of(&self->event[i]),
            .operation = operation ? operation->name : short_name(self, self->event[i].name),
        };
        extra += blocks[i].kind == N6_EPOCH_KIND_EXTRA;
    }
    self->about.block = blocks;
    self->about.blocks = (uint16_t)count;
    self->about.epochs = (uint16_t)(count - extra);
    return 0;
}

static int read_table(litert_load_t *load, const char *text)
{
    litert_network_t *self = load->self;
    size_t lines = n6_block_table_lines(text);
    n6_block_table_t table = {
        .block = n6_litert_keep(self, lines * sizeof(*table.block)),
        .pool = n6_litert_keep(self, lines * sizeof(*table.pool)),
    };
    char reason[160];
    if (n6_block_table_read(&table, n6_litert_keep_text(self, text), reason, sizeof(reason))) {
        return n6_litert_fail(load, "its block table: %s", reason);
    }
    self->table = true;
    self->about.block = table.block;
    self->about.blocks = table.blocks;
    self->about.epochs = table.epochs;
    self->about.pool = table.pool;
    self->about.pools = table.pools;
    return 0;
}

int n6_litert_describe_blocks(litert_load_t *load)
{
    return load->source->blocks ? read_table(load, load->source->blocks) : learn_blocks(load);
}
