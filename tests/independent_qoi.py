"""An encoder of QOI 1.0 (qoiformat.org), for the independent client."""

import struct

Pixel = tuple[int, int, int]


def encode(width: int, height: int, pixels: list[Pixel]) -> bytes:
    """The picture as a file with three channels."""
    out = bytearray(struct.pack(">4sIIBB", b"qoif", width, height, 3, 0))
    seen: list[Pixel | None] = [None] * 64
    last, run = (0, 0, 0), 0
    for pixel in pixels:
        if pixel == last and run < 62:
            run += 1
            continue
        out += repeated(run)
        run = int(pixel == last)
        if not run:
            out += changed(pixel, last, seen)
        last = pixel
    return bytes(out + repeated(run) + bytes(7) + b"\1")


def repeated(run: int) -> bytes:
    """QOI_OP_RUN, or nothing."""
    return bytes([0xC0 | run - 1]) if run else b""


def changed(pixel: Pixel, last: Pixel, seen: list[Pixel | None]) -> bytes:
    """The shortest operation for a pixel that differs from the last one."""
    r, g, b = pixel
    place = (3 * r + 5 * g + 7 * b + 11 * 255) % 64
    if seen[place] == pixel:
        return bytes([place])
    seen[place] = pixel
    dr, dg, db = ((new - old + 128) % 256 - 128 for new, old in zip(pixel, last, strict=True))
    if all(-2 <= d <= 1 for d in (dr, dg, db)):
        return bytes([0x40 | dr + 2 << 4 | dg + 2 << 2 | db + 2])
    if -32 <= dg <= 31 and all(-8 <= d - dg <= 7 for d in (dr, db)):
        return bytes([0x80 | dg + 32, dr - dg + 8 << 4 | db - dg + 8])
    return bytes([0xFE, r, g, b])
