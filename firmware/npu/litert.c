/*
 * litert.c - the runtime for the core, and the thread that runs its networks. See litert.h.
 *
 * The core's side owns `current` and its data. Both sides share `job`: the core's side sets it, and
 * the thread clears it at the end of the run. While `job` is set, the thread owns LiteRT and its
 * buffers, else the core's side. Therefore output() and the times are read without a lock.
 */
#include "litert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert_blocks.h"
#include "litert_load.h"

struct n6_litert {
    n6_litert_config_t config;
    lrt_api_t api;
    lrt_environment_t *environment;
    litert_network_t network[N6_LITERT_MAX_NETWORKS];
    n6_network_t about[N6_LITERT_MAX_NETWORKS];
    uint16_t networks;

    litert_network_t *current; /* started by the core and not stopped */
    const void *input;
    n6_block_time_t *times;
    bool launched; /* current was passed to the thread */

    atomic_bool cancel;
    pthread_t thread;
    pthread_mutex_t lock; /* protects the members below */
    pthread_cond_t changed;
    bool quit;
    litert_network_t *job;
    int status; /* status of the last job */
    uint64_t begin;
};

/* ---- the thread ---- */

static bool cancelled(void *context)
{
    n6_litert_t *self = context;
    return atomic_load_explicit(&self->cancel, memory_order_relaxed);
}

static void *work(void *context)
{
    n6_litert_t *self = context;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        while (!self->job && !self->quit) {
            pthread_cond_wait(&self->changed, &self->lock);
        }
        if (!self->job) {
            break;
        }
        litert_network_t *job = self->job;
        pthread_mutex_unlock(&self->lock);
        uint64_t begin = self->config.now(self->config.context);
        int status = job->engine->run(job);
        pthread_mutex_lock(&self->lock);
        self->begin = begin;
        self->status = status;
        self->job = NULL;
        self->config.wake(self->config.context);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- the core's side ---- */

static void bind(litert_network_t *network, const void *input)
{
    for (size_t i = 0; i < network->about.inputs; i++) {
        const n6_tensor_t *tensor = &network->about.input[i];
        memcpy(network->memory[LITERT_INPUT][i], (const char *)input + tensor->offset,
               tensor->size);
    }
}

/* Passes current to the thread, if the thread is free. */
static void launch(n6_litert_t *self)
{
    pthread_mutex_lock(&self->lock);
    if (!self->job) {
        bind(self->current, self->input);
        atomic_store_explicit(&self->cancel, false, memory_order_relaxed);
        self->job = self->current;
        self->launched = true;
        pthread_cond_signal(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
}

static int start(void *context, uint16_t network, const void *input, n6_block_time_t *times)
{
    n6_litert_t *self = context;
    self->current = &self->network[network];
    self->input = input;
    self->times = times;
    self->launched = false;
    launch(self);
    return 0;
}

static int step(void *context)
{
    n6_litert_t *self = context;
    if (!self->launched) {
        launch(self);
        return N6_NPU_WAITING;
    }
    pthread_mutex_lock(&self->lock);
    bool running = self->job != NULL;
    int status = self->status;
    uint64_t begin = self->begin;
    pthread_mutex_unlock(&self->lock);
    if (running) {
        return N6_NPU_WAITING;
    }
    if (status) {
        char text[256];
        size_t length = (size_t)snprintf(text, sizeof(text), "%s: ", self->current->about.name);
        length = length < sizeof(text) ? length : sizeof(text) - 1;
        self->current->engine->reason(self->current, text + length, sizeof(text) - length);
        self->config.log(self->config.context, text);
        return -status;
    }
    if (self->times) {
        n6_litert_network_times(self->current, begin, self->times);
    }
    return N6_NPU_DONE;
}

static void stop(void *context)
{
    n6_litert_t *self = context;
    atomic_store_explicit(&self->cancel, true, memory_order_relaxed);
    self->current = NULL;
}

static const void *output(void *context, uint8_t index)
{
    n6_litert_t *self = context;
    return self->current->memory[LITERT_OUTPUT][index];
}

n6_npu_t n6_litert_npu(n6_litert_t *self)
{
    for (size_t i = 0; i < self->networks; i++) {
        self->about[i] = self->network[i].about;
    }
    return (n6_npu_t){
        .context = self,
        .network = self->about,
        .networks = self->networks,
        .features = N6_FEATURE_SIMULATED,
        .start = start,
        .step = step,
        .stop = stop,
        .output = output,
    };
}

/* ---- loading ---- */

n6_litert_t *n6_litert_open(const n6_litert_config_t *config, char *error, size_t size)
{
    n6_litert_t *self = calloc(1, sizeof(*self));
    if (!self) {
        abort();
    }
    self->config = *config;
    if (n6_lrt_open(&self->api, config->library, error, size)) {
        free(self);
        return NULL;
    }
    const lrt_environment_option_t quiet = {
        .tag = LRT_MIN_SEVERITY, .type = LRT_INTEGER, .value = LRT_SILENT};
    int status = self->api.CreateEnvironment(config->verbose ? 0 : 1, &quiet, &self->environment);
    if (status) {
        snprintf(error, size, "LiteRT does not start (status %d)", status);
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    if (pthread_create(&self->thread, NULL, work, self)) {
        abort();
    }
    return self;
}

int n6_litert_add(n6_litert_t *self, const n6_litert_source_t *source, char *error, size_t size)
{
    if (self->networks == N6_LITERT_MAX_NETWORKS) {
        snprintf(error, size, "more than %d networks", N6_LITERT_MAX_NETWORKS);
        return -1;
    }
    char clause[256] = "";
    litert_load_t load = {
        .self = &self->network[self->networks],
        .environment = self->environment,
        .source = source,
        .python = self->config.python,
        .script = self->config.script,
        .client = self->config.client,
        .verbose = self->config.verbose,
        .cancelled = cancelled,
        .context = self,
        .error = clause,
        .size = sizeof(clause),
    };
    if (n6_litert_network_load(&load, &self->api)) {
        n6_litert_network_free(&self->network[self->networks]);
        snprintf(error, size, "%s does not load: %s", source->path, clause);
        return -1;
    }
    self->networks++;
    return 0;
}

void n6_litert_close(n6_litert_t *self)
{
    atomic_store_explicit(&self->cancel, true, memory_order_relaxed);
    for (size_t i = 0; i < self->networks; i++) {
        if (self->network[i].engine->interrupt) {
            self->network[i].engine->interrupt(&self->network[i]);
        }
    }
    pthread_mutex_lock(&self->lock);
    self->quit = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    for (size_t i = 0; i < self->networks; i++) {
        n6_litert_network_free(&self->network[i]);
    }
    self->api.DestroyEnvironment(self->environment);
    free(self);
}
