/*
 * n6_crc.h - the two checksums of the protocol.
 *
 * crc16 guards headers: CRC-16/CCITT-FALSE, Python's binascii.crc_hqx(data, 0xFFFF).
 * crc32 guards payloads: that of zlib and Ethernet, Python's zlib.crc32(data, crc).
 *
 * crc32 takes N6_CRC_SLICES bytes a step, from one table of 1 KB for each of them: 4 on a
 * microcontroller, 8 where 4 KB more are nothing. Boards with a CRC unit set n6_port_t.crc32
 * instead.
 */
#ifndef N6_CRC_H
#define N6_CRC_H

#include <stddef.h>
#include <stdint.h>

#ifndef N6_CRC_SLICES
#define N6_CRC_SLICES 4
#endif

#ifdef __cplusplus
extern "C" {
#endif

uint16_t n6_crc16(const void *data, size_t size);

/* crc is 0, or the value of the bytes before. */
uint32_t n6_crc32(uint32_t crc, const void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
