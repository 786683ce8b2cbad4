/*
 * board.h - STM32N6570-DK and NUCLEO-N657X0-Q, with the HAL and BSP of STM32CubeN6.
 *
 *   startup.c    vectors, memory, faults, reset
 *   watchdog.c   the watchdog
 *   bringup.c    clocks, supply, memories, isolation, the NPU and its caches; chip data
 *   clock.c      the CPU's cycle counter as the device clock; sleep
 *   crc.c        the CRC unit
 *   uart.c       USART1 on the ST-Link's virtual COM port   (one of the two is linked,
 *   usb.c        USB CDC by TinyUSB                          both have the functions link_*)
 *   libc.c       functions that newlib requires
 *   text.c       lines of text without printf
 *   main.c       memory, the port, the main loop
 *
 * Only this folder and npu/ll_aton.c use the HAL and LL_ATON.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "n6_protocol.h"

enum {
    BOARD_FAULT_TEXT = 192,
    BOARD_STAGE_TEXT = 48,
    BOARD_CACHE_LINE = 32, /* cache line of the CPU's data cache */
    BOARD_WATCHDOG_MS = 8000,
    BOARD_START_MS = 30000, /* for one stage of start-up: ST's HAL may wait for silent flash */
};

/* ---- startup.c */

/*
 * Reason of the last start, with the text of the fault; NULL if there was no fault. Requires the
 * HAL.
 */
n6_reset_cause_t board_reset_cause(const char **fault_record);
_Noreturn void board_restart(void);
/*
 * Name of the stage of start-up that begins, in a few words; NULL: start-up is complete. Feeds the
 * watchdog.
 */
void board_stage(const char *stage);
/* 1 if the watchdog ended the last start in this stage; then this is not a failed start any longer. */
int board_hung_in(const char *stage);
/* How the last start failed, or NULL. Then start-up must not be tried again before a power-off. */
const char *board_start_failed(void);
/* Handled like a fault: the text is kept during the restart that follows. */
_Noreturn void board_fault(const char *text);
/* Size of the RAM with the image. */
uint32_t board_ram_total(void);
/* Memory for the core: the free part of the image's RAM, and external memory, NULL if none. */
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

/* Watchdog, caches, clocks: required for the link. Returns NULL, or the part that has failed. */
const char *bringup_clocks(void);
/* NPU, memories, isolation. Returns NULL, or the part that has failed: then only the link works. */
const char *bringup(void);
/* NULL, or the part that is slower than possible, and the reason. */
const char *bringup_remark(void);
void bringup_info(n6_info_reply_t *info);
void bringup_unique_id(uint8_t to[16]);
/* Random, as far as the chip supports it. */
uint64_t bringup_nonce(void);

/* ---- watchdog.c */

/* Also used to change the time. */
void watchdog_start(uint32_t milliseconds);
void watchdog_feed(void);

/* ---- clock.c */

void clock_init(void);
uint64_t clock_hz(void);
/* CPU cycles since the start. May be called by interrupts. */
uint64_t clock_now(void);
/* Sleeps until an event, at most a millisecond. Does not sleep if this would stop the clock. */
void clock_wait(void);
int clock_sleeps(void);

/* ---- crc.c */

/* 1 if the CRC unit computes zlib's CRC-32. */
int crc_init(void);
uint32_t crc_unit(uint32_t crc, const void *data, size_t size);

/* ---- text.c: writes text at a place, not beyond the end, and returns the place after it */

char *text_put(char *at, const char *end, const char *text);
char *text_number(char *at, const char *end, const char *before, size_t number);
char *text_hex(char *at, const char *end, const char *before, uint32_t number);

/* ---- uart.c, usb.c */

enum {
    LINK_CHUNK_UART = 2048, /* 22 ms at 921600 baud: the maximum delay of a control frame */
    LINK_CHUNK_USB = 8192,
};

/* Returns 0 or a negative value. */
int link_init(void);
/* Number of bytes that can be stored between two calls, without frame overhead. */
uint32_t link_window(void);
uint16_t link_chunk(void);
uint32_t link_baud(void);
/* The clock that the line's rate is divided from, by 16 at least; 0 = the line does not have a rate. */
uint32_t link_clock(void);
/* Sets the rate. Returns 0, and changes nothing, while bytes are leaving. */
int link_set_baud(uint32_t baud);
/* Reads up to size received bytes. Returns their number. */
size_t link_read(uint8_t *to, size_t size);
/* Accepts up to size bytes for sending. Returns their number. */
size_t link_write(const uint8_t *from, size_t size);
/*
 * 1, once, after another program has opened the other end; received bytes are not read before this call.
 */
int link_reopened(void);

#endif
