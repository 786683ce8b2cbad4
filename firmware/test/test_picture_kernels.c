/*
 * The kernels of pictures of this build against the scalar ones, byte for byte. Where the compiler has a vector unit
 * these are two programs; elsewhere the same one, compiled twice.
 */
#define N6_PICTURE_SCALAR
#define n6_idct scalar_idct
#define n6_idct_flat scalar_idct_flat
#define n6_colour scalar_colour
#define n6_target_write scalar_write
#define n6_target_possible scalar_possible
#define n6_target_bytes scalar_bytes
#include "n6_colour.c"
#include "n6_idct.c"
#include "n6_target.c"
#undef n6_idct
#undef n6_idct_flat
#undef n6_colour
#undef n6_target_write
#undef n6_target_possible
#undef n6_target_bytes

#include "n6_rig.h"

void n6_idct(const int16_t *coefficients, uint8_t *samples, uint32_t stride);
void n6_colour(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, uint32_t across,
               uint32_t down, uint8_t rgb[3][N6_COLOUR_PIXELS]);
void n6_target_write(const n6_target_t *target, const n6_target_area_t *area,
                     const uint8_t *const planes[N6_TARGET_CHANNELS], uint32_t stride);

enum {
    WIDTH_MOST = 32,
    HEIGHT_MOST = 6,
    ROOM = WIDTH_MOST * HEIGHT_MOST * 3 * 4,
};

static _Alignas(16) uint8_t got[ROOM + 64];
static _Alignas(16) uint8_t wanted[ROOM + 64];
static uint8_t planes[3][N6_COLOUR_PIXELS];
static uint32_t seed;

static uint32_t below(uint32_t limit)
{
    return (rig_random(&seed) >> 4) % limit;
}

static void fill(void *to, size_t size)
{
    uint8_t *at = to;

    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)below(256);
    }
}

/* Few small coefficients, many large ones, and the largest. */
static void idct_kernels(void)
{
    static _Alignas(16) int16_t block[N6_IDCT_BLOCK];

    seed = 21;
    for (uint32_t round = 0; round < 600; round++) {
        const uint32_t stride = round & 1 ? 8 : 16;
        const uint32_t limit = round % 3 == 0 ? 30 : round % 3 == 1 ? 600 : N6_IDCT_LARGEST;
        const uint32_t some = 1 + below(64);
        for (uint32_t i = 0; i < N6_IDCT_BLOCK; i++) {
            const int32_t value = (int32_t)below(2 * limit + 1) - (int32_t)limit;
            block[i] =
                (int16_t)(below(64) >= some ? 0
                          : round % 10 == 9 ? (value < 0 ? -N6_IDCT_LARGEST : N6_IDCT_LARGEST)
                                            : value);
        }
        memset(got, 0xa5, 160);
        memset(wanted, 0xa5, 160);
        n6_idct(block, got, stride);
        scalar_idct(block, wanted, stride);
        BYTES(got, wanted, 160);
    }
}

static void flat_blocks_are_blocks(void)
{
    for (int32_t value = -N6_IDCT_LARGEST; value <= N6_IDCT_LARGEST; value += 3) {
        const _Alignas(16) int16_t block[N6_IDCT_BLOCK] = {(int16_t)value};
        n6_idct(block, got, 8);
        scalar_idct_flat(value, wanted, 8);
        BYTES(got, wanted, N6_IDCT_BLOCK);
    }
}

static void colour_kernels(void)
{
    uint8_t (*const mine)[N6_COLOUR_PIXELS] = (void *)got;
    uint8_t (*const scalar)[N6_COLOUR_PIXELS] = (void *)wanted;

    seed = 22;
    for (uint32_t round = 0; round < 200; round++) {
        const uint32_t across = 1 + (round & 1);
        const uint32_t down = 1 + (round >> 1 & 1);
        fill(planes, sizeof planes);
        memset(got, 0xa5, sizeof got);
        memset(wanted, 0xa5, sizeof wanted);
        n6_colour(planes[0], planes[1], planes[2], across, down, mine);
        scalar_colour(planes[0], planes[1], planes[2], across, down, scalar);
        BYTES(got, wanted, sizeof got);
    }
}

static void target_kernels(void)
{
    static _Alignas(4) uint8_t table[3][1024];

    seed = 23;
    fill(table, sizeof table);
    for (uint32_t round = 0; round < 600; round++) {
        const n6_target_area_t area = {below(12), below(3), 1 + below(16), 1 + below(4)};
        n6_target_t target = {.at = wanted,
                              .height = (uint16_t)(area.y + area.height),
                              .width = (uint16_t)(area.x + area.width + below(4)),
                              .channels = below(3) ? 3 : 1,
                              .element = (uint8_t)(1u << below(3)),
                              .flip = below(2) ? 0x80 : 0,
                              .planar = below(2),
                              .bgr = below(2)};
        for (uint32_t c = 0; c < 3 && (target.element > 1 || below(2) || c); c++) {
            target.table[c] = table[c];
        }
        CHECK(scalar_possible(&target));
        fill(planes, sizeof planes);
        memset(got, 0xa5, sizeof got);
        memset(wanted, 0xa5, sizeof wanted);
        scalar_write(&target, &area, (const uint8_t *const[]){planes[0], planes[1], planes[2]}, 16);
        target.at = got;
        n6_target_write(&target, &area, (const uint8_t *const[]){planes[0], planes[1], planes[2]},
                        16);
        BYTES(got, wanted, scalar_bytes(&target) + 64);
    }
}

const n6_test_t n6_picture_kernels_tests[] = {
    TEST(idct_kernels), TEST(flat_blocks_are_blocks), TEST(colour_kernels), TEST(target_kernels),
    TESTS_END,
};
