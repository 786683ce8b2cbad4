/*
 * startup.c - from reset to main(), and the handling of faults.
 *
 * A fault writes a line with the registers to QEMU's standard error, and to memory that is kept
 * during a reset, and resets the machine. After the reset the firmware reports the line in its
 * answer to HELLO. After RETRIES consecutive faults without an answer in between, it does not
 * continue: QEMU ends with N6_BOARD_EXIT_FAULT.
 */
#include <string.h>

#include "board.h"

#define SCB_RESET N6_BOARD_REGISTER(0xE000ED0C)
#define SCB_HANDLERS N6_BOARD_REGISTER(0xE000ED24)
#define SCB_FAULT_STATUS N6_BOARD_REGISTER(0xE000ED28)
#define SCB_FAULT_ADDRESS N6_BOARD_REGISTER(0xE000ED34)
#define SCB_BUS_FAULT_ADDRESS N6_BOARD_REGISTER(0xE000ED38)
#define SCB_COPROCESSORS N6_BOARD_REGISTER(0xE000ED88)

enum {
    MAGIC = 0x6E36B007,
    RETRIES = 3,
    VECTORS = 16 + 64,
    PAINT = 0x5AA55AA5,
    FRAME = 64,                 /* maximum stack frame of reset_handler() */
    RESET_KEY = 0x05FA0004,     /* VECTKEY | SYSRESETREQ */
    ENABLE_FAULTS = 7 << 16,    /* memory management, bus and usage faults are separate */
    ENABLE_FPU_MVE = 0xF << 20, /* coprocessors 10 and 11 */
};

/* Memory that is kept during a reset. */
static struct {
    uint32_t magic;
    uint32_t cause;  /* n6_board_reset_t */
    uint32_t faults; /* consecutive faults */
    char fault[N6_BOARD_FAULT_TEXT];
} kept __attribute__((section(".noinit")));

static n6_board_reset_t reset_cause;
static char fault_record[N6_BOARD_FAULT_TEXT];

extern uint32_t stack_bottom[], stack_top[], data_begin[], data_end[], bss_begin[], bss_end[];
extern const uint32_t data_image[];

int main(void);
_Noreturn void reset_handler(void);
_Noreturn void fault(const uint32_t *frame, uint32_t exception);

n6_board_reset_t n6_board_reset_cause(const char **record)
{
    *record = reset_cause == N6_BOARD_RESET_FAULT ? fault_record : NULL;
    return reset_cause;
}

void n6_board_is_up(void)
{
    kept.faults = 0;
}

_Noreturn static void reset(n6_board_reset_t cause)
{
    kept.cause = (uint32_t)cause;
    __asm__ volatile("dsb" ::: "memory");
    SCB_RESET = RESET_KEY;
    for (;;) {
        __asm__ volatile("dsb");
    }
}

_Noreturn void n6_board_restart(void)
{
    reset(N6_BOARD_RESET_SOFTWARE);
}

uint32_t n6_board_stack_size(void)
{
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom);
}

uint32_t n6_board_stack_used(void)
{
    uint32_t size = n6_board_stack_size();
    uint32_t unused = 0;
    while (unused < size && stack_bottom[unused / sizeof stack_bottom[0]] == PAINT) {
        unused += sizeof stack_bottom[0];
    }
    return size - unused;
}

/* Appends " name=xxxxxxxx". */
static char *append(char *at, const char *name, uint32_t value)
{
    *at++ = ' ';
    while (*name) {
        *at++ = *name++;
    }
    *at++ = '=';
    for (int shift = 28; shift >= 0; shift -= 4) {
        *at++ = "0123456789abcdef"[value >> shift & 15];
    }
    return at;
}

__attribute__((used)) _Noreturn void fault(const uint32_t *frame, uint32_t exception)
{
    static const char *const name[] = {"hard", "memory", "bus", "usage", "secure"};
    uintptr_t sp = (uintptr_t)frame;
    int stacked = sp >= (uintptr_t)stack_bottom && sp <= (uintptr_t)stack_top - 8 * sizeof *frame;
    const char *kind = exception >= 3 && exception <= 7 ? name[exception - 3] : "unexpected";
    char *at = kept.fault;
    while (*kind) {
        *at++ = *kind++;
    }
    at = append(at, "exc", exception);
    at = append(at, "pc", stacked ? frame[6] : 0);
    at = append(at, "lr", stacked ? frame[5] : 0);
    at = append(at, "sp", (uint32_t)sp);
    at = append(at, "cfsr", SCB_FAULT_STATUS);
    at = append(at, "mmfar", SCB_FAULT_ADDRESS);
    at = append(at, "bfar", SCB_BUS_FAULT_ADDRESS);
    *at = '\0';
    n6_semihost_print(kept.fault);
    n6_semihost_print("\n");
    if (++kept.faults >= RETRIES) {
        n6_semihost_exit(N6_BOARD_EXIT_FAULT);
    }
    reset(N6_BOARD_RESET_FAULT);
}

/*
 * The stack itself may be damaged: save the frame's address, and start at the top of the stack
 * again.
 */
__attribute__((naked)) static void fault_handler(void)
{
    __asm__ volatile("mov r0, sp\n"
                     "mrs r1, ipsr\n"
                     "movs r2, #0\n"
                     "msr msplim, r2\n"
                     "ldr r2, =stack_top\n"
                     "mov sp, r2\n"
                     "b fault\n");
}

_Noreturn void reset_handler(void)
{
    __asm__ volatile("msr msplim, %0" ::"r"(stack_bottom));
    SCB_COPROCESSORS |= ENABLE_FPU_MVE;
    SCB_HANDLERS |= ENABLE_FAULTS;
    __asm__ volatile("dsb\n isb" ::: "memory");
    memcpy(data_begin, data_image, (uintptr_t)data_end - (uintptr_t)data_begin);
    memset(bss_begin, 0, (uintptr_t)bss_end - (uintptr_t)bss_begin);
    uintptr_t below = (uintptr_t)__builtin_frame_address(0) - FRAME;
    for (uint32_t *word = stack_bottom; (uintptr_t)word < below; word++) {
        *word = PAINT;
    }
    if (kept.magic != MAGIC) {
        kept.magic = MAGIC;
        kept.cause = N6_BOARD_RESET_POWER_ON;
        kept.faults = 0;
        kept.fault[0] = '\0';
    }
    reset_cause = (n6_board_reset_t)kept.cause;
    memcpy(fault_record, kept.fault, sizeof fault_record);
    kept.cause = N6_BOARD_RESET_POWER_ON;
    n6_semihost_exit(main());
}

typedef void (*handler_t)(void);

__attribute__((section(".vectors"), used)) static const handler_t vectors[VECTORS] = {
    [0] = (handler_t)(uintptr_t)stack_top,
    [1] = reset_handler,
    [2] = fault_handler,
    [3] = fault_handler,
    [4] = fault_handler,
    [5] = fault_handler,
    [6] = fault_handler,
    [7] = fault_handler,
    [11] = fault_handler,
    [12] = fault_handler,
    [14] = fault_handler,
    [15] = n6_clock_handler,
    [16 + N6_BOARD_IRQ_UART0_RX] = n6_uart_rx_handler,
    [16 + N6_BOARD_IRQ_UART0_TX] = n6_uart_tx_handler,
};
