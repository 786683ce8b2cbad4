/*
 * runtimes.h - all networks of the virtual board as one n6_npu_t, in the order of the command line:
 * LiteRT runs .tflite files, the reference runtime runs `reference:`.
 */
#ifndef N6_HOST_RUNTIMES_H
#define N6_HOST_RUNTIMES_H

#include "litert.h"
#include "options.h"
#include "reference.h"

typedef struct {
    n6_reference_t reference; /* first, because its alignment is the largest */
    n6_litert_t *litert;
    size_t texts;
    const n6_npu_t *active; /* runtime of the network that was started last */
    n6_npu_t litert_npu;
    n6_npu_t reference_npu;
    struct {
        const n6_npu_t *npu;
        uint16_t index;
    } route[N6_SERVER_MAX_NETWORKS];
    char *text[4 * N6_SERVER_MAX_NETWORKS]; /* cards, tables, stored inputs, reasons */
    n6_network_t network[N6_SERVER_MAX_NETWORKS];
    uint16_t networks;
} n6_runtimes_t;

/*
 * Loads all networks. now, wake and log of config are those of litert.h; now counts nanoseconds. A
 * network that cannot be loaded is FAILED, with the reason. If no network can be loaded, the
 * process ends with a report.
 */
void n6_runtimes_open(n6_runtimes_t *self, const n6_options_t *options,
                      const n6_litert_config_t *config);

/* The networks for the core; valid until n6_runtimes_close(). */
n6_npu_t n6_runtimes_npu(n6_runtimes_t *self);

void n6_runtimes_close(n6_runtimes_t *self);

#endif
