/*
 * tusb_config.h - TinyUSB for usb.c: one CDC device on the high-speed port; the CPU moves the
 * packets.
 */
#ifndef N6_TUSB_CONFIG_H
#define N6_TUSB_CONFIG_H

#define CFG_TUSB_MCU OPT_MCU_STM32N6
#define CFG_TUSB_OS OPT_OS_NONE
#define CFG_TUSB_DEBUG 0
#define CFG_TUSB_RHPORT0_MODE (OPT_MODE_DEVICE | OPT_MODE_HIGH_SPEED)

#define CFG_TUD_ENABLED 1
#define CFG_TUD_MAX_SPEED OPT_MODE_HIGH_SPEED
#define CFG_TUD_DWC2_SLAVE_ENABLE 1
#define CFG_TUD_DWC2_DMA_ENABLE 0
#define CFG_TUD_ENDPOINT0_SIZE 64

#define CFG_TUD_CDC 1
#define CFG_TUD_CDC_RX_BUFSIZE 16384
#define CFG_TUD_CDC_TX_BUFSIZE 16384

#endif
