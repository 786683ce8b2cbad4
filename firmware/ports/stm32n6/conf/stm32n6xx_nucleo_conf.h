/* stm32n6xx_nucleo_conf.h - the BSP of the NUCLEO-N657X0-Q: supply and flash, no console. */
#ifndef STM32N6XX_NUCLEO_CONF_H
#define STM32N6XX_NUCLEO_CONF_H

#include "stm32n6xx_hal.h"

#define USE_NUCLEO_144
#define USE_BSP_COM_FEATURE 0U
#define USE_COM_LOG 0U
#define BSP_BUTTON_USER_IT_PRIORITY 15U

#endif
