#include "n6_jpeg.h"

#include <string.h>

#include "n6_jpeg_head.h"
#include "n6_jpeg_scan.h"

enum {
    SEGMENT_PIXELS = 64, /* what a segment or a table counts as */
};

void n6_jpeg_begin(n6_jpeg_t *jpeg)
{
    memset(jpeg, 0, sizeof *jpeg);
}

int n6_jpeg_step(n6_jpeg_t *jpeg, n6_coded_t *coded, const n6_target_t *target, uint32_t pixels)
{
    uint32_t done = 0;
    int result = N6_PICTURE_MORE;

    while (result == N6_PICTURE_MORE && (done == 0 || done < pixels)) {
        if (jpeg->scanning) {
            done += (uint32_t)N6_IDCT_BLOCK * jpeg->across * jpeg->down;
            result = n6_jpeg_scan_unit(jpeg, coded, target);
        } else {
            done += SEGMENT_PIXELS;
            result = n6_jpeg_head_unit(jpeg, coded, target);
        }
    }
    return result;
}
