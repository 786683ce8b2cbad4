/*
 * runtimes.c - loads networks and passes calls to their runtimes. See runtimes.h.
 */
#include "runtimes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash.h"
#include "n6_crc.h"
#include "report.h"

enum {
    BLOCK = 4096, /* bytes of one read from a file */
    ALIGN = 64,   /* alignment of a stored input */
};

static const char reference_scheme[] = "reference:";

/* ---- calls ---- */

static int start(void *context, uint16_t network, const void *input, n6_block_time_t *times)
{
    n6_runtimes_t *self = context;
    self->active = self->route[network].npu;
    return self->active->start(self->active->context, self->route[network].index, input, times);
}

static int step(void *context)
{
    n6_runtimes_t *self = context;
    return self->active->step(self->active->context);
}

static void stop(void *context)
{
    n6_runtimes_t *self = context;
    self->active->stop(self->active->context);
}

static const void *output(void *context, uint8_t index)
{
    n6_runtimes_t *self = context;
    return self->active->output(self->active->context, index);
}

n6_npu_t n6_runtimes_npu(n6_runtimes_t *self)
{
    return (n6_npu_t){
        .context = self,
        .network = self->network,
        .networks = self->networks,
        .features = N6_FEATURE_SIMULATED | N6_FEATURE_CHECK,
        .start = start,
        .step = step,
        .stop = stop,
        .output = output,
    };
}

/* ---- loading ---- */

/* The bytes of a file, and a zero after them. */
static char *read_file(const char *network, const char *path, size_t *size)
{
    char *text = NULL;
    size_t used = 0;
    size_t got = BLOCK;
    FILE *file = fopen(path, "rb");
    if (!file) {
        n6_report_failure("--network %s: %s: %s", network, path, strerror(errno));
    }
    while (got == BLOCK) {
        char *more = realloc(text, used + BLOCK + 1);
        if (!more) {
            abort();
        }
        text = more;
        got = fread(text + used, 1, BLOCK, file);
        used += got;
        text[used] = '\0';
    }
    if (ferror(file)) {
        n6_report_failure("--network %s: %s: %s", network, path, strerror(errno));
    }
    fclose(file);
    *size = used;
    return text;
}

/* The text of a file; NULL without a path. */
static const char *read_text(n6_runtimes_t *self, const char *network, const char *path)
{
    size_t size = 0;
    if (!path) {
        return NULL;
    }
    return self->text[self->texts++] = read_file(network, path, &size);
}

/* The input for CHECK of the network that was appended last. */
static void read_check(n6_runtimes_t *self, const n6_network_option_t *option)
{
    n6_network_t *network = &self->network[self->networks - 1];
    uint32_t head[3] = {0}; /* see options.c */
    size_t size = 0;
    if (!option->check) {
        return;
    }
    char *bytes = read_file(option->name, option->check, &size);
    if (size != sizeof(head) + network->input_bytes) {
        n6_report_failure("--network %s: %s has %zu bytes, not %zu", option->name, option->check,
                          size, sizeof(head) + network->input_bytes);
    }
    char *input = aligned_alloc(ALIGN, (size + ALIGN - 1) / ALIGN * ALIGN);
    if (!input) {
        abort();
    }
    memcpy(head, bytes, sizeof(head));
    memcpy(input, bytes + sizeof(head), network->input_bytes);
    free(bytes);
    network->check_known = head[0] == 1 && head[1] == network->digest;
    network->check_digest = head[2];
    network->check_input = self->text[self->texts++] = input;
}

/* Appends a network that cannot run, with the reason for the host. */
static void append_failed(n6_runtimes_t *self, const n6_network_option_t *option,
                          const char *reason)
{
    char *text = strdup(reason);
    if (!text) {
        abort();
    }
    self->text[self->texts++] = text;
    self->network[self->networks++] = (n6_network_t){
        .name = option->name,
        .state = N6_NETWORK_STATE_FAILED,
        .reason = text,
    };
}

/* Appends network number index of a runtime. */
static n6_network_t *append(n6_runtimes_t *self, const n6_npu_t *npu, uint16_t index)
{
    size_t at = self->networks++;
    self->route[at].npu = npu;
    self->route[at].index = index;
    self->network[at] = npu->network[index];
    return &self->network[at];
}

static void add_litert(n6_runtimes_t *self, const n6_network_option_t *option,
                       const n6_litert_config_t *config)
{
    char text[512];
    if (!config->library) {
        n6_report_failure("--network %s=%s requires LiteRT; use --litert PATH", option->name,
                          option->path);
    }
    if (!self->litert) {
        self->litert = n6_litert_open(config, text, sizeof(text));
    }
    if (!self->litert) {
        n6_report_failure("%s", text);
    }
    n6_litert_source_t source = {
        .name = option->name,
        .path = option->path,
        .card = read_text(self, option->name, option->card),
        .blocks = read_text(self, option->name, option->blocks),
        .operations = read_text(self, option->name, option->operations),
        .crashes = option->crashes,
    };
    n6_crash_expect(option->crashes ? NULL : option->name);
    bool bad = n6_litert_add(self->litert, &source, text, sizeof(text)) != 0;
    n6_crash_expect(NULL);
    if (bad) {
        append_failed(self, option, text);
        return;
    }
    self->litert_npu = n6_litert_npu(self->litert);
    append(self, &self->litert_npu, self->litert_npu.networks - 1);
    read_check(self, option);
}

/* The built-in network with this name; the first one if the name is empty. */
static uint16_t find_reference(const n6_npu_t *npu, const n6_network_option_t *option)
{
    const char *name = option->path + strlen(reference_scheme);
    for (uint16_t i = 0; i < npu->networks; i++) {
        if (!*name || !strcmp(name, npu->network[i].name)) {
            return i;
        }
    }
    n6_report_failure("--network %s=%s: no built-in network has this name; the first one is %s",
                      option->name, option->path, npu->network[0].name);
}

static void add_reference(n6_runtimes_t *self, const n6_network_option_t *option)
{
    const n6_npu_t *npu = &self->reference_npu;
    const char *card = read_text(self, option->name, option->card);
    size_t size = card ? strlen(card) : 0;
    if (option->blocks) {
        n6_report_failure("--network %s: a built-in network has its own blocks", option->name);
    }
    if (size > UINT16_MAX) {
        n6_report_failure("--network %s: its card is longer than %d bytes", option->name,
                          UINT16_MAX);
    }
    n6_network_t *network = append(self, npu, find_reference(npu, option));
    network->name = option->name;
    if (card) {
        network->card = card;
        network->card_bytes = (uint16_t)size;
        network->digest = n6_crc32(network->digest, card, size);
    }
    read_check(self, option);
}

void n6_runtimes_open(n6_runtimes_t *self, const n6_options_t *options,
                      const n6_litert_config_t *config)
{
    *self = (n6_runtimes_t){0};
    n6_reference_init(&self->reference, config->now, config->context, N6_TIMER_SOURCE_HOST_CLOCK);
    self->reference_npu = n6_reference_npu(&self->reference);
    for (size_t i = 0; i < options->networks; i++) {
        const n6_network_option_t *option = &options->network[i];
        if (!strncmp(option->path, reference_scheme, strlen(reference_scheme))) {
            add_reference(self, option);
        } else {
            add_litert(self, option, config);
        }
    }
    for (size_t i = 0; i < self->networks; i++) {
        if (self->network[i].state == N6_NETWORK_STATE_READY) {
            return;
        }
    }
    if (self->networks) {
        n6_report_failure("--network %s: %s", self->network[0].name, self->network[0].reason);
    }
}

void n6_runtimes_close(n6_runtimes_t *self)
{
    if (self->litert) {
        n6_litert_close(self->litert);
    }
    for (size_t i = 0; i < self->texts; i++) {
        free(self->text[i]);
    }
}
