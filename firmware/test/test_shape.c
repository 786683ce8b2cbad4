/* Inputs that can be pictures, by their shape and size. */
#include "n6_shape.h"

#include "n6_test.h"

static void shapes_of_pictures(void)
{
    static const struct {
        n6_tensor_t tensor;
        n6_shape_t shape;
    } cases[] = {
        {{.ndim = 4, .shape = {1, 2, 5, 3}, .size = 30}, {2, 5, 3, 1, false}},
        {{.ndim = 4, .shape = {1, 3, 2, 5}, .size = 120}, {2, 5, 3, 4, true}},
        {{.ndim = 4, .shape = {1, 2, 5, 1}, .size = 20}, {2, 5, 1, 2, false}},
        {{.ndim = 4, .shape = {1, 1, 65535, 3}, .size = 196605}, {1, 65535, 3, 1, false}},
        {{.ndim = 4, .shape = {1, 1, 65536, 3}, .size = 196608}, {0}},
        {{.ndim = 4, .shape = {1, 0, 5, 3}, .size = 0}, {0}},
        {{.ndim = 4, .shape = {2, 2, 5, 3}, .size = 60}, {0}},
        {{.ndim = 4, .shape = {1, 2, 5, 4}, .size = 40}, {0}},
        {{.ndim = 3, .shape = {2, 5, 3}, .size = 30}, {0}},
        {{.ndim = 4, .shape = {1, 2, 5, 3}, .size = 240}, {0}},
        {{.ndim = 4, .shape = {1, 2, 5, 3}, .size = 31}, {0}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const n6_shape_t got = n6_shape_of(&cases[i].tensor);
        const n6_shape_t *wanted = &cases[i].shape;
        EQUAL(got.height, wanted->height);
        EQUAL(got.width, wanted->width);
        EQUAL(got.channels, wanted->channels);
        EQUAL(got.element, wanted->element);
        EQUAL(got.planar, wanted->planar);
    }
}

const n6_test_t n6_shape_tests[] = {
    TEST(shapes_of_pictures),
    TESTS_END,
};
