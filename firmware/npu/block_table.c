/*
 * block_table.c - reads epoch blocks from text. See block_table.h.
 */
#include "block_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    uint8_t kind;
} kinds[] = {
    {"HW", N6_EPOCH_KIND_HW},         {"EC", N6_EPOCH_KIND_EC},       {"SW", N6_EPOCH_KIND_SW},
    {"HYBRID", N6_EPOCH_KIND_HYBRID}, {"EXTRA", N6_EPOCH_KIND_EXTRA},
};

static int read_kind(const char *name, uint8_t *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strcmp(kinds[i].name, name)) {
            *kind = kinds[i].kind;
            return 0;
        }
    }
    return -1;
}

static int read_block(char *line, n6_block_t *block)
{
    char kind[8];
    int end = 0;
    *block = (n6_block_t){0};
    if (sscanf(line, "%7s %" SCNu16 " %" SCNu16 " %" SCNu64 " %" SCNu64 " %n", kind, &block->first,
               &block->last, &block->estimated_npu, &block->estimated_total, &end) != 5) {
        return -1;
    }
    block->operation = line[end] ? line + end : NULL;
    return block->first > block->last ? -1 : read_kind(kind, &block->kind);
}

int n6_block_table_read(char *text, n6_block_t *blocks, int space, char *error, size_t size)
{
    int count = 0;
    int number = 0;
    for (char *line = text, *next; line; line = next) {
        size_t length = strcspn(line, "\r\n");
        next = line[length] ? line + length + 1 : NULL;
        number += line[length] != '\r';
        line[length] = '\0';
        line += strspn(line, " \t");
        if (*line == '\0' || *line == '#') {
            continue;
        }
        if (count == space) {
            snprintf(error, size, "more than %d blocks", space);
            return -1;
        }
        if (read_block(line, &blocks[count++])) {
            snprintf(error, size,
                     "line %d is not 'kind first last estimated_npu estimated_total operation'",
                     number);
            return -1;
        }
    }
    if (count == 0) {
        snprintf(error, size, "no block in it");
        return -1;
    }
    return count;
}
