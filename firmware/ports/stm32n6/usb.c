/*
 * usb.c - the link as a USB CDC device on the high-speed port, with TinyUSB.
 *
 * The controller moves packets through its own FIFO (no DMA), so caches and isolation are not
 * relevant. TinyUSB runs in the main loop: each use of the link calls tud_task(). A host that opens
 * the port raises DTR, which is reported to the core as a new link. Without a reader, bytes to send
 * are dropped, as on a UART.
 *
 * The ports of both boards have a TCPP03 between the connector and the chip. Its enable pin is low
 * after reset; it is set here, and a command by I2C starts the TCPP03, as in ST's BSP and in TinyUSB's
 * boards. The error of a TCPP03 that does not answer is ignored: its data lines work without.
 *
 * At full speed each transfer is one that is not a multiple of a packet of 64 bytes: a host waits
 * for more after one that is, until a packet of 0 bytes comes, which TinyUSB sent only for multiples
 * of 512 in a device for high speed (fixed in 2026). At high speed TinyUSB sends it.
 *
 * The PHY requires 24 MHz, half of the 48 MHz crystal; its control register must be set before its
 * reset ends.
 */
#include "board.h"

#include <string.h>

#include "stm32n6xx_hal.h"
#include "tusb.h"

enum {
    RHPORT = 0,
    PRIORITY = 5,
    SUPPLY_MS = 100,
    PHY_REFERENCE_MASK = 7 << 4,
    PHY_REFERENCE_24_MHZ = 2 << 4,
    PHY_ON = 1 << 16 | 1 << 2 | 1, /* as in ST's and TinyUSB's examples */
    PACKET = 64,                   /* at full speed */
    TRANSFER = 8 * PACKET - 1,     /* of at most TinyUSB's buffer of an endpoint */
    TCPP_ADDRESS = 0x68,           /* as HAL has it: seven bits and 0 */
    TCPP_CONTROL = 0,
    TCPP_NORMAL = 1 << 4, /* power mode; all switches as after reset, no VBUS from here */
    TCPP_MS = 10,
    TCPP_AWAKE_MS = 2,
    NOTIFY = 0x81,
    OUT = 0x02,
    IN = 0x82,
    CONFIG_SIZE = TUD_CONFIG_DESC_LEN + TUD_CDC_DESC_LEN,
};

#if defined(N6_BOARD_DK)
#define TCPP_ENABLE GPIO_PIN_4 /* of port A, on both boards */
#define TCPP_SCL_PORT GPIOD
#define TCPP_SCL GPIO_PIN_14
#define TCPP_SDA_PORT GPIOD
#define TCPP_SDA GPIO_PIN_4
#else
#define TCPP_ENABLE GPIO_PIN_7
#define TCPP_SCL_PORT GPIOB
#define TCPP_SCL GPIO_PIN_10
#define TCPP_SDA_PORT GPIOB
#define TCPP_SDA GPIO_PIN_11
#endif
/* 100 kHz from 200 MHz, less from less: prescaler 16, 51 ticks high, 63 low, 9 and 4 of set-up. */
#define TCPP_TIMING 0xF084323Eu

/* As HALs before 1.3 name it. */
#ifdef RCC_USBPHY1REFCLKSOURCE_HSE_DIRECT_DIV2
#define PHY_SOURCE RCC_USBPHY1REFCLKSOURCE_HSE_DIRECT_DIV2
#else
#define PHY_SOURCE RCC_USBPHY1CLKSOURCE_HSE_DIRECT_DIV2
#endif

static volatile uint8_t opened;
static uint8_t in_flight; /* full speed: a transfer to the host */

/* ---- descriptors ---- */

static const tusb_desc_device_t device = {
    .bLength = sizeof(tusb_desc_device_t),
    .bDescriptorType = TUSB_DESC_DEVICE,
    .bcdUSB = 0x0200,
    .bDeviceClass = TUSB_CLASS_MISC,
    .bDeviceSubClass = MISC_SUBCLASS_COMMON,
    .bDeviceProtocol = MISC_PROTOCOL_IAD,
    .bMaxPacketSize0 = CFG_TUD_ENDPOINT0_SIZE,
    .idVendor = N6_USB_VID,
    .idProduct = N6_USB_PID,
    .bcdDevice = 0x0100,
    .iManufacturer = 1,
    .iProduct = 2,
    .iSerialNumber = 3,
    .bNumConfigurations = 1,
};

static const tusb_desc_device_qualifier_t qualifier = {
    .bLength = sizeof(tusb_desc_device_qualifier_t),
    .bDescriptorType = TUSB_DESC_DEVICE_QUALIFIER,
    .bcdUSB = 0x0200,
    .bDeviceClass = TUSB_CLASS_MISC,
    .bDeviceSubClass = MISC_SUBCLASS_COMMON,
    .bDeviceProtocol = MISC_PROTOCOL_IAD,
    .bMaxPacketSize0 = CFG_TUD_ENDPOINT0_SIZE,
    .bNumConfigurations = 1,
};

static const uint8_t high_speed[] = {
    TUD_CONFIG_DESCRIPTOR(1, 2, 0, CONFIG_SIZE, 0, 100),
    TUD_CDC_DESCRIPTOR(0, 0, NOTIFY, 8, OUT, IN, 512),
};

static const uint8_t full_speed[] = {
    TUD_CONFIG_DESCRIPTOR(1, 2, 0, CONFIG_SIZE, 0, 100),
    TUD_CDC_DESCRIPTOR(0, 0, NOTIFY, 8, OUT, IN, 64),
};

static int is_high_speed(void)
{
    return tud_speed_get() == TUSB_SPEED_HIGH;
}

const uint8_t *tud_descriptor_device_cb(void)
{
    return (const uint8_t *)&device;
}

const uint8_t *tud_descriptor_device_qualifier_cb(void)
{
    return (const uint8_t *)&qualifier;
}

const uint8_t *tud_descriptor_configuration_cb(uint8_t index)
{
    (void)index;
    return is_high_speed() ? high_speed : full_speed;
}

const uint8_t *tud_descriptor_other_speed_configuration_cb(uint8_t index)
{
    static uint8_t other[CONFIG_SIZE];

    (void)index;
    memcpy(other, is_high_speed() ? full_speed : high_speed, sizeof other);
    other[1] = TUSB_DESC_OTHER_SPEED_CONFIG;
    return other;
}

const uint16_t *tud_descriptor_string_cb(uint8_t index, uint16_t language)
{
    static uint16_t text[33];
    const uint32_t id[3] = {HAL_GetUIDw0(), HAL_GetUIDw1(), HAL_GetUIDw2()};
    const char *from = index == 1 ? "n6link" : "n6link STM32N6";
    size_t length = 0;

    (void)language;
    if (index == 0) {
        text[++length] = 0x0409; /* English */
    } else if (index == 3) {
        /* The unique id as in INFO: the host can find the board by both. */
        for (; length < 24; length++) {
            const unsigned pair = ((const uint8_t *)id)[length / 2];

            text[1 + length] =
                (uint16_t)"0123456789ABCDEF"[length % 2 != 0 ? pair & 15u : pair >> 4];
        }
    } else {
        for (; from[length] != '\0'; length++) {
            text[1 + length] = (uint16_t)from[length];
        }
    }
    text[0] = (uint16_t)(TUSB_DESC_STRING << 8 | (2 * length + 2));
    return text;
}

void tud_cdc_line_state_cb(uint8_t interface, bool dtr, bool rts)
{
    (void)interface;
    (void)rts;
    if (dtr) {
        opened = 1;
    }
}

void tud_cdc_tx_complete_cb(uint8_t interface)
{
    (void)interface;
    in_flight = 0;
}

uint32_t tusb_time_millis_api(void)
{
    return HAL_GetTick();
}

/* ---- link ---- */

void USB1_OTG_HS_IRQHandler(void)
{
    tusb_int_handler(RHPORT, true);
}

static int start_phy(void)
{
    RCC_PeriphCLKInitTypeDef clocks = {0};

    __HAL_RCC_PWR_CLK_ENABLE();
    HAL_PWREx_EnableVddUSBVMEN();
    for (uint32_t since = HAL_GetTick(); __HAL_PWR_GET_FLAG(PWR_FLAG_USB33RDY) == 0;) {
        if (HAL_GetTick() - since > SUPPLY_MS) {
            return -1;
        }
    }
    HAL_PWREx_EnableVddUSB();

    clocks.PeriphClockSelection = RCC_PERIPHCLK_USBOTGHS1 | RCC_PERIPHCLK_USBPHY1;
    clocks.UsbOtgHs1ClockSelection = RCC_USBOTGHS1CLKSOURCE_HSE_DIRECT_DIV2;
    clocks.UsbPhy1ClockSelection = PHY_SOURCE;
    if (HAL_RCCEx_PeriphCLKConfig(&clocks) != HAL_OK) {
        return -1;
    }

    __HAL_RCC_USB1_OTG_HS_CTL_FORCE_RESET();
    __HAL_RCC_USB1_OTG_HS_FORCE_RESET();
    __HAL_RCC_USB1_OTG_HS_PHY_FORCE_RESET();
    __HAL_RCC_USB1_OTG_HS_CTL_RELEASE_RESET();
    __HAL_RCC_USB1_OTG_HS_CLK_ENABLE();
    HAL_Delay(1);
    MODIFY_REG(USB1_HS_PHYC->USBPHYC_CR, (uint32_t)PHY_REFERENCE_MASK,
               (uint32_t)(PHY_REFERENCE_24_MHZ | PHY_ON));
    __HAL_RCC_USB1_OTG_HS_PHY_RELEASE_RESET();
    HAL_Delay(1);
    __HAL_RCC_USB1_OTG_HS_RELEASE_RESET();
    __HAL_RCC_USB1_OTG_HS_PHY_CLK_ENABLE();
    return 0;
}

static void start_protection(void)
{
    I2C_HandleTypeDef bus = {0};
    GPIO_InitTypeDef pins = {0};
    uint8_t mode = TCPP_NORMAL;

    __HAL_RCC_GPIOA_CLK_ENABLE();
    __HAL_RCC_GPIOB_CLK_ENABLE();
    __HAL_RCC_GPIOD_CLK_ENABLE();
    pins.Pin = TCPP_ENABLE;
    pins.Mode = GPIO_MODE_OUTPUT_PP;
    pins.Pull = GPIO_NOPULL;
    pins.Speed = GPIO_SPEED_FREQ_LOW;
    HAL_GPIO_Init(GPIOA, &pins);
    HAL_GPIO_WritePin(GPIOA, TCPP_ENABLE, GPIO_PIN_SET);
    HAL_Delay(TCPP_AWAKE_MS);

    pins.Mode = GPIO_MODE_AF_OD;
    pins.Alternate = GPIO_AF4_I2C2;
    pins.Pin = TCPP_SCL;
    HAL_GPIO_Init(TCPP_SCL_PORT, &pins);
    pins.Pin = TCPP_SDA;
    HAL_GPIO_Init(TCPP_SDA_PORT, &pins);
    __HAL_RCC_I2C2_CLK_ENABLE();
    bus.Instance = I2C2;
    bus.Init.Timing = TCPP_TIMING;
    bus.Init.AddressingMode = I2C_ADDRESSINGMODE_7BIT;
    if (HAL_I2C_Init(&bus) == HAL_OK) {
        (void)HAL_I2C_Mem_Write(&bus, TCPP_ADDRESS, TCPP_CONTROL, I2C_MEMADD_SIZE_8BIT, &mode, 1,
                                TCPP_MS);
    }
}

int link_init(void)
{
    const tusb_rhport_init_t init = {.role = TUSB_ROLE_DEVICE, .speed = TUSB_SPEED_HIGH};

    start_protection();
    if (start_phy() != 0) {
        return -1;
    }
    HAL_NVIC_SetPriority(USB1_OTG_HS_IRQn, PRIORITY, 0);
    return tusb_rhport_init(RHPORT, &init) ? 0 : -1;
}

size_t link_read(uint8_t *to, size_t size)
{
    tud_task();
    return opened ? 0 : tud_cdc_read(to, (uint32_t)size);
}

size_t link_write(const uint8_t *from, size_t size)
{
    tud_task();
    if (!tud_cdc_connected()) {
        in_flight = 0;
        return size;
    }
    if (!is_high_speed()) {
        if (in_flight) {
            return 0;
        }
        size = size > TRANSFER ? TRANSFER : size;
        size -= size > 0 && size % PACKET == 0 ? 1u : 0u;
        in_flight = 1;
    }
    uint32_t taken = tud_cdc_write(from, (uint32_t)size);
    (void)tud_cdc_write_flush();
    return taken;
}

int link_reopened(void)
{
    int was = opened;
    opened = 0;
    return was;
}

uint32_t link_window(void)
{
    /* Bytes that do not fit TinyUSB's buffer wait in the host: USB has its own flow control. */
    return 8u * LINK_CHUNK_USB;
}

uint16_t link_chunk(void)
{
    return LINK_CHUNK_USB;
}

uint32_t link_baud(void)
{
    return 0;
}

uint32_t link_clock(void)
{
    return 0;
}

int link_set_baud(uint32_t baud)
{
    (void)baud;
    return 1;
}
