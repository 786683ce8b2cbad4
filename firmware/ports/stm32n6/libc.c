/*
 * libc.c - functions that newlib requires from a board.
 *
 * LL_ATON prints before an assertion fails, and printing may allocate memory. There is a small heap
 * only for this purpose. The printed text is dropped; the assertion itself is stored as the fault
 * record.
 */
#include <errno.h>
#include <stddef.h>

enum { HEAP = 2048 };

void *_sbrk(ptrdiff_t increment);
int _write(int file, const char *text, int size);

void *_sbrk(ptrdiff_t increment)
{
    static char heap[HEAP] __attribute__((aligned(8)));
    static size_t used;

    if (increment < 0 || (size_t)increment > sizeof heap - used) {
        errno = ENOMEM;
        return (void *)-1; /* NOLINT: newlib's value for failure */
    }
    void *at = &heap[used];
    used += (size_t)increment;
    return at;
}

int _write(int file, const char *text, int size)
{
    (void)file;
    (void)text;
    return size;
}
