#include "n6_test.h"

extern const n6_test_t n6_crc_tests[];
extern const n6_test_t n6_line_tests[];

const n6_suite_t n6_suites[] = {{"crc", n6_crc_tests}, {"line", n6_line_tests}, {NULL, NULL}};
