/*
 * block_table.c - reads epoch blocks and memory pools from text. See block_table.h.
 */
#include "block_table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char blank[] = " \t\r";

static const struct {
    const char *name;
    uint8_t kind;
} kinds[] = {
    {"HW", N6_EPOCH_KIND_HW},         {"EC", N6_EPOCH_KIND_EC},       {"SW", N6_EPOCH_KIND_SW},
    {"HYBRID", N6_EPOCH_KIND_HYBRID}, {"EXTRA", N6_EPOCH_KIND_EXTRA},
};

/* Cuts the next word from the line; "" at its end. */
static char *take_word(char **line)
{
    char *word = *line + strspn(*line, blank);
    char *end = word + strcspn(word, blank);
    *line = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* Reads a number, 0..most. */
static int take_number(char **line, uint64_t most, uint64_t *value)
{
    const char *word = take_word(line);
    char *end = NULL;
    if (word[0] < '0' || word[0] > '9') {
        return -1;
    }
    *value = strtoull(word, &end, word[1] == 'x' ? 16 : 10);
    return *end || *value > most ? -1 : 0;
}

static int read_block(char *line, const char *kind, n6_block_t *block)
{
    uint64_t number[4];
    for (size_t i = 0; i < 4; i++) {
        if (take_number(&line, i < 2 ? UINT16_MAX : INT64_MAX, &number[i])) {
            return -1;
        }
    }
    line += strspn(line, blank);
    for (size_t end = strlen(line); end > 0 && strchr(blank, line[end - 1]); end--) {
        line[end - 1] = '\0';
    }
    *block = (n6_block_t){
        .first = (uint16_t)number[0],
        .last = (uint16_t)number[1],
        .estimated_npu = number[2],
        .estimated_total = number[3],
        .operation = *line ? line : NULL,
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strcmp(kinds[i].name, kind)) {
            block->kind = kinds[i].kind;
            return block->first <= block->last ? 0 : -1;
        }
    }
    return -1;
}

static int read_pool(char *line, n6_pool_t *pool)
{
    uint32_t *const part[] = {&pool->base, &pool->total, &pool->used, &pool->weights,
                              &pool->activations};
    uint64_t number = 0;
    pool->name = take_word(&line);
    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
        if (take_number(&line, UINT32_MAX, &number)) {
            return -1;
        }
        *part[i] = (uint32_t)number;
    }
    return *take_word(&line) ? -1 : 0;
}

/* NULL, or the error of the line. */
static const char *read_line(n6_block_table_t *table, char *line)
{
    const char *word = take_word(&line);
    bool pool = !strcmp(word, "pool");
    if (*word == '\0' || *word == '#') {
        return NULL;
    }
    if (!strcmp(word, "epochs")) {
        uint64_t number = 0;
        if (take_number(&line, UINT16_MAX, &number) || *take_word(&line)) {
            return "is not 'epochs number'";
        }
        table->epochs = (uint16_t)number;
        return NULL;
    }
    if (pool ? table->pools == UINT8_MAX : table->blocks == UINT16_MAX) {
        return "is one too many";
    }
    if (pool) {
        return read_pool(line, &table->pool[table->pools++])
                   ? "is not 'pool name base total used weights activations'"
                   : NULL;
    }
    return read_block(line, word, &table->block[table->blocks++])
               ? "is not 'kind first last estimated_npu estimated_total operation'"
               : NULL;
}

size_t n6_block_table_lines(const char *text)
{
    size_t lines = 1;
    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

/* Number of epochs from the first to the last one. */
static uint16_t span(const n6_block_table_t *table)
{
    uint16_t first = UINT16_MAX;
    uint16_t last = 0;
    for (size_t i = 0; i < table->blocks; i++) {
        first = table->block[i].first < first ? table->block[i].first : first;
        last = table->block[i].last > last ? table->block[i].last : last;
    }
    return (uint16_t)(last - first + 1);
}

int n6_block_table_read(n6_block_table_t *table, char *text, char *error, size_t size)
{
    char shown[80];
    int number = 0;
    table->epochs = 0;
    table->blocks = 0;
    table->pools = 0;
    for (char *line = text; line;) {
        char *next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        number++;
        snprintf(shown, sizeof(shown), "%s", line);
        const char *wrong = read_line(table, line);
        if (wrong) {
            snprintf(error, size, "line %d %s: %s", number, wrong, shown);
            return -1;
        }
        line = next;
    }
    if (table->blocks == 0) {
        snprintf(error, size, "no block in it");
        return -1;
    }
    if (table->epochs == 0) {
        table->epochs = span(table);
    }
    return 0;
}
