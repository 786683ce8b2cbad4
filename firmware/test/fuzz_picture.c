/*
 * Fuzzes the decoders of pictures. The first bytes select a target and what is put in front of the rest: nothing, the
 * head of a QOI picture, or the segments of a JPEG that belong to the target, so that the rest is its scan.
 *
 * The invariant: a decoder writes within the tensor alone and reads within the bytes alone (they are in an allocation of
 * their size, for ASan); the result, the offset and the tensor are the same for small and large steps; the number of
 * steps is limited by the bytes and the pixels; a picture that is complete has every element of the tensor.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "n6_picture.h"
#include "n6_test.h"

enum {
    MOST = 1024,
    SIDE = 40,
    ROOM = SIDE * SIDE * 3 * 4,
    GUARD = 64,
};

typedef struct {
    size_t size;
    uint8_t bytes[MOST];
} coded_t;

typedef struct {
    int result;
    uint32_t offset;
    _Alignas(16) uint8_t room[GUARD + ROOM + GUARD];
} way_t;

static void add(coded_t *coded, const void *bytes, size_t size)
{
    CHECK(coded->size + size <= MOST);
    memcpy(coded->bytes + coded->size, bytes, size);
    coded->size += size;
}

#define ADD(coded, ...)                                                                            \
    do {                                                                                           \
        const uint8_t added_[] = {__VA_ARGS__};                                                    \
        add(coded, added_, sizeof added_);                                                         \
    } while (0)

static void qoi_head(coded_t *coded, const n6_target_t *target)
{
    ADD(coded, 'q', 'o', 'i', 'f', 0, 0, 0, (uint8_t)target->width, 0, 0, 0,
        (uint8_t)target->height, 3, 0);
}

/* Huffman tables are the standard's, which are not in the bytes. */
static void jpeg_head(coded_t *coded, const n6_target_t *target, uint8_t choice)
{
    static const uint8_t samplings[] = {0x11, 0x21, 0x22, 0x12};
    const uint8_t components = choice & 4 ? 1 : 3;

    ADD(coded, 0xff, 0xd8, 0xff, 0xdb, 0, 67, 0);
    for (uint8_t i = 0; i < 64; i++) {
        ADD(coded, (uint8_t)(1 + (choice >> 6) * i));
    }
    if (choice & 8) {
        ADD(coded, 0xff, 0xdd, 0, 4, 0, (uint8_t)(1 + (choice >> 4 & 3)));
    }
    ADD(coded, 0xff, 0xc0, 0, (uint8_t)(8 + 3 * components), 8, 0, (uint8_t)target->height, 0,
        (uint8_t)target->width, components);
    for (uint8_t i = 0; i < components; i++) {
        ADD(coded, i, i ? 0x11 : samplings[choice & 3], 0);
    }
    ADD(coded, 0xff, 0xda, 0, (uint8_t)(6 + 2 * components), components);
    for (uint8_t i = 0; i < components; i++) {
        ADD(coded, i, i ? 0x11 : 0);
    }
    ADD(coded, 0, 63, 0);
}

static void take_way(way_t *way, uint8_t encoding, const coded_t *coded, n6_target_t target,
                     uint8_t fill, uint32_t pixels)
{
    static n6_picture_t picture;
    const uint32_t size = n6_target_bytes(&target);
    uint8_t *bytes = malloc(coded->size ? coded->size : 1);
    uint32_t steps = 0;

    CHECK(bytes);
    memcpy(bytes, coded->bytes, coded->size);
    memset(way->room, fill, sizeof way->room);
    memset(&picture, fill, sizeof picture);
    target.at = way->room + GUARD;
    CHECK(size <= ROOM);
    way->result = n6_picture_begin(&picture, encoding, bytes, (uint32_t)coded->size, &target);
    for (; way->result == N6_PICTURE_MORE; steps++) {
        CHECK(steps <= coded->size + (uint32_t)target.height * target.width);
        way->result = n6_picture_step(&picture, pixels);
    }
    EQUAL(n6_picture_step(&picture, pixels), way->result);
    way->offset = n6_picture_offset(&picture);
    CHECK(way->offset <= coded->size);
    CHECK(way->result == N6_PICTURE_DONE || n6_picture_text(way->result)[0]);
    for (uint32_t i = 0; i < GUARD; i++) {
        EQUAL(way->room[i], fill);
        EQUAL(way->room[GUARD + size + i], fill);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static _Alignas(4) uint8_t table[4 * 256];
    static way_t slow;
    static way_t fast;
    fuzz_input_t input = {bytes, size};
    const uint8_t choice = fuzz_take(&input);
    const uint8_t layout = fuzz_take(&input);
    const uint8_t encoding = choice & 1 ? N6_ENCODING_JPEG : N6_ENCODING_QOI;
    n6_target_t target = {.at = table,
                          .height = (uint16_t)(1 + fuzz_take(&input) % SIDE),
                          .width = (uint16_t)(1 + fuzz_take(&input) % SIDE),
                          .channels = layout & 1 ? 1 : 3,
                          .element = (uint8_t)(1u << (layout >> 1 & 3) % 3),
                          .flip = layout & 8 ? 0x80 : 0,
                          .planar = layout & 16,
                          .bgr = layout & 32};
    coded_t coded = {0};

    for (uint32_t i = 0; i < sizeof table; i++) {
        table[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (uint32_t c = 0; c < target.channels && (target.element > 1 || layout & 64); c++) {
        target.table[c] = table;
    }
    if (choice & 2) {
        if (encoding == N6_ENCODING_JPEG) {
            jpeg_head(&coded, &target, fuzz_take(&input));
        } else {
            qoi_head(&coded, &target);
        }
    }
    add(&coded, input.at, input.left < MOST - coded.size ? input.left : MOST - coded.size);
    take_way(&slow, encoding, &coded, target, 0xa5, 1);
    take_way(&fast, encoding, &coded, target, 0x5a, UINT32_MAX);
    EQUAL(slow.result, fast.result);
    EQUAL(slow.offset, fast.offset);
    if (slow.result == N6_PICTURE_DONE) {
        BYTES(slow.room + GUARD, fast.room + GUARD, n6_target_bytes(&target));
    }
    return 0;
}
