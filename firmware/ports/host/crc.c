#include "crc.h"

#include "n6_crc.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#include <immintrin.h>

#define WITH_CLMUL __attribute__((target("pclmul,sse4.1")))

enum {
    LANE = sizeof(__m128i),
    STEP = 4 * LANE,
};

static WITH_CLMUL __m128i load(const uint8_t *at)
{
    return _mm_loadu_si128((const void *)at);
}

/*
 * Moves a lane by the distance of `by` (x^(distance + 32), x^(distance - 32)) mod P, reflected, and
 * adds the data there.
 */
static WITH_CLMUL __m128i fold(__m128i lane, __m128i by, __m128i there)
{
    const __m128i low = _mm_clmulepi64_si128(lane, by, 0x00);
    const __m128i high = _mm_clmulepi64_si128(lane, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

static WITH_CLMUL uint32_t crc32(uint32_t crc, const void *data, size_t size)
{
    const __m128i by_step = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_lane = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const uint8_t *at = data;
    uint8_t rest[LANE];
    __m128i lane[4];

    if (size < STEP) {
        return n6_crc32(crc, data, size);
    }
    for (int i = 0; i < 4; i++) {
        lane[i] = load(at + i * LANE);
    }
    lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128((int)~crc));
    for (at += STEP, size -= STEP; size >= STEP; at += STEP, size -= STEP) {
        for (int i = 0; i < 4; i++) {
            lane[i] = fold(lane[i], by_step, load(at + i * LANE));
        }
    }
    for (int i = 1; i < 4; i++) {
        lane[0] = fold(lane[0], by_lane, lane[i]);
    }
    for (; size >= LANE; at += LANE, size -= LANE) {
        lane[0] = fold(lane[0], by_lane, load(at));
    }
    _mm_storeu_si128((void *)rest, lane[0]);
    return n6_crc32(n6_crc32(UINT32_MAX, rest, LANE), at, size);
}

/* Not by __builtin_cpu_supports(): it needs a part of the compiler's library that zig does not have. */
n6_crc32_t *n6_crc32_accelerated(void)
{
    const unsigned needed = bit_PCLMUL | bit_SSE4_1;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;

    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & needed) == needed ? crc32 : NULL;
}

#else

n6_crc32_t *n6_crc32_accelerated(void)
{
    return NULL;
}

#endif
