/* Both checksums against their definitions, bit by bit. */
#include "n6_crc.h"
#include "n6_rig.h"

static uint8_t bytes[1024];

static void fill(uint32_t seed)
{
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)rig_random(&seed);
    }
}

static void check_values(void)
{
    EQUAL(n6_crc32(0, "123456789", 9), 0xcbf43926);
    EQUAL(n6_crc16("123456789", 9), 0x29b1);
    EQUAL(n6_crc32(0, "", 0), 0);
    EQUAL(n6_crc16("", 0), 0xffff);
}

static void every_length_and_alignment(void)
{
    fill(1);
    for (size_t from = 0; from < 9; from++) {
        for (size_t size = 0; size < 80; size++) {
            EQUAL(n6_crc32(0, bytes + from, size), rig_crc32(bytes + from, size));
            EQUAL(n6_crc16(bytes + from, size), rig_crc16(bytes + from, size));
        }
    }
}

static void pieces_give_the_whole(void)
{
    const uint32_t whole = (fill(2), rig_crc32(bytes, sizeof bytes));

    for (size_t cut = 0; cut <= sizeof bytes; cut += 13) {
        EQUAL(n6_crc32(n6_crc32(0, bytes, cut), bytes + cut, sizeof bytes - cut), whole);
    }
}

static void joined_without_being_read(void)
{
    n6_crc32_shift_t shift;

    fill(3);
    for (size_t size = 0; size < 600; size += 37) {
        const uint32_t first = rig_crc32(bytes, 200);
        const uint32_t second = rig_crc32(bytes + 200, size);
        const uint32_t whole = rig_crc32(bytes, 200 + size);
        n6_crc32_shift_init(&shift, size);
        EQUAL(n6_crc32_past(&shift, first) ^ second, whole);
        EQUAL(n6_crc32_zeros(first, size) ^ second, whole);
        EQUAL(n6_crc32_past(&shift, 0), 0);
    }
}

/* One set bit in 64 bytes of zeros reaches every entry basis of every table. */
static void every_bit_counts(void)
{
    for (size_t bit = 0; bit < 512; bit++) {
        memset(bytes, 0, 64);
        bytes[bit / 8] = (uint8_t)(1u << (bit % 8));
        EQUAL(n6_crc32(0, bytes, 64), rig_crc32(bytes, 64));
    }
}

const n6_test_t n6_crc_tests[] = {
    TEST(check_values),          TEST(every_length_and_alignment),
    TEST(pieces_give_the_whole), TEST(joined_without_being_read),
    TEST(every_bit_counts),      TESTS_END,
};
