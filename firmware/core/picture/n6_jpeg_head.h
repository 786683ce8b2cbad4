/*
 * n6_jpeg_head.h - the segments of a JPEG in front of the scan: size, sampling, tables.
 */
#ifndef N6_JPEG_HEAD_H
#define N6_JPEG_HEAD_H

#include "n6_jpeg_state.h"
#include "n6_target.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads one segment or one table. As n6_picture_step(); afterwards jpeg->scanning is set if the scan follows. */
int n6_jpeg_head_unit(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target);

#ifdef __cplusplus
}
#endif

#endif
