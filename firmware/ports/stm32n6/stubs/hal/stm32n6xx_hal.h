/*
 * Stand-in for CMSIS and HAL, as far as the port uses them. Registers are variables, functions
 * succeed and do nothing.
 */
#ifndef STUB_STM32N6XX_HAL_H
#define STUB_STM32N6XX_HAL_H

#include <stddef.h>
#include <stdint.h>

#define LSI_VALUE 32000UL

/* ---- core ---- */

typedef enum {
    NonMaskableInt_IRQn = -14,
    HardFault_IRQn = -13,
    SysTick_IRQn = -1,
    NPU0_IRQn = 53,
    GPDMA1_Channel0_IRQn = 84,
    GPDMA1_Channel1_IRQn = 85,
    USART1_IRQn = 159,
    USB1_OTG_HS_IRQn = 177,
} IRQn_Type;

typedef struct {
    volatile uint32_t ICER[16];
    volatile uint32_t ICPR[16];
} NVIC_Type;
typedef struct {
    volatile uint32_t CCR;
    volatile uint32_t CFSR;
    volatile uint32_t HFSR;
    volatile uint32_t MMFAR;
    volatile uint32_t BFAR;
} SCB_Type;
typedef struct {
    volatile uint32_t SFSR;
} SAU_Type;
typedef struct {
    volatile uint32_t CTRL;
    volatile uint32_t CYCCNT;
} DWT_Type;
typedef struct {
    volatile uint32_t DHCSR;
    volatile uint32_t DEMCR;
} DCB_Type;
typedef struct {
    volatile uint32_t MSCR;
} MemSysCtl_Type;

extern NVIC_Type stub_nvic;
extern SCB_Type stub_scb;
extern SAU_Type stub_sau;
extern DWT_Type stub_dwt;
extern DCB_Type stub_dcb;
extern MemSysCtl_Type stub_memsysctl;
extern uint32_t SystemCoreClock;

#define NVIC (&stub_nvic)
#define SCB (&stub_scb)
#define SAU (&stub_sau)
#define DWT (&stub_dwt)
#define DCB (&stub_dcb)
#define MEMSYSCTL (&stub_memsysctl)

#define SCB_CCR_STKOFHFNMIGN_Msk (1UL << 10)
#define SCB_CCR_DC_Msk (1UL << 16)
#define DWT_CTRL_CYCCNTENA_Msk 1UL
#define DCB_DHCSR_C_DEBUGEN_Msk 1UL
#define __BKPT(value) __asm__ volatile("bkpt " #value)
#define DCB_DEMCR_TRCENA_Msk (1UL << 24)
#define MEMSYSCTL_MSCR_DCACTIVE_Msk (1UL << 12)
#define MEMSYSCTL_MSCR_ICACTIVE_Msk (1UL << 13)

#define SET_BIT(reg, bit) ((reg) |= (bit))
#define CLEAR_BIT(reg, bit) ((reg) &= ~(bit))

void SystemInit(void);
void SystemCoreClockUpdate(void);
_Noreturn void NVIC_SystemReset(void);
void SCB_EnableICache(void);
void SCB_EnableDCache(void);
void SCB_CleanDCache_by_Addr(volatile void *addr, int32_t dsize);
void SCB_InvalidateDCache_by_Addr(volatile void *addr, int32_t dsize);
void SCB_CleanInvalidateDCache_by_Addr(volatile void *addr, int32_t dsize);
uint32_t __get_PRIMASK(void);
void __set_PRIMASK(uint32_t priMask);
void __disable_irq(void);
void __enable_irq(void);
void __WFI(void);
void __WFE(void);
uint32_t __RBIT(uint32_t value);
uint32_t __REV(uint32_t value);

/* ---- HAL ---- */

typedef enum {
    HAL_OK,
    HAL_ERROR,
    HAL_BUSY,
    HAL_TIMEOUT,
} HAL_StatusTypeDef;

HAL_StatusTypeDef HAL_Init(void);
void HAL_IncTick(void);
uint32_t HAL_GetTick(void);
void HAL_Delay(uint32_t Delay);
uint32_t HAL_GetUIDw0(void);
uint32_t HAL_GetUIDw1(void);
uint32_t HAL_GetUIDw2(void);
void HAL_NVIC_SetPriority(IRQn_Type IRQn, uint32_t PreemptPriority, uint32_t SubPriority);
void HAL_NVIC_EnableIRQ(IRQn_Type IRQn);
void HAL_NVIC_DisableIRQ(IRQn_Type IRQn);
#define __HAL_DBGMCU_FREEZE_IWDG() ((void)0)

/* ---- clocks */

typedef struct {
    uint32_t PLLState;
    uint32_t PLLSource;
    uint32_t PLLM;
    uint32_t PLLFractional;
    uint32_t PLLN;
    uint32_t PLLP1;
    uint32_t PLLP2;
} RCC_PLLInitTypeDef;
typedef struct {
    uint32_t OscillatorType;
    uint32_t HSEState;
    RCC_PLLInitTypeDef PLL1;
    RCC_PLLInitTypeDef PLL2;
    RCC_PLLInitTypeDef PLL3;
    RCC_PLLInitTypeDef PLL4;
} RCC_OscInitTypeDef;
typedef struct {
    uint32_t ClockSelection;
    uint32_t ClockDivider;
} RCC_ICInitTypeDef;
typedef struct {
    uint32_t ClockType;
    uint32_t CPUCLKSource;
    uint32_t SYSCLKSource;
    uint32_t AHBCLKDivider;
    uint32_t APB1CLKDivider;
    uint32_t APB2CLKDivider;
    uint32_t APB4CLKDivider;
    uint32_t APB5CLKDivider;
    RCC_ICInitTypeDef IC1Selection;
    RCC_ICInitTypeDef IC2Selection;
    RCC_ICInitTypeDef IC6Selection;
    RCC_ICInitTypeDef IC11Selection;
} RCC_ClkInitTypeDef;
typedef struct {
    uint64_t PeriphClockSelection;
    RCC_ICInitTypeDef ICSelection[20];
    uint32_t Usart1ClockSelection;
    uint32_t Xspi1ClockSelection;
    uint32_t Xspi2ClockSelection;
} RCC_PeriphCLKInitTypeDef;

#define RCC_OSCILLATORTYPE_NONE 0UL
#define RCC_PLL_NONE 0UL
#define RCC_PLL_ON 2UL
#define RCC_PLLSOURCE_HSI 0UL
#define RCC_CLOCKTYPE_CPUCLK (1UL << 0)
#define RCC_CLOCKTYPE_SYSCLK (1UL << 1)
#define RCC_CLOCKTYPE_HCLK (1UL << 2)
#define RCC_CLOCKTYPE_PCLK1 (1UL << 3)
#define RCC_CLOCKTYPE_PCLK2 (1UL << 4)
#define RCC_CLOCKTYPE_PCLK4 (1UL << 5)
#define RCC_CLOCKTYPE_PCLK5 (1UL << 6)
#define RCC_CPUCLKSOURCE_HSI 0UL
#define RCC_CPUCLKSOURCE_IC1 3UL
#define RCC_SYSCLKSOURCE_HSI 0UL
#define RCC_SYSCLKSOURCE_IC2_IC6_IC11 3UL
#define RCC_ICCLKSOURCE_PLL1 0UL
#define RCC_ICCLKSOURCE_PLL2 1UL
#define RCC_ICCLKSOURCE_PLL3 2UL
#define RCC_HCLK_DIV2 1UL
#define RCC_APB1_DIV1 0UL
#define RCC_APB2_DIV1 0UL
#define RCC_APB4_DIV1 0UL
#define RCC_APB5_DIV1 0UL
#define RCC_IC3 2U
#define RCC_PERIPHCLK_USART1 (1ULL << 40)
#define RCC_PERIPHCLK_XSPI1 (1ULL << 54)
#define RCC_PERIPHCLK_XSPI2 (1ULL << 55)
#define RCC_USART1CLKSOURCE_PCLK2 0UL
#define RCC_XSPI1CLKSOURCE_HCLK 0UL
#define RCC_XSPI1CLKSOURCE_IC3 2UL
#define RCC_XSPI2CLKSOURCE_HCLK 0UL
#define RCC_XSPI2CLKSOURCE_IC3 2UL
#define RCC_FLAG_LCKRST 1UL
#define RCC_FLAG_BORRST 2UL
#define RCC_FLAG_PINRST 3UL
#define RCC_FLAG_PORRST 4UL
#define RCC_FLAG_SFTRST 5UL
#define RCC_FLAG_IWDGRST 6UL

#define __HAL_RCC_GET_FLAG(flag) ((flag) == 0UL)
#define __HAL_RCC_CLEAR_RESET_FLAGS() ((void)0)
#define __HAL_RCC_CPUCLK_CONFIG(source) ((void)(source))
#define __HAL_RCC_SYSCLK_CONFIG(source) ((void)(source))

HAL_StatusTypeDef HAL_RCC_OscConfig(RCC_OscInitTypeDef *RCC_OscInitStruct);
HAL_StatusTypeDef HAL_RCC_ClockConfig(const RCC_ClkInitTypeDef *RCC_ClkInitStruct);
void HAL_RCC_GetClockConfig(RCC_ClkInitTypeDef *RCC_ClkInitStruct);
HAL_StatusTypeDef HAL_RCCEx_PeriphCLKConfig(const RCC_PeriphCLKInitTypeDef *PeriphClkInit);
uint32_t HAL_RCC_GetCpuClockFreq(void);
uint32_t HAL_RCC_GetSysClockFreq(void);
uint32_t HAL_RCCEx_GetPLL1CLKFreq(void);
uint32_t HAL_RCCEx_GetPLL2CLKFreq(void);
uint32_t HAL_RCCEx_GetPLL3CLKFreq(void);
uint32_t HAL_RCCEx_GetPLL4CLKFreq(void);

#define __HAL_RCC_AXISRAM2_MEM_CLK_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM3_MEM_CLK_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM4_MEM_CLK_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM5_MEM_CLK_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM6_MEM_CLK_ENABLE() ((void)0)
#define __HAL_RCC_BSEC_CLK_ENABLE() ((void)0)
#define __HAL_RCC_CACHEAXIRAM_MEM_CLK_ENABLE() ((void)0)
#define __HAL_RCC_CACHEAXI_CLK_ENABLE() ((void)0)
#define __HAL_RCC_CACHEAXI_FORCE_RESET() ((void)0)
#define __HAL_RCC_CACHEAXI_RELEASE_RESET() ((void)0)
#define __HAL_RCC_CRC_CLK_ENABLE() ((void)0)
#define __HAL_RCC_DTS_CLK_ENABLE() ((void)0)
#define __HAL_RCC_GPDMA1_CLK_ENABLE() ((void)0)
#define __HAL_RCC_GPIOE_CLK_ENABLE() ((void)0)
#define __HAL_RCC_NPU_CLK_ENABLE() ((void)0)
#define __HAL_RCC_NPU_FORCE_RESET() ((void)0)
#define __HAL_RCC_NPU_RELEASE_RESET() ((void)0)
#define __HAL_RCC_RAMCFG_CLK_ENABLE() ((void)0)
#define __HAL_RCC_RIFSC_CLK_ENABLE() ((void)0)
#define __HAL_RCC_RNG_CLK_ENABLE() ((void)0)
#define __HAL_RCC_USART1_CLK_ENABLE() ((void)0)
#define __HAL_RCC_USART1_FORCE_RESET() ((void)0)
#define __HAL_RCC_USART1_RELEASE_RESET() ((void)0)

#define __HAL_RCC_AXISRAM1_MEM_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM2_MEM_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM3_MEM_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM4_MEM_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM5_MEM_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_AXISRAM6_MEM_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_CACHEAXIRAM_MEM_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_CACHEAXI_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_DBG_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_FLEXRAM_MEM_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_GPDMA1_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_NPU_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_RIFSC_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_RISAF_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_USART1_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_XSPI1_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_XSPI2_CLK_SLEEP_ENABLE() ((void)0)
#define __HAL_RCC_XSPIPHYCOMP_CLK_SLEEP_ENABLE() ((void)0)

/* ---- memories, isolation, fuses */

typedef struct {
    volatile uint32_t CR;
} RAMCFG_TypeDef;
typedef struct {
    RAMCFG_TypeDef *Instance;
} RAMCFG_HandleTypeDef;
extern RAMCFG_TypeDef stub_ramcfg;
#define RAMCFG_SRAM2_AXI (&stub_ramcfg)
#define RAMCFG_SRAM3_AXI (&stub_ramcfg)
#define RAMCFG_SRAM4_AXI (&stub_ramcfg)
#define RAMCFG_SRAM5_AXI (&stub_ramcfg)
#define RAMCFG_SRAM6_AXI (&stub_ramcfg)
void HAL_RAMCFG_EnableAXISRAM(const RAMCFG_HandleTypeDef *hramcfg);

typedef struct {
    uint32_t MasterCID;
    uint32_t SecPriv;
} RIMC_MasterConfig_t;
#define RIF_CID_1 (1UL << 1)
#define RIF_ATTRIBUTE_SEC 1UL
#define RIF_ATTRIBUTE_PRIV 2UL
#define NPU_BASE 0x580E0000UL
#define RIF_MASTER_INDEX_NPU 1UL
#define RIF_RISC_PERIPH_INDEX_NPU 138UL
void HAL_RIF_RIMC_ConfigMasterAttributes(uint32_t MasterId, const RIMC_MasterConfig_t *pConfig);
void HAL_RIF_RISC_SetSlaveSecureAttributes(uint32_t PeriphId, uint32_t SecPriv);

typedef struct {
    volatile uint32_t OTPCR;
} BSEC_TypeDef;
typedef struct {
    BSEC_TypeDef *Instance;
} BSEC_HandleTypeDef;
extern BSEC_TypeDef stub_bsec;
#define BSEC (&stub_bsec)
HAL_StatusTypeDef HAL_BSEC_OTP_Read(BSEC_HandleTypeDef *hbsec, uint32_t FuseId,
                                    uint32_t *pFuseData);

/* ---- small peripherals */

typedef struct {
    volatile uint32_t DR;
    volatile uint32_t CR;
    volatile uint32_t INIT;
} CRC_TypeDef;
typedef struct {
    uint8_t DefaultPolynomialUse;
    uint8_t DefaultInitValueUse;
    uint32_t InputDataInversionMode;
    uint32_t OutputDataInversionMode;
} CRC_InitTypeDef;
typedef struct {
    CRC_TypeDef *Instance;
    CRC_InitTypeDef Init;
    uint32_t InputDataFormat;
} CRC_HandleTypeDef;
extern CRC_TypeDef stub_crc;
#define CRC (&stub_crc)
#define CRC_CR_RESET 1UL
#define DEFAULT_POLYNOMIAL_ENABLE ((uint8_t)0)
#define DEFAULT_INIT_VALUE_ENABLE ((uint8_t)0)
#define CRC_INPUTDATA_INVERSION_BYTE (1UL << 5)
#define CRC_OUTPUTDATA_INVERSION_ENABLE (1UL << 7)
#define CRC_INPUTDATA_FORMAT_BYTES 1UL
HAL_StatusTypeDef HAL_CRC_Init(CRC_HandleTypeDef *hcrc);

typedef struct {
    volatile uint32_t KR;
} IWDG_TypeDef;
typedef struct {
    IWDG_TypeDef *Instance;
    struct {
        uint32_t Prescaler;
        uint32_t Reload;
        uint32_t Window;
        uint32_t EWI;
    } Init;
} IWDG_HandleTypeDef;
extern IWDG_TypeDef stub_iwdg;
#define IWDG (&stub_iwdg)
#define IWDG_PRESCALER_256 6UL
#define IWDG_WINDOW_DISABLE 0xFFFUL
#define IWDG_EWI_DISABLE 0UL
HAL_StatusTypeDef HAL_IWDG_Init(IWDG_HandleTypeDef *hiwdg);
HAL_StatusTypeDef HAL_IWDG_Refresh(IWDG_HandleTypeDef *hiwdg);

typedef struct {
    volatile uint32_t CR;
} RNG_TypeDef;
typedef struct {
    RNG_TypeDef *Instance;
    struct {
        uint32_t ClockErrorDetection;
    } Init;
} RNG_HandleTypeDef;
extern RNG_TypeDef stub_rng;
#define RNG (&stub_rng)
#define RNG_CED_ENABLE 0UL
HAL_StatusTypeDef HAL_RNG_Init(RNG_HandleTypeDef *hrng);
HAL_StatusTypeDef HAL_RNG_GenerateRandomNumber(RNG_HandleTypeDef *hrng, uint32_t *random32bit);

typedef struct {
    volatile uint32_t CR;
} DTS_TypeDef;
typedef struct {
    DTS_TypeDef *Instance;
} DTS_HandleTypeDef;
typedef struct {
    uint32_t Mode;
    uint32_t Resolution;
    uint32_t Trigger;
} DTS_SensorConfigTypeDef;
typedef enum {
    DTS_SENSOR_0,
    DTS_SENSOR_1,
} HAL_DTS_Sensor;
extern DTS_TypeDef stub_dts;
#define DTS (&stub_dts)
#define DTS_SENSOR_MODE_CONTINUOUS 0x10AUL
#define DTS_SENSOR_RESOLUTION_12BITS 1UL
HAL_StatusTypeDef HAL_DTS_Init(DTS_HandleTypeDef *hdts);
HAL_StatusTypeDef HAL_DTS_ConfigSensor(DTS_HandleTypeDef *hdts, HAL_DTS_Sensor Sensor,
                                       const DTS_SensorConfigTypeDef *pSensorConfig);
HAL_StatusTypeDef HAL_DTS_Start(DTS_HandleTypeDef *hdts, HAL_DTS_Sensor Sensor);
HAL_StatusTypeDef HAL_DTS_GetTemperature(DTS_HandleTypeDef *hdts, HAL_DTS_Sensor Sensor,
                                         float *pTemperature);

/* ---- pins, USART, DMA */

typedef struct {
    volatile uint32_t MODER;
} GPIO_TypeDef;
typedef struct {
    uint32_t Pin;
    uint32_t Mode;
    uint32_t Pull;
    uint32_t Speed;
    uint32_t Alternate;
} GPIO_InitTypeDef;
extern GPIO_TypeDef stub_gpio;
#define GPIOE (&stub_gpio)
#define GPIO_PIN_5 ((uint16_t)0x20)
#define GPIO_PIN_6 ((uint16_t)0x40)
#define GPIO_MODE_AF_PP 2UL
#define GPIO_PULLUP 1UL
#define GPIO_SPEED_FREQ_HIGH 2UL
#define GPIO_AF7_USART1 ((uint8_t)7)
void HAL_GPIO_Init(GPIO_TypeDef *GPIOx, const GPIO_InitTypeDef *pGPIO_Init);

typedef struct {
    volatile uint32_t CR1;
    volatile uint32_t CR3;
    volatile uint32_t BRR;
    volatile uint32_t ISR;
    volatile uint32_t ICR;
    volatile uint32_t RDR;
    volatile uint32_t TDR;
} USART_TypeDef;
typedef struct {
    USART_TypeDef *Instance;
    struct {
        uint32_t BaudRate;
        uint32_t WordLength;
        uint32_t StopBits;
        uint32_t Parity;
        uint32_t Mode;
        uint32_t HwFlowCtl;
        uint32_t OverSampling;
        uint32_t OneBitSampling;
        uint32_t ClockPrescaler;
    } Init;
    struct {
        uint32_t AdvFeatureInit;
        uint32_t OverrunDisable;
        uint32_t DMADisableonRxError;
    } AdvancedInit;
} UART_HandleTypeDef;
extern USART_TypeDef stub_usart;
#define USART1 (&stub_usart)
#define USART_CR1_UE 1UL
#define USART_ISR_TC (1UL << 6)
#define USART_CR3_DMAR (1UL << 6)
#define USART_CR3_DMAT (1UL << 7)
#define UART_WORDLENGTH_8B 0UL
#define UART_STOPBITS_1 0UL
#define UART_PARITY_NONE 0UL
#define UART_MODE_TX_RX 12UL
#define UART_HWCONTROL_NONE 0UL
#define UART_OVERSAMPLING_16 0UL
#define UART_ONE_BIT_SAMPLE_DISABLE 0UL
#define UART_PRESCALER_DIV1 0UL
#define UART_ADVFEATURE_RXOVERRUNDISABLE_INIT 16UL
#define UART_ADVFEATURE_DMADISABLEONERROR_INIT 32UL
#define UART_ADVFEATURE_OVERRUN_DISABLE (1UL << 12)
#define UART_ADVFEATURE_DMA_ENABLEONRXERROR 0UL
#define UART_CLEAR_PEF 1UL
#define UART_CLEAR_FEF 2UL
#define UART_CLEAR_NEF 4UL
#define UART_CLEAR_OREF 8UL
#define UART_CLEAR_IDLEF 16UL
#define UART_IT_IDLE 0x424U
#define __HAL_UART_CLEAR_FLAG(handle, flag) ((handle)->Instance->ICR = (flag))
#define __HAL_UART_ENABLE_IT(handle, interrupt) ((void)(handle))
HAL_StatusTypeDef HAL_UART_Init(UART_HandleTypeDef *huart);
uint32_t HAL_RCC_GetPCLK2Freq(void);
HAL_StatusTypeDef HAL_UARTEx_EnableFifoMode(UART_HandleTypeDef *huart);

typedef struct {
    volatile uint32_t CBR1;
} DMA_Channel_TypeDef;
typedef struct {
    uint32_t Request;
    uint32_t BlkHWRequest;
    uint32_t Direction;
    uint32_t SrcInc;
    uint32_t DestInc;
    uint32_t SrcDataWidth;
    uint32_t DestDataWidth;
    uint32_t Priority;
    uint32_t SrcBurstLength;
    uint32_t DestBurstLength;
    uint32_t TransferAllocatedPort;
    uint32_t TransferEventMode;
    uint32_t Mode;
} DMA_InitTypeDef;
typedef struct {
    uint32_t LinkRegisters[8];
} DMA_NodeTypeDef;
typedef struct {
    DMA_NodeTypeDef *Head;
} DMA_QListTypeDef;
typedef struct {
    DMA_Channel_TypeDef *Instance;
    DMA_InitTypeDef Init;
    struct {
        uint32_t Priority;
        uint32_t LinkStepMode;
        uint32_t LinkAllocatedPort;
        uint32_t TransferEventMode;
        uint32_t LinkedListMode;
    } InitLinkedList;
} DMA_HandleTypeDef;
typedef struct {
    uint32_t NodeType;
    DMA_InitTypeDef Init;
    struct {
        uint32_t DataExchange;
        uint32_t DataAlignment;
    } DataHandlingConfig;
    struct {
        uint32_t TriggerPolarity;
    } TriggerConfig;
    uint32_t SrcSecure;
    uint32_t DestSecure;
    uint32_t SrcAddress;
    uint32_t DstAddress;
    uint32_t DataSize;
} DMA_NodeConfTypeDef;
typedef struct {
    uint32_t CidFiltering;
    uint32_t StaticCid;
} DMA_IsolationConfigTypeDef;
typedef enum {
    HAL_DMA_XFER_CPLT_CB_ID,
    HAL_DMA_XFER_HALFCPLT_CB_ID,
    HAL_DMA_XFER_ERROR_CB_ID,
} HAL_DMA_CallbackIDTypeDef;
extern DMA_Channel_TypeDef stub_dma[2];
#define GPDMA1_Channel0 (&stub_dma[0])
#define GPDMA1_Channel1 (&stub_dma[1])
#define GPDMA1_REQUEST_USART1_RX 20U
#define GPDMA1_REQUEST_USART1_TX 21U
#define DMA_BREQ_SINGLE_BURST 0UL
#define DMA_PERIPH_TO_MEMORY 0UL
#define DMA_MEMORY_TO_PERIPH (1UL << 10)
#define DMA_SINC_FIXED 0UL
#define DMA_SINC_INCREMENTED (1UL << 3)
#define DMA_DINC_FIXED 0UL
#define DMA_DINC_INCREMENTED (1UL << 19)
#define DMA_SRC_DATAWIDTH_BYTE 0UL
#define DMA_DEST_DATAWIDTH_BYTE 0UL
#define DMA_LOW_PRIORITY_HIGH_WEIGHT (2UL << 22)
#define DMA_HIGH_PRIORITY (3UL << 22)
#define DMA_SRC_ALLOCATED_PORT0 0UL
#define DMA_SRC_ALLOCATED_PORT1 (1UL << 14)
#define DMA_DEST_ALLOCATED_PORT0 0UL
#define DMA_DEST_ALLOCATED_PORT1 (1UL << 30)
#define DMA_TCEM_BLOCK_TRANSFER 0UL
#define DMA_NORMAL 0UL
#define DMA_LSM_FULL_EXECUTION 0UL
#define DMA_LINK_ALLOCATED_PORT0 0UL
#define DMA_LINKEDLIST_CIRCULAR 129UL
#define DMA_GPDMA_LINEAR_NODE 32UL
#define DMA_EXCHANGE_NONE 0UL
#define DMA_DATA_RIGHTALIGN_ZEROPADDED 0UL
#define DMA_TRIG_POLARITY_MASKED 0UL
#define DMA_CHANNEL_PRIV 17UL
#define DMA_CHANNEL_SEC 34UL
#define DMA_CHANNEL_SRC_SEC 68UL
#define DMA_CHANNEL_DEST_SEC 136UL
#define DMA_ISOLATION_ON 1U
#define DMA_CHANNEL_STATIC_CID_1 (1U << 4)
#define __HAL_DMA_GET_COUNTER(handle) ((handle)->Instance->CBR1)
HAL_StatusTypeDef HAL_DMA_Init(DMA_HandleTypeDef *const hdma);
HAL_StatusTypeDef HAL_DMA_Start_IT(DMA_HandleTypeDef *const hdma, uint32_t SrcAddress,
                                   uint32_t DstAddress, uint32_t SrcDataSize);
void HAL_DMA_IRQHandler(DMA_HandleTypeDef *const hdma);
HAL_StatusTypeDef HAL_DMA_RegisterCallback(DMA_HandleTypeDef *const hdma,
                                           HAL_DMA_CallbackIDTypeDef CallbackID,
                                           void (*const pCallback)(DMA_HandleTypeDef *const));
HAL_StatusTypeDef HAL_DMA_ConfigChannelAttributes(DMA_HandleTypeDef *const hdma,
                                                  uint32_t ChannelAttributes);
HAL_StatusTypeDef HAL_DMA_SetIsolationAttributes(DMA_HandleTypeDef *const hdma,
                                                 DMA_IsolationConfigTypeDef const *const pConfig);
HAL_StatusTypeDef HAL_DMAEx_List_Init(DMA_HandleTypeDef *const hdma);
HAL_StatusTypeDef HAL_DMAEx_List_BuildNode(DMA_NodeConfTypeDef const *const pNodeConfig,
                                           DMA_NodeTypeDef *const pNode);
HAL_StatusTypeDef HAL_DMAEx_List_InsertNode_Tail(DMA_QListTypeDef *const pQList,
                                                 DMA_NodeTypeDef *const pNewNode);
HAL_StatusTypeDef HAL_DMAEx_List_SetCircularMode(DMA_QListTypeDef *const pQList);
HAL_StatusTypeDef HAL_DMAEx_List_LinkQ(DMA_HandleTypeDef *const hdma,
                                       DMA_QListTypeDef *const pQList);
HAL_StatusTypeDef HAL_DMAEx_List_Start_IT(DMA_HandleTypeDef *const hdma);

#endif
