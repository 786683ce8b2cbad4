/* Stand-in for what both BSPs have in common. */
#ifndef STUB_BSP_H
#define STUB_BSP_H

#include "stm32n6xx_hal.h"

#define BSP_ERROR_NONE 0

typedef enum {
    SMPS_VOLTAGE_NOMINAL,
    SMPS_VOLTAGE_OVERDRIVE,
} SMPSVoltage_TypeDef;
typedef enum {
    BSP_XSPI_NOR_SPI_MODE,
    BSP_XSPI_NOR_OPI_MODE,
} BSP_XSPI_NOR_Interface_t;
typedef enum {
    BSP_XSPI_NOR_STR_TRANSFER,
    BSP_XSPI_NOR_DTR_TRANSFER,
} BSP_XSPI_NOR_Transfer_t;
typedef struct {
    BSP_XSPI_NOR_Interface_t InterfaceMode;
    BSP_XSPI_NOR_Transfer_t TransferRate;
} BSP_XSPI_NOR_Init_t;

void BSP_SMPS_Init(SMPSVoltage_TypeDef Voltage);
int32_t BSP_XSPI_NOR_Init(uint32_t Instance, BSP_XSPI_NOR_Init_t *Init);
int32_t BSP_XSPI_NOR_EnableMemoryMappedMode(uint32_t Instance);

#endif
