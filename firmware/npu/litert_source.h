/* litert_source.h - what the port names of a network that LiteRT is to run. */
#ifndef N6_LITERT_SOURCE_H
#define N6_LITERT_SOURCE_H

#include <stdbool.h>

typedef struct {
    const char *name;
    const char *path;   /* a .tflite file */
    const char *card;   /* TOML text, or NULL; stays the caller's */
    const char *blocks; /* text of a block table (block_table.h), or NULL */
    bool crashes;       /* LiteRT's CompiledModel is known to crash on it */
} n6_litert_source_t;

#endif
