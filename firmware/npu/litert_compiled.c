/* See litert_compiled.h. */
#include "litert_compiled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NS_PER_US = 1000 };

/* ---- compilation ---- */

static void drop_compiled(litert_network_t *self)
{
    if (self->compiled) {
        self->api->DestroyCompiledModel(self->compiled);
        self->compiled = NULL;
    }
}

/* LiteRT requires a function that frees its options. */
static void keep_options(void *options)
{
    (void)options;
}

static int compile(litert_network_t *self, char *runtime_options)
{
    const lrt_api_t *api = self->api;
    lrt_options_t *options = NULL;
    lrt_opaque_options_t *opaque = NULL;
    int status = api->CreateOptions(&options);
    if (!status) {
        status = api->SetOptionsHardwareAccelerators(options, LRT_CPU);
    }
    if (!status && runtime_options) {
        status = api->CreateOpaqueOptions("runtime_options_string", runtime_options, keep_options,
                                          &opaque);
        status = status ? status : api->AddOpaqueOptions(options, opaque);
    }
    if (!status) {
        status = api->CreateCompiledModel(self->environment, self->model, options, &self->compiled);
    }
    if (options) {
        api->DestroyOptions(options);
    }
    return status;
}

/*
 * Errors of a run are stored for _reason(). Those of a network that cannot be prepared are lost
 * with it. Therefore the second attempt writes them to stderr, which litert.c reads.
 */
int n6_litert_compiled_prepare(litert_network_t *self)
{
    static char kept[] = "enable_profiling = true\nerror_reporter_mode = 2\n";
    const lrt_api_t *api = self->api;
    drop_compiled(self);
    int status = compile(self, kept);
    if (status) {
        compile(self, NULL);
        return status;
    }
    self->stale = false;
    status = api->CompiledModelGetProfiler(self->compiled, &self->profiler);
    return status ? status
                  : api->SetCompiledModelCancellationFunction(self->compiled, self->context,
                                                              self->cancelled);
}

/* ---- runs ---- */

/* Stores the operators among the profiler's events, which also contain other events. */
static void read_events(litert_network_t *self)
{
    int count = 0;
    self->events = 0;
    if (self->api->GetNumProfilerEvents(self->profiler, &count) || count < 1) {
        return;
    }
    if (count > self->lrt_event_space) {
        lrt_event_t *more = realloc(self->lrt_event, (size_t)count * sizeof(*more));
        if (!more) {
            abort();
        }
        self->lrt_event = more;
        self->lrt_event_space = count;
    }
    if (self->api->GetProfilerEvents(self->profiler, count, self->lrt_event)) {
        return;
    }
    const lrt_event_t *outer = NULL; /* the first kernel; nested ones belong to another subgraph */
    const uint64_t begin_us = self->lrt_event[0].start_us;
    for (int i = 0; i < count; i++) {
        const lrt_event_t *event = &self->lrt_event[i];
        bool kernel =
            event->type == LRT_EVENT_OPERATOR && (!outer || event->subgraph == outer->subgraph);
        if (kernel || event->type == LRT_EVENT_DELEGATE) {
            outer = kernel && !outer ? event : outer;
            bool later = event->start_us > begin_us;
            *n6_litert_add_event(self) = (litert_event_t){
                .name = event->name,
                .node = event->node,
                .start_ns = later ? (event->start_us - begin_us) * NS_PER_US : 0,
                .elapsed_ns = event->elapsed_us * NS_PER_US,
                .type = event->type,
            };
        }
    }
}

int n6_litert_compiled_invoke(litert_network_t *self, size_t outputs)
{
    self->failure[0] = '\0';
    self->api->CompiledModelClearErrors(self->compiled);
    self->api->ResetProfiler(self->profiler);
    self->api->StartProfiler(self->profiler);
    int status = self->api->RunCompiledModel(self->compiled, 0, self->about.inputs,
                                             self->buffer[LITERT_INPUT], outputs,
                                             self->buffer[LITERT_OUTPUT]);
    self->api->StopProfiler(self->profiler);
    read_events(self);
    return status;
}

static bool is_shaped(const n6_tensor_t *tensor, const lrt_layout_t *layout)
{
    bool same = LRT_RANK(layout) == tensor->ndim;
    for (size_t i = 0; same && i < tensor->ndim; i++) {
        same = layout->shape[i] == (int32_t)tensor->shape[i];
    }
    return same;
}

/* The first output with another shape than described; -1 = none. */
static int find_other_shape(litert_network_t *self)
{
    lrt_layout_t layout[LITERT_MAX_TENSORS];
    const int count = self->about.outputs;
    int status = self->api->GetCompiledModelOutputTensorLayouts(self->compiled, 0, (size_t)count,
                                                                layout, false);
    for (int i = 0; !status && i < count; i++) {
        if (!is_shaped(&self->about.output[i], &layout[i])) {
            return i;
        }
    }
    return -1;
}

/* After a run with other shapes, the model cannot be used for further runs. */
static int run(litert_network_t *self)
{
    int status = self->stale ? n6_litert_compiled_prepare(self) : 0;
    if (status) {
        self->stale = true;
        snprintf(self->failure, sizeof(self->failure), "LiteRT cannot prepare it again");
        return status;
    }
    status = n6_litert_compiled_invoke(self, self->about.outputs);
    int other = find_other_shape(self);
    if (other >= 0) {
        snprintf(self->failure, sizeof(self->failure),
                 "the shape of output %s depends on the values of the inputs",
                 self->about.output[other].name);
        status = LRT_INVALID_ARGUMENT;
        self->stale = true;
    }
    return status;
}

void n6_litert_compiled_reason(litert_network_t *self, char *text, size_t size)
{
    char *messages = NULL;
    if (*self->failure) {
        snprintf(text, size, "%s", self->failure);
    } else if (self->api->CompiledModelGetErrorMessages(self->compiled, &messages) || !messages ||
               !*messages) {
        snprintf(text, size, "LiteRT gives no reason");
    } else {
        snprintf(text, size, "%.*s", (int)strcspn(messages, "\n"), messages);
    }
    free(messages);
}

void n6_litert_compiled_drop(litert_network_t *self, int side)
{
    for (size_t i = 0; i < LITERT_MAX_TENSORS; i++) {
        if (self->buffer[side][i]) {
            self->api->DestroyTensorBuffer(self->buffer[side][i]);
            self->buffer[side][i] = NULL;
        }
    }
}

static void end(litert_network_t *self)
{
    n6_litert_compiled_drop(self, LITERT_INPUT);
    n6_litert_compiled_drop(self, LITERT_OUTPUT);
    drop_compiled(self);
    if (self->model) {
        self->api->DestroyModel(self->model);
        self->model = NULL;
    }
    free(self->lrt_event);
    self->lrt_event = NULL;
    self->lrt_event_space = 0;
}

const litert_engine_t n6_litert_compiled = {.timer_source = N6_TIMER_SOURCE_LITERT_PROFILER,
                                            .run = run,
                                            .reason = n6_litert_compiled_reason,
                                            .end = end};
