/*
 * stm32n6xx_hal_conf.h - the modules of the HAL that are built, and the frequencies of the
 * oscillators.
 *
 * The HAL includes this file from its own stm32n6xx_hal.h, and expects that it includes the headers
 * of the selected modules.
 */
#ifndef STM32N6xx_HAL_CONF_H
#define STM32N6xx_HAL_CONF_H

#define HAL_MODULE_ENABLED
#define HAL_BSEC_MODULE_ENABLED
#define HAL_CACHEAXI_MODULE_ENABLED
#define HAL_CORTEX_MODULE_ENABLED
#define HAL_CRC_MODULE_ENABLED
#define HAL_DMA_MODULE_ENABLED
#define HAL_DTS_MODULE_ENABLED
#define HAL_EXTI_MODULE_ENABLED
#define HAL_GPIO_MODULE_ENABLED
#ifdef N6_USB
#define HAL_I2C_MODULE_ENABLED
#endif
#define HAL_IWDG_MODULE_ENABLED
#define HAL_PWR_MODULE_ENABLED
#define HAL_RAMCFG_MODULE_ENABLED
#define HAL_RCC_MODULE_ENABLED
#define HAL_RIF_MODULE_ENABLED
#define HAL_RNG_MODULE_ENABLED
#define HAL_UART_MODULE_ENABLED
#define HAL_XSPI_MODULE_ENABLED

#define HSE_VALUE 48000000UL
#define HSE_STARTUP_TIMEOUT 100UL /* ms */
#define HSI_VALUE 64000000UL
#define MSI_VALUE 4000000UL
#define LSE_VALUE 32768UL
#define LSE_STARTUP_TIMEOUT 5000UL /* ms */
#define LSI_VALUE 32000UL

#define VDD_VALUE 3300UL /* mV */
#define TICK_INT_PRIORITY ((1UL << __NVIC_PRIO_BITS) - 1UL)
#define USE_RTOS 0U

#define assert_param(expression) ((void)0U)

/* RCC and GPIO are first: the others use their types. */
/* clang-format off */
#include "stm32n6xx_hal_rcc.h"
#include "stm32n6xx_hal_gpio.h"
#include "stm32n6xx_hal_rif.h"
#include "stm32n6xx_hal_dma.h"
#include "stm32n6xx_hal_cortex.h"
#include "stm32n6xx_hal_bsec.h"
#include "stm32n6xx_hal_cacheaxi.h"
#include "stm32n6xx_hal_crc.h"
#include "stm32n6xx_hal_dts.h"
#include "stm32n6xx_hal_exti.h"
#ifdef N6_USB
#include "stm32n6xx_hal_i2c.h"
#endif
#include "stm32n6xx_hal_iwdg.h"
#include "stm32n6xx_hal_pwr.h"
#include "stm32n6xx_hal_ramcfg.h"
#include "stm32n6xx_hal_rng.h"
#include "stm32n6xx_hal_uart.h"
#include "stm32n6xx_hal_xspi.h"
/* clang-format on */

#endif
