/*
 * litert.h - TensorFlow Lite networks on the host, as an n6_npu_t for the core.
 *
 * LiteRT is the shared library of the Python package ai-edge-litert, opened at run time and not
 * linked. Networks run on a thread, on one core, with XNNPACK. If LiteRT's CompiledModel refuses a
 * network or crashes on it, the network runs in LiteRT's Interpreter, in a child process. The core
 * polls: step() returns N6_NPU_WAITING until the end of the run, and wake() notifies the port's
 * main loop.
 *
 * start() copies the input slot into LiteRT's buffers and passes the network to the thread. If the
 * thread still executes a stopped run, the new run starts after it. The link is never blocked.
 * stop() requests that LiteRT ends the run before its next operator, and ignores its result;
 * consecutive operators in XNNPACK are one operator for LiteRT.
 *
 * A failed run has LiteRT's status, and its reason is passed to log(). litert_blocks.h describes
 * the epoch blocks and their times. Ticks are nanoseconds.
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
    /*
     * A Python interpreter and the script that runs LiteRT's Interpreter in it, for networks that
     * the CompiledModel does not run; NULL = not available.
     */
    const char *python;
    const char *script;
    int client;   /* a descriptor that the Interpreter's process must not inherit, or -1 */
    bool verbose; /* let LiteRT write to stderr while it loads */
    /* The device clock, in nanoseconds. The thread calls it too. */
    uint64_t (*now)(void *context);
    /* A run has ended. Called in the thread. */
    void (*wake)(void *context);
    /* The reason of a failed run. Called from step(). */
    void (*log)(void *context, const char *text);
    void *context;
} n6_litert_config_t;

/*
 * Opens LiteRT and starts the thread. Returns NULL and writes a sentence to error. Exits the
 * process if memory is exhausted.
 */
n6_litert_t *n6_litert_open(const n6_litert_config_t *config, char *error, size_t size);

/* Loads a network. Returns 0, or -1 and writes a sentence to error. */
int n6_litert_add(n6_litert_t *self, const n6_litert_source_t *source, char *error, size_t size);

/* The runtime for the core, with the loaded networks; valid until n6_litert_close(). */
n6_npu_t n6_litert_npu(n6_litert_t *self);

/* Ends the thread, waits for it, and frees all memory. */
void n6_litert_close(n6_litert_t *self);

#endif
