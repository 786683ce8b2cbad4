/* hal.c - functions that succeed and do nothing, and registers in memory. */
#include "stm32n6570_discovery.h"
#include "stm32n6570_discovery_xspi.h"

NVIC_Type stub_nvic;
SCB_Type stub_scb;
SAU_Type stub_sau;
DWT_Type stub_dwt;
DCB_Type stub_dcb;
MemSysCtl_Type stub_memsysctl;
RAMCFG_TypeDef stub_ramcfg;
BSEC_TypeDef stub_bsec;
CRC_TypeDef stub_crc;
IWDG_TypeDef stub_iwdg;
RNG_TypeDef stub_rng;
DTS_TypeDef stub_dts;
GPIO_TypeDef stub_gpio;
USART_TypeDef stub_usart;
DMA_Channel_TypeDef stub_dma[2];
uint32_t SystemCoreClock = 64000000;

void SystemInit(void)
{
}

void SystemCoreClockUpdate(void)
{
}

void SCB_EnableICache(void)
{
}

void SCB_EnableDCache(void)
{
}

void SCB_CleanDCache_by_Addr(volatile void *addr, int32_t dsize)
{
    (void)addr;
    (void)dsize;
}

void SCB_InvalidateDCache_by_Addr(volatile void *addr, int32_t dsize)
{
    (void)addr;
    (void)dsize;
}

void SCB_CleanInvalidateDCache_by_Addr(volatile void *addr, int32_t dsize)
{
    (void)addr;
    (void)dsize;
}

uint32_t __get_PRIMASK(void)
{
    return 0;
}

void __set_PRIMASK(uint32_t priMask)
{
    (void)priMask;
}

void __disable_irq(void)
{
}

void __enable_irq(void)
{
}

void __WFI(void)
{
}

void __WFE(void)
{
}

HAL_StatusTypeDef HAL_Init(void)
{
    return HAL_OK;
}

void HAL_Delay(uint32_t Delay)
{
    (void)Delay;
}

uint32_t HAL_GetUIDw0(void)
{
    return 0;
}

uint32_t HAL_GetUIDw1(void)
{
    return 0;
}

uint32_t HAL_GetUIDw2(void)
{
    return 0;
}

void HAL_NVIC_SetPriority(IRQn_Type IRQn, uint32_t PreemptPriority, uint32_t SubPriority)
{
    (void)IRQn;
    (void)PreemptPriority;
    (void)SubPriority;
}

void HAL_NVIC_EnableIRQ(IRQn_Type IRQn)
{
    (void)IRQn;
}

void HAL_NVIC_DisableIRQ(IRQn_Type IRQn)
{
    (void)IRQn;
}

HAL_StatusTypeDef HAL_RCC_OscConfig(RCC_OscInitTypeDef *RCC_OscInitStruct)
{
    (void)RCC_OscInitStruct;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_RCC_ClockConfig(const RCC_ClkInitTypeDef *RCC_ClkInitStruct)
{
    (void)RCC_ClkInitStruct;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_RCCEx_PeriphCLKConfig(const RCC_PeriphCLKInitTypeDef *PeriphClkInit)
{
    (void)PeriphClkInit;
    return HAL_OK;
}

uint32_t HAL_RCC_GetCpuClockFreq(void)
{
    return 0;
}

uint32_t HAL_RCC_GetSysClockFreq(void)
{
    return 0;
}

uint32_t HAL_RCCEx_GetPLL1CLKFreq(void)
{
    return 0;
}

uint32_t HAL_RCCEx_GetPLL2CLKFreq(void)
{
    return 0;
}

uint32_t HAL_RCCEx_GetPLL3CLKFreq(void)
{
    return 0;
}

uint32_t HAL_RCCEx_GetPLL4CLKFreq(void)
{
    return 0;
}

void HAL_RAMCFG_EnableAXISRAM(const RAMCFG_HandleTypeDef *hramcfg)
{
    (void)hramcfg;
}

void HAL_RIF_RIMC_ConfigMasterAttributes(uint32_t MasterId, const RIMC_MasterConfig_t *pConfig)
{
    (void)MasterId;
    (void)pConfig;
}

void HAL_RIF_RISC_SetSlaveSecureAttributes(uint32_t PeriphId, uint32_t SecPriv)
{
    (void)PeriphId;
    (void)SecPriv;
}

HAL_StatusTypeDef HAL_BSEC_OTP_Read(BSEC_HandleTypeDef *hbsec, uint32_t FuseId, uint32_t *pFuseData)
{
    (void)hbsec;
    (void)FuseId;
    (void)pFuseData;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_CRC_Init(CRC_HandleTypeDef *hcrc)
{
    (void)hcrc;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_IWDG_Init(IWDG_HandleTypeDef *hiwdg)
{
    (void)hiwdg;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_IWDG_Refresh(IWDG_HandleTypeDef *hiwdg)
{
    (void)hiwdg;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_RNG_Init(RNG_HandleTypeDef *hrng)
{
    (void)hrng;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_RNG_GenerateRandomNumber(RNG_HandleTypeDef *hrng, uint32_t *random32bit)
{
    (void)hrng;
    (void)random32bit;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DTS_Init(DTS_HandleTypeDef *hdts)
{
    (void)hdts;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DTS_ConfigSensor(DTS_HandleTypeDef *hdts, HAL_DTS_Sensor Sensor,
                                       const DTS_SensorConfigTypeDef *pSensorConfig)
{
    (void)hdts;
    (void)Sensor;
    (void)pSensorConfig;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DTS_Start(DTS_HandleTypeDef *hdts, HAL_DTS_Sensor Sensor)
{
    (void)hdts;
    (void)Sensor;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DTS_GetTemperature(DTS_HandleTypeDef *hdts, HAL_DTS_Sensor Sensor,
                                         float *pTemperature)
{
    (void)hdts;
    (void)Sensor;
    (void)pTemperature;
    return HAL_OK;
}

void HAL_GPIO_Init(GPIO_TypeDef *GPIOx, const GPIO_InitTypeDef *pGPIO_Init)
{
    (void)GPIOx;
    (void)pGPIO_Init;
}

uint32_t HAL_RCC_GetPCLK2Freq(void)
{
    return 200000000;
}

HAL_StatusTypeDef HAL_UART_Init(UART_HandleTypeDef *huart)
{
    (void)huart;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_UARTEx_EnableFifoMode(UART_HandleTypeDef *huart)
{
    (void)huart;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMA_Init(DMA_HandleTypeDef *const hdma)
{
    (void)hdma;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMA_Start_IT(DMA_HandleTypeDef *const hdma, uint32_t SrcAddress,
                                   uint32_t DstAddress, uint32_t SrcDataSize)
{
    (void)hdma;
    (void)SrcAddress;
    (void)DstAddress;
    (void)SrcDataSize;
    return HAL_OK;
}

void HAL_DMA_IRQHandler(DMA_HandleTypeDef *const hdma)
{
    (void)hdma;
}

HAL_StatusTypeDef HAL_DMA_RegisterCallback(DMA_HandleTypeDef *const hdma,
                                           HAL_DMA_CallbackIDTypeDef CallbackID,
                                           void (*const pCallback)(DMA_HandleTypeDef *const))
{
    (void)hdma;
    (void)CallbackID;
    (void)pCallback;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMA_ConfigChannelAttributes(DMA_HandleTypeDef *const hdma,
                                                  uint32_t ChannelAttributes)
{
    (void)hdma;
    (void)ChannelAttributes;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMA_SetIsolationAttributes(DMA_HandleTypeDef *const hdma,
                                                 DMA_IsolationConfigTypeDef const *const pConfig)
{
    (void)hdma;
    (void)pConfig;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMAEx_List_Init(DMA_HandleTypeDef *const hdma)
{
    (void)hdma;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMAEx_List_BuildNode(DMA_NodeConfTypeDef const *const pNodeConfig,
                                           DMA_NodeTypeDef *const pNode)
{
    (void)pNodeConfig;
    (void)pNode;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMAEx_List_InsertNode_Tail(DMA_QListTypeDef *const pQList,
                                                 DMA_NodeTypeDef *const pNewNode)
{
    (void)pQList;
    (void)pNewNode;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMAEx_List_SetCircularMode(DMA_QListTypeDef *const pQList)
{
    (void)pQList;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMAEx_List_LinkQ(DMA_HandleTypeDef *const hdma,
                                       DMA_QListTypeDef *const pQList)
{
    (void)hdma;
    (void)pQList;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_DMAEx_List_Start_IT(DMA_HandleTypeDef *const hdma)
{
    (void)hdma;
    return HAL_OK;
}

void BSP_SMPS_Init(SMPSVoltage_TypeDef Voltage)
{
    (void)Voltage;
}

int32_t BSP_XSPI_NOR_Init(uint32_t Instance, BSP_XSPI_NOR_Init_t *Init)
{
    (void)Instance;
    (void)Init;
    return 0;
}

int32_t BSP_XSPI_NOR_EnableMemoryMappedMode(uint32_t Instance)
{
    (void)Instance;
    return 0;
}

int32_t BSP_XSPI_RAM_Init(uint32_t Instance)
{
    (void)Instance;
    return 0;
}

int32_t BSP_XSPI_RAM_EnableMemoryMappedMode(uint32_t Instance)
{
    (void)Instance;
    return 0;
}

_Noreturn void NVIC_SystemReset(void)
{
    for (;;) {
    }
}

static uint32_t ticks;

void HAL_IncTick(void)
{
    ticks++;
}

uint32_t HAL_GetTick(void)
{
    return ticks;
}

void HAL_RCC_GetClockConfig(RCC_ClkInitTypeDef *clocks)
{
    clocks->SYSCLKSource = RCC_SYSCLKSOURCE_HSI;
}

uint32_t __REV(uint32_t value)
{
    return value << 24 | (value & 0xFF00u) << 8 | (value >> 8 & 0xFF00u) | value >> 24;
}

uint32_t __RBIT(uint32_t value)
{
    uint32_t reversed = 0;
    for (int i = 0; i < 32; i++, value >>= 1) {
        reversed = reversed << 1 | (value & 1u);
    }
    return reversed;
}
