"""Pictures into tensors, against reference inputs and a slow float pipeline."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from reductions import spec
from references import DATA, PICTURE, arrays_of

from n6link import networks
from n6link.errors import BadInput, CardError, MissingExtra
from n6link.tensors import card, image
from n6link.tensors.card import Card, Picture
from n6link.tensors.image import Placement, prepare
from n6link.tensors.tensor import TensorSpec, quantize

ODD_BELOW = (0.499, 0.499)
"""where Pillow centres a picture so that an odd row or column of the bars comes after it"""
RNG = np.random.default_rng(2)
sizes = st.tuples(st.integers(1, 2000), st.integers(1, 2000))


def picture(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (height, width, channels), np.uint8)


def carded(**how: Any) -> Card:
    return Card("c", "pose-heatmap", ("c",), "c.tflite", Picture(**how))


def movenet() -> TensorSpec:
    return spec("args_0", (1, 192, 192, 3), "int8", float(np.float32(0.007702765)), 2)


# ---- against references


def test_the_bytes_of_a_file() -> None:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (10, 20, 30)).save(file, "PNG")
    assert image.load(file.getvalue()).tolist() == [[[10, 20, 30]] * 3] * 2
    with pytest.raises(BadInput, match="a picture of 4 bytes cannot be read as a picture: its format is unknown"):
        image.load(b"nono")


def test_arrays_with_channels_first_and_batches() -> None:
    """Frames of other libraries; with three columns and three rows, the last axis is that of the channels."""
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    first = pixels.transpose(2, 0, 1)
    for array in (first, pixels[None], first[None]):
        assert np.array_equal(image.load(array), pixels)
    assert np.array_equal(image.load(pixels[None, None, :, :, 0][0]), pixels[:, :, 0])
    square = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert image.load(square) is square
    with pytest.raises(
        BadInput, match=r"shape \(2, 5, 7, 3\) has 2 pictures, and one is required; pass them one by one"
    ):
        image.load(np.stack([pixels, pixels]))
    with pytest.raises(BadInput, match=r"got uint8 of shape \(1, 5, 7, 4\)"):
        image.load(np.zeros((1, 5, 7, 4), np.uint8))


@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_a_quantised_input_of_more_than_8_bits_needs_a_normalisation(dtype: str) -> None:
    with pytest.raises(CardError, match="a pixel has 8 bits; its card must contain input.mean and input.std"):
        prepare(np.zeros((4, 4, 3), np.uint8), spec("x", (1, 4, 4, 3), dtype, 0.01))


def test_an_input_of_text_is_not_a_picture() -> None:
    words = card.load('task = "text-generation"', base=None)
    with pytest.raises(CardError, match="is not a picture: the network's task is text-generation; pass an array"):
        prepare(np.zeros((4, 4), np.uint8), spec("x", (1, 30, 128), "int8", 0.04), words)


def test_movenet_input_equals_the_reference() -> None:
    reference = arrays_of(DATA / "heatmaps" / "movenet13_noise.npz")
    assert len(np.unique(reference["input_u8"])) == 256, "every value of a pixel"
    raw, _ = prepare(reference["input_u8"], movenet(), card.bundled("movenet13"))
    assert np.array_equal(raw[0], reference["input_i8"])


def test_movenet_photo_equals_the_reference() -> None:
    raw, placement = prepare(networks.PHOTO, movenet(), card.bundled("movenet13"))
    assert np.array_equal(raw[0], arrays_of(DATA / "heatmaps" / "movenet13_astronaut.npz")["input_i8"])
    assert (placement.source_size, placement.scale) == ((512, 512), (0.375, 0.375))


@pytest.mark.parametrize("side", [192, 256, 320])
@pytest.mark.parametrize("box", [None, (0, 100, 512, 437), (100, 0, 350, 600)], ids=["whole", "wide", "tall"])
def test_letterbox_equals_pillows(side: int, box: tuple[int, int, int, int] | None) -> None:
    with Image.open(PICTURE) as file:
        photo = file.crop(box)
    raw, placement = prepare(photo, spec("x", (1, side, side, 3), "uint8", 1 / 255), carded(pad=114))
    expected = ImageOps.pad(photo, (side, side), Image.Resampling.BILINEAR, (114, 114, 114), ODD_BELOW)
    assert np.array_equal(raw[0], np.asarray(expected))
    assert placement.source_size == photo.size


def test_letterboxes_of_real_networks(shared: Path) -> None:
    """Inputs that were made of pictures which may not be part of the project."""
    for name, photo in (
        ("coco785_y8_256", "coco_785"),
        ("coco785_y8_192", "coco_785"),
        ("coco196141_y8_256", "coco_196141"),
    ):
        reference = arrays_of(shared / f"refs/yolo_pose/{name}.npz")
        side = len(reference["input"])
        raw, placement = prepare(
            shared / f"images/{photo}.jpg", spec("x", (1, side, side, 3), "uint8", 1 / 255), carded(pad=114)
        )
        assert np.array_equal(raw[0], reference["input"])
        assert placement.source_size == tuple(reference["orig_wh"])


def test_letterbox_geometry_equals_the_reference() -> None:
    paths = sorted((DATA / "heads").glob("*.npz"))
    assert len(paths) == 12
    for path in paths:
        reference = arrays_of(path)
        side = int(reference["side"])
        width, height = map(int, reference["orig_wh"])
        placement = Placement.fit("letterbox", (width, height), (side, side))
        ratio, *offset = reference["letterbox_r_px_py"]
        assert placement.offset == tuple(offset)
        assert np.allclose(placement.scale, ratio, rtol=0.02)
        corners = reference["ultra_det"][:, :4].reshape(-1, 2, 2)
        boxes = reference["ultra_boxes_orig"].reshape(-1, 2, 2)
        assert np.abs(placement.to_source(corners, clip=True) - boxes).max(initial=0) < 0.01, path.name


# ---- geometry


@given(st.sampled_from(card.FITS), sizes, sizes)
def test_placement(how: str, source: tuple[int, int], target: tuple[int, int]) -> None:
    placement = Placement.fit(how, source, target)
    whole = np.array([(0, 0), source], np.float32)
    (left, top), (right, bottom) = placement.to_input(whole).tolist()
    slack = 1e-3 * max(*source, *target)
    if how == "stretch":
        assert np.allclose([left, top, right, bottom], [0, 0, *target], atol=slack)
    elif how == "crop":
        assert left <= slack and top <= slack and right >= target[0] - slack and bottom >= target[1] - slack
    else:
        assert left >= -slack and top >= -slack and right <= target[0] + slack and bottom <= target[1] + slack
        assert right - left > target[0] - 1 or bottom - top > target[1] - 1
    if how != "stretch":  # in the middle, and not out of proportion by more than half a pixel a side
        unit = max(1.0, *placement.scale) if how == "crop" else 1.0  # whole source pixels, or whole input pixels
        assert abs(left - (target[0] - right)) <= unit + slack and abs(top - (target[1] - bottom)) <= unit + slack
        ratio = (max if how == "crop" else min)(target[0] / source[0], target[1] / source[1])
        if how == "letterbox":
            assert abs(right - left - source[0] * ratio) <= 1 + slack
            assert abs(bottom - top - source[1] * ratio) <= 1 + slack


@given(st.sampled_from(card.FITS), sizes, sizes, st.floats(0, 1), st.floats(0, 1))
def test_points_return(how: str, source: tuple[int, int], target: tuple[int, int], x: float, y: float) -> None:
    placement = Placement.fit(how, source, target)
    point = np.array([x * source[0], y * source[1]])
    back = placement.to_source(placement.to_input(point))
    assert back.dtype == np.float32
    assert np.allclose(back, point, atol=1e-2 * max(1, *source) / min(*target, 100))


def test_clipped_points() -> None:
    placement = Placement.fit("letterbox", (100, 50), (100, 100))
    points = np.array([[-5.0, 10.0], [50.0, 50.0], [120.0, 99.0]])
    assert placement.to_source(points, clip=True).tolist() == [[0, 0], [50, 25], [100, 50]]
    assert placement.to_source(points).tolist() == [[-5, -15], [50, 25], [120, 74]]


def test_a_marked_pixel_is_found_again() -> None:
    """A bright block in a large picture: its middle in the input maps back to its middle in the source."""
    source = np.zeros((600, 800, 3), np.uint8)
    source[120:160, 640:680] = 255
    for how in ("letterbox", "stretch", "crop"):
        raw, placement = prepare(source, spec("x", (1, 120, 120, 3), "uint8"), carded(fit=how))
        rows, columns = np.nonzero(raw[0, :, :, 0] > 127)
        middle = placement.to_source(np.array([columns.mean() + 0.5, rows.mean() + 0.5]))
        assert np.abs(middle - [660, 140]).max() < 4, how


# ---- pixels


def slow(pixels: NDArray[np.uint8], tensor: TensorSpec, how: Picture) -> NDArray[Any]:
    """Float arrays all the way, in the order of the rule: normalise in float32, divide, round half to even, saturate."""
    assert how.mean is not None and how.std is not None
    real = ((pixels.astype(np.float64) - how.mean) / how.std).astype(np.float32)
    if how.colour == "bgr":
        real = real[:, :, [2, 1, 0]]
    if how.layout == "nchw":
        real = real.transpose(2, 0, 1)
    scale, zero_point = tensor.scale, np.array(tensor.zero_point)
    if tensor.scales is not None and tensor.zero_points is not None:
        shape = (-1, 1, 1) if how.layout == "nchw" else (-1,)
        return _rounded(real, tensor.scales.reshape(shape), tensor.zero_points.reshape(shape), tensor.dtype)
    return _rounded(real, scale, zero_point, tensor.dtype)


def _rounded(real: NDArray[Any], scale: Any, zero_point: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    limits = np.iinfo(dtype)
    steps = np.around(real.astype(np.float64) / np.asarray(scale, np.float64)) + zero_point
    raw: NDArray[Any] = np.minimum(np.maximum(steps, limits.min), limits.max).astype(dtype)
    return raw


@given(
    st.sampled_from(["int8", "uint8", "int16"]),
    st.sampled_from(["nhwc", "nchw"]),
    st.floats(2.0**-10, 0.125, width=32),
    st.integers(-128, 127),
    st.sampled_from([(127.5,), (0.0,), (123.7, 116.3, 103.5)]),
    st.sampled_from([(127.5,), (255.0,), (58.4, 57.1, 57.4)]),
)
def test_table_equals_floats(
    dtype: str, layout: str, scale: float, zero_point: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    how = Picture(layout=layout, mean=mean, std=std)
    tensor = spec("x", (1, 16, 12, 3) if layout == "nhwc" else (1, 3, 16, 12), dtype, scale, zero_point)
    pixels = np.arange(16 * 12 * 3).astype(np.uint8).reshape(16, 12, 3)
    raw, _ = prepare(pixels, tensor, carded(layout=layout, mean=mean, std=std))
    assert raw.flags.c_contiguous and raw.dtype == tensor.dtype and raw.shape == tensor.shape
    assert np.array_equal(raw[0], slow(pixels, tensor, how))


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_per_channel_input(layout: str) -> None:
    shape, axis = ((1, 8, 9, 3), 3) if layout == "nhwc" else ((1, 3, 8, 9), 1)
    tensor = TensorSpec(
        "x",
        shape,
        np.dtype("i1"),
        216,
        scales=np.array([0.01, 0.02, 0.005], np.float32),
        zero_points=np.array([0, -100, 7], np.int32),
        axis=axis,
    )
    pixels = picture(8, 9)
    raw, _ = prepare(pixels, tensor, carded(mean=(127.5,), std=(127.5,)))
    assert np.array_equal(raw[0], slow(pixels, tensor, Picture(mean=(127.5,), std=(127.5,), layout=layout)))


def test_colours() -> None:
    pixels = picture(6, 7)
    tensor = spec("x", (1, 6, 7, 3), "uint8")
    assert np.array_equal(prepare(pixels, tensor, carded(colour="bgr"))[0][0], pixels[:, :, [2, 1, 0]])
    grey = picture(6, 7)[:, :, 0]
    assert np.array_equal(prepare(grey, tensor)[0][0], np.dstack([grey] * 3))
    one = spec("x", (1, 6, 7, 1), "uint8")
    assert np.array_equal(prepare(grey, one)[0][0, :, :, 0], grey)
    assert np.array_equal(prepare(pixels, one)[0][0, :, :, 0], np.asarray(Image.fromarray(pixels).convert("L")))
    means = carded(colour="bgr", mean=(1.0, 2.0, 3.0), std=(1.0,))
    real, _ = prepare(pixels, spec("x", (1, 6, 7, 3), "float32"), means)
    assert np.array_equal(real[0], pixels[:, :, [2, 1, 0]] - np.array([1, 2, 3], np.float32))


def test_the_callers_order() -> None:
    rgb = picture(6, 7)
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    tensor, one = spec("x", (1, 6, 7, 3), "uint8"), spec("x", (1, 6, 7, 1), "uint8")
    for colour in ("rgb", "bgr"):
        wanted = prepare(rgb, tensor, carded(colour=colour))[0]
        assert np.array_equal(prepare(bgr, tensor, carded(colour=colour, order="bgr"))[0], wanted)
    assert np.array_equal(prepare(bgr, one, carded(order="bgr"))[0], prepare(rgb, one)[0])
    small = spec("x", (1, 3, 3, 3), "uint8")
    assert np.array_equal(prepare(bgr, small, carded(order="bgr"))[0], prepare(rgb, small)[0])
    same, _ = prepare(Image.fromarray(rgb), tensor, carded(order="bgr"))
    assert np.array_equal(same[0], rgb), "only arrays have another order"


@pytest.mark.parametrize("name", card.FILTERS)
def test_filters(name: str) -> None:
    pixels = picture(40, 60)
    raw, _ = prepare(pixels, spec("x", (1, 8, 12, 3), "uint8"), carded(resize=name))
    expected = Image.fromarray(pixels).resize((12, 8), getattr(Image.Resampling, name.upper()))
    assert np.array_equal(raw[0], np.asarray(expected))


def test_pixels_as_they_are() -> None:
    pixels = picture(4, 5)
    signed, _ = prepare(pixels, spec("x", (1, 4, 5, 3), "int8", 1 / 255, -128))
    assert np.array_equal(signed[0], pixels.astype(int) - 128)
    wide, _ = prepare(pixels, spec("x", (1, 4, 5, 3), "uint16"))
    assert np.array_equal(wide[0], pixels)


def test_what_fits_is_not_copied() -> None:
    pixels, tensor = picture(4, 5), spec("x", (1, 4, 5, 3), "uint8", 1 / 255)
    for given_ in (pixels, pixels[None]):
        raw, placement = prepare(given_, tensor)
        assert np.shares_memory(raw, pixels) and raw.shape == tensor.shape
        assert placement == Placement((5, 4), (5, 4))
    raw_values = picture(4, 5).view(np.int8)
    raw, _ = prepare(raw_values, spec("x", (1, 4, 5, 3), "int8", 0.1))
    assert np.shares_memory(raw, raw_values)


def test_planes() -> None:
    pixels = picture(4, 5)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]
    tensor = spec("x", (1, 3, 4, 5), "uint8")
    raw, _ = prepare(pixels, tensor)
    assert np.array_equal(raw, planes)
    raw, _ = prepare(planes, tensor)
    assert np.shares_memory(raw, planes)


def test_real_values() -> None:
    real = RNG.normal(0, 1, (4, 5, 3)).astype(np.float32)
    tensor = spec("x", (1, 4, 5, 3), "int8", 0.02, 3)
    raw, _ = prepare(real, tensor)
    assert np.array_equal(raw[0], tensor.quantize(real))
    real[1, 1, 1] = np.nan
    with pytest.raises(BadInput, match="nan"):
        prepare(real, tensor)
    with pytest.raises(BadInput, match="pictures of other sizes must be uint8"):
        prepare(real[1:], tensor)


# ---- fitting


@pytest.mark.parametrize(("how", "box"), [("stretch", (0, 0, 90, 40)), ("crop", (25, 0, 65, 40))])
def test_stretch_and_crop_equal_pillow(how: str, box: tuple[int, int, int, int]) -> None:
    pixels = picture(40, 90)
    raw, _ = prepare(pixels, spec("x", (1, 20, 20, 3), "uint8"), carded(fit=how))
    expected = Image.fromarray(pixels).resize((20, 20), Image.Resampling.BILINEAR, box=box)
    assert np.array_equal(raw[0], np.asarray(expected))


def test_bars() -> None:
    raw, _ = prepare(np.full((10, 40, 3), 9, np.uint8), spec("x", (1, 40, 40, 3), "uint8"), carded(pad=200))
    assert (raw[0, :15] == 200).all() and (raw[0, 15:25] == 9).all() and (raw[0, 25:] == 200).all()


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (1, 1), (2999, 3000)])
@pytest.mark.parametrize("how", card.FITS)
def test_extreme_pictures(shape: tuple[int, int], how: str) -> None:
    raw, _ = prepare(np.full(shape, 77, np.uint8), spec("x", (1, 48, 64, 3), "uint8"), carded(fit=how))
    assert raw.shape == (1, 48, 64, 3) and (raw == 77).any()


@given(st.sampled_from(card.FITS), st.integers(1, 70), st.integers(1, 70))
def test_every_size_fits(how: str, height: int, width: int) -> None:
    raw, _ = prepare(np.full((height, width), 77, np.uint8), spec("x", (1, 24, 32, 1), "uint8"), carded(fit=how))
    assert raw.shape == (1, 24, 32, 1)
    assert (raw == 77).all() if how != "letterbox" else set(np.unique(raw)) <= {0, 77}


# ---- what is given


def test_files_and_pillow_images(tmp_path: Path) -> None:
    pixels, tensor = picture(8, 6), spec("x", (1, 8, 6, 3), "uint8")
    picture_ = Image.fromarray(pixels)
    path = tmp_path / "a.png"
    picture_.save(path)
    for given_ in (picture_, path, str(path), picture_.convert("RGBA")):
        assert np.array_equal(prepare(given_, tensor)[0][0], pixels)
    for mode in ("L", "1", "P", "LA"):
        assert image.load(picture_.convert(mode)).shape[:2] == (8, 6)
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture_.save(path, exif=exif)
    assert np.array_equal(image.load(path), pixels[::-1, ::-1])


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ("/no/such/file.png", "picture '/no/such/file.png' does not exist"),
        (__file__, "cannot be read as a picture"),
        (Path(__file__).parent, "cannot be read as a picture"),
        (object(), "got object"),
        (None, "got NoneType"),
        (np.zeros((4, 4, 4), np.uint8), r"got uint8 of shape \(4, 4, 4\)"),
        (np.zeros(4, np.uint8), r"got uint8 of shape \(4,\)"),
        (np.zeros((0, 4), np.uint8), "does not have pixels"),
        (Image.new("I;16", (4, 4)), "more than 8 bits"),
        (Image.new("F", (4, 4)), "more than 8 bits"),
    ],
)
def test_no_picture(given_: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        prepare(given_, spec("x", (1, 8, 8, 3), "uint8"))


def test_a_file_of_16_bits(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 3), 1000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(BadInput, match="more than 8 bits"):
        image.load(tmp_path / "deep.png")


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    tensor = spec("x", (1, 8, 8, 3), "uint8")
    pixels = picture(8, 8)
    assert np.array_equal(prepare(pixels, tensor)[0][0], pixels)
    assert np.array_equal(prepare(pixels[:4], tensor)[0][0, 2:6], pixels[:4])
    wide = picture(8, 14)
    assert np.array_equal(prepare(wide, tensor, carded(fit="crop"))[0][0], wide[:, 3:11])
    for given_ in (picture(9, 9), "a.png"):
        with pytest.raises(MissingExtra, match=r"n6link\[vision\]"):
            prepare(given_, tensor)


def test_while_another_thread_imports_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", ModuleType("PIL.Image"))
    pixels = picture(8, 8)
    assert np.array_equal(image.load(pixels), pixels)


# ---- inputs and cards that do not fit pictures


@pytest.mark.parametrize(
    ("tensor", "how", "message"),
    [
        (spec("x", (1, 30), "int8"), {}, "is not a picture"),
        (spec("x", (2, 8, 8, 3), "uint8"), {}, "is not a picture"),
        (spec("x", (1, 8, 8, 4), "uint8"), {}, "has 8 channels in the layout nchw"),
        (spec("x", (1, 8, 8, 3), "uint8"), {"layout": "nchw"}, "has 8 channels in the layout nchw"),
        (spec("x", (1, 8, 8, 3), "uint8"), {"colour": "grey"}, "3 channels, but input.colour in its card is 'grey'"),
        (spec("x", (1, 8, 8, 3), "float32"), {}, "must contain input.mean and input.std"),
        (spec("x", (1, 8, 8, 3), "int8"), {"mean": (1.0,), "std": (2.0,)}, "not quantised"),
        (
            spec("x", (1, 8, 8, 3), "int8", 1.0),
            {"mean": (1.0, 2.0), "std": (2.0,)},
            "has 2 values in input.mean and 1 in input.std",
        ),
    ],
)
def test_inputs_that_are_no_pictures(tensor: TensorSpec, how: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        prepare(picture(8, 8), tensor, carded(**how))


def test_quantised_along_another_axis() -> None:
    tensor = TensorSpec(
        "x",
        (1, 2, 2, 3),
        np.dtype("i1"),
        12,
        scales=np.ones(2, np.float32),
        zero_points=np.zeros(2, np.int32),
        axis=1,
    )
    with pytest.raises(CardError, match="along axis 1"):
        prepare(picture(2, 2), tensor, carded(mean=(0.0,), std=(1.0,)))


def test_input_size() -> None:
    assert image.PictureInput(spec("x", (1, 48, 64, 3), "uint8")).size == (64, 48)
    assert image.PictureInput(spec("x", (1, 3, 48, 64), "uint8")).size == (64, 48)
    assert image.PictureInput(spec("x", (48, 64, 1), "uint8")).size == (64, 48)


def test_many_pictures_share_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        return quantize(*arguments)

    monkeypatch.setattr(image, "quantize", counted)
    one = image.PictureInput(spec("x", (1, 8, 8, 3), "int8", 0.5, 3), carded(mean=(127.0,), std=(2.0,)))
    pictures = [picture(8, 8), picture(8, 8)]
    arrays = [one.prepare(shown)[0] for shown in pictures]
    assert len(made) == 1
    for shown, array in zip(pictures, arrays, strict=True):
        assert np.array_equal(array[0], quantize((shown - np.float32(127)) / np.float32(2), 0.5, 3, np.dtype(np.int8)))
