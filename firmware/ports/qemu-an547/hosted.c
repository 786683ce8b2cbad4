/*
 * hosted.c - lets an ordinary C program with files, printf and an exit code run on the board.
 *
 * Link with --specs=rdimon.specs (newlib's system calls by semihosting) and --wrap=main: before
 * main() the standard streams are opened, after it they are flushed.
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
