/*
 * litert_api.c - finds LiteRT's functions in the shared library. See litert_api.h.
 */
#include "litert_api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(void *) != 8 || sizeof(lrt_environment_option_t) == 24, "LiteRtEnvOption");
_Static_assert(sizeof(void *) != 8 || sizeof(lrt_tensor_type_t) == 72, "LiteRtRankedTensorType");
_Static_assert(sizeof(void *) != 8 || sizeof(lrt_per_tensor_t) == 16,
               "LiteRtQuantizationPerTensor");
_Static_assert(sizeof(void *) != 8 || sizeof(lrt_per_channel_t) == 32,
               "LiteRtQuantizationPerChannel");
_Static_assert(sizeof(void *) != 8 || sizeof(lrt_event_t) == 104, "ProfiledEventData");

/*
 * POSIX permits the conversion of dlsym's result to a function pointer; ISO C does not have a cast
 * for it.
 */
static int find(void *library, const char *name, void *call)
{
    void *symbol = dlsym(library, name);
    memcpy(call, &symbol, sizeof(symbol));
    return symbol ? 0 : -1;
}

int n6_lrt_open(lrt_api_t *api, const char *path, char *error, size_t size)
{
    api->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!api->library) {
        snprintf(error, size, "LiteRT cannot be opened: %s", dlerror());
        return -1;
    }
#define LRT_FIND(name, result, parameters)                                                         \
    if (find(api->library, "LiteRt" #name, &api->name)) {                                          \
        snprintf(error, size,                                                                      \
                 "%s has no LiteRt" #name ": n6link needs ai-edge-litert >=2.1.6,<2.4", path);     \
        return -1;                                                                                 \
    }
    LRT_CALLS(LRT_FIND)
#undef LRT_FIND
    return 0;
}
