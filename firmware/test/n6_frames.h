/*
 * n6_frames.h - frames as a host writes them, byte by byte from protocol.md. They share no code with
 * the core.
 */
#ifndef N6_FRAMES_H
#define N6_FRAMES_H

#include <stddef.h>
#include <stdint.h>

uint32_t rig_crc32(const void *data, size_t size);
uint16_t rig_crc16(const void *data, size_t size);
uint32_t rig_random(uint32_t *seed);

/* Little-endian. */
uint32_t rig_get16(const uint8_t *at);
uint32_t rig_get32(const uint8_t *at);

/* Write a frame; return its size. */
size_t rig_frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
                 size_t size);
size_t rig_data(uint8_t *to, uint32_t id, uint32_t position, uint32_t offset, uint8_t slot,
                const void *bytes, size_t size);

#endif
