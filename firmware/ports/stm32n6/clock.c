/*
 * clock.c - the device clock: the CPU's cycle counter (DWT CYCCNT), extended to 64 bits.
 *
 * The counter has 32 bits and wraps after 5.4 s at 800 MHz. Each reading of the clock adds the
 * cycles since the last reading; SysTick reads it every millisecond, so that every wrap is
 * detected.
 *
 * The CPU sleeps by waiting for an event, __WFE(). An interrupt between the last check and the WFE
 * sets the event, and the WFE returns immediately; SysTick ends it after one millisecond at the
 * latest. Whether CYCCNT counts while the CPU sleeps depends on the chip's clock gating, and epoch
 * times would be wrong if it stops. Therefore clock_init() sleeps for a few milliseconds and
 * compares. If the counter has stopped, clock_wait() does not sleep. It also does not sleep if this
 * test did not end at the last start, so that the watchdog ended it.
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
