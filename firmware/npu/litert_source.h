/* litert_source.h - a network that LiteRT must run, as specified by the port. */
#ifndef N6_LITERT_SOURCE_H
#define N6_LITERT_SOURCE_H

#include <stdbool.h>

typedef struct {
    const char *name;
    const char *path;       /* a .tflite file */
    const char *card;       /* TOML text, or NULL; memory of the caller */
    const char *blocks;     /* text of a block table (block_table.h), or NULL */
    const char *operations; /* text of a prediction (litert_operations.h), or NULL */
    bool crashes;           /* LiteRT's CompiledModel is known to crash on it */
} n6_litert_source_t;

#endif
