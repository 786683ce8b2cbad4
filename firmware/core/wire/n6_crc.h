/*
 * n6_crc.h - the two checksums of the protocol.
 *
 * crc16 protects headers: CRC-16/CCITT-FALSE, Python's binascii.crc_hqx(data, 0xFFFF).
 *
 * crc32 protects payloads: that of zlib and Ethernet, Python's zlib.crc32(data, crc).
 *
 * crc32 processes 16 bits per step with three tables of together 512 bytes: 5 instructions per byte
 * on a Cortex-M55, and little cache. With N6_CRC_SLICES = 8, for desktops, it processes 64 bits per
 * step with eight tables of together 8 KB. Boards with a CRC unit set n6_port_t.crc32 instead.
 */
#ifndef N6_CRC_H
#define N6_CRC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

uint16_t n6_crc16(const void *data, size_t size);

/* crc is 0, or the value of the bytes before. */
uint32_t n6_crc32(uint32_t crc, const void *data, size_t size);

/*
 * The checksum of two parts without reading them again: crc32(A and B) is past(crc32(A)) ^
 * crc32(B). past() moves the register over as many zero bytes as B has: n6_crc32_zeros() byte by
 * byte, n6_crc32_past() in one step for a prepared size.
 */
uint32_t n6_crc32_zeros(uint32_t crc, size_t size);

typedef struct {
    uint32_t bit[32]; /* the effect on each bit of the register */
} n6_crc32_shift_t;

void n6_crc32_shift_init(n6_crc32_shift_t *shift, size_t size);
uint32_t n6_crc32_past(const n6_crc32_shift_t *shift, uint32_t crc);

#ifdef __cplusplus
}
#endif

#endif
