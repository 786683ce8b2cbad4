#include "n6_picture.h"

bool n6_picture_decodes(uint8_t encoding)
{
    return encoding == N6_ENCODING_QOI || encoding == N6_ENCODING_JPEG;
}

const char *n6_picture_text(int result)
{
    static const char *const texts[] = {"",
#define TEXT(name, text) text,
                                        N6_PICTURE_ERRORS(TEXT)
#undef TEXT
    };

    return result < 0 && -result < N6_PICTURE_ERROR_COUNT ? texts[-result] : "";
}

int n6_picture_begin(n6_picture_t *picture, uint8_t encoding, const void *bytes, uint32_t size,
                     const n6_target_t *target)
{
    picture->coded = (n6_coded_t){.bytes = bytes, .size = size, .result = N6_PICTURE_MORE};
    picture->target = *target;
    picture->encoding = encoding;
    if (!n6_picture_decodes(encoding)) {
        return n6_coded_fail(&picture->coded, N6_PICTURE_ENCODING, 0);
    }
    if (!n6_target_possible(target)) {
        return n6_coded_fail(&picture->coded, N6_PICTURE_TARGET, 0);
    }
    if (encoding == N6_ENCODING_JPEG) {
        n6_jpeg_begin(&picture->of.jpeg);
    } else {
        n6_qoi_begin(&picture->of.qoi);
    }
    return N6_PICTURE_MORE;
}

int n6_picture_step(n6_picture_t *picture, uint32_t pixels)
{
    if (picture->coded.result != N6_PICTURE_MORE) {
        return picture->coded.result;
    }
    if (picture->encoding == N6_ENCODING_JPEG) {
        return n6_jpeg_step(&picture->of.jpeg, &picture->coded, &picture->target, pixels);
    }
    return n6_qoi_step(&picture->of.qoi, &picture->coded, &picture->target, pixels);
}

uint32_t n6_picture_offset(const n6_picture_t *picture)
{
    return picture->coded.at;
}
