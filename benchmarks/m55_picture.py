"""Decoders of pictures on a Cortex-M55: size of code and memory, and instructions for each pixel in QEMU.

Usage: ``python benchmarks/m55_picture.py [PICTURE]``. Requires Pillow, arm-none-eabi-gcc and qemu-system-arm. The picture, by default that
of the tests, is scaled to 192 x 192. The decoders are compiled as in the board's firmware. Instructions are not
cycles: a vector instruction takes at least two cycles.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from m55_size import COMPILER, CORE, EMULATOR, HOT, INSTRUCTIONS_PER_TICK, MACHINE, PORT, run, sizes, table
from PIL import Image

SIDE: Final = 192
PICTURE: Final = Path(__file__).resolve().parents[1] / "tests" / "data" / "pictures" / "grace_hopper.jpg"
SOURCES: Final = sorted((CORE / "picture").glob("*.c"))
SCALAR: Final = "-DN6_PICTURE_SCALAR"
ENCODINGS: Final = (
    *(
        (f"JPEG q{quality} {name}", quality, subsampling)
        for quality in (95, 90, 80)
        for name, subsampling in (("4:2:0", 2), ("4:4:4", 0))
    ),
    ("QOI", 0, 0),
)
LAYOUTS: Final = (
    ("int8", "1, 0x80, false, false, {NULL}"),
    ("int8, table", "1, 0, false, false, {table, table, table}"),
    ("float32", "4, 0, false, false, {table, table, table}"),
)
"""element, flip, planar, bgr, table of the target"""
PROGRAM: Final = """
#include <stdio.h>
#include "board.h"
#include "n6_picture.h"

DATA
static uint8_t tensor[SIDE * SIDE * 3 * 4];
static _Alignas(4) uint8_t table[1024];
static n6_picture_t picture;

static void measure(uint8_t encoding, const uint8_t *bytes, uint32_t size, n6_target_t target)
{
    uint64_t begun = n6_clock_now();
    uint64_t longest = 0;
    int result = n6_picture_begin(&picture, encoding, bytes, size, &target);
    while (result == N6_PICTURE_MORE) {
        const uint64_t before = n6_clock_now();
        result = n6_picture_step(&picture, 1);
        const uint64_t spent = n6_clock_now() - before;
        longest = spent > longest ? spent : longest;
    }
    printf("%d %lu %lu\\n", result, (unsigned long)(n6_clock_now() - begun), (unsigned long)longest);
}

int main(void)
{
    n6_clock_init();
MEASURES
    printf("%u\\n", (unsigned)sizeof picture);
    return 0;
}
"""


def encoded(picture: Image.Image, quality: int, subsampling: int) -> bytes:
    """JPEG of a quality; 0 = QOI."""
    file = io.BytesIO()
    if quality:
        picture.save(file, "JPEG", quality=quality, subsampling=subsampling)
    else:
        picture.save(file, "QOI")
    return file.getvalue()


def compile_decoders(folder: Path, options: Sequence[str]) -> list[Path]:
    """Objects of the decoders."""
    objects = []
    for source in SOURCES:
        objects.append(folder / f"{source.stem}.o")
        run(COMPILER, *MACHINE, "-O2" if source.name in HOT else "-Os", *options, "-c", source, "-o", objects[-1])
    return objects


def measure(folder: Path, pictures: Sequence[bytes], options: Sequence[str]) -> tuple[list[list[float]], int, int]:
    """Instructions for each pixel by encoding and layout; those of the longest step; bytes of the state."""
    data, calls = [], []
    for index, content in enumerate(pictures):
        data.append(f"static const uint8_t data{index}[] = {{{','.join(map(str, content))}}};")
        encoding = "QOI" if content.startswith(b"qoif") else "JPEG"
        for _, rest in LAYOUTS:
            target = f"(n6_target_t){{tensor, SIDE, SIDE, 3, {rest}}}"
            calls.append(f"    measure(N6_ENCODING_{encoding}, data{index}, sizeof data{index}, {target});")
    source, elf = folder / "measure.c", folder / "measure.elf"
    source.write_text(PROGRAM.replace("DATA", "\n".join(data)).replace("MEASURES", "\n".join(calls)))
    board = [PORT / name for name in ("startup.c", "semihost.c", "clock.c", "uart.c", "hosted.c")]
    link = (
        "--specs=rdimon.specs",
        "-nostartfiles",
        "-Wl,--wrap=main",
        f"-T{PORT / 'an547.ld'}",
        f"-I{PORT}",
        f"-DSIDE={SIDE}",
    )
    run(COMPILER, *MACHINE, "-O2", *link, source, *compile_decoders(folder, options), *board, "-o", elf)
    *lines, state = run(*EMULATOR, elf, cwd=folder).splitlines()
    results, ticks, steps = zip(*(map(int, line.split()) for line in lines), strict=True)
    if any(results):
        raise SystemExit(f"a picture was not decoded: {results}")
    rates = [tick * INSTRUCTIONS_PER_TICK / SIDE**2 for tick in ticks]
    rows = [rates[at : at + len(LAYOUTS)] for at in range(0, len(rates), len(LAYOUTS))]
    return rows, round(max(steps) * INSTRUCTIONS_PER_TICK), int(state)


def main(arguments: list[str]) -> int:
    """Prints the tables."""
    for program in (COMPILER, EMULATOR[0]):
        if shutil.which(program) is None:
            print(f"{program} is not installed", file=sys.stderr)
            return 1
    path = arguments[0] if arguments else PICTURE
    picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    pictures = [encoded(picture, quality, subsampling) for _, quality, subsampling in ENCODINGS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scalar, _, _ = measure(folder, pictures, [SCALAR])
        plain = dict(row[:2] for row in sizes(compile_decoders(folder, [SCALAR])))
        helium, longest, state = measure(folder, pictures, [])
        code = sizes(compile_decoders(folder, []))
    rows = [
        (case[0], len(content), *(f"{s:.0f} / {h:.0f}" for s, h in zip(before, after, strict=True)))
        for case, content, before, after in zip(ENCODINGS, pictures, scalar, helium, strict=True)
    ]
    table(
        "Instructions for each pixel of 192 x 192, scalar / Helium",
        ("", "bytes", *(layout for layout, _ in LAYOUTS)),
        rows,
    )
    table("Code, bytes", ("file", "text", "scalar"), [(name, text, plain[name]) for name, text, *_ in code])
    total = sum(row[1] for row in code)
    print(
        f"\nAll: {total:,} bytes of code, {sum(plain.values()):,} without Helium; state: {state:,} bytes; longest step: {longest:,} instructions."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
