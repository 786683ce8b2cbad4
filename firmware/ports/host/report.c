/*
 * report.c - one line of JSON on standard output. See report.h.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef N6_COVERAGE
void __gcov_dump(void); /* GCC's function: writes the coverage counters, which _exit() would lose */
#endif

/* text as a JSON string, truncated to the available size. */
static size_t quote(char *out, size_t size, const char *text)
{
    size_t used = 0;
    out[used++] = '"';
    for (; *text && used + 8 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            out[used++] = '\\';
            out[used++] = (char)c;
        } else if (c < 0x20) {
            used += (size_t)snprintf(out + used, size - used, "\\u%04x", c);
        } else {
            out[used++] = (char)c;
        }
    }
    out[used++] = '"';
    out[used] = '\0';
    return used;
}

static size_t json_error(char *line, size_t size, const char *text)
{
    size_t used = (size_t)snprintf(line, size, "{\"error\": ");
    used += quote(line + used, size - used - 2, text);
    memcpy(line + used, "}\n", 3);
    return used + 2;
}

void n6_report_ready(const char *url)
{
    char text[1024];
    quote(text, sizeof(text), url);
    printf("{\"url\": %s, \"pid\": %ld}\n", text, (long)getpid());
    fflush(stdout);
}

void n6_report_replayed(const n6_recorded_counts_t *counts)
{
    printf("{\"played\": %lu, \"different\": %lu, \"absent\": %lu, \"left\": %lu}\n",
           (unsigned long)counts->played, (unsigned long)counts->different,
           (unsigned long)counts->absent, (unsigned long)counts->left);
    fflush(stdout);
}

/* Ends the process immediately, in any state of its threads and libraries. */
__attribute__((noreturn)) static void leave(int code)
{
#ifdef N6_COVERAGE
    __gcov_dump();
#endif
    _exit(code);
}

void n6_report_failure(const char *format, ...)
{
    char text[768];
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    json_error(line, sizeof(line), text);
    fputs(line, stdout);
    fflush(stdout);
    fprintf(stderr, "n6sim: %s\n", text);
    leave(N6_EXIT_FAILURE);
}
