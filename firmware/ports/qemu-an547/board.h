/*
 * board.h - the emulated board: QEMU's mps3-an547, a Cortex-M55 with a UART on a socket.
 *
 *   startup.c   vectors, memory, FPU and MVE, faults, reset
 *   uart.c      UART0: bytes are received by interrupt into a ring, and sent as fast as they go
 *   clock.c     the SSE-300 system counter, and sleeping until an interrupt or a time
 *   semihost.c  the few services of the host that QEMU lends
 *
 * All of them are also linked into the C tests that run on the board (test_main.c).
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* One register of the memory map. */
#define N6_BOARD_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

enum {
    N6_BOARD_CLOCK_HZ = 32000000, /* of the CPU, the system counter and SysTick */
    N6_BOARD_UART_RING = 8192,    /* bytes; a power of two */
    N6_BOARD_FAULT_TEXT = 160,
    N6_BOARD_EXIT_FAULT = 70, /* exit code when faults do not end */
    N6_BOARD_IRQ_UART0_RX = 33,
    N6_BOARD_IRQ_UART0_TX = 34,
};

/* ---- startup.c */

typedef enum {
    N6_BOARD_RESET_POWER_ON,
    N6_BOARD_RESET_SOFTWARE,
    N6_BOARD_RESET_FAULT,
} n6_board_reset_t;

/* Why the board started, and the text of the fault if it was one; NULL if not. */
n6_board_reset_t n6_board_reset_cause(const char **fault_record);
/* The firmware has answered: a fault from here on is the first one again. */
void n6_board_is_up(void);
/* Resets the machine. Memory outside of .noinit is initialised again. */
_Noreturn void n6_board_restart(void);
/* Most bytes of stack used since the start, and its size. */
uint32_t n6_board_stack_used(void);
uint32_t n6_board_stack_size(void);
/* Interrupt handlers of the other files. */
void n6_uart_rx_handler(void);
void n6_uart_tx_handler(void);
void n6_clock_handler(void);

/* ---- uart.c */

void n6_uart_init(void);
/* Takes up to size received bytes; returns how many. */
size_t n6_uart_read(uint8_t *to, size_t size);
/* Sends up to size bytes without waiting; returns how many. An interrupt comes when more will go.
 */
size_t n6_uart_write(const uint8_t *from, size_t size);
/* Received bytes are there, or a byte may be sent. */
int n6_uart_has_received(void);
int n6_uart_can_send(void);

/* ---- clock.c */

void n6_clock_init(void);
/* Ticks of N6_BOARD_CLOCK_HZ since the machine started. */
uint64_t n6_clock_now(void);
/* Sleeps until an interrupt, at most so many ticks. Returns at once if busy() says so; nothing can
 * slip in between. */
void n6_clock_sleep(uint64_t ticks, int (*busy)(void));

/* ---- semihost.c */

/* Ends QEMU with this exit code. */
_Noreturn void n6_semihost_exit(int code);
/* Writes to QEMU's standard error. */
void n6_semihost_print(const char *text);
/* A number that differs from start to start. */
uint64_t n6_semihost_nonce(void);

#endif
