/* Runs the suites with setjmp and printf alone: the runner for bare metal, where cmocka is not. */
#include <setjmp.h>
#include <stdio.h>

#include "n6_test.h"

static jmp_buf failed_test;

void n6_test_fail(const char *file, int line, const char *what, long long got, long long wanted)
{
    printf("%s:%d: %s: got %ld, wanted %ld\n", file, line, what, (long)got, (long)wanted);
    longjmp(failed_test, 1);
}

int main(void)
{
    volatile int run = 0;
    volatile int failed = 0;

    for (const n6_suite_t *volatile suite = n6_suites; suite->name; suite++) {
        for (const n6_test_t *volatile test = suite->tests; test->name; test++) {
            run++;
            if (setjmp(failed_test) == 0) {
                test->run();
            } else {
                failed++;
                printf("FAILED %s: %s\n", suite->name, test->name);
            }
        }
    }
    printf("%d tests, %d failed\n", run, failed);
    return failed != 0;
}
