/* See n6_mistakes.h. */
#include "n6_mistakes.h"

#define ROW(name, status, field, text) ROW_OF(status, field, text)
#define ROW_OF(status, offset, size, text) {offset, size, N6_STATUS_##status, text},

static const n6_mistake_row_t rows[] = {N6_MISTAKES(ROW)};

const n6_mistake_row_t *n6_mistake(n6_mistake_t mistake)
{
    return &rows[mistake];
}
