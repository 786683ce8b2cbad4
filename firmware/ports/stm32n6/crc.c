/*
 * crc.c - zlib's CRC-32 in the chip's CRC unit.
 *
 * The unit shifts in a word's highest bit first; zlib's polynomial is the same, 0x04C11DB7, in the
 * opposite bit order. Therefore the unit reverses the bits of each input byte and of the whole
 * result, and words are byte-swapped before, because their first byte must be shifted in first.
 * zlib's value is the complement of this result. To continue from a value, the register is loaded,
 * through INIT, with its state for this value: the complement, reversed.
 *
 * The unit is used if its results are equal to the core's own CRC-32 for every length and alignment
 * around a word, from the start and from a value in between.
 */
#include "board.h"

#include <string.h>

#include "n6_crc.h"
#include "stm32n6xx_hal.h"

uint32_t crc_unit(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *from = data;

    CRC->INIT = __RBIT(~crc);
    CRC->CR |= CRC_CR_RESET;
    for (; size > 0 && ((uintptr_t)from & 3u) != 0; size--) {
        *(volatile uint8_t *)&CRC->DR = *from++;
    }
    for (; size >= 4; size -= 4, from += 4) {
        uint32_t word = 0;
        memcpy(&word, from, sizeof word);
        CRC->DR = __REV(word);
    }
    for (; size > 0; size--) {
        *(volatile uint8_t *)&CRC->DR = *from++;
    }
    return ~CRC->DR;
}

int crc_init(void)
{
    CRC_HandleTypeDef unit = {0};
    uint8_t pattern[32];

    __HAL_RCC_CRC_CLK_ENABLE();
    unit.Instance = CRC;
    unit.Init.DefaultPolynomialUse = DEFAULT_POLYNOMIAL_ENABLE;
    unit.Init.DefaultInitValueUse = DEFAULT_INIT_VALUE_ENABLE;
    unit.Init.InputDataInversionMode = CRC_INPUTDATA_INVERSION_BYTE;
    unit.Init.OutputDataInversionMode = CRC_OUTPUTDATA_INVERSION_ENABLE;
    unit.InputDataFormat = CRC_INPUTDATA_FORMAT_BYTES;
    if (HAL_CRC_Init(&unit) != HAL_OK) {
        return 0;
    }

    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 151u + 7u);
    }
    for (size_t begin = 0; begin < 4; begin++) {
        for (size_t size = 0; size <= 12; size++) {
            uint32_t first = n6_crc32(0, pattern, size);
            if (crc_unit(0, pattern + begin, size) != n6_crc32(0, pattern + begin, size) ||
                crc_unit(first, pattern + begin, size) != n6_crc32(first, pattern + begin, size)) {
                return 0;
            }
        }
    }
    return 1;
}
