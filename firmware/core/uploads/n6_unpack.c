/* See n6_unpack.h. */
#include "n6_unpack.h"

#include <string.h>

#include "n6_shape.h"

void n6_unpack_begin(n6_unpack_t *unpack, const n6_network_t *network, const n6_parts_t *parts,
                     uint8_t *slot, uint8_t *bytes, uint32_t length)
{
    unpack->network = network;
    unpack->parts = parts;
    unpack->slot = slot;
    unpack->bytes = bytes;
    unpack->length = length;
    unpack->moved = 0;
    unpack->copied = 0;
    unpack->next = 0;
    unpack->begun = false;
}

/* Copies the next bytes of [*done, size). true = all are copied. */
static bool copy(uint8_t *to, const uint8_t *from, uint32_t *done, uint32_t size)
{
    const uint32_t left = size - *done;
    const uint32_t count = left < N6_UNPACK_BYTES ? left : N6_UNPACK_BYTES;

    memcpy(to + *done, from + *done, count);
    *done += count;
    return *done == size;
}

static int begin_picture(n6_unpack_t *unpack, const n6_part_t *part, const n6_tensor_t *input)
{
    const uint8_t *bytes = unpack->bytes + part->offset;
    const n6_shape_t shape = n6_shape_of(input);
    const uint32_t table = n6_parts_table(shape.element);
    n6_target_t target = {
        .at = unpack->slot + input->offset,
        .height = shape.height,
        .width = shape.width,
        .channels = shape.channels,
        .element = shape.element,
        .flip = input->dtype == N6_DTYPE_INT8 ? 0x80 : 0,
        .planar = shape.planar,
        .bgr = part->flags & N6_PART_FLAG_BGR,
    };
    for (uint32_t i = 0; part->tables > 0 && i < shape.channels; i++) {
        target.table[i] = bytes + (i < part->tables ? i : 0u) * table;
    }
    unpack->begun = true;
    unpack->tables = part->tables * table;
    return n6_picture_begin(&unpack->picture, part->encoding, bytes + unpack->tables,
                            part->length - unpack->tables, &target);
}

/* N6_PICTURE_DONE, _MORE, or the error of the picture. */
static int step_part(n6_unpack_t *unpack, const n6_part_t *part)
{
    const n6_tensor_t *input = &unpack->network->input[part->input];

    if (part->encoding == N6_ENCODING_RAW) {
        return copy(unpack->slot + input->offset, unpack->bytes + part->offset, &unpack->copied,
                    part->length)
                   ? N6_PICTURE_DONE
                   : N6_PICTURE_MORE;
    }
    return unpack->begun ? n6_picture_step(&unpack->picture, N6_UNPACK_PIXELS)
                         : begin_picture(unpack, part, input);
}

int n6_unpack_step(n6_unpack_t *unpack)
{
    if (unpack->moved < unpack->length) {
        (void)copy(unpack->bytes, unpack->slot, &unpack->moved, unpack->length);
        return N6_UNPACK_MORE;
    }
    const int status = step_part(unpack, &unpack->parts->part[unpack->next]);
    if (status == N6_PICTURE_MORE) {
        return N6_UNPACK_MORE;
    }
    if (status != N6_PICTURE_DONE) {
        return N6_UNPACK_FAILED;
    }
    unpack->copied = 0;
    unpack->begun = false;
    return ++unpack->next < unpack->parts->count ? N6_UNPACK_MORE : N6_UNPACK_DONE;
}

uint32_t n6_unpack_offset(const n6_unpack_t *unpack)
{
    return unpack->parts->part[unpack->next].offset + unpack->tables +
           n6_picture_offset(&unpack->picture);
}

const char *n6_unpack_text(const n6_unpack_t *unpack)
{
    return n6_picture_text(unpack->picture.coded.result);
}
