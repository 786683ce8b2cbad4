/*
 * crc.h - the core's CRC-32 with instructions of the processor.
 *
 * On x86 with PCLMULQDQ: in each step 64 bytes are folded onto the next 64 by carry-less
 * multiplication, because x^n can be replaced by x^n mod P. The core's tables process the last 16
 * bytes. (V. Gopal et al., Fast CRC Computation Using PCLMULQDQ, Intel 2009.)
 */
#ifndef N6_HOST_CRC_H
#define N6_HOST_CRC_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t n6_crc32_t(uint32_t crc, const void *data, size_t size);

/* The n6_port_t.crc32 for this processor; NULL = the core's own tables. */
n6_crc32_t *n6_crc32_accelerated(void);

#endif
