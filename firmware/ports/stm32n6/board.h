/*
 * board.h - STM32N6570-DK and NUCLEO-N657X0-Q, on the HAL and BSP of STM32CubeN6.
 *
 *   startup.c    vectors, memory, faults, reset
 *   bringup.c    clocks, supply, memories, isolation, the NPU and its caches; what the chip is
 *   clock.c      the CPU's cycle counter as the device clock; sleeping
 *   crc.c        the CRC unit
 *   uart.c       USART1 on the ST-Link's virtual COM port   (one of the two is linked,
 *   usb.c        USB CDC by TinyUSB                          both are the functions link_*)
 *   libc.c       what newlib asks for
 *   text.c       lines of text without printf
 *   main.c       memory, the port, the main loop
 *
 * Nothing outside of this folder and of npu/ll_aton.c knows of the HAL or of LL_ATON.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "n6_protocol.h"

enum {
    BOARD_FAULT_TEXT = 192,
    BOARD_STAGE_TEXT = 48,
    BOARD_CACHE_LINE = 32, /* of the CPU's data cache */
    BOARD_WATCHDOG_MS = 8000,
    BOARD_START_MS =
        30000, /* for one stage of start-up: a flash that is silent takes several time-outs of ST's HAL */
};

/* ---- startup.c */

/* Why the board started, and the text of the fault if it was one; NULL if not. Needs the HAL. */
n6_reset_cause_t board_reset_cause(const char **fault_record);
_Noreturn void board_restart(void);
/* What start-up does from now on, in a few words; NULL: it is over. Feeds the watchdog. */
void board_stage(const char *stage);
/* 1 if the watchdog ended the last start while it was in this stage. */
int board_hung_in(const char *stage);
/* How the last start ended before it was over, or NULL. It needs no second try before a power-off. */
const char *board_start_failed(void);
/* As a fault: the text is kept over the restart that follows. */
_Noreturn void board_fault(const char *text);
/* Bytes of the RAM that holds the image. */
uint32_t board_ram_total(void);
/* Memory to give away: what the image leaves of its RAM, and external memory, NULL if none. */
uint8_t *board_inner_memory(size_t *size);
uint8_t *board_outer_memory(size_t *size);
/* Interrupt handlers of the other files; the names are those of the vector table. */
void SysTick_Handler(void);
void USART1_IRQHandler(void);
void GPDMA1_Channel0_IRQHandler(void);
void GPDMA1_Channel1_IRQHandler(void);
void USB1_OTG_HS_IRQHandler(void);
void NPU0_IRQHandler(void);

/* ---- bringup.c */

/* Watchdog, caches, clocks: what the link needs. NULL, or what failed. */
const char *bringup_clocks(void);
/* NPU, memories, isolation. NULL, or what failed: then only the link works. */
const char *bringup(void);
/* NULL, or what is slower than it could be, and why. */
const char *bringup_remark(void);
void bringup_info(n6_info_reply_t *info);
void bringup_unique_id(uint8_t to[16]);
/* Random, or as near as the chip gets. */
uint64_t bringup_nonce(void);
/* Also to change the time. */
void watchdog_start(uint32_t milliseconds);
void watchdog_feed(void);

/* ---- clock.c */

void clock_init(void);
uint64_t clock_hz(void);
/* CPU cycles since the start. Also from interrupts. */
uint64_t clock_now(void);
/* Sleeps until an event, at most a millisecond. Does not sleep if that would stop the clock. */
void clock_wait(void);
int clock_sleeps(void);

/* ---- crc.c */

/* 1 if the CRC unit computes zlib's CRC-32. */
int crc_init(void);
uint32_t crc_unit(uint32_t crc, const void *data, size_t size);

/* ---- text.c: puts text at a place, not beyond the end, and returns the place after it */

char *text_put(char *at, const char *end, const char *text);
char *text_number(char *at, const char *end, const char *before, size_t number);
char *text_hex(char *at, const char *end, const char *before, uint32_t number);

/* ---- uart.c, usb.c */

enum {
    LINK_CHUNK_UART = 2048, /* 22 ms at 921600 baud: what a control frame waits for at most */
    LINK_CHUNK_USB = 8192,
};

/* 0, or negative. */
int link_init(void);
/* Bytes that may arrive while nobody looks, frame overhead already taken off. */
uint32_t link_window(void);
uint16_t link_chunk(void);
uint32_t link_baud(void);
/* Takes up to size received bytes; returns how many. */
size_t link_read(uint8_t *to, size_t size);
/* Takes up to size bytes for sending; returns how many. */
size_t link_write(const uint8_t *from, size_t size);
/* 1 once after another program has opened the other end; until then nothing of it is read. */
int link_reopened(void);

#endif
