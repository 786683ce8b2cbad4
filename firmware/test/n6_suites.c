/* All suites: what a runner runs. */
#include "n6_test.h"

extern const n6_test_t n6_crc_tests[];
extern const n6_test_t n6_link_tests[];
extern const n6_test_t n6_session_tests[];
extern const n6_test_t n6_resume_tests[];
extern const n6_test_t n6_busy_tests[];
extern const n6_test_t n6_upload_tests[];
extern const n6_test_t n6_parts_tests[];
extern const n6_test_t n6_shape_tests[];
extern const n6_test_t n6_queue_tests[];
extern const n6_test_t n6_check_tests[];
extern const n6_test_t n6_forward_tests[];
extern const n6_test_t n6_rate_tests[];
extern const n6_test_t n6_result_tests[];
extern const n6_test_t n6_reduce_tests[];
extern const n6_test_t n6_reduce_kernels_tests[];
extern const n6_test_t n6_picture_tests[];
extern const n6_test_t n6_jpeg_tests[];
extern const n6_test_t n6_picture_kernels_tests[];
extern const n6_test_t n6_describe_tests[];
extern const n6_test_t n6_stats_tests[];
extern const n6_test_t n6_vector_tests[];
extern const n6_test_t n6_hostile_tests[];

const n6_suite_t n6_suites[] = {
    {"crc", n6_crc_tests},
    {"link", n6_link_tests},
    {"session", n6_session_tests},
    {"resume", n6_resume_tests},
    {"busy", n6_busy_tests},
    {"upload", n6_upload_tests},
    {"queue", n6_queue_tests},
    {"check", n6_check_tests},
    {"forward", n6_forward_tests},
    {"rate", n6_rate_tests},
    {"result", n6_result_tests},
    {"shape", n6_shape_tests},
    {"parts", n6_parts_tests},
    {"reduce", n6_reduce_tests},
    {"reduce kernels", n6_reduce_kernels_tests},
    {"picture", n6_picture_tests},
    {"jpeg", n6_jpeg_tests},
    {"picture kernels", n6_picture_kernels_tests},
    {"describe", n6_describe_tests},
    {"stats", n6_stats_tests},
    {"golden vectors", n6_vector_tests},
    {"hostile", n6_hostile_tests},
    {NULL, NULL},
};
