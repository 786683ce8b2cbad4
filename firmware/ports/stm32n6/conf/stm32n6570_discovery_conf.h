/* stm32n6570_discovery_conf.h - the BSP of the STM32N6570-DK: supply and external memories, no
 * console. */
#ifndef STM32N6570_DISCOVERY_CONF_H
#define STM32N6570_DISCOVERY_CONF_H

#include "stm32n6xx_hal.h"

#define USE_BSP_COM_FEATURE 0U
#define USE_COM_LOG 0U
#define BSP_BUTTON_USER1_IT_PRIORITY 15U
#define BSP_BUTTON_USER2_IT_PRIORITY 15U
#define BSP_BUTTON_TAMP_IT_PRIORITY 15U

#endif
