/* text.c - lines of text without printf. */
#include "board.h"

char *text_put(char *at, const char *end, const char *text)
{
    while (*text != '\0' && at < end) {
        *at++ = *text++;
    }
    return at;
}

char *text_number(char *at, const char *end, const char *before, size_t number)
{
    char digits[12];
    char *first = &digits[sizeof digits - 1];

    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return text_put(text_put(at, end, before), end, first);
}

char *text_hex(char *at, const char *end, const char *before, uint32_t number)
{
    at = text_put(at, end, before);
    for (int shift = 28; shift >= 0 && at < end; shift -= 4) {
        *at++ = "0123456789abcdef"[number >> shift & 15u];
    }
    return at;
}
