/*
 * program.c - small programs of our own for the models of firmware/emulation: no HAL, no C library.
 *
 * A test writes `mode` before it starts the program, and reads `result` afterwards. Each mode ends in
 * a WFI loop.
 */
#include <stdint.h>

#define WORD(address) (*(volatile uint32_t *)(address))

enum {
    MODE_TICKS,
    MODE_FAULT,
    MODE_NPU,
    MODE_ECHO,
    MODE_WATCHDOG,
    MODE_SHARED,
    MODE_WFE,
    MODE_RATE
};
enum {
    SYST_CSR = 0xE000E010,
    SYST_RVR = 0xE000E014,
    VTOR = 0xE000ED08,
    CPACR = 0xE000ED88,
    CCR = 0xE000ED14,
    CFSR = 0xE000ED28,
    BFAR = 0xE000ED38,
    CLEAN = 0xE000EF68,
    ISER = 0xE000E100,
    RCC = 0x56028000,
    NPU = 0x580E0000,
    USART = 0x52001000,
    DMA = 0x50021000,
    IWDG = 0x56004800,
    RING = 64,
};

volatile uint32_t mode __attribute__((section(".data"))) = MODE_TICKS;
volatile uint32_t result[8] __attribute__((section(".data"))) = {0};
volatile uint8_t ring[RING] __attribute__((section(".data"), aligned(32))) = {0};
volatile uint32_t node[8] __attribute__((section(".data"), aligned(32))) = {0};
volatile uint8_t out[64] __attribute__((section(".data"), aligned(32))) = {0};

void reset(void);
void hard_fault(void);
void tick(void);
void receive(void);

typedef void (*vector_t)(void);
__attribute__((section(".isr_vector"), used)) const vector_t g_pfnVectors[16 + 195] = {
    (vector_t)0x34080000, reset, [3] = hard_fault, [15] = tick, [16 + 84] = receive,
};

void tick(void)
{
    volatile float other = (float)result[0];
    result[0]++;
    result[1] = (uint32_t)(other * 2.0f);
}

void receive(void)
{
    result[6]++;
    WORD(DMA + 0x5C) = 0x7F00;
}

void hard_fault(void)
{
    result[0] = WORD(CFSR);
    result[1] = WORD(BFAR);
    for (;;) {
        __asm__ volatile("wfi");
    }
}

static void ticks(void)
{
    float sum = 0.0f;

    WORD(SYST_RVR) = 1999;
    WORD(SYST_CSR) = 7;
    for (uint32_t i = 0; i < 20000; i++) {
        sum += (float)(i & 7u);
    }
    result[2] = (uint32_t)sum;
}

static void npu(void)
{
    result[0] = WORD(NPU + 4);
    WORD(RCC + 0xA60) = 1u << 31;
    result[1] = WORD(NPU + 4);
}

static void start_ring(void)
{
    WORD(RCC + 0xA50) = 1u << 4;
    WORD(RCC + 0xA6C) = 1u << 4;
    WORD(RCC + 0xA90) = 1u << 4;
    WORD(RCC + 0xAAC) = 1u << 4;
    WORD(DMA) = 3;
    node[0] = 0x80080000u;
    node[1] = 107;
    node[2] = RING;
    node[3] = USART + 0x24;
    node[4] = (uint32_t)(uintptr_t)ring;
    node[5] = 0xF8010000u | ((uint32_t)(uintptr_t)node & 0xFFFCu);
    WORD(DMA + 0x50) = (uint32_t)(uintptr_t)node & 0xFFFF0000u;
    WORD(DMA + 0xCC) = node[5];
    WORD(DMA + 0x64) = 0x701;
    WORD(USART + 0x0C) = 64000000 / 921600;
    WORD(USART + 0x08) = 1u << 6 | 1u << 7;
    WORD(USART) = 0xD;
}

static void echo(void)
{
    start_ring();
    WORD(ISER + 8) = 1u << 20;
    __asm__ volatile("cpsie i");
    for (uint32_t tail = 0;;) {
        uint32_t head = (RING - (WORD(DMA + 0x98) & 0xFFFFu)) % RING;
        if (head == tail) {
            continue;
        }
        WORD(USART + 0x28) = ring[tail];
        tail = (tail + 1) % RING;
        result[5]++;
    }
}

static void watchdog(void)
{
    WORD(IWDG) = 0xCCCC;
    WORD(IWDG) = 0x5555;
    WORD(IWDG + 8) = 9;
    for (;;) {
        result[0]++;
    }
}

static void fill_out(void)
{
    for (uint32_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(i + 1);
    }
}

static void send_out(void)
{
    WORD(DMA + 0x110) = 0x8008u;
    WORD(DMA + 0x114) = 108;
    WORD(DMA + 0x118) = sizeof out;
    WORD(DMA + 0x11C) = (uint32_t)(uintptr_t)out;
    WORD(DMA + 0x120) = USART + 0x28;
    WORD(DMA + 0xE4) = 1;
}

/* result[7] says whether the buffer is cleaned before the DMA sends it. */
static void shared(void)
{
    WORD(CCR) |= 1u << 16;
    start_ring();
    fill_out();
    for (uint32_t i = 0; result[7] && i < sizeof out; i += 32) {
        WORD(CLEAN) = (uint32_t)(uintptr_t)&out[i];
    }
    send_out();
    WORD(DMA + 0x118) = 1;
}

/* Another rate after the end of the DMA; result[7] says whether the last bytes have left before. */
static void rate(void)
{
    start_ring();
    fill_out();
    send_out();
    while (WORD(DMA + 0x118) & 0xFFFFu) {
    }
    while (result[7] && !(WORD(USART + 0x1C) & 1u << 6)) {
    }
    WORD(USART) = 0xC;
    WORD(USART + 0x0C) = 64000000 / 2000000;
    WORD(USART) = 0xD;
    WORD(USART + 0x28) = 'x';
    result[0] = 1;
}

static void wait_for_events(void)
{
    WORD(SYST_RVR) = 639999;
    WORD(SYST_CSR) = 7;
    for (uint32_t i = 0; i < 5; i++) {
        __asm__ volatile("wfe");
        result[3]++;
    }
}

void reset(void)
{
    WORD(VTOR) = (uint32_t)(uintptr_t)g_pfnVectors;
    if (mode != MODE_FAULT) {
        WORD(CPACR) = 0xF00000;
    }
    __asm__ volatile("dsb\nisb");
    switch (mode) {
    case MODE_TICKS:
        ticks();
        break;
    case MODE_FAULT:
        result[2] = WORD(0x20000000);
        break;
    case MODE_NPU:
        npu();
        break;
    case MODE_ECHO:
        echo();
        break;
    case MODE_WATCHDOG:
        watchdog();
        break;
    case MODE_SHARED:
        shared();
        break;
    case MODE_RATE:
        rate();
        break;
    default:
        wait_for_events();
        break;
    }
    for (;;) {
        __asm__ volatile("wfi");
    }
}
