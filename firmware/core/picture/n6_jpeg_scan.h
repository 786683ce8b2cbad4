/*
 * n6_jpeg_scan.h - the scan of a baseline JPEG: units of blocks (MCU), from bits to pixels of the target.
 */
#ifndef N6_JPEG_SCAN_H
#define N6_JPEG_SCAN_H

#include "n6_jpeg_state.h"
#include "n6_target.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Decodes one unit, and after the last one the end of the picture. As n6_picture_step(). */
int n6_jpeg_scan_unit(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target);

#ifdef __cplusplus
}
#endif

#endif
