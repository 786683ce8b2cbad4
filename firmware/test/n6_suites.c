#include "n6_test.h"

extern const n6_test_t n6_vector_tests[];

const n6_suite_t n6_suites[] = {
    {"golden vectors", n6_vector_tests},
    {NULL, NULL},
};
