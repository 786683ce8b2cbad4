/* watchdog.c - the independent watchdog; a debugger that halts the CPU also halts it. */
#include "board.h"

#include "stm32n6xx_hal.h"

enum {
    WATCHDOG_HZ = LSI_VALUE / 256,
};

static IWDG_HandleTypeDef watchdog;

void watchdog_start(uint32_t milliseconds)
{
    __HAL_DBGMCU_FREEZE_IWDG();
    watchdog.Instance = IWDG;
    watchdog.Init.Prescaler = IWDG_PRESCALER_256;
    watchdog.Init.Reload = milliseconds * WATCHDOG_HZ / 1000;
    watchdog.Init.Window = IWDG_WINDOW_DISABLE;
    watchdog.Init.EWI = IWDG_EWI_DISABLE;
    (void)HAL_IWDG_Init(&watchdog);
}

void watchdog_feed(void)
{
    if (watchdog.Instance != NULL) {
        (void)HAL_IWDG_Refresh(&watchdog);
    }
}
