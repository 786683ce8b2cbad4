/*
 * The CRC-32 is linear: the effect of a byte on the register is the exclusive or of the effects of
 * its bits. A table of 256 entries therefore follows from eight numbers, and those of all tables
 * are one sequence: the polynomial, reflected, and its shift register after 1, 2, 3 ... 63 steps.
 * The preprocessor builds the tables from them.
 */
#include "n6_crc.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#define BIT(n, i, x) (((n) >> (i)) & 1u ? (x) : 0u)
#define ENTRY(n, a, b, c, d, e, f, g, h)                                                           \
    (BIT(n, 7, a) ^ BIT(n, 6, b) ^ BIT(n, 5, c) ^ BIT(n, 4, d) ^ BIT(n, 3, e) ^ BIT(n, 2, f) ^     \
     BIT(n, 1, g) ^ BIT(n, 0, h))
#define TABLE_4(n, ...)                                                                            \
    ENTRY((n), __VA_ARGS__), ENTRY((n) + 1u, __VA_ARGS__), ENTRY((n) + 2u, __VA_ARGS__),           \
        ENTRY((n) + 3u, __VA_ARGS__)
#define TABLE_16(n, ...)                                                                           \
    TABLE_4((n), __VA_ARGS__), TABLE_4((n) + 4u, __VA_ARGS__), TABLE_4((n) + 8u, __VA_ARGS__),     \
        TABLE_4((n) + 12u, __VA_ARGS__)
#define TABLE_32(...) TABLE_16(0u, __VA_ARGS__), TABLE_16(16u, __VA_ARGS__)
#define TABLE_64(...) TABLE_32(__VA_ARGS__), TABLE_16(32u, __VA_ARGS__), TABLE_16(48u, __VA_ARGS__)
#define TABLE_256(...)                                                                             \
    TABLE_64(__VA_ARGS__), TABLE_16(64u, __VA_ARGS__), TABLE_16(80u, __VA_ARGS__),                 \
        TABLE_16(96u, __VA_ARGS__), TABLE_16(112u, __VA_ARGS__), TABLE_16(128u, __VA_ARGS__),      \
        TABLE_16(144u, __VA_ARGS__), TABLE_16(160u, __VA_ARGS__), TABLE_16(176u, __VA_ARGS__),     \
        TABLE_16(192u, __VA_ARGS__), TABLE_16(208u, __VA_ARGS__), TABLE_16(224u, __VA_ARGS__),     \
        TABLE_16(240u, __VA_ARGS__)

static uint32_t word(const uint8_t *at)
{
    uint32_t value = 0;
    memcpy(&value, at, sizeof value);
    return value;
}

/* clang-format off */
#if N6_CRC_SLICES == 8

/* slice[k][n]: the register after byte n and k bytes of zero. */
static const uint32_t slice[8][256] = {
    {TABLE_256(0xedb88320u, 0x76dc4190u, 0x3b6e20c8u, 0x1db71064u,
               0x0edb8832u, 0x076dc419u, 0xee0e612cu, 0x77073096u)},
    {TABLE_256(0x3b83984bu, 0xf0794f05u, 0x958424a2u, 0x4ac21251u,
               0xc8d98a08u, 0x646cc504u, 0x32366282u, 0x191b3141u)},
    {TABLE_256(0xe1351b80u, 0x709a8dc0u, 0x384d46e0u, 0x1c26a370u,
               0x0e1351b8u, 0x0709a8dcu, 0x0384d46eu, 0x01c26a37u)},
    {TABLE_256(0xed59b63bu, 0x9b14583du, 0xa032af3eu, 0x5019579fu,
               0xc5b428efu, 0x8f629757u, 0xaa09c88bu, 0xb8bc6765u)},
    {TABLE_256(0xb1e6b092u, 0x58f35849u, 0xc1c12f04u, 0x60e09782u,
               0x30704bc1u, 0xf580a6c0u, 0x7ac05360u, 0x3d6029b0u)},
    {TABLE_256(0x1eb014d8u, 0x0f580a6cu, 0x07ac0536u, 0x03d6029bu,
               0xec53826du, 0x9b914216u, 0x4dc8a10bu, 0xcb5cd3a5u)},
    {TABLE_256(0x8816eaf2u, 0x440b7579u, 0xcfbd399cu, 0x67de9cceu,
               0x33ef4e67u, 0xf44f2413u, 0x979f1129u, 0xa6770bb4u)},
    {TABLE_256(0x533b85dau, 0x299dc2edu, 0xf9766256u, 0x7cbb312bu,
               0xd3e51bb5u, 0x844a0efau, 0x4225077du, 0xccaa009eu)},
};
/* clang-format on */

INLINE uint32_t step_8(uint32_t crc)
{
    return slice[0][crc & 0xff] ^ crc >> 8;
}

INLINE uint32_t step_32(uint32_t x)
{
    return slice[3][x & 0xff] ^ slice[2][x >> 8 & 0xff] ^ slice[1][x >> 16 & 0xff] ^
           slice[0][x >> 24];
}

static uint32_t step_128(uint32_t crc, const uint8_t *at)
{
    for (int i = 0; i < 2; i++, at += 8) {
        const uint32_t x = crc ^ word(at);
        const uint32_t y = word(at + 4);
        crc = slice[7][x & 0xff] ^ slice[6][x >> 8 & 0xff] ^ slice[5][x >> 16 & 0xff] ^
              slice[4][x >> 24] ^ slice[3][y & 0xff] ^ slice[2][y >> 8 & 0xff] ^
              slice[1][y >> 16 & 0xff] ^ slice[0][y >> 24];
    }
    return crc;
}

#else
/* clang-format off */

/* The 16 processed bits: the lowest six, the middle five, and the highest five. */
static const uint32_t low[64] = {
    TABLE_64(0, 0, 0x958424a2u, 0x4ac21251u, 0xc8d98a08u,
             0x646cc504u, 0x32366282u, 0x191b3141u)};
static const uint32_t middle[32] = {
    TABLE_32(0, 0, 0, 0x076dc419u, 0xee0e612cu,
             0x77073096u, 0x3b83984bu, 0xf0794f05u)};
static const uint32_t high[32] = {
    TABLE_32(0, 0, 0, 0xedb88320u, 0x76dc4190u,
             0x3b6e20c8u, 0x1db71064u, 0x0edb8832u)};
/* clang-format on */

/* A single byte is the upper half of 16 bits. */
INLINE uint32_t step_8(uint32_t crc)
{
    return middle[crc << 2 & 28] ^ high[crc >> 3 & 31] ^ crc >> 8;
}

INLINE uint32_t step_16(const uint32_t *l, const uint32_t *m, const uint32_t *h, uint32_t crc)
{
    return l[crc & 63] ^ m[crc >> 6 & 31] ^ h[crc >> 11 & 31] ^ crc >> 16;
}

INLINE uint32_t step_32(uint32_t crc)
{
    return step_16(low, middle, high, step_16(low, middle, high, crc));
}

INLINE uint32_t step_128(uint32_t crc, const uint8_t *at)
{
    const uint32_t *l = low;
    const uint32_t *m = middle;
    const uint32_t *h = high;

    __asm__("" : "+r"(l), "+r"(m), "+r"(h)); /* in registers: no additions to find the tables */
    crc = step_16(l, m, h, step_16(l, m, h, crc ^ word(at)));
    crc = step_16(l, m, h, step_16(l, m, h, crc ^ word(at + 4)));
    crc = step_16(l, m, h, step_16(l, m, h, crc ^ word(at + 8)));
    return step_16(l, m, h, step_16(l, m, h, crc ^ word(at + 12)));
}

#endif

uint32_t n6_crc32(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;
    const uint8_t *const end = at + size;
    const uint8_t *const steps = at + (size & ~(size_t)15);

    crc = ~crc;
    for (; at != steps; at += 16) {
        crc = step_128(crc, at);
    }
    for (; end - at >= 4; at += 4) {
        crc = step_32(crc ^ word(at));
    }
    while (at != end) {
        crc = step_8(crc ^ *at++);
    }
    return ~crc;
}

uint32_t n6_crc32_zeros(uint32_t crc, size_t size)
{
    for (; size > 0; size--) {
        crc = step_8(crc);
    }
    return crc;
}

void n6_crc32_shift_init(n6_crc32_shift_t *shift, size_t size)
{
    for (uint32_t i = 0; i < 32; i++) {
        shift->bit[i] = n6_crc32_zeros(1u << i, size);
    }
}

uint32_t n6_crc32_past(const n6_crc32_shift_t *shift, uint32_t crc)
{
    uint32_t past = 0;

    for (const uint32_t *bit = shift->bit; crc != 0; crc >>= 1, bit++) {
        if (crc & 1u) {
            past ^= *bit;
        }
    }
    return past;
}

/* Without a table: headers have ten bytes. */
uint16_t n6_crc16(const void *data, size_t size)
{
    const uint8_t *at = data;
    uint32_t crc = 0xffff;

    for (; size > 0; size--) {
        uint32_t x = (crc >> 8) ^ *at++;
        x ^= x >> 4;
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xffff;
    }
    return (uint16_t)crc;
}
