/*
 * litert_api.h - the part of LiteRT's C interface that litert.c uses, opened at run time.
 *
 * The Python package ai-edge-litert (Apache-2.0) contains libLiteRt but no stable header, so types
 * and functions are declared here. They are correct for 2.1.6 <= version < 2.4. A library without
 * one of the functions is refused, with the name of the function. Each function returns a status, 0
 * = success, unless its comment states otherwise.
 */
#ifndef N6_LITERT_API_H
#define N6_LITERT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LRT_CPU = 1,        /* the accelerator: XNNPACK, and LiteRT's own kernels for other operators */
    LRT_PER_TENSOR = 1, /* kinds of quantisation */
    LRT_PER_CHANNEL = 2,
    LRT_MIN_SEVERITY = 25,    /* tag of an environment option: the logger's minimum severity */
    LRT_INTEGER = 2,          /* type of its value */
    LRT_SILENT = 4,           /* its value for no output */
    LRT_INVALID_ARGUMENT = 1, /* statuses */
    LRT_RUNTIME_FAILURE = 3,
    LRT_EVENT_OPERATOR = 2, /* types of profiler events: one of LiteRT's own kernels ran */
    LRT_EVENT_DELEGATE = 8, /* an operator in XNNPACK ran; has a duration and no start */
};

typedef struct lrt_environment lrt_environment_t;
typedef struct lrt_model lrt_model_t;
typedef struct lrt_signature lrt_signature_t;
typedef struct lrt_tensor lrt_tensor_t;
typedef struct lrt_options lrt_options_t;
typedef struct lrt_opaque_options lrt_opaque_options_t;
typedef struct lrt_compiled lrt_compiled_t;
typedef struct lrt_buffer lrt_buffer_t;
typedef struct lrt_profiler lrt_profiler_t;

typedef struct {
    int32_t tag;
    _Alignas(8) int32_t type;
    int64_t value;
} lrt_environment_option_t;

typedef struct {
    uint32_t rank; /* in the low seven bits */
    int32_t shape[8];
    uint32_t strides[8];
} lrt_layout_t;

#define LRT_RANK(layout) ((layout)->rank & 0x7fu)

typedef struct {
    int32_t element; /* TensorFlow Lite's element type */
    lrt_layout_t layout;
} lrt_tensor_type_t;

typedef struct {
    float scale;
    int64_t zero_point;
} lrt_per_tensor_t;

typedef struct {
    int32_t axis;
    uint64_t channels;
    const float *scales;
    const int64_t *zero_points;
} lrt_per_channel_t;

typedef struct {
    const char *name; /* memory of the profiler, valid until its reset */
    int32_t type;
    uint64_t start_us;
    uint64_t elapsed_us;
    size_t memory[6];
    uint64_t node;
    uint64_t subgraph;
    int32_t source;
} lrt_event_t;

/* CALL(name without LiteRt, result, parameters) */
#define LRT_CALLS(CALL)                                                                            \
    CALL(CreateEnvironment, int,                                                                   \
         (int count, const lrt_environment_option_t *, lrt_environment_t **))                      \
    CALL(DestroyEnvironment, void, (lrt_environment_t *))                                          \
    CALL(CreateModelFromFile, int, (lrt_environment_t *, const char *path, lrt_model_t **))        \
    CALL(DestroyModel, void, (lrt_model_t *))                                                      \
    CALL(GetModelSignature, int, (lrt_model_t *, size_t index, lrt_signature_t **))                \
    CALL(GetNumSignatureInputs, int, (lrt_signature_t *, size_t *))                                \
    CALL(GetNumSignatureOutputs, int, (lrt_signature_t *, size_t *))                               \
    CALL(GetSignatureInputName, int, (lrt_signature_t *, size_t index, const char **))             \
    CALL(GetSignatureOutputName, int, (lrt_signature_t *, size_t index, const char **))            \
    CALL(GetSignatureInputTensorByIndex, int, (lrt_signature_t *, size_t index, lrt_tensor_t **))  \
    CALL(GetSignatureOutputTensorByIndex, int, (lrt_signature_t *, size_t index, lrt_tensor_t **)) \
    CALL(GetRankedTensorType, int, (lrt_tensor_t *, lrt_tensor_type_t *))                          \
    CALL(GetQuantizationTypeId, int, (lrt_tensor_t *, int *))                                      \
    CALL(GetPerTensorQuantization, int, (lrt_tensor_t *, lrt_per_tensor_t *))                      \
    CALL(GetPerChannelQuantization, int, (lrt_tensor_t *, lrt_per_channel_t *))                    \
    CALL(CreateOptions, int, (lrt_options_t **))                                                   \
    CALL(DestroyOptions, void, (lrt_options_t *))                                                  \
    CALL(SetOptionsHardwareAccelerators, int, (lrt_options_t *, int set))                          \
    CALL(                                                                                          \
        CreateOpaqueOptions, int,                                                                  \
        (const char *identifier, void *payload, void (*destroy)(void *), lrt_opaque_options_t **)) \
    CALL(AddOpaqueOptions, int, (lrt_options_t *, lrt_opaque_options_t *))                         \
    CALL(CreateCompiledModel, int,                                                                 \
         (lrt_environment_t *, lrt_model_t *, lrt_options_t *, lrt_compiled_t **))                 \
    CALL(DestroyCompiledModel, void, (lrt_compiled_t *))                                           \
    CALL(GetCompiledModelInputTensorLayout, int,                                                   \
         (lrt_compiled_t *, size_t signature, size_t index, lrt_layout_t *))                       \
    CALL(GetCompiledModelOutputTensorLayouts, int,                                                 \
         (lrt_compiled_t *, size_t signature, size_t count, lrt_layout_t *, bool allocate))        \
    CALL(CreateTensorBufferFromHostMemory, int,                                                    \
         (const lrt_tensor_type_t *, void *memory, size_t size, void (*release)(void *),           \
          lrt_buffer_t **))                                                                        \
    CALL(DestroyTensorBuffer, void, (lrt_buffer_t *))                                              \
    CALL(SetCompiledModelCancellationFunction, int,                                                \
         (lrt_compiled_t *, void *context, bool (*cancelled)(void *)))                             \
    CALL(RunCompiledModel, int,                                                                    \
         (lrt_compiled_t *, size_t signature, size_t inputs, lrt_buffer_t **, size_t outputs,      \
          lrt_buffer_t **))                                                                        \
    CALL(CompiledModelGetErrorMessages, int, (lrt_compiled_t *, char **text_to_free))              \
    CALL(CompiledModelClearErrors, int, (lrt_compiled_t *))                                        \
    CALL(CompiledModelGetProfiler, int, (lrt_compiled_t *, lrt_profiler_t **))                     \
    CALL(ResetProfiler, int, (lrt_profiler_t *))                                                   \
    CALL(StartProfiler, int, (lrt_profiler_t *))                                                   \
    CALL(StopProfiler, int, (lrt_profiler_t *))                                                    \
    CALL(GetNumProfilerEvents, int, (lrt_profiler_t *, int *))                                     \
    CALL(GetProfilerEvents, int, (lrt_profiler_t *, int count, lrt_event_t *))

typedef struct {
/* A declarator, which must not have parentheses. NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define LRT_MEMBER(name, result, parameters) result(*name) parameters;
    LRT_CALLS(LRT_MEMBER)
#undef LRT_MEMBER
    void *library;
} lrt_api_t;

/* Opens the library at path. Returns 0, or -1 and writes a sentence to error. */
int n6_lrt_open(lrt_api_t *api, const char *path, char *error, size_t size);

#endif
