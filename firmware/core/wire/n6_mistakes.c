/* See n6_mistakes.h. */
#include "n6_mistakes.h"

#define FIELD(name, status, type, member, text)                                                    \
    {offsetof(type, member), sizeof(((type *)0)->member), N6_STATUS_##status, text},
#define PLAIN(name, status, text) {N6_LIMIT_NO_FIELD, 0, N6_STATUS_##status, text},

static const n6_mistake_row_t rows[] = {N6_MISTAKES(FIELD, PLAIN)};

const n6_mistake_row_t *n6_mistake(n6_mistake_t mistake)
{
    return &rows[mistake];
}
