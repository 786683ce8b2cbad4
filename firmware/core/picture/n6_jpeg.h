/*
 * n6_jpeg.h - the decoder of baseline JPEG (ITU-T T.81); what it accepts is described in n6_picture.h.
 */
#ifndef N6_JPEG_H
#define N6_JPEG_H

#include "n6_jpeg_state.h"
#include "n6_target.h"

#ifdef __cplusplus
extern "C" {
#endif

void n6_jpeg_begin(n6_jpeg_t *jpeg);

/* As n6_picture_step(). */
int n6_jpeg_step(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target, uint32_t pixels);

#ifdef __cplusplus
}
#endif

#endif
