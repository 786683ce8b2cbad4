"""Reductions on a Cortex-M55: number of instructions of the scalar kernels and of the vector unit (Helium), in QEMU.

Usage: ``python benchmarks/m55_reduce.py``. Requires arm-none-eabi-gcc and qemu-system-arm. The core is compiled with -Os, like the
board's firmware. Instructions are not cycles: a vector instruction takes at least two cycles.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from m55_size import COMPILER, CORE, EMULATOR, INSTRUCTIONS_PER_TICK, MACHINE, PORT, run, table

CASES: Final = (
    ("13 heatmaps of 48 x 48, int8", "INT8", 29952, "ARGMAX, .channels = 13"),
    ("13 heatmaps of 48 x 48, float32", "FLOAT32", 29952, "ARGMAX, .channels = 13"),
    ("best of 5,000 logits, int8", "INT8", 5000, "TOPK, .k = 1"),
    ("best 20 of 5,000 logits, int8", "INT8", 5000, "TOPK, .k = 20"),
    ("best 64 of 5,000 logits, int8", "INT8", 5000, "TOPK, .k = 64"),
    (
        "candidates of [56, 1344], float32",
        "FLOAT32",
        75264,
        "THRESHOLD_COLUMNS, .channels = 56, .channel = 4, .threshold = 0x3ffeb852, .k = 400",
    ),
    (
        "candidates of [56, 1344], int8",
        "INT8",
        75264,
        "THRESHOLD_COLUMNS, .channels = 56, .channel = 4, .threshold = 126, .k = 400",
    ),
    (
        "80 scores of [84, 896], float32",
        "FLOAT32",
        75264,
        "DETECTIONS_COLUMNS, .channels = 84, .channel = 4, .threshold = 0x3fffef9e, .k = 400",
    ),
    (
        "80 scores of [84, 896], int8",
        "INT8",
        75264,
        "DETECTIONS_COLUMNS, .channels = 84, .channel = 4, .threshold = 127, .k = 400",
    ),
    (
        "80 scores of [896, 84], int8",
        "INT8",
        75264,
        "DETECTIONS, .channels = 84, .channel = 4, .threshold = 127, .k = 400",
    ),
    ("map of 3,584 x 21 classes, int8", "INT8", 75264, "CLASS_MAP, .channels = 21"),
    ("map of 3,584 x 21 classes, float32", "FLOAT32", 75264, "CLASS_MAP, .channels = 21"),
    ("map of 21 x 3,584 classes, int8", "INT8", 75264, "CLASS_MAP_COLUMNS, .channels = 21"),
    ("mask of 75,264 shares, float32", "FLOAT32", 75264, "CLASS_MAP, .channels = 1, .threshold = 0x3ffeb852"),
)
"""name, type, elements, request; about one candidate in a hundred passes 1.99 of 1..2, or 126 of all int8 values"""
PROGRAM: Final = """
#include <stdio.h>
#include <string.h>
#include "board.h"
#include "n6_reduce.h"

static _Alignas(16) uint8_t data[75264 * 4];
static uint8_t out[65536];

/* The best class of a map: the same at 32 positions in a row. */
static int is_best(uint32_t i, uint32_t elements, const n6_return_t *what)
{
    const uint32_t channels = what->channels, positions = channels ? elements / channels : 0;
    if (what->reduction == N6_REDUCTION_CLASS_MAP)
        return channels == 1 ? i / 32 % 2 : i / channels / 32 % channels == i % channels;
    return what->reduction == N6_REDUCTION_CLASS_MAP_COLUMNS && i % positions / 32 % channels == i / positions;
}

static void measure(uint8_t dtype, uint32_t elements, n6_return_t what)
{
    const n6_tensor_t tensor = {.dtype = dtype, .size = elements * (dtype == N6_DTYPE_INT8 ? 1 : 4)};
    uint32_t seed = 1, count;
    for (uint32_t i = 0; i < elements; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t real = 0x3f800000u | seed >> 9; /* 1..2 */
        if (is_best(i, elements, &what)) {
            seed |= 0x7f000000u, seed &= 0x7fffffffu;
            real = 0x40000000u;
        }
        if (dtype == N6_DTYPE_INT8)
            data[i] = (uint8_t)(seed >> 24);
        else
            memcpy(data + i * 4, &real, 4);
    }
    uint64_t begun = n6_clock_now();
    n6_reduce(&tensor, &what, data, out, sizeof out, &count, &(n6_selection_t){0});
    printf("%lu\\n", (unsigned long)(n6_clock_now() - begun));
}

int main(void)
{
    n6_clock_init();
MEASURES
    return 0;
}
"""


def ticks(folder: Path, *options: str) -> list[int]:
    """Ticks of each case."""
    measures = (
        f"    measure(N6_DTYPE_{t}, {n}, (n6_return_t){{.reduction = N6_REDUCTION_{w}}});" for _, t, n, w in CASES
    )
    source, elf = folder / "measure.c", folder / "measure.elf"
    source.write_text(PROGRAM.replace("MEASURES", "\n".join(measures)))
    board = [PORT / name for name in ("startup.c", "semihost.c", "clock.c", "uart.c", "hosted.c")]
    link = ("--specs=rdimon.specs", "-nostartfiles", "-Wl,--wrap=main", f"-T{PORT / 'an547.ld'}", f"-I{PORT}")
    run(COMPILER, *MACHINE, "-Os", *options, *link, source, CORE / "reduce" / "n6_reduce.c", *board, "-o", elf)
    return [int(line) for line in run(*EMULATOR, elf, cwd=folder).split()]


def main() -> int:
    """Prints the table."""
    for program in (COMPILER, EMULATOR[0]):
        if shutil.which(program) is None:
            print(f"{program} is not installed", file=sys.stderr)
            return 1
    with tempfile.TemporaryDirectory() as name:
        scalar, vector = (
            [round(t * INSTRUCTIONS_PER_TICK) for t in ticks(Path(name), *options)]
            for options in (("-DN6_REDUCE_SCALAR",), ())
        )
    rows = [(case[0], s, v, f"{s / v:.1f}") for case, s, v in zip(CASES, scalar, vector, strict=True)]
    table("Instructions of a reduction on a Cortex-M55", ("", "scalar", "Helium", "times"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
