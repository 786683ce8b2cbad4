/*
 * board.h - the emulated board: QEMU's mps3-an547, a Cortex-M55 with a UART on a socket.
 *
 *   startup.c   vectors, memory, FPU and MVE, faults, reset
 *   uart.c      UART0: an interrupt stores received bytes in a ring; bytes are sent without delay
 *   clock.c     the SSE-300 system counter, and sleep until an interrupt or a time
 *   semihost.c  the services of the host that QEMU provides
 *
 * All of them are also linked into the C tests that run on the board (test_main.c).
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* A register of the memory map. */
#define N6_BOARD_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

enum {
    N6_BOARD_CLOCK_HZ = 32000000, /* of the CPU, the system counter and SysTick */
    N6_BOARD_UART_RING = 8192,    /* bytes; a power of two */
    N6_BOARD_UART_HZ = 25000000,  /* clock that the UART divides, by 16 at least */
    N6_BOARD_BAUD = 115200,       /* after a start. QEMU transmits at once at any rate */
    N6_BOARD_FAULT_TEXT = 160,
    N6_BOARD_EXIT_FAULT = 70, /* exit code after repeated faults */
    N6_BOARD_IRQ_UART0_RX = 33,
    N6_BOARD_IRQ_UART0_TX = 34,
};

/* ---- startup.c */

typedef enum {
    N6_BOARD_RESET_POWER_ON,
    N6_BOARD_RESET_SOFTWARE,
    N6_BOARD_RESET_FAULT,
} n6_board_reset_t;

/* Reason of the last start, with the text of the fault; NULL if there was no fault. */
n6_board_reset_t n6_board_reset_cause(const char **fault_record);
/* The firmware has answered: the counter of faults starts again. */
void n6_board_is_up(void);
/* Resets the machine. Memory outside of .noinit is initialised again. */
_Noreturn void n6_board_restart(void);
/* Maximum stack bytes used since the start, and the stack's size. */
uint32_t n6_board_stack_used(void);
uint32_t n6_board_stack_size(void);
/* Interrupt handlers of the other files. */
void n6_uart_rx_handler(void);
void n6_uart_tx_handler(void);
void n6_clock_handler(void);

/* ---- uart.c */

void n6_uart_init(void);
/* Reads up to size received bytes. Returns their number. */
size_t n6_uart_read(uint8_t *to, size_t size);
/*
 * Sends up to size bytes without waiting. Returns their number. An interrupt follows when more can
 * be sent.
 */
size_t n6_uart_write(const uint8_t *from, size_t size);
/* Sets the bit rate. 0 = a byte has not left yet, and nothing has changed. */
int n6_uart_set_baud(uint32_t baud);
/* Received bytes are available, or a byte can be sent. */
int n6_uart_has_received(void);
int n6_uart_can_send(void);

/* ---- clock.c */

void n6_clock_init(void);
/* Ticks of N6_BOARD_CLOCK_HZ since the machine started. */
uint64_t n6_clock_now(void);
/*
 * Sleeps until an interrupt, at most this number of ticks. Returns immediately if busy() is true;
 * no interrupt between the check and the sleep is lost.
 */
void n6_clock_sleep(uint64_t ticks, int (*busy)(void));

/* ---- semihost.c */

/* Ends QEMU with this exit code. */
_Noreturn void n6_semihost_exit(int code);
/* Writes to QEMU's standard error. */
void n6_semihost_print(const char *text);
/* A number that is different at each start. */
uint64_t n6_semihost_nonce(void);

#endif
