/*
 * litert.h - TensorFlow Lite networks on the host, as an n6_npu_t of the core.
 *
 * LiteRT is opened from the shared library that the Python package ai-edge-litert brings; nothing
 * is linked. A network runs on a thread of its own, on one core, with XNNPACK. One that LiteRT's
 * CompiledModel refuses or crashes on runs in LiteRT's Interpreter, in a child process. The core polls:
 * step() says N6_NPU_WAITING until the run has ended, and wake() lets the port's main loop know
 * when to ask.
 *
 * start() copies the input slot into LiteRT's buffers and hands the network to the thread. If that
 * still works off a run that was stopped, the new one begins when the old one has ended; nothing
 * ever blocks the link. stop() asks LiteRT to end the run before its next operator, and forgets it;
 * to LiteRT all that XNNPACK does in a row is one operator.
 *
 * A run that fails gives LiteRT's status, and its reason goes to log(). litert_blocks.h says what
 * the epoch blocks are and what their times mean. Ticks are nanoseconds.
 */
#ifndef N6_LITERT_H
#define N6_LITERT_H

#include <stdbool.h>

#include "litert_source.h"
#include "n6_config.h"
#include "n6_npu.h"

enum { N6_LITERT_MAX_NETWORKS = N6_SERVER_MAX_NETWORKS, N6_LITERT_TICK_HZ = 1000000000 };

typedef struct n6_litert n6_litert_t;

typedef struct {
    const char *library; /* path of libLiteRt.so or .dylib */
    /* A Python and the script that runs LiteRT's Interpreter in it, for networks that the
     * CompiledModel does not run; NULL = there is none. */
    const char *python;
    const char *script;
    int client;   /* a descriptor that the Interpreter's process must not have, or -1 */
    bool verbose; /* let LiteRT write to stderr while it loads */
    /* The device clock, in nanoseconds. Called from the thread as well. */
    uint64_t (*now)(void *context);
    /* A run has ended. Called from the thread. */
    void (*wake)(void *context);
    /* Why a run has failed. Called from step(). */
    void (*log)(void *context, const char *text);
    void *context;
} n6_litert_config_t;

/* Opens LiteRT and starts the thread. NULL with a sentence in error. Out of memory ends the
 * process. */
n6_litert_t *n6_litert_open(const n6_litert_config_t *config, char *error, size_t size);

/* Loads a network. 0, or -1 with a sentence in error. */
int n6_litert_add(n6_litert_t *self, const n6_litert_source_t *source, char *error, size_t size);

/* The runtime as the core wants it, with the networks that are loaded; valid until
 * n6_litert_close(). */
n6_npu_t n6_litert_npu(n6_litert_t *self);

/* Ends the thread, waits for it, and frees everything. */
void n6_litert_close(n6_litert_t *self);

#endif
