/*
 * runtimes.h - all networks of the virtual board as one n6_npu_t, in the order of the command
 * line, whichever runtime runs them: LiteRT for .tflite files, the reference runtime for
 * `reference:`.
 */
#ifndef N6_HOST_RUNTIMES_H
#define N6_HOST_RUNTIMES_H

#include "litert.h"
#include "options.h"
#include "reference.h"

typedef struct {
    n6_litert_t *litert;
    n6_npu_t litert_npu;
    n6_reference_t reference;
    n6_npu_t reference_npu;
    uint16_t networks;
    n6_network_t network[N6_SERVER_MAX_NETWORKS];
    struct {
        const n6_npu_t *npu;
        uint16_t index;
    } route[N6_SERVER_MAX_NETWORKS];
    char *text[3 * N6_SERVER_MAX_NETWORKS]; /* cards, block tables, stored inputs, reasons */
    size_t texts;
    const n6_npu_t *active; /* of the network that was started last */
} n6_runtimes_t;

/*
 * Loads all networks. now, wake and log of config are those of litert.h; now counts nanoseconds. A
 * network that does not load is FAILED, with the reason; if none does, that ends the process with a
 * report.
 */
void n6_runtimes_open(n6_runtimes_t *self, const n6_options_t *options,
                      const n6_litert_config_t *config);

/* The networks as the core wants them; valid until n6_runtimes_close(). */
n6_npu_t n6_runtimes_npu(n6_runtimes_t *self);

void n6_runtimes_close(n6_runtimes_t *self);

#endif
