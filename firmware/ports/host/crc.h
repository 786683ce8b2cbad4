/*
 * crc.h - the core's CRC-32 with the processor's help.
 *
 * On x86 with PCLMULQDQ: 64 bytes per step are folded onto the next 64 by carry-less multiplication,
 * because x^n is the same as x^n mod P for the checksum; what is left in the end, 16 bytes, goes
 * through the core's tables. (V. Gopal et al., Fast CRC Computation Using PCLMULQDQ, Intel 2009.)
 */
#ifndef N6_HOST_CRC_H
#define N6_HOST_CRC_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t n6_crc32_t(uint32_t crc, const void *data, size_t size);

/* What n6_port_t.crc32 is on this processor; NULL = the core's own tables. */
n6_crc32_t *n6_crc32_accelerated(void);

#endif
