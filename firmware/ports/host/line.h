/*
 * line.h - one direction of the link, with the rate of a UART.
 *
 * A line transmits one byte in ten bit times. It is idle, or busy from the time at which bytes are
 * available. A byte is transmitted at the end of its time on the line, never before. A short frame
 * therefore takes as long as on the real line, and a long transfer has exactly the line's rate,
 * also if the process is woken late: times are computed from the line's own time, not from the
 * present time. An idle line does not accumulate time.
 *
 *     idle  n6_line_begin(now)     bytes wait, the first one starts now           busy
 *     busy  n6_line_passed(now)    number of bytes that can be moved
 *     busy  n6_line_moved(n)       they were moved
 *     busy  n6_line_due(pending)   time of the next check
 *     busy  n6_line_rest()         no bytes are left                              idle
 *
 * A line with baud 0 is as fast as the machine.
 */
#ifndef N6_HOST_LINE_H
#define N6_HOST_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double byte_ns; /* 0 = no limit */
    double at;      /* busy: end of the byte before the next one, in nanoseconds */
    size_t quantum; /* maximum bytes per sleep */
    bool busy;
} n6_line_t;

void n6_line_init(n6_line_t *line, uint32_t baud);
/* Another rate for the bytes that have not yet moved. */
void n6_line_set_baud(n6_line_t *line, uint32_t baud);
bool n6_line_paced(const n6_line_t *line);
void n6_line_begin(n6_line_t *line, uint64_t now);
void n6_line_rest(n6_line_t *line);
size_t n6_line_passed(const n6_line_t *line, uint64_t now);
void n6_line_moved(n6_line_t *line, size_t size);
/*
 * Time at which the pending bytes, or enough bytes for a wake-up, are transmitted. UINT64_MAX if
 * the line is idle.
 */
uint64_t n6_line_due(const n6_line_t *line, size_t pending);

#endif
