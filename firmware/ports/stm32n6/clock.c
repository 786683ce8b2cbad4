/*
 * clock.c - the device clock: the CPU's cycle counter (DWT CYCCNT), widened to 64 bits.
 *
 * The counter has 32 bits and wraps after 5.4 s at 800 MHz. Whoever reads the clock adds what has
 * passed since the last reading; SysTick reads it every millisecond, so no wrap is ever missed.
 *
 * Sleeping is waiting for an event, __WFE(). An interrupt that comes between the last look around
 * and the WFE leaves the event set, and the WFE returns at once; SysTick ends it after a
 * millisecond at the latest. Whether CYCCNT counts while the CPU sleeps depends on the chip's clock
 * gating, and a clock that stops would falsify every epoch time. So clock_init() sleeps for a few
 * milliseconds and looks. If the counter stood still, clock_wait() does not sleep. Nor does it if
 * the last start did not wake from this trial and was ended by the watchdog.
 */
#include "board.h"

#include "stm32n6xx_hal.h"

enum { TRIAL_MS = 4 };
static const char trial_stage[] = "trial of sleeping";

static uint64_t cycles;
static uint32_t last;
static int may_sleep;

uint64_t clock_now(void)
{
    uint32_t masked = __get_PRIMASK();
    __disable_irq();
    uint32_t counter = DWT->CYCCNT;
    cycles += counter - last;
    last = counter;
    uint64_t now = cycles;
    __set_PRIMASK(masked);
    return now;
}

void SysTick_Handler(void)
{
    HAL_IncTick();
    (void)clock_now();
}

void clock_init(void)
{
    DCB->DEMCR |= DCB_DEMCR_TRCENA_Msk;
    DWT->CYCCNT = 0;
    DWT->CTRL |= DWT_CTRL_CYCCNTENA_Msk;

    if (board_hung_in(trial_stage)) {
        return;
    }
    board_stage(trial_stage);
    __WFE(); /* to the next tick */
    uint32_t begin = HAL_GetTick();
    uint64_t before = clock_now();
    while (HAL_GetTick() - begin < TRIAL_MS) {
        __WFE();
    }
    uint64_t passed = clock_now() - before;
    may_sleep = passed * 1000u > clock_hz() * TRIAL_MS / 2u;
}

uint64_t clock_hz(void)
{
    return HAL_RCC_GetCpuClockFreq();
}

void clock_wait(void)
{
    if (may_sleep) {
        __WFE();
    }
}

int clock_sleeps(void)
{
    return may_sleep;
}
