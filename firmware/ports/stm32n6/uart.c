/*
 * uart.c - the link on USART1 (PE5 transmit, PE6 receive), the ST-Link's virtual COM port.
 *
 * Receiving    One DMA channel writes a ring without end; its list has one node that follows
 * itself.
 *              The channel's counter contains its position. Interrupts at half, full and idle line
 *              only wake the main loop. The ring is never stopped: the USART does not report
 *              overruns, and framing errors do not stop the DMA; the protocol detects damaged
 *              bytes. If the channel itself fails, it is started again. The DMA writes memory, not
 *              the CPU's cache, so the cache lines are invalidated before they are read.
 *
 * Sending      Two buffers are used alternately: one is sent by DMA while the other is filled, and
 *              the interrupt at the end of one starts the other. The core's memory is free as soon
 *              as it was copied.
 *
 * Rate         link_set_baud() waits until the last bit has left, so that the answer to RATE is complete. The DMA of the
 *              receiver goes on: no byte arrives meanwhile. That it needs no restart was not seen on a board.
 *
 * Both channels are secure, because memory requires it. The compartment register that secure() also
 * writes is documented only for HPDMA1: whether GPDMA1 uses it is not known.
 */
#include "board.h"

#include <string.h>

#include "stm32n6xx_hal.h"

enum {
    RING = 32768,
    SEND = 2048,
    /*
     * The ring has room for a window of chunks with their frames' overhead, and for the requests in
     * between.
     */
    WINDOW = RING / LINK_CHUNK_UART * LINK_CHUNK_UART * 3 / 4,
    PRIORITY = 5,
};

static uint8_t ring[RING] __attribute__((aligned(BOARD_CACHE_LINE)));
static uint32_t tail;
static UART_HandleTypeDef usart;
static DMA_HandleTypeDef receiver;
static DMA_HandleTypeDef sender;
static DMA_QListTypeDef list;
static DMA_NodeTypeDef node __attribute__((aligned(BOARD_CACHE_LINE)));
static volatile uint8_t restarted;

static struct {
    uint8_t bytes[SEND] __attribute__((aligned(BOARD_CACHE_LINE)));
    uint32_t level;
} out[2];
static volatile uint8_t filling;
static volatile uint8_t sending;

/* ---- receiving ---- */

static void on_received(DMA_HandleTypeDef *channel)
{
    (void)channel; /* the interrupt has woken the main loop */
}

static void on_receive_error(DMA_HandleTypeDef *channel)
{
    restarted = 1;
    receiver.Instance->CBR1 =
        0; /* otherwise it would continue at its old position, and not at the start of its ring */
    (void)HAL_DMAEx_List_Start_IT(channel);
}

static int start_receiver(void)
{
    DMA_NodeConfTypeDef config = {0};
    DMA_InitTypeDef *init = &config.Init;

    receiver.Instance = GPDMA1_Channel0;
    receiver.InitLinkedList.Priority = DMA_HIGH_PRIORITY;
    receiver.InitLinkedList.LinkStepMode = DMA_LSM_FULL_EXECUTION;
    receiver.InitLinkedList.LinkAllocatedPort = DMA_LINK_ALLOCATED_PORT0;
    receiver.InitLinkedList.TransferEventMode = DMA_TCEM_BLOCK_TRANSFER;
    receiver.InitLinkedList.LinkedListMode = DMA_LINKEDLIST_CIRCULAR;

    config.NodeType = DMA_GPDMA_LINEAR_NODE;
    init->Request = GPDMA1_REQUEST_USART1_RX;
    init->BlkHWRequest = DMA_BREQ_SINGLE_BURST;
    init->Direction = DMA_PERIPH_TO_MEMORY;
    init->SrcInc = DMA_SINC_FIXED;
    init->DestInc = DMA_DINC_INCREMENTED;
    init->SrcDataWidth = DMA_SRC_DATAWIDTH_BYTE;
    init->DestDataWidth = DMA_DEST_DATAWIDTH_BYTE;
    init->SrcBurstLength = 1;
    init->DestBurstLength = 1;
    init->TransferAllocatedPort = DMA_SRC_ALLOCATED_PORT1 | DMA_DEST_ALLOCATED_PORT0;
    init->TransferEventMode = DMA_TCEM_BLOCK_TRANSFER;
    init->Mode = DMA_NORMAL;
    config.DataHandlingConfig.DataExchange = DMA_EXCHANGE_NONE;
    config.DataHandlingConfig.DataAlignment = DMA_DATA_RIGHTALIGN_ZEROPADDED;
    config.TriggerConfig.TriggerPolarity = DMA_TRIG_POLARITY_MASKED;
    config.SrcSecure = DMA_CHANNEL_SRC_SEC;
    config.DestSecure = DMA_CHANNEL_DEST_SEC;
    config.SrcAddress = (uint32_t)(uintptr_t)&USART1->RDR;
    config.DstAddress = (uint32_t)(uintptr_t)ring;
    config.DataSize = RING;

    if (HAL_DMAEx_List_Init(&receiver) != HAL_OK ||
        HAL_DMAEx_List_BuildNode(&config, &node) != HAL_OK ||
        HAL_DMAEx_List_InsertNode_Tail(&list, &node) != HAL_OK ||
        HAL_DMAEx_List_SetCircularMode(&list) != HAL_OK ||
        HAL_DMAEx_List_LinkQ(&receiver, &list) != HAL_OK) {
        return -1;
    }
    SCB_CleanDCache_by_Addr((volatile void *)&node, (int32_t)sizeof node);
    SCB_CleanInvalidateDCache_by_Addr((volatile void *)ring, RING);
    return 0;
}

/*
 * End of the readable part of the ring. The counter may be ahead of memory by the byte that is
 * being written. The last byte is therefore not read until the counter is unchanged between two
 * readings. The interrupt of the idle line wakes the main loop for the second reading.
 */
static uint32_t head(void)
{
    static uint32_t seen;
    uint32_t now = (RING - __HAL_DMA_GET_COUNTER(&receiver)) % RING;
    uint32_t safe = now == seen || now == tail ? now : (now + RING - 1u) % RING;

    seen = now;
    return safe;
}

size_t link_read(uint8_t *to, size_t size)
{
    size_t total = 0;

    if (restarted) {
        restarted = 0;
        tail = 0;
    }
    for (uint32_t end = head(); total < size && tail != end;) {
        size_t count = (end > tail ? end : (uint32_t)RING) - tail;
        if (count > size - total) {
            count = size - total;
        }
        SCB_InvalidateDCache_by_Addr((volatile void *)&ring[tail], (int32_t)count);
        memcpy(to + total, &ring[tail], count);
        tail = (tail + (uint32_t)count) % RING;
        total += count;
    }
    return total;
}

/* ---- sending ---- */

/* With the sender's interrupt masked, or called by it. */
static void send(void)
{
    uint8_t buffer = filling;

    filling = buffer ^ 1u;
    out[filling].level = 0;
    sending = 1;
    SCB_CleanDCache_by_Addr((volatile void *)out[buffer].bytes, (int32_t)out[buffer].level);
    (void)HAL_DMA_Start_IT(&sender, (uint32_t)(uintptr_t)out[buffer].bytes,
                           (uint32_t)(uintptr_t)&USART1->TDR, out[buffer].level);
}

static void on_sent(DMA_HandleTypeDef *channel)
{
    (void)channel;
    sending = 0;
    if (out[filling].level != 0) {
        send();
    }
}

static int start_sender(void)
{
    sender.Instance = GPDMA1_Channel1;
    sender.Init.Request = GPDMA1_REQUEST_USART1_TX;
    sender.Init.BlkHWRequest = DMA_BREQ_SINGLE_BURST;
    sender.Init.Direction = DMA_MEMORY_TO_PERIPH;
    sender.Init.SrcInc = DMA_SINC_INCREMENTED;
    sender.Init.DestInc = DMA_DINC_FIXED;
    sender.Init.SrcDataWidth = DMA_SRC_DATAWIDTH_BYTE;
    sender.Init.DestDataWidth = DMA_DEST_DATAWIDTH_BYTE;
    sender.Init.Priority = DMA_LOW_PRIORITY_HIGH_WEIGHT;
    sender.Init.SrcBurstLength = 1;
    sender.Init.DestBurstLength = 1;
    sender.Init.TransferAllocatedPort = DMA_SRC_ALLOCATED_PORT0 | DMA_DEST_ALLOCATED_PORT1;
    sender.Init.TransferEventMode = DMA_TCEM_BLOCK_TRANSFER;
    sender.Init.Mode = DMA_NORMAL;
    return HAL_DMA_Init(&sender) == HAL_OK ? 0 : -1;
}

size_t link_write(const uint8_t *from, size_t size)
{
    HAL_NVIC_DisableIRQ(GPDMA1_Channel1_IRQn);
    uint32_t *level = &out[filling].level;
    if (size > SEND - *level) {
        size = SEND - *level;
    }
    memcpy(&out[filling].bytes[*level], from, size);
    *level += (uint32_t)size;
    if (!sending && *level != 0) {
        send();
    }
    HAL_NVIC_EnableIRQ(GPDMA1_Channel1_IRQn);
    return size;
}

/* ---- both ---- */

void GPDMA1_Channel0_IRQHandler(void)
{
    HAL_DMA_IRQHandler(&receiver);
}

void GPDMA1_Channel1_IRQHandler(void)
{
    HAL_DMA_IRQHandler(&sender);
}

void USART1_IRQHandler(void)
{
    __HAL_UART_CLEAR_FLAG(&usart, UART_CLEAR_IDLEF | UART_CLEAR_PEF | UART_CLEAR_FEF |
                                      UART_CLEAR_NEF | UART_CLEAR_OREF);
}

static int secure(DMA_HandleTypeDef *channel)
{
    DMA_IsolationConfigTypeDef isolation = {0};

    isolation.CidFiltering = DMA_ISOLATION_ON;
    isolation.StaticCid = DMA_CHANNEL_STATIC_CID_1;
    return HAL_DMA_ConfigChannelAttributes(channel, DMA_CHANNEL_PRIV | DMA_CHANNEL_SEC |
                                                        DMA_CHANNEL_SRC_SEC |
                                                        DMA_CHANNEL_DEST_SEC) == HAL_OK &&
                   HAL_DMA_SetIsolationAttributes(channel, &isolation) == HAL_OK
               ? 0
               : -1;
}

static int start_usart(void)
{
    RCC_PeriphCLKInitTypeDef clock = {0};
    GPIO_InitTypeDef pins = {0};

    clock.PeriphClockSelection = RCC_PERIPHCLK_USART1;
    clock.Usart1ClockSelection = RCC_USART1CLKSOURCE_PCLK2;
    if (HAL_RCCEx_PeriphCLKConfig(&clock) != HAL_OK) {
        return -1;
    }
    __HAL_RCC_USART1_CLK_ENABLE();
    __HAL_RCC_USART1_FORCE_RESET();
    __HAL_RCC_USART1_RELEASE_RESET();
    __HAL_RCC_GPIOE_CLK_ENABLE();
    __HAL_RCC_GPDMA1_CLK_ENABLE();

    pins.Pin = GPIO_PIN_5 | GPIO_PIN_6;
    pins.Mode = GPIO_MODE_AF_PP;
    pins.Pull = GPIO_PULLUP;
    pins.Speed = GPIO_SPEED_FREQ_HIGH;
    pins.Alternate = GPIO_AF7_USART1;
    HAL_GPIO_Init(GPIOE, &pins);

    usart.Instance = USART1;
    usart.Init.BaudRate = N6_BAUD;
    usart.Init.WordLength = UART_WORDLENGTH_8B;
    usart.Init.StopBits = UART_STOPBITS_1;
    usart.Init.Parity = UART_PARITY_NONE;
    usart.Init.Mode = UART_MODE_TX_RX;
    usart.Init.HwFlowCtl = UART_HWCONTROL_NONE;
    usart.Init.OverSampling = UART_OVERSAMPLING_16;
    usart.Init.OneBitSampling = UART_ONE_BIT_SAMPLE_DISABLE;
    usart.Init.ClockPrescaler = UART_PRESCALER_DIV1;
    usart.AdvancedInit.AdvFeatureInit =
        UART_ADVFEATURE_RXOVERRUNDISABLE_INIT | UART_ADVFEATURE_DMADISABLEONERROR_INIT;
    usart.AdvancedInit.OverrunDisable = UART_ADVFEATURE_OVERRUN_DISABLE;
    usart.AdvancedInit.DMADisableonRxError = UART_ADVFEATURE_DMA_ENABLEONRXERROR;
    return HAL_UART_Init(&usart) == HAL_OK && HAL_UARTEx_EnableFifoMode(&usart) == HAL_OK ? 0 : -1;
}

int link_init(void)
{
    if (start_usart() != 0 || start_receiver() != 0 || start_sender() != 0 ||
        secure(&receiver) != 0 || secure(&sender) != 0) {
        return -1;
    }
    if (HAL_DMA_RegisterCallback(&receiver, HAL_DMA_XFER_HALFCPLT_CB_ID, on_received) != HAL_OK ||
        HAL_DMA_RegisterCallback(&receiver, HAL_DMA_XFER_ERROR_CB_ID, on_receive_error) != HAL_OK ||
        HAL_DMA_RegisterCallback(&sender, HAL_DMA_XFER_CPLT_CB_ID, on_sent) != HAL_OK ||
        HAL_DMA_RegisterCallback(&sender, HAL_DMA_XFER_ERROR_CB_ID, on_sent) != HAL_OK) {
        return -1;
    }

    HAL_NVIC_SetPriority(USART1_IRQn, PRIORITY, 0);
    HAL_NVIC_SetPriority(GPDMA1_Channel0_IRQn, PRIORITY, 0);
    HAL_NVIC_SetPriority(GPDMA1_Channel1_IRQn, PRIORITY, 0);
    HAL_NVIC_EnableIRQ(USART1_IRQn);
    HAL_NVIC_EnableIRQ(GPDMA1_Channel0_IRQn);
    HAL_NVIC_EnableIRQ(GPDMA1_Channel1_IRQn);
    if (HAL_DMAEx_List_Start_IT(&receiver) != HAL_OK) {
        return -1;
    }
    SET_BIT(usart.Instance->CR3, USART_CR3_DMAR | USART_CR3_DMAT);
    __HAL_UART_ENABLE_IT(&usart, UART_IT_IDLE);
    return 0;
}

uint32_t link_window(void)
{
    return WINDOW;
}

uint16_t link_chunk(void)
{
    return LINK_CHUNK_UART;
}

uint32_t link_baud(void)
{
    return usart.Init.BaudRate;
}

uint32_t link_clock(void)
{
    return HAL_RCC_GetPCLK2Freq();
}

/*
 * The last byte has left when both buffers are empty, the DMA has ended and TC is set: then the USART may be disabled,
 * which its divider requires. Its FIFOs are empty too: the other end is silent until it has the answer.
 */
int link_set_baud(uint32_t baud)
{
    USART_TypeDef *registers = usart.Instance;

    if (sending || out[filling].level != 0 || !(registers->ISR & USART_ISR_TC)) {
        return 0;
    }
    CLEAR_BIT(registers->CR1, USART_CR1_UE);
    registers->BRR = (link_clock() + baud / 2) / baud;
    SET_BIT(registers->CR1, USART_CR1_UE);
    usart.Init.BaudRate = baud;
    return 1;
}

int link_reopened(void)
{
    return 0; /* a UART cannot detect this */
}
