/* See litert_network.h. */
#include "litert_network.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int n6_litert_fail(litert_load_t *load, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(load->error, load->size, format, arguments);
    va_end(arguments);
    return -1;
}

void *n6_litert_keep(litert_network_t *self, size_t size)
{
    void **block = calloc(1, sizeof(max_align_t) + size);
    if (!block) {
        abort();
    }
    *block = self->kept;
    self->kept = block;
    return (char *)block + sizeof(max_align_t);
}

char *n6_litert_keep_text(litert_network_t *self, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(n6_litert_keep(self, size), text, size);
}

void n6_litert_network_free(litert_network_t *self)
{
    const size_t count[2] = {self->about.inputs, self->about.outputs};
    for (int side = LITERT_INPUT; side <= LITERT_OUTPUT; side++) {
        for (size_t i = 0; i < count[side]; i++) {
            if (self->buffer[side][i]) {
                self->api->DestroyTensorBuffer(self->buffer[side][i]);
            }
        }
    }
    if (self->compiled) {
        self->api->DestroyCompiledModel(self->compiled);
    }
    if (self->model) {
        self->api->DestroyModel(self->model);
    }
    free(self->event);
    for (void **block = self->kept; block;) {
        void **next = *block;
        free(block);
        block = next;
    }
    *self = (litert_network_t){0};
}
