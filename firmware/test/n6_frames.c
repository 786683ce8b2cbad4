#include "n6_frames.h"

#include <string.h>

#include "n6_protocol.h"

uint32_t rig_crc32(const void *data, size_t size)
{
    const uint8_t *at = data;
    uint32_t crc = 0xffffffffu;

    for (; size > 0; size--) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (crc & 1u ? 0xedb88320u : 0u);
        }
    }
    return ~crc;
}

uint16_t rig_crc16(const void *data, size_t size)
{
    const uint8_t *at = data;
    uint32_t crc = 0xffffu;

    for (; size > 0; size--) {
        crc ^= (uint32_t)*at++ << 8;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc << 1) ^ (crc & 0x8000u ? 0x1021u : 0u);
        }
    }
    return (uint16_t)crc;
}

uint32_t rig_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static uint8_t *put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    return put16(put16(at, (uint16_t)value), (uint16_t)(value >> 16));
}

uint32_t rig_get16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

uint32_t rig_get32(const uint8_t *at)
{
    return rig_get16(at) | rig_get16(at + 2) << 16;
}

static size_t seal(uint8_t *frame, uint8_t type, uint8_t flags, uint32_t id, size_t size)
{
    frame[0] = 'n';
    frame[1] = '6';
    frame[2] = type;
    frame[3] = flags;
    put32(frame + 4, id);
    put16(frame + 8, (uint16_t)size);
    put16(frame + 10, rig_crc16(frame, 10));
    if (size == 0) {
        return 12;
    }
    put32(frame + 12 + size, rig_crc32(frame + 12, size));
    return 16 + size;
}

size_t rig_frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                 size_t size)
{
    if (size > 0) {
        memmove(to + 12, payload, size);
    }
    return seal(to, type, flags, id, size);
}

size_t rig_data(uint8_t *to, uint32_t id, uint32_t position, uint32_t offset, uint8_t slot,
                const void *bytes, size_t size)
{
    put32(to + 12, position);
    put32(to + 16, offset);
    to[20] = slot;
    to[21] = 0;
    put16(to + 22, rig_crc16(to + 12, 10));
    memcpy(to + 24, bytes, size);
    return seal(to, N6_MESSAGE_TYPE_DATA, 0, id, 12 + size);
}
