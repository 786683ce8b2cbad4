/*
 * semihost.c - services of the host through ARM semihosting: a breakpoint that QEMU answers.
 */
#include "board.h"

enum {
    SYS_WRITE0 = 0x04,
    SYS_TIME = 0x11,
    SYS_EXIT_EXTENDED = 0x20,
    SYS_ELAPSED = 0x30,
    STOPPED_APPLICATION_EXIT = 0x20026,
};

static uint32_t call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt #0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

_Noreturn void n6_semihost_exit(int code)
{
    const uint32_t block[2] = {STOPPED_APPLICATION_EXIT, (uint32_t)code};
    for (;;) {
        call(SYS_EXIT_EXTENDED, block);
    }
}

void n6_semihost_print(const char *text)
{
    call(SYS_WRITE0, text);
}

/*
 * Wall time in seconds and nanoseconds since QEMU was started, mixed (the finaliser of splitmix64).
 */
uint64_t n6_semihost_nonce(void)
{
    uint32_t elapsed[2] = {0, 0};
    call(SYS_ELAPSED, elapsed);
    uint64_t mix = (uint64_t)call(SYS_TIME, NULL) << 40 ^ ((uint64_t)elapsed[1] << 32 | elapsed[0]);
    mix = (mix ^ mix >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mix = (mix ^ mix >> 27) * UINT64_C(0x94D049BB133111EB);
    return mix ^ mix >> 31;
}
