/* litert_load.h - loads a .tflite file into LiteRT. */
#ifndef N6_LITERT_LOAD_H
#define N6_LITERT_LOAD_H

#include "litert_network.h"

/*
 * Loads and describes load->source. Returns 0 or -1; call n6_litert_network_free() in both cases.
 */
int n6_litert_network_load(litert_load_t *load, const lrt_api_t *api);

#endif
