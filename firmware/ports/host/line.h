/*
 * line.h - one direction of the link, as slow as a UART.
 *
 * A line carries one byte in ten bit times. It is idle, or busy since the moment at which bytes
 * appeared at it; a byte has passed when its time on the line is over, never before. So a short
 * frame takes as long as on the real line, and a long transfer runs at exactly the line's rate,
 * however late the process was woken: what is due is counted from the line's own time, not from
 * now. An idle line saves nothing up.
 *
 *     idle  n6_line_begin(now)     bytes wait, the first one starts now           busy
 *     busy  n6_line_passed(now)    how many have arrived and may be moved
 *     busy  n6_line_moved(n)       they were moved
 *     busy  n6_line_due(pending)   when to look again
 *     busy  n6_line_rest()         nothing waits any more                          idle
 *
 * A line with baud 0 is as fast as the machine.
 */
#ifndef N6_HOST_LINE_H
#define N6_HOST_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double byte_ns; /* 0 = unpaced */
    double at;      /* busy: when the byte before the next one had passed, in nanoseconds */
    size_t quantum; /* most bytes to wait for at once */
    bool busy;
} n6_line_t;

void n6_line_init(n6_line_t *line, uint32_t baud);
bool n6_line_paced(const n6_line_t *line);
void n6_line_begin(n6_line_t *line, uint64_t now);
void n6_line_rest(n6_line_t *line);
size_t n6_line_passed(const n6_line_t *line, uint64_t now);
void n6_line_moved(n6_line_t *line, size_t size);
/* When pending bytes, or as many as are worth waking up for, will have passed. UINT64_MAX when the
 * line is idle. */
uint64_t n6_line_due(const n6_line_t *line, size_t pending);

#endif
