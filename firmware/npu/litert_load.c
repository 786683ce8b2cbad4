/* See litert_load.h. */
#include "litert_load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litert_blocks.h"
#include "litert_compiled_load.h"
#include "litert_hush.h"
#include "litert_interpreter.h"
#include "n6_crc.h"

/* LiteRT does not report why it cannot read a file; the frequent reasons are detected here. */
static int check_file(litert_load_t *load, uint32_t *crc, uint32_t *bytes)
{
    static const char identifier[] = "TFL3";
    unsigned char block[65536];
    size_t got = sizeof(block);
    uint64_t total = 0;
    bool known = true;
    FILE *file = fopen(load->source->path, "rb");
    if (!file) {
        return n6_litert_fail(load, "%s", strerror(errno));
    }
    *crc = 0;
    while (known && got == sizeof(block)) {
        got = fread(block, 1, sizeof(block), file);
        known = total > 0 || (got >= 8 && memcmp(block + 4, identifier, 4) == 0);
        *crc = n6_crc32(*crc, block, got);
        total += got;
    }
    int bad = ferror(file) ? errno : 0;
    fclose(file);
    if (bad) {
        return n6_litert_fail(load, "%s", strerror(bad));
    }
    if (!known || total == 0 || total > UINT32_MAX / 2) {
        return n6_litert_fail(load, "it is not a TensorFlow Lite file");
    }
    *bytes = (uint32_t)total;
    return 0;
}

/* Loads it into the CompiledModel. If this fails, LiteRT's own message is part of the reason. */
static int load_compiled(litert_load_t *load)
{
    char words[200] = "";
    if (load->source->crashes) {
        return n6_litert_fail(load, "LiteRT's CompiledModel crashes on it");
    }
    litert_hush_t hush = {.stderr_ = -1};
    if (!load->verbose) {
        hush = n6_litert_hush();
    }
    int bad = n6_litert_compiled_load(load);
    n6_litert_speak(&hush, words, sizeof(words));
    if (bad && *words && !strstr(load->error, words)) {
        size_t length = strlen(load->error);
        snprintf(load->error + length, load->size - length, ": %s", words);
    }
    return bad;
}

/* Loads it into an engine. The Interpreter is second, because it does not report operators. */
static int load_engine(litert_load_t *load, const lrt_api_t *api)
{
    load->self->api = api;
    load->self->environment = load->environment;
    load->self->cancelled = load->cancelled;
    load->self->context = load->context;
    if (!load_compiled(load)) {
        return 0;
    }
    if (!load->python || !load->script) {
        return -1;
    }
    n6_litert_network_free(load->self);
    return n6_litert_interpreter_load(load);
}

/* Without a block table there is one pool: the file, and the buffers of inputs and outputs. */
static void describe_host(litert_network_t *self, uint32_t file)
{
    n6_network_t *about = &self->about;
    n6_pool_t *pool = n6_litert_keep(self, sizeof(*pool));
    pool->name = "host";
    pool->weights = file;
    pool->activations = about->input_bytes + about->output_bytes;
    pool->used = pool->total = pool->weights + pool->activations;
    about->pool = pool;
    about->pools = 1;
}

int n6_litert_network_load(litert_load_t *load, const lrt_api_t *api)
{
    litert_network_t *self = load->self;
    const n6_litert_source_t *source = load->source;
    n6_network_t *about = &self->about;
    size_t card = source->card ? strlen(source->card) : 0;
    uint32_t crc = 0;
    uint32_t bytes = 0;
    *self = (litert_network_t){0};
    if (check_file(load, &crc, &bytes)) {
        return -1;
    }
    if (card > UINT16_MAX) {
        return n6_litert_fail(load, "its card is longer than %d bytes", UINT16_MAX);
    }
    if (load_engine(load, api) || n6_litert_describe_blocks(load)) {
        return -1;
    }
    if (!about->pools) {
        describe_host(self, bytes);
    }
    about->name = n6_litert_keep_text(self, source->name);
    about->card = source->card;
    about->card_bytes = (uint16_t)card;
    about->timer_source = self->engine->timer_source;
    about->digest = n6_crc32(crc, source->card ? source->card : "", card);
    if (source->blocks) {
        about->digest = n6_crc32(about->digest, source->blocks, strlen(source->blocks));
    }
    return 0;
}
