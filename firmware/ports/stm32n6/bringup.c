/*
 * bringup.c - from the state after the boot loader to a running NPU.
 *
 * The order is important: watchdog, caches of the CPU, clocks at a safe setting, core voltage
 * before core frequency, and the clocks that stay on during sleep. Then main.c starts the link, so
 * that it can report the failures that follow: isolation, the NPU's clock and memories, its cache,
 * external memories.
 *
 *                          CPU   bus   NPU   its memories   (MHz)
 *   with N6_OVERDRIVE      800   400   1000  900            core at 0.9 V; three PLLs
 *   without                600   400   800   800
 *
 * Clocks       All are derived from the internal 64 MHz oscillator; USB adds the 48 MHz crystal for
 *              its PHY. The frequencies for the host are read from the clock tree.
 *
 * Fuses        External memories run at 200 MHz only if the fuses for high speed at 1.8 V are set
 *              (OTP word 124, bits 15 and 16). They are read here and never programmed: this cannot
 *              be undone, and is the owner's decision. Without them the memories run at 50 MHz, and
 *              bringup_remark() reports this.
 *
 * Isolation    Memory accepts secure, privileged accesses of compartment 1, unless it is
 * restricted,
 *              and no part of the firmware does this. Therefore the bus masters must make such
 *              accesses: the NPU by its RIMC entry (without it its writes are lost without an
 *              error), the DMA channels in uart.c, USB here.
 */
#include "board.h"

#include <string.h>

#include "npu_cache.h"
#include "stm32n6xx_hal.h"

#if defined(N6_BOARD_DK)
#include "stm32n6570_discovery.h"
#include "stm32n6570_discovery_xspi.h"
#define BOARD_NAME "STM32N6570-DK"
#else
#include "stm32n6xx_nucleo.h"
#include "stm32n6xx_nucleo_xspi.h"
#define BOARD_NAME "NUCLEO-N657X0-Q"
#endif

enum {
    FUSE_WORD = 124,
    FUSE_FAST_XSPI2 = 1 << 15, /* VDDIO3: flash */
    FUSE_FAST_XSPI1 = 1 << 16, /* VDDIO2: PSRAM */
    NPU_MS = 10,               /* maximum time until the NPU answers after its clock was enabled */
#ifdef N6_OVERDRIVE
    PLL1_MHZ = 800,
#else
    PLL1_MHZ = 1200,
#endif
    SLOW_MHZ = 50, /* of external memories */
};

/*
 * Runtimes up to LL_ATON 1.1.1 require this call before npu_cache_enable(); later ones call it
 * themselves.
 */
extern void npu_cache_init(void) __attribute__((weak));

static const char *remark;
static DTS_HandleTypeDef thermometer;

const char *bringup_remark(void)
{
    return remark;
}

/* ---- clocks ---- */

static RCC_PLLInitTypeDef pll(uint32_t m, uint32_t n, uint32_t p1, uint32_t p2)
{
    RCC_PLLInitTypeDef init = {0};
    init.PLLState = RCC_PLL_ON;
    init.PLLSource = RCC_PLLSOURCE_HSI;
    init.PLLM = m;
    init.PLLN = n;
    init.PLLP1 = p1;
    init.PLLP2 = p2;
    return init;
}

static const char *start_clocks(void)
{
    RCC_OscInitTypeDef oscillators = {0};
    RCC_ClkInitTypeDef clocks = {0};

    oscillators.OscillatorType = RCC_OSCILLATORTYPE_NONE;
#ifdef N6_USB
    oscillators.OscillatorType = RCC_OSCILLATORTYPE_HSE;
    oscillators.HSEState = RCC_HSE_ON;
#endif
#ifdef N6_OVERDRIVE
    BSP_SMPS_Init(SMPS_VOLTAGE_OVERDRIVE);
    HAL_Delay(1); /* the supply requires 0.1 ms for its 100 mV */
    oscillators.PLL1 = pll(2, 25, 1, 1);
    oscillators.PLL2 = pll(8, 125, 1, 1);
    oscillators.PLL3 = pll(8, 225, 1, 2);
    clocks.IC1Selection.ClockDivider = 1;
    clocks.IC2Selection.ClockDivider = 2;
#else
    BSP_SMPS_Init(SMPS_VOLTAGE_NOMINAL);
    oscillators.PLL1 = pll(4, 75, 1, 1);
    oscillators.PLL2 = pll(8, 100, 1, 1);
    oscillators.PLL3 = pll(8, 100, 1, 1);
    clocks.IC1Selection.ClockDivider = 2;
    clocks.IC2Selection.ClockDivider = 3;
#endif
    oscillators.PLL4.PLLState = RCC_PLL_NONE;
    if (HAL_RCC_OscConfig(&oscillators) != HAL_OK) {
        return "the PLLs do not lock";
    }

    clocks.ClockType = RCC_CLOCKTYPE_CPUCLK | RCC_CLOCKTYPE_SYSCLK | RCC_CLOCKTYPE_HCLK |
                       RCC_CLOCKTYPE_PCLK1 | RCC_CLOCKTYPE_PCLK2 | RCC_CLOCKTYPE_PCLK4 |
                       RCC_CLOCKTYPE_PCLK5;
    clocks.CPUCLKSource = RCC_CPUCLKSOURCE_IC1;
    clocks.SYSCLKSource = RCC_SYSCLKSOURCE_IC2_IC6_IC11;
    clocks.IC1Selection.ClockSelection = RCC_ICCLKSOURCE_PLL1;
    clocks.IC2Selection.ClockSelection = RCC_ICCLKSOURCE_PLL1;
    clocks.IC6Selection.ClockSelection = RCC_ICCLKSOURCE_PLL2;
    clocks.IC6Selection.ClockDivider = 1;
    clocks.IC11Selection.ClockSelection = RCC_ICCLKSOURCE_PLL3;
    clocks.IC11Selection.ClockDivider = 1;
    clocks.AHBCLKDivider = RCC_HCLK_DIV2;
    clocks.APB1CLKDivider = RCC_APB1_DIV1;
    clocks.APB2CLKDivider = RCC_APB2_DIV1;
    clocks.APB4CLKDivider = RCC_APB4_DIV1;
    clocks.APB5CLKDivider = RCC_APB5_DIV1;
    return HAL_RCC_ClockConfig(&clocks) == HAL_OK ? NULL : "the clock tree cannot be set";
}

static uint32_t divided_hz(const RCC_ICInitTypeDef *divider)
{
    uint32_t source = 0;

    switch (divider->ClockSelection) {
    case RCC_ICCLKSOURCE_PLL1:
        source = HAL_RCCEx_GetPLL1CLKFreq();
        break;
    case RCC_ICCLKSOURCE_PLL2:
        source = HAL_RCCEx_GetPLL2CLKFreq();
        break;
    case RCC_ICCLKSOURCE_PLL3:
        source = HAL_RCCEx_GetPLL3CLKFreq();
        break;
    default:
        source = HAL_RCCEx_GetPLL4CLKFreq();
        break;
    }
    return divider->ClockDivider != 0 ? source / divider->ClockDivider : 0;
}

/* Of the NPU and of its memories. */
static void npu_clocks(n6_info_reply_t *info)
{
    RCC_ClkInitTypeDef clocks = {0};

    HAL_RCC_GetClockConfig(&clocks);
    if (clocks.SYSCLKSource == RCC_SYSCLKSOURCE_IC2_IC6_IC11) {
        info->npu_hz = divided_hz(&clocks.IC6Selection);
        info->npu_ram_hz = divided_hz(&clocks.IC11Selection);
    } else {
        info->npu_hz = info->npu_ram_hz = HAL_RCC_GetSysClockFreq();
    }
}

/* ---- memories, NPU ---- */

static void start_npu(void)
{
    static RAMCFG_TypeDef *const banks[] = {RAMCFG_SRAM2_AXI, RAMCFG_SRAM3_AXI, RAMCFG_SRAM4_AXI,
                                            RAMCFG_SRAM5_AXI, RAMCFG_SRAM6_AXI};

    __HAL_RCC_NPU_CLK_ENABLE();
    __HAL_RCC_NPU_FORCE_RESET();
    __HAL_RCC_NPU_RELEASE_RESET();

    __HAL_RCC_AXISRAM2_MEM_CLK_ENABLE();
    __HAL_RCC_AXISRAM3_MEM_CLK_ENABLE();
    __HAL_RCC_AXISRAM4_MEM_CLK_ENABLE();
    __HAL_RCC_AXISRAM5_MEM_CLK_ENABLE();
    __HAL_RCC_AXISRAM6_MEM_CLK_ENABLE();
    __HAL_RCC_RAMCFG_CLK_ENABLE();
    for (size_t i = 0; i < sizeof banks / sizeof banks[0]; i++) {
        RAMCFG_HandleTypeDef bank = {0};
        bank.Instance = banks[i];
        HAL_RAMCFG_EnableAXISRAM(&bank);
    }

    __HAL_RCC_CACHEAXIRAM_MEM_CLK_ENABLE();
    __HAL_RCC_CACHEAXI_CLK_ENABLE();
    __HAL_RCC_CACHEAXI_FORCE_RESET();
    __HAL_RCC_CACHEAXI_RELEASE_RESET();
    if (npu_cache_init != NULL) {
        npu_cache_init();
    }
    npu_cache_enable();
}

/*
 * LL_ATON waits for a version register without a limit. Therefore one is read before, with a limit.
 */
static int npu_answers(void)
{
    const volatile uint32_t *version = (const volatile uint32_t *)(NPU_BASE + 4u);

    for (uint32_t since = HAL_GetTick(); *version == 0;) {
        if (HAL_GetTick() - since > NPU_MS) {
            return 0;
        }
    }
    return 1;
}

/* 1 if the fuse that a memory requires for 200 MHz is set. */
static int fast_memory(uint32_t fuse)
{
    BSEC_HandleTypeDef fuses = {0};
    uint32_t word = 0;

    __HAL_RCC_BSEC_CLK_ENABLE();
    fuses.Instance = BSEC;
    return HAL_BSEC_OTP_Read(&fuses, FUSE_WORD, &word) == HAL_OK && (word & fuse) != 0;
}

#ifdef N6_BOARD_DK
/* The driver of the PSRAM does not check if the PSRAM exists. */
static int psram_keeps(void)
{
    size_t size = 0;
    volatile uint32_t *first = (volatile uint32_t *)board_outer_memory(&size);
    volatile uint32_t *last = first + size / sizeof *first - 8; /* in another cache line */

    *first = 0x6E36C0DE;
    *last = 0x91FA3721;
    SCB_CleanInvalidateDCache_by_Addr(first, BOARD_CACHE_LINE);
    SCB_CleanInvalidateDCache_by_Addr(last, BOARD_CACHE_LINE);
    return *first == 0x6E36C0DE && *last == 0x91FA3721;
}
#endif

static const char *start_memories(void)
{
    RCC_PeriphCLKInitTypeDef clocks = {0};
    BSP_XSPI_NOR_Init_t flash = {0};

    clocks.PeriphClockSelection = RCC_PERIPHCLK_XSPI1 | RCC_PERIPHCLK_XSPI2;
    clocks.Xspi1ClockSelection = RCC_XSPI1CLKSOURCE_HCLK;
    clocks.Xspi2ClockSelection = RCC_XSPI2CLKSOURCE_HCLK;
    clocks.ICSelection[RCC_IC3].ClockSelection = RCC_ICCLKSOURCE_PLL1;
    clocks.ICSelection[RCC_IC3].ClockDivider = PLL1_MHZ / SLOW_MHZ;
    if (!fast_memory(FUSE_FAST_XSPI2)) {
        remark = "fuse for fast flash (OTP word 124, bit 15) is not set: flash runs at a quarter";
        clocks.Xspi2ClockSelection = RCC_XSPI2CLKSOURCE_IC3;
    }
#ifdef N6_BOARD_DK
    if (!fast_memory(FUSE_FAST_XSPI1)) {
        remark = remark != NULL ? "fuses for fast external memory (OTP word 124, bits 15, 16) are "
                                  "not set: flash and PSRAM run at a quarter"
                                : "fuse for fast PSRAM (OTP word 124, bit 16) is not set: PSRAM "
                                  "runs at a quarter";
        clocks.Xspi1ClockSelection = RCC_XSPI1CLKSOURCE_IC3;
    }
#endif
    if (HAL_RCCEx_PeriphCLKConfig(&clocks) != HAL_OK) {
        return "external memories get no clock";
    }
#ifdef N6_BOARD_DK
    if (BSP_XSPI_RAM_Init(0) != BSP_ERROR_NONE ||
        BSP_XSPI_RAM_EnableMemoryMappedMode(0) != BSP_ERROR_NONE) {
        return "PSRAM does not answer";
    }
    if (!psram_keeps()) {
        return "PSRAM does not keep what is written";
    }
    board_stage("flash");
#endif
    flash.InterfaceMode = BSP_XSPI_NOR_OPI_MODE;
    flash.TransferRate = BSP_XSPI_NOR_DTR_TRANSFER;
    if (BSP_XSPI_NOR_Init(0, &flash) != BSP_ERROR_NONE ||
        BSP_XSPI_NOR_EnableMemoryMappedMode(0) != BSP_ERROR_NONE) {
        return "flash does not answer";
    }
    return NULL;
}

static void isolate(void)
{
    RIMC_MasterConfig_t master = {0};

    __HAL_RCC_RIFSC_CLK_ENABLE();
    master.MasterCID = RIF_CID_1;
    master.SecPriv = RIF_ATTRIBUTE_SEC | RIF_ATTRIBUTE_PRIV;
    HAL_RIF_RIMC_ConfigMasterAttributes(RIF_MASTER_INDEX_NPU, &master);
    HAL_RIF_RISC_SetSlaveSecureAttributes(RIF_RISC_PERIPH_INDEX_NPU,
                                          RIF_ATTRIBUTE_SEC | RIF_ATTRIBUTE_PRIV);
#ifdef N6_USB
    HAL_RIF_RIMC_ConfigMasterAttributes(RIF_MASTER_INDEX_OTG1, &master);
    HAL_RIF_RISC_SetSlaveSecureAttributes(RIF_RISC_PERIPH_INDEX_OTG1HS,
                                          RIF_ATTRIBUTE_SEC | RIF_ATTRIBUTE_PRIV);
#endif
}

/*
 * Clocks that must stay on while the CPU waits for an event: otherwise an inference does not end.
 */
static void keep_clocked_in_sleep(void)
{
    __HAL_RCC_DBG_CLK_SLEEP_ENABLE();
    __HAL_RCC_XSPIPHYCOMP_CLK_SLEEP_ENABLE();
    __HAL_RCC_AXISRAM1_MEM_CLK_SLEEP_ENABLE();
    __HAL_RCC_AXISRAM2_MEM_CLK_SLEEP_ENABLE();
    __HAL_RCC_AXISRAM3_MEM_CLK_SLEEP_ENABLE();
    __HAL_RCC_AXISRAM4_MEM_CLK_SLEEP_ENABLE();
    __HAL_RCC_AXISRAM5_MEM_CLK_SLEEP_ENABLE();
    __HAL_RCC_AXISRAM6_MEM_CLK_SLEEP_ENABLE();
    __HAL_RCC_FLEXRAM_MEM_CLK_SLEEP_ENABLE();
    __HAL_RCC_CACHEAXIRAM_MEM_CLK_SLEEP_ENABLE();
    __HAL_RCC_RIFSC_CLK_SLEEP_ENABLE();
    __HAL_RCC_RISAF_CLK_SLEEP_ENABLE();
    __HAL_RCC_XSPI1_CLK_SLEEP_ENABLE();
    __HAL_RCC_XSPI2_CLK_SLEEP_ENABLE();
    __HAL_RCC_CACHEAXI_CLK_SLEEP_ENABLE();
    __HAL_RCC_NPU_CLK_SLEEP_ENABLE();
#ifdef N6_USB
    __HAL_RCC_USB1_OTG_HS_CLK_SLEEP_ENABLE();
    __HAL_RCC_USB1_OTG_HS_PHY_CLK_SLEEP_ENABLE();
#else
    __HAL_RCC_GPDMA1_CLK_SLEEP_ENABLE();
    __HAL_RCC_USART1_CLK_SLEEP_ENABLE();
#endif
}

const char *bringup_clocks(void)
{
    const char *record = NULL;

    MEMSYSCTL->MSCR |= MEMSYSCTL_MSCR_ICACTIVE_Msk | MEMSYSCTL_MSCR_DCACTIVE_Msk;
    __HAL_RCC_CPUCLK_CONFIG(RCC_CPUCLKSOURCE_HSI);
    __HAL_RCC_SYSCLK_CONFIG(RCC_SYSCLKSOURCE_HSI);
    SystemCoreClockUpdate();
    (void)HAL_Init();
    (void)board_reset_cause(&record);
    watchdog_start(BOARD_START_MS);
    board_stage("clocks");
    SCB_EnableICache();
    SCB_EnableDCache();

    const char *failure = start_clocks();
    keep_clocked_in_sleep();
    return failure;
}

const char *bringup(void)
{
    board_stage("NPU");
    isolate();
    start_npu();
    if (!npu_answers()) {
        return "the NPU does not answer: its clock or its isolation is wrong";
    }
#ifdef N6_BOARD_DK
    board_stage("PSRAM");
#else
    board_stage("flash");
#endif
    return start_memories();
}

/* ---- what the chip is ---- */

static int16_t temperature(void)
{
    float celsius = 0.0f;

    if (thermometer.Instance == NULL) {
        DTS_SensorConfigTypeDef sensor = {0};
        __HAL_RCC_DTS_CLK_ENABLE();
        thermometer.Instance = DTS;
        sensor.Mode = DTS_SENSOR_MODE_CONTINUOUS;
        sensor.Resolution = DTS_SENSOR_RESOLUTION_12BITS;
        if (HAL_DTS_Init(&thermometer) != HAL_OK ||
            HAL_DTS_ConfigSensor(&thermometer, DTS_SENSOR_0, &sensor) != HAL_OK ||
            HAL_DTS_Start(&thermometer, DTS_SENSOR_0) != HAL_OK) {
            return N6_LIMIT_NO_TEMPERATURE;
        }
    }
    if (HAL_DTS_GetTemperature(&thermometer, DTS_SENSOR_0, &celsius) != HAL_OK) {
        return N6_LIMIT_NO_TEMPERATURE;
    }
    return (int16_t)(celsius * 10.0f);
}

void bringup_info(n6_info_reply_t *info)
{
    const char *fault_record = NULL;

    memcpy(info->board, BOARD_NAME, sizeof BOARD_NAME);
    info->cpu_hz = HAL_RCC_GetCpuClockFreq();
    npu_clocks(info);
    info->bus_hz = HAL_RCC_GetSysClockFreq();
    info->baud = link_baud();
    info->temperature_dc = temperature();
    info->reset_cause = (uint8_t)board_reset_cause(&fault_record);
#ifdef N6_OVERDRIVE
    info->voltage_mode = N6_VOLTAGE_MODE_OVERDRIVE;
#else
    info->voltage_mode = N6_VOLTAGE_MODE_NOMINAL;
#endif
}

void bringup_unique_id(uint8_t to[16])
{
    const uint32_t id[4] = {HAL_GetUIDw0(), HAL_GetUIDw1(), HAL_GetUIDw2()};

    memcpy(to, id, sizeof id);
}

uint64_t bringup_nonce(void)
{
    RNG_HandleTypeDef generator = {0};
    uint32_t low = 0;
    uint32_t high = 0;

    __HAL_RCC_RNG_CLK_ENABLE();
    generator.Instance = RNG;
    generator.Init.ClockErrorDetection = RNG_CED_ENABLE;
    if (HAL_RNG_Init(&generator) == HAL_OK) {
        (void)HAL_RNG_GenerateRandomNumber(&generator, &low);
        (void)HAL_RNG_GenerateRandomNumber(&generator, &high);
    }
    /*
     * If the generator does not work: the times at which the PLLs locked and the memories answered
     * differ at each start.
     */
    return ((uint64_t)high << 32 | low) ^ clock_now() ^ (uint64_t)HAL_GetUIDw1() << 32;
}
