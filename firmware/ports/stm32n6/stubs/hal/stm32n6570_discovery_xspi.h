/* Stand-in: see bsp.h; this board has PSRAM as well. */
#include "bsp.h"

int32_t BSP_XSPI_RAM_Init(uint32_t Instance);
int32_t BSP_XSPI_RAM_EnableMemoryMappedMode(uint32_t Instance);
