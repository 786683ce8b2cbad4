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
#define BOARD_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

enum {
    BOARD_CLOCK_HZ = 32000000, /* of the CPU, the system counter and SysTick */
    BOARD_UART_RING = 8192,    /* bytes; a power of two */
    BOARD_FAULT_TEXT = 160,
    BOARD_EXIT_FAULT = 70, /* exit code when faults do not end */
    BOARD_IRQ_UART0_RX = 33,
    BOARD_IRQ_UART0_TX = 34,
};

/* ---- startup.c */

typedef enum {
    BOARD_RESET_POWER_ON,
    BOARD_RESET_SOFTWARE,
    BOARD_RESET_FAULT,
} board_reset_t;

/* Why the board started, and the text of the fault if it was one; NULL if not. */
board_reset_t board_reset_cause(const char **fault_record);
/* The firmware is up: a fault from here on is the first one again. */
void board_is_up(void);
/* Resets the machine. Memory outside of .noinit starts anew. */
_Noreturn void board_restart(void);
/* Most bytes of stack used since the start, and its size. */
uint32_t board_stack_used(void);
uint32_t board_stack_size(void);
/* Interrupt handlers of the other files. */
void uart_rx_handler(void);
void uart_tx_handler(void);
void clock_handler(void);

/* ---- uart.c */

void uart_init(void);
/* Takes up to size received bytes; returns how many. */
size_t uart_read(uint8_t *to, size_t size);
/* Sends up to size bytes without waiting; returns how many. An interrupt comes when more will go.
 */
size_t uart_write(const uint8_t *from, size_t size);
/* Received bytes are waiting. */
int uart_pending(void);

/* ---- clock.c */

void clock_init(void);
/* Ticks of BOARD_CLOCK_HZ since the machine started. */
uint64_t clock_now(void);
/* Sleeps until an interrupt, at most so many ticks. Returns at once if busy() says so; nothing can
 * slip in between. */
void clock_sleep(uint64_t ticks, int (*busy)(void));

/* ---- semihost.c */

/* Ends QEMU with this exit code. */
_Noreturn void semihost_exit(int code);
/* Writes to QEMU's standard error. */
void semihost_print(const char *text);
/* A number that differs from start to start. */
uint64_t semihost_nonce(void);

#endif
