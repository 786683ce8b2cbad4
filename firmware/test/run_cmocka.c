/* Runs the suites under cmocka: the host's runner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "n6_test.h"

enum {
    MAX_TESTS = 128,
};

void n6_test_fail(const char *file, int line, const char *what, long long got, long long wanted)
{
    print_error("%s: got %lld, wanted %lld\n", what, got, wanted);
    _fail(file, line);
    __builtin_unreachable();
}

static void run(void **state)
{
    ((const n6_test_t *)*state)->run();
}

int main(void)
{
    struct CMUnitTest tests[MAX_TESTS];
    int failed = 0;

    for (const n6_suite_t *suite = n6_suites; suite->name; suite++) {
        size_t count = 0;
        for (const n6_test_t *test = suite->tests; test->name && count < MAX_TESTS; test++) {
            tests[count++] = (struct CMUnitTest){
                .name = test->name, .test_func = run, .initial_state = (void *)(uintptr_t)test};
        }
        failed += _cmocka_run_group_tests(suite->name, tests, count, NULL, NULL);
    }
    return failed != 0;
}
