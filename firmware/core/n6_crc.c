/*
 * The CRC-32 is linear: the table entry of a byte is the exclusive or of the entries of its bits.
 * So a slice of 256 entries is spelled out by eight numbers, and those of all slices together are
 * one sequence: the polynomial, reflected, and what its shift register holds after 1, 2, 3 ... 63
 * steps. The preprocessor makes the tables from them.
 */
#include "n6_crc.h"

#include <string.h>

#define BIT(n, i, x) (((n) >> (i)) & 1u ? (x) : 0u)
#define ENTRY(n, a, b, c, d, e, f, g, h)                                                           \
    (BIT(n, 7, a) ^ BIT(n, 6, b) ^ BIT(n, 5, c) ^ BIT(n, 4, d) ^ BIT(n, 3, e) ^ BIT(n, 2, f) ^     \
     BIT(n, 1, g) ^ BIT(n, 0, h))
#define ENTRIES_4(n, ...)                                                                          \
    ENTRY((n), __VA_ARGS__), ENTRY((n) + 1u, __VA_ARGS__), ENTRY((n) + 2u, __VA_ARGS__),           \
        ENTRY((n) + 3u, __VA_ARGS__)
#define ENTRIES_16(n, ...)                                                                         \
    ENTRIES_4((n), __VA_ARGS__), ENTRIES_4((n) + 4u, __VA_ARGS__),                                 \
        ENTRIES_4((n) + 8u, __VA_ARGS__), ENTRIES_4((n) + 12u, __VA_ARGS__)
#define ENTRIES_64(n, ...)                                                                         \
    ENTRIES_16((n), __VA_ARGS__), ENTRIES_16((n) + 16u, __VA_ARGS__),                              \
        ENTRIES_16((n) + 32u, __VA_ARGS__), ENTRIES_16((n) + 48u, __VA_ARGS__)
#define SLICE(...)                                                                                 \
    ENTRIES_64(0u, __VA_ARGS__), ENTRIES_64(64u, __VA_ARGS__), ENTRIES_64(128u, __VA_ARGS__),      \
        ENTRIES_64(192u, __VA_ARGS__)

_Static_assert(N6_CRC_SLICES == 4 || N6_CRC_SLICES == 8, "N6_CRC_SLICES is 4 or 8");

/* slice[k][n]: the register after byte n and k bytes of zero. */
static const uint32_t slice[N6_CRC_SLICES][256] = {
    /* clang-format off */
    {SLICE(0xedb88320u, 0x76dc4190u, 0x3b6e20c8u, 0x1db71064u,
           0x0edb8832u, 0x076dc419u, 0xee0e612cu, 0x77073096u)},
    {SLICE(0x3b83984bu, 0xf0794f05u, 0x958424a2u, 0x4ac21251u,
           0xc8d98a08u, 0x646cc504u, 0x32366282u, 0x191b3141u)},
    {SLICE(0xe1351b80u, 0x709a8dc0u, 0x384d46e0u, 0x1c26a370u,
           0x0e1351b8u, 0x0709a8dcu, 0x0384d46eu, 0x01c26a37u)},
    {SLICE(0xed59b63bu, 0x9b14583du, 0xa032af3eu, 0x5019579fu,
           0xc5b428efu, 0x8f629757u, 0xaa09c88bu, 0xb8bc6765u)},
#if N6_CRC_SLICES == 8
    {SLICE(0xb1e6b092u, 0x58f35849u, 0xc1c12f04u, 0x60e09782u,
           0x30704bc1u, 0xf580a6c0u, 0x7ac05360u, 0x3d6029b0u)},
    {SLICE(0x1eb014d8u, 0x0f580a6cu, 0x07ac0536u, 0x03d6029bu,
           0xec53826du, 0x9b914216u, 0x4dc8a10bu, 0xcb5cd3a5u)},
    {SLICE(0x8816eaf2u, 0x440b7579u, 0xcfbd399cu, 0x67de9cceu,
           0x33ef4e67u, 0xf44f2413u, 0x979f1129u, 0xa6770bb4u)},
    {SLICE(0x533b85dau, 0x299dc2edu, 0xf9766256u, 0x7cbb312bu,
           0xd3e51bb5u, 0x844a0efau, 0x4225077du, 0xccaa009eu)},
#endif
    /* clang-format on */
};

static uint32_t word(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t fold(uint32_t x, unsigned first)
{
    return slice[first + 3][x & 0xffu] ^ slice[first + 2][(x >> 8) & 0xffu] ^
           slice[first + 1][(x >> 16) & 0xffu] ^ slice[first][x >> 24];
}

uint32_t n6_crc32(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;

    crc = ~crc;
#if N6_CRC_SLICES == 8
    for (; size >= 8; size -= 8, at += 8)
        crc = fold(crc ^ word(at), 4) ^ fold(word(at + 4), 0);
#else
    for (; size >= 8; size -= 8, at += 8) {
        crc = fold(crc ^ word(at), 0);
        crc = fold(crc ^ word(at + 4), 0);
    }
#endif
    for (; size > 0; size--)
        crc = slice[0][(crc ^ *at++) & 0xffu] ^ (crc >> 8);
    return ~crc;
}

uint32_t n6_crc32_zeros(uint32_t crc, size_t size)
{
    for (; size > 0; size--)
        crc = slice[0][crc & 0xffu] ^ (crc >> 8);
    return crc;
}

void n6_crc32_shift_init(n6_crc32_shift_t *shift, size_t size)
{
    for (unsigned i = 0; i < 32; i++)
        shift->bit[i] = n6_crc32_zeros(1u << i, size);
}

uint32_t n6_crc32_past(const n6_crc32_shift_t *shift, uint32_t crc)
{
    uint32_t past = 0;

    for (const uint32_t *bit = shift->bit; crc != 0; crc >>= 1, bit++)
        if (crc & 1u)
            past ^= *bit;
    return past;
}

/* Without a table: headers are ten bytes. */
uint16_t n6_crc16(const void *data, size_t size)
{
    const uint8_t *at = data;
    unsigned crc = 0xffffu;

    for (; size > 0; size--) {
        unsigned x = (crc >> 8) ^ *at++;
        x ^= x >> 4;
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xffffu;
    }
    return (uint16_t)crc;
}
