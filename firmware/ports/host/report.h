/*
 * report.h - the message of n6sim to the program that started it: one line of JSON on standard
 * output, either
 *
 *     {"url": "unix:/tmp/board", "pid": 4711}     it listens
 *     {"error": "..."}                            it cannot start, and ends with exit code 2
 *
 * and, when a replay ends, what was played: n6_recorded_counts_t as an object.
 *
 * Messages for people are on standard error.
 */
#ifndef N6_HOST_REPORT_H
#define N6_HOST_REPORT_H

#include "recorded.h"

enum { N6_EXIT_FAILURE = 2 };

void n6_report_ready(const char *url);

void n6_report_replayed(const n6_recorded_counts_t *counts);

/* Reports the sentence on both, and ends the process. */
__attribute__((noreturn, format(printf, 1, 2))) void n6_report_failure(const char *format, ...);

#endif
