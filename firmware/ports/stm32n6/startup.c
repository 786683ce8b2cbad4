/*
 * startup.c - from reset to main(), and the handling of faults.
 *
 * The boot loader copies the whole image to AXISRAM1 and jumps to its vector table, so .data is
 * already in place and only .bss must be cleared. The boot ROM leaves some interrupts enabled and
 * pending; all are cleared before interrupts are enabled. Unused interrupts do not have a vector:
 * such an interrupt is a fault.
 *
 * All faults end in HardFault_Handler, because no other handler is enabled. It writes one line with
 * the registers to memory that neither the boot loader nor the start-up changes, cleans the cache
 * so that the line is in memory, and resets. With a debugger attached it stops instead, because a
 * reset in development mode starts the boot ROM, and the line would never be read. The next start
 * finds the line, checks its CRC, and reports it in HELLO. Failed assertions, also those of
 * LL_ATON, are handled in the same way.
 */
#include "board.h"

#include <string.h>

#include "n6_crc.h"
#include "stm32n6xx_hal.h"

enum {
    KEPT_MAGIC = 0x6E36FA17,
    STAGE_MAGIC = 0x6E365746,
    VECTORS = 16 + 195,
};

typedef void (*vector_t)(void);

/* Memory that is kept during a reset. */
typedef struct {
    uint32_t magic;
    uint32_t crc;
    char text[BOARD_FAULT_TEXT];
    uint32_t stage_magic;
    char stage[BOARD_STAGE_TEXT]; /* empty after start-up */
} kept_t;

static kept_t kept __attribute__((section(".noinit"), aligned(BOARD_CACHE_LINE)));
static char fault_record[BOARD_FAULT_TEXT];
static char last_stage[BOARD_STAGE_TEXT]; /* stage of the start before, if it did not end */
static n6_reset_cause_t cause = N6_RESET_CAUSE_UNKNOWN;

extern uint32_t _estack[], _sstack[], _sbss[], _ebss[];
extern uint8_t _n6_ram[], _n6_ram_end[], _n6_inner[], _n6_outer[], _n6_outer_end[];

int main(void);
_Noreturn void Reset_Handler(void);
_Noreturn void start(void);
void HardFault_Handler(void);
_Noreturn void fault(const uint32_t *frame, uint32_t exc_return);

/* ---- start ---- */

extern const vector_t g_pfnVectors[VECTORS];
__attribute__((section(".isr_vector"), used)) const vector_t g_pfnVectors[VECTORS] = {
    (vector_t)(uintptr_t)_estack,
    Reset_Handler,
    [16 + NonMaskableInt_IRQn] = HardFault_Handler,
    [16 + HardFault_IRQn] = HardFault_Handler,
    [16 + SysTick_IRQn] = SysTick_Handler,
    [16 + NPU0_IRQn] = NPU0_IRQHandler,
#ifdef N6_USB
    [16 + USB1_OTG_HS_IRQn] = USB1_OTG_HS_IRQHandler,
#else
    [16 + USART1_IRQn] = USART1_IRQHandler,
    [16 + GPDMA1_Channel0_IRQn] = GPDMA1_Channel0_IRQHandler,
    [16 + GPDMA1_Channel1_IRQn] = GPDMA1_Channel1_IRQHandler,
#endif
};

/*
 * The stack limit first: the boot loader's stack is at higher addresses, and its limit may be too.
 */
__attribute__((naked)) _Noreturn void Reset_Handler(void)
{
    __asm__ volatile("cpsid i\n"
                     "ldr r0, =_sstack\n"
                     "msr msplim, r0\n"
                     "ldr r0, =_estack\n"
                     "mov sp, r0\n"
                     "b start\n");
}

_Noreturn void start(void)
{
    SystemInit();
    SCB->CCR |= SCB_CCR_STKOFHFNMIGN_Msk; /* the fault handler may go below the stack limit */
    memset(_sbss, 0, (size_t)((uint8_t *)_ebss - (uint8_t *)_sbss));
    for (size_t i = 0; i < sizeof NVIC->ICER / sizeof NVIC->ICER[0]; i++) {
        NVIC->ICER[i] = UINT32_MAX;
        NVIC->ICPR[i] = UINT32_MAX;
    }
    __enable_irq();
    (void)main();
    board_restart();
}

/* ---- faults ---- */

_Noreturn static void keep_and_reset(void)
{
    kept.crc = n6_crc32(0, kept.text, sizeof kept.text);
    kept.magic = KEPT_MAGIC;
    if (SCB->CCR & SCB_CCR_DC_Msk) {
        SCB_CleanDCache_by_Addr((volatile void *)&kept, (int32_t)sizeof kept);
    }
    if (DCB->DHCSR & DCB_DHCSR_C_DEBUGEN_Msk) {
        __BKPT(0); /* kept.text contains the reason */
    }
    NVIC_SystemReset();
}

_Noreturn void fault(const uint32_t *frame, uint32_t exc_return)
{
    char *at = kept.text;
    const char *end = kept.text + sizeof kept.text - 1;
    uint32_t ram = (uint32_t)(uintptr_t)_n6_ram;
    uint32_t ram_end = (uint32_t)(uintptr_t)_estack;

    memset(kept.text, 0, sizeof kept.text);
    at = text_hex(at, end, "fault cfsr=", SCB->CFSR);
    at = text_hex(at, end, " hfsr=", SCB->HFSR);
    at = text_hex(at, end, " sfsr=", SAU->SFSR);
    at = text_hex(at, end, " mmfar=", SCB->MMFAR);
    at = text_hex(at, end, " bfar=", SCB->BFAR);
    at = text_hex(at, end, " sp=", (uint32_t)(uintptr_t)frame);
    if ((uint32_t)(uintptr_t)frame >= ram && (uint32_t)(uintptr_t)frame + 32 <= ram_end) {
        at = text_hex(at, end, " pc=", frame[6]);
        at = text_hex(at, end, " lr=", frame[5]);
        at = text_hex(at, end, " psr=", frame[7]);
    }
    (void)text_hex(at, end, " exc=", exc_return);
    keep_and_reset();
}

__attribute__((naked)) void HardFault_Handler(void)
{
    __asm__ volatile("mrs r0, msp\n"
                     "mov r1, lr\n"
                     "b fault\n");
}

_Noreturn void board_fault(const char *text)
{
    memset(kept.text, 0, sizeof kept.text);
    (void)text_put(kept.text, kept.text + sizeof kept.text - 1, text);
    keep_and_reset();
}

/* newlib's function for a failed assert(). */
_Noreturn void __assert_func(const char *file, int line, const char *function,
                             const char *expression);
_Noreturn void __assert_func(const char *file, int line, const char *function,
                             const char *expression)
{
    char *at = kept.text;
    const char *end = kept.text + sizeof kept.text - 1;
    const char *name = strrchr(file, '/');

    memset(kept.text, 0, sizeof kept.text);
    at = text_put(at, end, "assert ");
    at = text_put(at, end, name != NULL ? name + 1 : file);
    at = text_hex(at, end, " line=", (uint32_t)line);
    at = text_put(at, end, " ");
    at = text_put(at, end, function != NULL ? function : "");
    at = text_put(at, end, ": ");
    (void)text_put(at, end, expression);
    keep_and_reset();
}

/* The line of the last fault, with the stage of start-up. */
static void record_last(int valid)
{
    char *at = fault_record;
    const char *end = fault_record + sizeof fault_record - 1;

    if (!valid && cause != N6_RESET_CAUSE_WATCHDOG && cause != N6_RESET_CAUSE_FAULT) {
        last_stage[0] = '\0'; /* a person has reset the board */
        return;
    }
    if (last_stage[0] != '\0') {
        at = text_put(text_put(text_put(at, end, "start-up, "), end, last_stage), end, ": ");
    }
    if (valid) {
        (void)text_put(at, end, kept.text);
    } else if (last_stage[0] != '\0') {
        (void)text_put(at, end,
                       cause == N6_RESET_CAUSE_WATCHDOG
                           ? "it did not end, and the watchdog restarted the board"
                           : "the core locked up, and the board restarted");
    }
}

void board_stage(const char *stage)
{
    watchdog_feed();
    memset(kept.stage, 0, sizeof kept.stage);
    if (stage != NULL) {
        (void)text_put(kept.stage, kept.stage + sizeof kept.stage - 1, stage);
    }
    kept.stage_magic = STAGE_MAGIC;
    if (SCB->CCR & SCB_CCR_DC_Msk) {
        SCB_CleanDCache_by_Addr((volatile void *)&kept, (int32_t)sizeof kept);
    }
}

int board_hung_in(const char *stage)
{
    if (cause != N6_RESET_CAUSE_WATCHDOG || strcmp(last_stage, stage) != 0) {
        return 0;
    }
    last_stage[0] = '\0';
    return 1;
}

const char *board_start_failed(void)
{
    return last_stage[0] != '\0' ? fault_record : NULL;
}

n6_reset_cause_t board_reset_cause(const char **record)
{
    static int known;

    if (!known) {
        known = 1;
        int valid =
            kept.magic == KEPT_MAGIC && kept.crc == n6_crc32(0, kept.text, sizeof kept.text);
        if (kept.stage_magic == STAGE_MAGIC && kept.stage[0] != '\0') {
            memcpy(last_stage, kept.stage, sizeof last_stage - 1);
        }
        kept.magic = 0;
        if (valid) {
            cause = N6_RESET_CAUSE_FAULT;
        } else if (__HAL_RCC_GET_FLAG(RCC_FLAG_IWDGRST) != 0) {
            cause = N6_RESET_CAUSE_WATCHDOG;
        } else if (__HAL_RCC_GET_FLAG(RCC_FLAG_LCKRST) != 0) {
            cause = N6_RESET_CAUSE_FAULT;
        } else if (__HAL_RCC_GET_FLAG(RCC_FLAG_SFTRST) != 0) {
            cause = N6_RESET_CAUSE_SOFTWARE;
        } else if (__HAL_RCC_GET_FLAG(RCC_FLAG_PORRST) != 0 ||
                   __HAL_RCC_GET_FLAG(RCC_FLAG_BORRST) != 0) {
            cause = N6_RESET_CAUSE_POWER_ON;
        } else if (__HAL_RCC_GET_FLAG(RCC_FLAG_PINRST) != 0) {
            cause = N6_RESET_CAUSE_PIN;
        }
        __HAL_RCC_CLEAR_RESET_FLAGS();
        record_last(valid);
    }
    *record = fault_record[0] != '\0' ? fault_record : NULL;
    return cause;
}

_Noreturn void board_restart(void)
{
    NVIC_SystemReset();
}

/* ---- memory ---- */

uint32_t board_ram_total(void)
{
    return (uint32_t)(_n6_ram_end - _n6_ram);
}

uint8_t *board_inner_memory(size_t *size)
{
    *size = (size_t)((uint8_t *)_sstack - _n6_inner);
    return _n6_inner;
}

uint8_t *board_outer_memory(size_t *size)
{
    *size = (size_t)(_n6_outer_end - _n6_outer);
    return *size != 0 ? _n6_outer : NULL;
}
