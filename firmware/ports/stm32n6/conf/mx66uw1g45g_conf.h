/*
 * mx66uw1g45g_conf.h - the flash of the STM32N6570-DK: driver strength, and dummy cycles for 200
 * MHz.
 */
#ifndef MX66UW1G45G_CONF_H
#define MX66UW1G45G_CONF_H

#include "stm32n6xx_hal.h"

#define CONF_OSPI_ODS MX66UW1G45G_CR_ODS_24
#define DUMMY_CYCLES_READ 8U
#define DUMMY_CYCLES_READ_OCTAL 10U
#define DUMMY_CYCLES_READ_OCTAL_DTR 10U
#define DUMMY_CYCLES_REG_OCTAL 4U
#define DUMMY_CYCLES_REG_OCTAL_DTR 5U

#endif
