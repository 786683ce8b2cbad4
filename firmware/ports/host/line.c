/*
 * line.c - the rate of one direction. See line.h.
 */
#include "line.h"

static const double quantum_ns = 1e6;

void n6_line_init(n6_line_t *line, uint32_t baud)
{
    *line = (n6_line_t){0};
    n6_line_set_baud(line, baud);
}

void n6_line_set_baud(n6_line_t *line, uint32_t baud)
{
    if (baud) {
        line->byte_ns = 10e9 / baud;
        line->quantum = line->byte_ns < quantum_ns ? (size_t)(quantum_ns / line->byte_ns) : 1;
    }
}

bool n6_line_paced(const n6_line_t *line)
{
    return line->byte_ns > 0;
}

void n6_line_begin(n6_line_t *line, uint64_t now)
{
    if (!line->busy) {
        line->busy = true;
        line->at = (double)now;
    }
}

void n6_line_rest(n6_line_t *line)
{
    line->busy = false;
}

size_t n6_line_passed(const n6_line_t *line, uint64_t now)
{
    if (!n6_line_paced(line)) {
        return SIZE_MAX;
    }
    double since = (double)now - line->at;
    return line->busy && since > 0 ? (size_t)(since / line->byte_ns) : 0;
}

void n6_line_moved(n6_line_t *line, size_t size)
{
    line->at += (double)size * line->byte_ns;
}

uint64_t n6_line_due(const n6_line_t *line, size_t pending)
{
    if (!line->busy || !n6_line_paced(line)) {
        return UINT64_MAX;
    }
    size_t wanted = pending < line->quantum ? pending : line->quantum;
    return (uint64_t)(line->at + (double)wanted * line->byte_ns) + 1;
}
