"""The decoders of pictures of the firmware, on this computer, against libjpeg-turbo and Pillow."""

from __future__ import annotations

import ctypes
import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import m55
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from n6link.tensors import image

pytestmark = [
    pytest.mark.gcc,
    pytest.mark.skipif(sys.platform == "win32", reason="the compiler's options are those of a POSIX system"),
]

Pixels: TypeAlias = NDArray[np.uint8]
Decode: TypeAlias = Callable[..., Pixels]

MORE: Final = 1
"""N6_PICTURE_MORE"""
QOI: Final = 1
JPEG: Final = 2
"""Encoding"""
PICTURE: Final = Path(__file__).parent / "data" / "pictures" / "grace_hopper.jpg"
HUFFMAN: Final = 0xC4
"""the marker DHT"""


class Target(ctypes.Structure):
    """n6_target_t."""

    _fields_ = (
        ("at", ctypes.c_void_p),
        ("height", ctypes.c_uint16),
        ("width", ctypes.c_uint16),
        ("channels", ctypes.c_uint8),
        ("element", ctypes.c_uint8),
        ("flip", ctypes.c_uint8),
        ("planar", ctypes.c_bool),
        ("bgr", ctypes.c_bool),
        ("table", ctypes.c_void_p * 3),
    )


@pytest.fixture(scope="module")
def decode(tmp_path_factory: pytest.TempPathFactory) -> Decode:
    """Decodes bytes to pixels of a shape; a ValueError has the reason and the offset of an error."""
    compiler = shutil.which("gcc")
    assert compiler, "the marker gcc skips this test without it"
    library = tmp_path_factory.mktemp("picture") / "picture.so"
    sources = sorted(map(str, (m55.FIRMWARE / "core" / "picture").glob("*.c")))
    command = [compiler, *m55.WARNINGS, "-O2", "-shared", "-fPIC", *m55.CORE_INCLUDES, *sources, "-o", str(library)]
    subprocess.run(command, check=True)
    core = ctypes.CDLL(str(library))
    core.n6_picture_text.restype = ctypes.c_char_p
    state = ctypes.create_string_buffer(1 << 16)

    def run(encoding: int, data: bytes, height: int, width: int, channels: int = 3) -> Pixels:
        pixels = np.zeros((height, width, channels), np.uint8)
        target = Target(at=pixels.ctypes.data, height=height, width=width, channels=channels, element=1)
        result = core.n6_picture_begin(state, encoding, data, len(data), ctypes.byref(target))
        while result == MORE:
            result = core.n6_picture_step(state, 1000)
        if result:
            raise ValueError(f"{core.n6_picture_text(result).decode()}, offset {core.n6_picture_offset(state)}")
        return pixels

    return run


def _encoded(pixels: Pixels, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **options)  # type: ignore[arg-type]
    return file.getvalue()


def _crops(seed: int, count: int) -> Iterator[tuple[Pixels, int, dict[str, object]]]:
    """Crops of all sizes, also of less than one block, with a quality and options of the encoder."""
    random = np.random.default_rng(seed)
    source = image.load(PICTURE)
    rows, columns = int(source.shape[0]), int(source.shape[1])
    print("seed", seed)
    for _ in range(count):
        height, width = int(random.integers(1, 100)), int(random.integers(1, 100))
        y, x = int(random.integers(0, rows - height)), int(random.integers(0, columns - width))
        options: dict[str, object] = {"optimize": bool(random.integers(2))}
        if random.integers(2):
            options["restart_marker_blocks"] = int(random.integers(1, 20))
        yield np.ascontiguousarray(source[y : y + height, x : x + width]), int(random.integers(1, 101)), options


def _box(data: bytes, shape: tuple[int, ...]) -> Pixels:
    """A 4:2:0 picture with libjpeg-turbo's samples, each of Cb and Cr for the four pixels that it covers; by JFIF's formula.

    At half the size, libjpeg-turbo transforms Cb and Cr completely, and does not interpolate them.
    """
    height, width, _ = shape
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("L", opened.size)
        luma = np.asarray(opened).astype(np.int64)
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("YCbCr", (width // 2, height // 2))
        small = np.asarray(opened).astype(np.int64)
    assert small.shape == ((height + 1) // 2, (width + 1) // 2, 3)
    blue, red = (np.kron(small[:, :, c], np.ones((2, 2), np.int64))[:height, :width] - 128 for c in (1, 2))
    half = 1 << 15
    planes = (
        luma + (91881 * red + half >> 16),
        luma + (-22554 * blue - 46802 * red + half >> 16),
        luma + (116130 * blue + half >> 16),
    )
    return np.stack(planes, axis=2).clip(0, 255).astype(np.uint8)


def test_jpeg_without_subsampling_is_libjpegs(decode: Decode) -> None:
    for pixels, quality, options in _crops(1, 150):
        data = _encoded(pixels, format="JPEG", quality=quality, subsampling=0, **options)
        assert np.array_equal(decode(JPEG, data, *pixels.shape), np.asarray(Image.open(io.BytesIO(data))))
        grey = np.asarray(Image.fromarray(pixels).convert("L"))
        data = _encoded(grey, format="JPEG", quality=quality, **options)
        expected = np.asarray(Image.open(io.BytesIO(data)))[:, :, None]
        assert np.array_equal(decode(JPEG, data, *grey.shape, 1), expected)
        assert np.array_equal(decode(JPEG, data, *grey.shape, 3), expected.repeat(3, axis=2))


def test_jpeg_420_has_libjpegs_samples(decode: Decode) -> None:
    for pixels, quality, options in _crops(2, 150):
        if 1 in pixels.shape:
            continue  # cannot be halved
        data = _encoded(pixels, format="JPEG", quality=quality, subsampling=2, **options)
        assert np.array_equal(decode(JPEG, data, *pixels.shape), _box(data, pixels.shape))


def test_jpeg_422_is_close_to_the_interpolated_picture(decode: Decode) -> None:
    """Exact where Cb and Cr are constant in a row; elsewhere libjpeg-turbo, in Pillow, interpolates them."""
    for pixels, quality, options in _crops(3, 60):
        pixels[:] = pixels[:, :1]
        data = _encoded(pixels, format="JPEG", quality=quality, subsampling=1, **options)
        assert np.array_equal(decode(JPEG, data, *pixels.shape), np.asarray(Image.open(io.BytesIO(data))))
    differences: list[float] = []
    for pixels, quality, options in _crops(4, 60):
        data = _encoded(pixels, format="JPEG", quality=quality, subsampling=1, **options)
        interpolated = np.asarray(Image.open(io.BytesIO(data))).astype(int)
        differences.append(float(np.abs(decode(JPEG, data, *pixels.shape) - interpolated).mean()))
    assert 0.01 < float(np.mean(differences)) < 2


def test_jpeg_to_grey_is_y(decode: Decode) -> None:
    for pixels, quality, options in _crops(5, 30):
        data = _encoded(pixels, format="JPEG", quality=quality, subsampling=2, **options)
        with Image.open(io.BytesIO(data)) as opened:
            opened.draft("L", opened.size)
            assert np.array_equal(decode(JPEG, data, *pixels.shape[:2], 1)[:, :, 0], np.asarray(opened))


def test_jpeg_without_huffman_tables_has_the_standard_ones(decode: Decode) -> None:
    """As frames of cameras (motion JPEG); Pillow's encoder uses the standard's tables, too."""
    for pixels, quality, _ in _crops(6, 10):
        data = _encoded(pixels, format="JPEG", quality=quality, subsampling=2)
        assert np.array_equal(decode(JPEG, _without(data, HUFFMAN), *pixels.shape), decode(JPEG, data, *pixels.shape))


def _without(data: bytes, marker: int) -> bytes:
    """A JPEG without the segments of a kind."""
    kept, at = bytearray(data[:2]), 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] != marker:
            kept += data[at:end]
        at = end
    assert at > len(kept), "there were such segments"
    return bytes(kept) + data[at:]


def test_qoi_is_lossless(decode: Decode) -> None:
    for pixels, _, _ in _crops(7, 60):
        assert np.array_equal(decode(QOI, _encoded(pixels, format="QOI"), *pixels.shape), pixels)
        flat = pixels // 64 * 64  # runs and repeated colours
        assert np.array_equal(decode(QOI, _encoded(flat, format="QOI"), *pixels.shape), flat)


def test_qoi_to_grey_is_the_hosts_luma(decode: Decode) -> None:
    for pixels, _, _ in _crops(8, 10):
        expected = np.asarray(Image.fromarray(pixels).convert("L"))
        assert np.array_equal(decode(QOI, _encoded(pixels, format="QOI"), *pixels.shape[:2], 1)[:, :, 0], expected)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"progressive": True}, "the JPEG is not baseline with 8 bits and one scan"),
        ({"keep_rgb": True, "subsampling": 0}, "the components of the JPEG are not Y, or Y, Cb and Cr"),
        ({"mode": "CMYK"}, "the components of the JPEG are not Y, or Y, Cb and Cr"),
        ({"height": 31}, "the picture has another size than the input"),
    ],
)
def test_other_jpegs_are_refused(decode: Decode, options: dict[str, object], reason: str) -> None:
    options = dict(options)
    picture = Image.open(PICTURE).resize((32, 32)).convert(str(options.pop("mode", "RGB")))
    height = int(str(options.pop("height", 32)))
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    with pytest.raises(ValueError, match=reason):
        decode(JPEG, file.getvalue(), height, 32)
