/*
 * uart.c - UART0, an APB UART of Arm's CMSDK.
 *
 * Receiving: the hardware stores one byte. Its interrupt moves it into a ring, which the main loop
 * reads. If the ring is full, the interrupt is masked and the byte remains in the hardware: QEMU
 * then stops reading its socket, so no byte is lost. Only the interrupt writes head, only the main
 * loop writes tail.
 *
 * Sending: bytes are written to the data register as long as it accepts them. The transmit
 * interrupt only ends the sleep of a main loop that has more to send.
 */
#include <string.h>

#include "board.h"

#define UART_DATA N6_BOARD_REGISTER(0x49303000)
#define UART_STATE N6_BOARD_REGISTER(0x49303004)
#define UART_CONTROL N6_BOARD_REGISTER(0x49303008)
#define UART_INTERRUPT N6_BOARD_REGISTER(0x4930300C)
#define UART_DIVIDER N6_BOARD_REGISTER(0x49303010)
#define NVIC_ENABLE_1 N6_BOARD_REGISTER(0xE000E104) /* interrupts 32 to 63 */

enum {
    STATE_TX_FULL = 1,
    STATE_RX_FULL = 2,
    CONTROL_TX = 1,
    CONTROL_RX = 2,
    CONTROL_TX_INTERRUPT = 4,
    CONTROL_RX_INTERRUPT = 8,
    INTERRUPT_TX = 1,
    INTERRUPT_RX = 2,
    RING_MASK = N6_BOARD_UART_RING - 1,
};
_Static_assert((N6_BOARD_UART_RING & RING_MASK) == 0, "the ring's size has to be a power of two");

static uint8_t ring[N6_BOARD_UART_RING];
static volatile uint32_t head;
static volatile uint32_t tail;

static uint32_t divider(uint32_t baud)
{
    return (N6_BOARD_UART_HZ + baud / 2) / baud;
}

int n6_uart_set_baud(uint32_t baud)
{
    if (!n6_uart_can_send()) {
        return 0;
    }
    UART_DIVIDER = divider(baud);
    return 1;
}

void n6_uart_init(void)
{
    UART_DIVIDER = divider(N6_BOARD_BAUD);
    UART_CONTROL = CONTROL_TX | CONTROL_RX | CONTROL_TX_INTERRUPT | CONTROL_RX_INTERRUPT;
    NVIC_ENABLE_1 = 1u << (N6_BOARD_IRQ_UART0_RX - 32) | 1u << (N6_BOARD_IRQ_UART0_TX - 32);
}

void n6_uart_rx_handler(void)
{
    UART_INTERRUPT = INTERRUPT_RX;
    while (UART_STATE & STATE_RX_FULL) {
        if (head - tail == N6_BOARD_UART_RING) {
            UART_CONTROL &= ~(uint32_t)CONTROL_RX_INTERRUPT;
            return;
        }
        ring[head & RING_MASK] = (uint8_t)UART_DATA;
        head++;
    }
}

void n6_uart_tx_handler(void)
{
    UART_INTERRUPT = INTERRUPT_TX;
}

int n6_uart_has_received(void)
{
    return head != tail;
}

int n6_uart_can_send(void)
{
    return !(UART_STATE & STATE_TX_FULL);
}

/* Unmasks the interrupt, and reads the byte that has waited in the hardware. */
static void resume(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    UART_CONTROL |= CONTROL_RX_INTERRUPT;
    n6_uart_rx_handler();
    __asm__ volatile("cpsie i" ::: "memory");
}

size_t n6_uart_read(uint8_t *to, size_t size)
{
    size_t count = 0;
    while (count < size && tail != head) {
        size_t run = head - tail;
        size_t to_end = N6_BOARD_UART_RING - (tail & RING_MASK);
        if (run > to_end) {
            run = to_end;
        }
        if (run > size - count) {
            run = size - count;
        }
        memcpy(to + count, ring + (tail & RING_MASK), run);
        tail += (uint32_t)run;
        count += run;
    }
    if (!(UART_CONTROL & CONTROL_RX_INTERRUPT) && head - tail < N6_BOARD_UART_RING) {
        resume();
    }
    return count;
}

size_t n6_uart_write(const uint8_t *from, size_t size)
{
    size_t count = 0;
    while (count < size && n6_uart_can_send()) {
        UART_DATA = from[count++];
    }
    return count;
}
