/*
 * See fuzz.h. The files have one input on each line, in hexadecimal digits. With libFuzzer, N6_FUZZ
 * leaves out the program, and libFuzzer's is used.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "n6_test.h"

_Noreturn void n6_test_fail(const char *file, int line, const char *what, long long got,
                            long long wanted)
{
    (void)fprintf(stderr, "%s:%d: %s: got %lld, wanted %lld\n", file, line, what, got, wanted);
    abort();
}

#ifndef N6_FUZZ

enum {
    MOST = 1 << 14,
};

static int replay(FILE *file)
{
    static char line[2 * MOST + 2];
    static uint8_t input[MOST];
    int count = 0;

    for (; fgets(line, sizeof line, file); count++) {
        size_t size = 0;
        for (; isxdigit((unsigned char)line[2 * size]); size++) {
            char digits[3] = {line[2 * size], line[2 * size + 1], 0};
            input[size] = (uint8_t)strtoul(digits, NULL, 16);
        }
        (void)LLVMFuzzerTestOneInput(input, size);
    }
    return count;
}

int main(int count, char **names)
{
    int inputs = 0;

    for (int i = 1; i < count; i++) {
        FILE *file = fopen(names[i], "r");
        if (!file) {
            perror(names[i]);
            return 1;
        }
        inputs += replay(file);
        (void)fclose(file);
    }
    (void)printf("%d inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}

#endif
