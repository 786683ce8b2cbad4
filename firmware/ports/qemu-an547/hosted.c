/*
 * hosted.c - runs an ordinary C program with files, printf and an exit code on the board.
 *
 * Link with --specs=rdimon.specs (newlib's system calls by semihosting) and --wrap=main: the
 * standard streams are opened before main(), and flushed after it.
 */
#include <stdio.h>

void initialise_monitor_handles(void);
int __real_main(void);
int __wrap_main(void);

int __wrap_main(void)
{
    initialise_monitor_handles();
    int code = __real_main();
    return fflush(NULL) == 0 ? code : 1;
}
