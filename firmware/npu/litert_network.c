/* See litert_network.h. */
#include "litert_network.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct mapping {
    struct mapping *next;
    void *at;
    size_t size;
} mapping_t;

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

void *n6_litert_map(litert_network_t *self, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t room = (size / page + 1) * page;
    char *at = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    (void)mprotect(at + room, page, PROT_NONE);
    mapping_t *mapping = n6_litert_keep(self, sizeof(*mapping));
    *mapping = (mapping_t){.next = self->mapped, .at = at, .size = room + page};
    self->mapped = mapping;
    return at;
}

litert_event_t *n6_litert_add_event(litert_network_t *self)
{
    if (self->events == self->event_space) {
        self->event_space = self->event_space * 2 + 64;
        litert_event_t *more = realloc(self->event, (size_t)self->event_space * sizeof(*more));
        if (!more) {
            abort();
        }
        self->event = more;
    }
    return &self->event[self->events++];
}

void n6_litert_network_free(litert_network_t *self)
{
    if (self->engine) {
        self->engine->end(self);
    }
    free(self->event);
    for (const mapping_t *mapping = self->mapped; mapping; mapping = mapping->next) {
        munmap(mapping->at, mapping->size);
    }
    for (void **block = self->kept; block;) {
        void **next = *block;
        free(block);
        block = next;
    }
    *self = (litert_network_t){0};
}
