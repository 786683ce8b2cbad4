/* See fuzz.h. With libFuzzer, N6_FUZZ leaves out the program, and libFuzzer's is used. */
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

int main(int count, char **names)
{
    static uint8_t input[1 << 16];

    for (int i = 1; i < count; i++) {
        FILE *file = fopen(names[i], "rb");
        if (!file) {
            perror(names[i]);
            return 1;
        }
        const size_t size = fread(input, 1, sizeof input, file);
        (void)fclose(file);
        (void)LLVMFuzzerTestOneInput(input, size);
    }
    (void)printf("%d inputs\n", count - 1);
    return count > 1 ? 0 : 1;
}

#endif
