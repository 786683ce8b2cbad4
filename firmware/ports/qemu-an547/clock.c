/*
 * clock.c - time and sleep.
 *
 * The SSE-300 system counter runs at 32 MHz of QEMU's virtual time. With `-icount shift=5` every
 * instruction takes 32 ns of it: 1.024 ticks. Differences while the CPU is awake are therefore
 * instruction counts, the same in every run; they are not cycles of a real Cortex-M55. While the
 * CPU sleeps, virtual time follows real time.
 */
#include "board.h"

#define COUNTER_CONTROL N6_BOARD_REGISTER(0x58100000)
#define COUNTER_LOW N6_BOARD_REGISTER(0x48101000)
#define COUNTER_HIGH N6_BOARD_REGISTER(0x48101004)
#define SYSTICK_CONTROL N6_BOARD_REGISTER(0xE000E010)
#define SYSTICK_RELOAD N6_BOARD_REGISTER(0xE000E014)
#define SYSTICK_VALUE N6_BOARD_REGISTER(0xE000E018)

enum {
    COUNTER_ENABLE = 1,
    SYSTICK_ENABLE = 1,
    SYSTICK_INTERRUPT = 2,
    SYSTICK_CPU_CLOCK = 4,
    SYSTICK_LONGEST = 0xFFFFFF,
};

void n6_clock_init(void)
{
    COUNTER_CONTROL = COUNTER_ENABLE;
}

uint64_t n6_clock_now(void)
{
    uint32_t high;
    uint32_t low;
    do {
        high = COUNTER_HIGH;
        low = COUNTER_LOW;
    } while (high != COUNTER_HIGH);
    return (uint64_t)high << 32 | low;
}

void n6_clock_handler(void)
{
    SYSTICK_CONTROL = 0;
}

void n6_clock_sleep(uint64_t ticks, int (*busy)(void))
{
    if (ticks == 0) {
        return;
    }
    __asm__ volatile("cpsid i" ::: "memory");
    if (!busy()) {
        if (ticks != UINT64_MAX) {
            SYSTICK_RELOAD = ticks < SYSTICK_LONGEST ? (uint32_t)ticks : SYSTICK_LONGEST;
            SYSTICK_VALUE = 0;
            SYSTICK_CONTROL = SYSTICK_ENABLE | SYSTICK_INTERRUPT | SYSTICK_CPU_CLOCK;
        }
        __asm__ volatile("dsb\n wfi" ::: "memory"); /* a masked interrupt wakes it too */
    }
    __asm__ volatile("cpsie i\n isb" ::: "memory");
    SYSTICK_CONTROL = 0;
}
