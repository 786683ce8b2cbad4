/*
 * test_crc.c - compares the processor's checksum with the core's tables. If the processor does not
 * support it, the core's own is used, which has its own tests.
 */
#include "crc.h"
#include "n6_crc.h"
#include "n6_test.h"

enum { SIZE = 700 };
static uint8_t bytes[SIZE + 16];

/* The accelerated function, or the tables. */
static n6_crc32_t *fast(void)
{
    n6_crc32_t *accelerated = n6_crc32_accelerated();
    return accelerated ? accelerated : n6_crc32;
}

static void fill(void)
{
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        random = random * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(random >> 24);
    }
}

static void a_known_value(void)
{
    EQUAL(fast()(0, "123456789", 9), 0xcbf43926);
    memset(bytes, 0, sizeof(bytes));
    EQUAL(fast()(0, bytes, 512), 0xb2aa7578);
}

static void every_length_alignment_and_beginning(void)
{
    const uint32_t beginnings[] = {0, 1, 0x80000000u, 0xdeadbeefu, UINT32_MAX};
    fill();
    for (size_t size = 0; size <= SIZE; size++) {
        const uint8_t *from = bytes + size % 16;
        for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
            EQUAL(fast()(beginnings[i], from, size), n6_crc32(beginnings[i], from, size));
        }
    }
}

static void pieces_give_the_whole(void)
{
    fill();
    const uint32_t whole = n6_crc32(0, bytes, SIZE);
    for (size_t cut = 0; cut <= SIZE; cut++) {
        EQUAL(fast()(fast()(0, bytes, cut), bytes + cut, SIZE - cut), whole);
    }
}

/* Messages with a single bit: together they cover all steps of the folding. */
static void every_bit_counts(void)
{
    for (size_t bit = 0; bit < 8 * (size_t)320; bit++) {
        memset(bytes, 0, sizeof(bytes));
        bytes[bit / 8] = (uint8_t)(1u << bit % 8);
        EQUAL(fast()(0, bytes, 320), n6_crc32(0, bytes, 320));
    }
}

const n6_test_t n6_crc_tests[] = {
    TEST(a_known_value),
    TEST(every_length_alignment_and_beginning),
    TEST(pieces_give_the_whole),
    TEST(every_bit_counts),
    TESTS_END,
};
