/*
 * report.h - what n6sim says to the program that started it: one line of JSON on standard output.
 * Either
 *
 *     {"url": "unix:/tmp/board", "pid": 4711}     it listens
 *     {"error": "..."}                            it does not, and ends with exit code 2
 *
 * Everything for people goes to standard error.
 */
#ifndef N6_HOST_REPORT_H
#define N6_HOST_REPORT_H

enum { N6_EXIT_FAILURE = 2 };

void n6_report_ready(const char *url);

/* Reports the sentence on both, and ends the process. */
__attribute__((noreturn, format(printf, 1, 2))) void n6_report_failure(const char *format, ...);

#endif
