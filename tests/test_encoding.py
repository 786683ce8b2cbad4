"""Encoded pictures: the encoders, and uploads in parts on the virtual board, which give the same tensor as raw uploads."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e_fixtures import device_url, noise, sim_url
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from reductions import spec
from references import PICTURE
from tflite import write_copies

from n6link import networks
from n6link.device import N6Device
from n6link.errors import BadInput, CardError, DeviceError
from n6link.network import Network
from n6link.protocol import Encoding, Feature, Status
from n6link.session.connection import Connection
from n6link.tensors import card
from n6link.tensors.encoders import encode, jpeg_file
from n6link.tensors.encoding import QOI, RAW, Sent, pays
from n6link.tensors.inputs import Inputs

__all__ = ["device_url"]
Image = pytest.importorskip("PIL.Image", reason="the extra `vision` is not installed")
Pixels = NDArray[np.uint8]
JPEG95 = Sent(Encoding.JPEG, 95)


def decoded(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as file:
        pixels: Pixels = np.asarray(file)
    return pixels


def photo(side: int = 48, height: int | None = None) -> Pixels:
    with Image.open(PICTURE) as file:
        pixels: Pixels = np.asarray(file.convert("RGB").resize((side, height or side)))
    return pixels


def blocks(width: int, height: int) -> Pixels:
    """A picture that QOI makes smaller at any size."""
    return np.kron(photo(8), np.ones((height // 8, width // 8, 1), np.uint8))


def jpeg(size: tuple[int, int] = (48, 48), mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo(*size)).convert(mode).save(file, "JPEG", quality=70, **options)
    return file.getvalue()


# ---- encoders

few = st.integers(0, 3).map(lambda value: value * 85)
"""values that make runs, small differences that wrap, and pixels that were seen before"""


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12).map(lambda side: (*side, 3)), elements=few))
def test_qoi_is_lossless(pixels: Pixels) -> None:
    assert np.array_equal(decoded(encode(pixels, QOI)), pixels)


@pytest.mark.parametrize("length", [1, 2, 61, 62, 63, 124, 125])
def test_runs_of_qoi(length: int) -> None:
    black = np.zeros((1, length, 3), np.uint8)
    coded = encode(black, QOI)
    assert np.array_equal(decoded(coded), black), "also a run at the start: the pixel before the first is black"
    assert len(coded) == 14 + -(-length // 62) + 8
    mixed = np.concatenate([black + 7, black, black + 7], axis=1)
    assert np.array_equal(decoded(encode(mixed, QOI)), mixed)


def test_each_chunk_of_qoi() -> None:
    """The bytes are typed by hand from the specification."""
    row = [[10, 20, 30], [11, 18, 30], [28, 38, 54], [10, 20, 30], [10, 20, 30], [10, 20, 30]]
    index = (10 * 3 + 20 * 5 + 30 * 7 + 255 * 11) % 64
    chunks = [0xFE, 10, 20, 30, 0x40 | 3 << 4 | 0 << 2 | 2, 0x80 | 52, 5 << 4 | 12, index, 0xC0 | 1]
    coded = encode(np.array([row], np.uint8), QOI)
    assert coded == b"qoif\0\0\0\6\0\0\0\1\3\0" + bytes(chunks) + bytes(7) + b"\1"


def test_qoi_of_a_photograph() -> None:
    pixels = photo(192)
    coded = encode(pixels, QOI)
    assert np.array_equal(decoded(coded), pixels)
    assert len(coded) < 0.75 * pixels.size
    grey = pixels[:, :, :1]
    assert np.array_equal(decoded(encode(grey, QOI))[:, :, :1], grey)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(channels: int) -> None:
    pixels = photo(64)[:, :, :channels]
    shown = decoded(encode(pixels, JPEG95)).reshape(pixels.shape)
    assert np.abs(shown.astype(int) - pixels).mean() < 6
    assert len(encode(pixels, Sent(Encoding.JPEG, 50))) < len(encode(pixels, JPEG95))


def test_files_that_are_sent_unchanged(tmp_path: Path) -> None:
    file = jpeg()
    path = tmp_path / "frame.jpg"
    path.write_bytes(file)
    for image in (file, bytearray(file), path, str(path)):
        assert jpeg_file(image, (48, 48)) == file
    for kept in (jpeg(mode="L"), jpeg(subsampling="4:4:4"), jpeg(subsampling="4:2:2"), jpeg(restart_marker_rows=1)):
        assert jpeg_file(kept, (48, 48)) == kept
    turned = Image.Exif()
    turned[0x0112] = 6
    others = (
        jpeg((48, 47)),
        jpeg(progressive=True),
        jpeg(mode="CMYK"),
        jpeg(exif=turned),
        b"no picture",
        encode(photo(), QOI),
        photo(),
        Image.fromarray(photo()),
        tmp_path / "missing.jpg",
    )
    assert [jpeg_file(image, (48, 48)) for image in others] == [None] * len(others)


# ---- names


@pytest.mark.parametrize("text", ["raw", "qoi", "jpeg:1", "jpeg:95", "jpeg:100"])
def test_names(text: str) -> None:
    assert str(Sent.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "jpeg", "jpeg:", "jpeg:0", "jpeg:101", "jpeg:9.5", "jpeg:²", "qoi:1", "RAW", "png"]
)
def test_names_that_do_not_exist(text: str) -> None:
    with pytest.raises(BadInput, match=r"is not an encoding; use 'raw', 'qoi', or 'jpeg:95' with a quality"):
        Sent.parse(text)


def test_when_qoi_pays() -> None:
    size = 192 * 192 * 3
    assert pays(size, 92_160.0), "a UART at 921600 baud"
    assert pays(size, 276_480.0)
    assert not pays(size, 4.5e6), "USB"
    assert not pays(size, None), "before the first measurement"
    assert not pays(300, 92_160.0), "a small input is there sooner"


# ---- the same tensor


MEAN = "input.mean = [120, 110, 100]\ninput.std = [60, 55, 50]\n"
CASES = {
    "uint8": ("UINT8", (1, 48, 40, 3), ""),
    "int8": ("INT8", (1, 48, 40, 3), ""),
    "int8 with a normalisation": ("INT8", (1, 48, 40, 3), "input.mean = 127.5\ninput.std = 1.2\n"),
    "int8 with one for each channel": ("INT8", (1, 48, 40, 3), MEAN.replace("60, 55, 50", "1.5, 2, 3")),
    "float32": ("FLOAT32", (1, 48, 40, 3), "input.mean = 127.5\ninput.std = 127.5\n"),
    "float32 with one for each channel": ("FLOAT32", (1, 48, 40, 3), MEAN),
    "bgr": ("FLOAT32", (1, 48, 40, 3), MEAN + 'input.colour = "bgr"\n'),
    "grey": ("UINT8", (1, 48, 40, 1), ""),
    "planes": ("FLOAT32", (1, 3, 48, 40), MEAN),
}


async def given_back(net: Network, picture: Any, **options: Any) -> tuple[bytes, str]:
    """The input of a network that gives it back, and how it was sent."""
    result = await net.run(picture, timers=False, reduce=False, **options)
    return next(iter(result.outputs.values())).tobytes(), result.encoding


@pytest.mark.usefixtures("virtual_board")
@pytest.mark.parametrize("case", CASES)
async def test_qoi_gives_the_same_tensor(tmp_path: Path, case: str) -> None:
    dtype, shape, keys = CASES[case]
    path = tmp_path / "copy.tflite"
    write_copies(path, [b"copy"], shape=shape, dtype=dtype)
    described = card.load(f'task = "image-classification"\n{keys}', base=None, name="copy")
    async with N6Device(f"sim:{path}", cards=[described]) as dev:
        net = dev["copy"]
        (tensor,) = net.inputs.values()
        assert tensor.encodings == (Encoding.QOI, Encoding.JPEG)
        for picture in (blocks(40, 48), photo(256), PICTURE)[: 1 if shape[-1] == 1 else 3]:
            raw, how = await given_back(net, picture, encode="raw")
            assert how == "raw" and len(set(raw)) > 50
            assert await given_back(net, picture, encode="qoi") == (raw, "qoi")
        coded, how = await given_back(net, photo(40, 48), encode="jpeg:95")
        raw, _ = await given_back(net, photo(40, 48), encode="raw")
        assert how == "jpeg:95" and coded != raw
        one, other = (np.frombuffer(data, tensor.dtype).astype(np.float64) for data in (coded, raw))
        assert np.abs(one - other).mean() < 0.03 * np.ptp(other)


async def test_several_inputs(device_url: str) -> None:
    """The picture is a part, and so are the raw values of the other input."""
    async with N6Device(device_url) as dev:
        net = dev["reference_colour"]
        inputs = noise(net) | {"image": blocks(16, 16)}
        raw = await net.run(inputs, encode="raw")
        coded = await net.run(inputs, encode="qoi")
        assert (raw.encoding, coded.encoding) == ("raw", "qoi")
        assert all(np.array_equal(raw.outputs[name], coded.outputs[name]) for name in net.outputs)


# ---- what is sent


@pytest.mark.usefixtures("virtual_board")
async def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "rate", lambda connection: 1e9)  # what is measured depends on the computer
    file = jpeg()
    noise_picture = np.random.default_rng(1).integers(0, 256, (48, 48, 3), np.uint8)
    async with N6Device(sim_url()) as dev:
        assert Feature.ENCODINGS in dev.info.features
        assert dev.info.parts_size >= dev["reference"].info.input_bytes
        net = dev["reference"]
        for data, encode, encoding, size in (
            (blocks(48, 48), None, "raw", 6912),
            (blocks(48, 48), "raw", "raw", 6912),
            (blocks(48, 48), "qoi", "qoi", None),
            (file, "jpeg:10", "jpeg", len(file)),
            (file, None, "raw", 6912),
            (noise_picture, "qoi", "raw", 6912),
            (photo(), "jpeg:20", "jpeg:20", None),
        ):
            result = await net.run(data, encode=encode)
            assert result.encoding == encoding
            assert result.sent_bytes < 6912 if size is None else result.sent_bytes == size


@pytest.mark.usefixtures("virtual_board")
async def test_slow_lines_send_qoi_by_themselves() -> None:
    async with N6Device("sim:movenet13?baud=9000000") as dev:
        result = await dev["movenet13"].run(networks.PHOTO)
        assert result.encoding == "qoi" and result.sent_bytes < 0.8 * 192 * 192 * 3
        assert (await dev["movenet13"].run(networks.PHOTO, encode="raw")).encoding == "raw"


@pytest.mark.usefixtures("virtual_board")
async def test_streams() -> None:
    async with N6Device(sim_url()) as dev:
        net = dev["reference"]
        with pytest.raises(BadInput, match="encode='jpg'"):
            net.stream(encode="jpg")
        async with net.stream([photo()] * 4, policy="all", encode="jpeg:90") as stream:
            results = [result async for result in stream]
        assert [result.encoding for result in results] == ["jpeg:90"] * 4
        assert net.encodings == {"jpeg:90": 4}
        assert all(np.array_equal(a.outputs["heatmaps"], b.outputs["heatmaps"]) for a, b in pairwise(results))


@pytest.mark.usefixtures("virtual_board")
async def test_the_card_says_how() -> None:
    described = card.load('task = "yolo"\n[input]\nencode = "jpeg:80"\n', base=None, name="c")
    assert described.input.encode == Sent(Encoding.JPEG, 80)
    bundled = card.read(networks.cards()["movenet13"])
    described = replace(bundled, input=replace(bundled.input, encode=described.input.encode))
    async with N6Device("sim:movenet13", cards=[described]) as dev:
        net = dev["movenet13"]
        assert (await net.run(networks.PHOTO)).encoding == "jpeg:80"
        assert (await net.run(networks.PHOTO, encode="qoi")).encoding == "qoi"
        assert (await net.run(np.zeros((1, 192, 192, 3), np.int8))).encoding == "raw", "not a picture"
    with pytest.raises(CardError, match="card 'c': input.encode='gif' is not an encoding; use 'raw'"):
        card.load('task = "yolo"\ninput.encode = "gif"\n', base=None, name="c")


# ---- errors


async def test_a_damaged_file_is_one_error(device_url: str) -> None:
    file = jpeg()
    damaged = file[:700]
    async with N6Device(device_url) as dev:
        net = dev["reference"]
        with pytest.raises(
            DeviceError, match=r"BAD_PICTURE: the picture ends too early \(at byte 700 of the upload\)"
        ) as caught:
            await net.run(damaged, encode="jpeg:95")
        assert caught.value.status is Status.BAD_PICTURE
        assert caught.value.value == len(damaged)
        assert (await net.run(file, encode="jpeg:95")).encoding == "jpeg"
        assert (await net.run(photo(), encode="raw")).encoding == "raw"


@pytest.mark.usefixtures("virtual_board")
async def test_inputs_that_cannot_take_it() -> None:
    async with N6Device(sim_url()) as dev:
        net = dev["reference"]
        with pytest.raises(BadInput, match="encode='qoi' requires a picture: .* input 'image' got raw values"):
            await net.run(np.zeros((1, 48, 48, 3), np.int8), encode="qoi")
        assert (await net.run(np.zeros((1, 48, 48, 3), np.int8), encode="raw")).encoding == "raw"


async def test_what_inputs_take() -> None:
    takes = "network 'n' on this device does not take encode='qoi'; its input 'x' takes raw"
    text = card.load('task = "text-generation"', base=None, name="c")
    for tensor, meaning in (
        (spec("x", (1, 8, 8, 3), "uint8", None), None),
        (spec("x", (1, 10), "int8", 0.1), None),
        (replace(spec("x", (1, 8, 8, 3), "int8", 0.1), encodings=(Encoding.QOI,)), text),
        (
            replace(spec("x", (1, 3, 8, 3), "uint8", None), encodings=(Encoding.QOI,)),
            card.load('task = "yolo"\ninput.layout = "nchw"', base=None, name="c"),
        ),
    ):
        inputs = Inputs("n", {"x": tensor}, tensor.size, meaning, "", room=1 << 20)
        data = np.zeros(tensor.shape, np.uint8)
        with pytest.raises(BadInput, match=takes):
            await inputs.prepare(data, QOI)
    tensor = replace(spec("x", (1, 8, 8, 3), "uint8", None), encodings=(Encoding.QOI,))
    inputs = Inputs("n", {"x": tensor}, tensor.size, None, "", room=1 << 20)
    with pytest.raises(BadInput, match=r"takes raw, qoi$"):
        await inputs.prepare(np.zeros((8, 8, 3), np.uint8), JPEG95)
    assert (await inputs.prepare(np.zeros((8, 8, 3), np.uint8), QOI)).sent == QOI
    nothing = await Inputs("n", {}, 0, None, "").prepare({})
    assert (bytes(nothing.data), nothing.parts, nothing.placement) == (b"", b"", None), "a network without inputs"
    other = card.load('task = "yolo"\ninput.name = "y"', base=None, name="c")
    named = await Inputs("n", {"x": tensor}, tensor.size, other, "").prepare({"x": np.zeros(tensor.shape, np.uint8)})
    assert len(named.data) == tensor.size, "a card for another input does not matter if inputs have names"
    small = Inputs("n", {"x": tensor}, tensor.size, None, "", room=20)
    assert (await small.prepare(np.zeros((8, 8, 3), np.uint8), QOI)).sent == RAW, "no room on the device"
