/*
 * n6_test.h - what the test bodies need of a test framework, so that they run everywhere.
 *
 * A suite is an array of n6_test_t that ends with an empty one; n6_suites.c lists them. A runner
 * runs them and gives n6_test_fail(), which must not return: run_cmocka.c on the host, run_plain.c
 * (setjmp and printf) on bare metal. Test bodies use no file, no operating system and no heap.
 */
#ifndef N6_TEST_H
#define N6_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*run)(void);
} n6_test_t;

typedef struct {
    const char *name;
    const n6_test_t *tests;
} n6_suite_t;

extern const n6_suite_t n6_suites[];

_Noreturn void n6_test_fail(const char *file, int line, const char *what, long long got,
                            long long wanted);

#define TEST(function) {#function, function}
#define TESTS_END {NULL, NULL}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            n6_test_fail(__FILE__, __LINE__, #condition, 0, 1);                                    \
    } while (0)

#define EQUAL(got, wanted)                                                                         \
    do {                                                                                           \
        const long long got_ = (long long)(got), wanted_ = (long long)(wanted);                    \
        if (got_ != wanted_)                                                                       \
            n6_test_fail(__FILE__, __LINE__, #got " == " #wanted, got_, wanted_);                  \
    } while (0)

/* Reports the first byte that differs. */
#define BYTES(got, wanted, size)                                                                   \
    do {                                                                                           \
        const uint8_t *got_ = (const uint8_t *)(got), *wanted_ = (const uint8_t *)(wanted);        \
        for (size_t i_ = 0; i_ < (size); i_++)                                                     \
            if (got_[i_] != wanted_[i_])                                                           \
                n6_test_fail(__FILE__, __LINE__, #got " == " #wanted, (long long)i_, wanted_[i_]); \
    } while (0)

#endif
