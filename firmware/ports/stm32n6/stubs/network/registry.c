/* The networks of this firmware. Written by `n6link firmware registry`: do not edit. */
/* clang-format off */
#include "ll_aton.h"

/* tiny: network.c */
LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE(tiny)
static const n6_pool_t pool_0[] = {
    {"npuRAM5", 0x342e0000u, 458752u, 448u, 0u, 448u},
    {"octoFlash", 0x70380000u, 65536u, 2048u, 2048u, 0u},
};
static const n6_block_t block_0[] = {
    {300u, 330u, 1u, 3u, N6_EPOCH_KIND_EC, NULL},
    {0u, 0u, 4u, 4u, N6_EPOCH_KIND_SW, "DequantizeLinear"},
    {0u, 0u, 5u, 5u, N6_EPOCH_KIND_HYBRID, "Softmax"},
    {0u, 0u, 6u, 6u, N6_EPOCH_KIND_HW, NULL},
    {0u, 0u, 7u, 7u, N6_EPOCH_KIND_EC, NULL},
};
static n6_tensor_t input_0[1];
static n6_tensor_t output_0[1];
static const char card_0[] =
    "task = \"pose-heatmap\"\n"
    "keypoints = [\"left\", \"right\"]\n";

const n6_aton_network_t n6_aton_registry[1] = {
    {
        .instance = &NN_Instance_tiny,
        .name = "tiny",
        .card = card_0,
        .card_bytes = 52,
        .epochs = 7,
        .digest = 0x8e88ed42u,
        .pool = pool_0,
        .blocks = 5,
        .zero_points = 0,
        .part = NULL,
        .parts = 0,
        .pools = 2,
        .inputs = 1,
        .outputs = 1,
        .input = input_0,
        .output = output_0,
        .block = block_0,
        .zero_point = NULL,
    },
};
n6_network_t n6_aton_description[1];
const uint16_t n6_aton_networks = 1;
