/*
 * fuzz.h - a target of libFuzzer, in a file fuzz_NAME.c: what it does with an input. `make fuzz` runs
 * all targets; fuzz_replay.c runs one on inputs that are kept, where there is no libFuzzer.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What is left of an input. */
typedef struct {
    const uint8_t *at;
    size_t left;
} fuzz_input_t;

/* The next bytes; 0 after the last. */
static inline uint8_t fuzz_take(fuzz_input_t *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

static inline uint32_t fuzz_take32(fuzz_input_t *input)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        value = value << 8 | fuzz_take(input);
    }
    return value;
}

#endif
