"""Poses from a YOLO head, against what three peers keep of made-up and real outputs, and a slow reading of the rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from reductions import Answer, Network, answer, device, spec
from references import DATA, arrays_of

from n6link.decoders.pose import COCO_NAMES
from n6link.decoders.yolo_pose import Person, YoloPose, channel_axis, decode
from n6link.errors import BadInput, CardError
from n6link.tensors import card, reduce
from n6link.tensors.image import Placement

QUANTISED = ["one", "nobody", "tall", "crowd", "wide", "ties", "blurred"]
FLOATS = ["small", "large", "blurred_large"]
PIXELS = ["pixels", "pixels_two"]
every_case = pytest.mark.parametrize("case", QUANTISED + FLOATS + PIXELS)

Reference: TypeAlias = dict[str, NDArray[Any]]
"""an output, and what peers make of it: see data/README.md"""


def load(case: str) -> Reference:
    return arrays_of(DATA / "heads" / f"{case}.npz")


def side_of(reference: Reference) -> int:
    """Width and height of the network's input."""
    return int(reference["side"]) if "side" in reference else len(reference["input"])


def floats(reference: Reference) -> tuple[NDArray[np.float32], float]:
    """The float output, and how many input pixels its unit is."""
    if "raw_pixels_f32" in reference:
        return reference["raw_pixels_f32"], 1.0
    if "raw_f32" in reference:
        return reference["raw_f32"], float(side_of(reference))
    raw = (reference["raw_i8"].astype(np.float32) - reference["zp"].astype(np.float32)) * reference["scale"]
    return raw, float(side_of(reference))


def kept(reference: Reference) -> tuple[list[int], NDArray[np.float32]]:
    """Indices of the candidates that are kept, and a row of each: box, score, class, keypoints."""
    prefix = "jit_" if "jit_ultra_keep_idx" in reference else ""
    return reference[f"{prefix}ultra_keep_idx"].ravel().tolist(), reference[f"{prefix}ultra_det"]


def slow(raw: NDArray[Any], conf: float, iou: float, most: int) -> list[int]:
    """The rules, one candidate at a time, in float64: raw is [channels, N] real values."""
    boxes = {}
    for index in range(raw.shape[1]):
        x, y, w, h, score = (float(v) for v in raw[:5, index])
        if score >= conf:
            boxes[index] = (x - w / 2, y - h / 2, x + w / 2, y + h / 2, score)
    left = sorted(boxes, key=lambda i: (-boxes[i][4], i))
    found: list[int] = []
    while left and len(found) < most:
        best = boxes[left[0]]
        found.append(left[0])

        def overlap(index: int, best: tuple[float, ...] = best) -> float:
            box = boxes[index]
            w = max(0.0, min(best[2], box[2]) - max(best[0], box[0]))
            h = max(0.0, min(best[3], box[3]) - max(best[1], box[1]))
            union = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (best, box)) - w * h
            return w * h / union if union else 0.0

        left = [index for index in left[1:] if overlap(index) <= iou]
    return found


# ---- against references


@every_case
def test_equals_the_peers(case: str) -> None:
    reference = load(case)
    check_equals_the_peers(reference)
    indices, _ = kept(reference)
    assert indices == reference["cv2_keep_idx"].tolist() == reference["rtmlib_keep_idx"].tolist()


def check_equals_the_peers(reference: Reference) -> None:
    raw, unit = floats(reference)
    people = decode(raw, conf=float(reference["conf"]), iou=float(reference["iou"]))
    indices, rows = kept(reference)
    assert [person.index for person in people] == indices
    for person, row in zip(people, rows, strict=True):
        assert np.abs(person.box * unit - row[:4]).max() < 1e-3
        assert person.score == raw[4, person.index]
        assert person.score == pytest.approx(float(row[4]), abs=3e-3)  # the peers' scores are jittered to part ties
        assert np.abs(person.keypoints[:, :2] * unit - row[6:].reshape(-1, 3)[:, :2]).max() < 1e-3
        assert np.abs(person.keypoints[:, 2] - row[6:].reshape(-1, 3)[:, 2]).max() < 2e-3
        assert person.keypoints.dtype == person.box.dtype == np.float32


@pytest.mark.parametrize("case", QUANTISED)
def test_int8_keeps_the_same(case: str) -> None:
    check_int8_keeps_the_same(load(case))


def check_int8_keeps_the_same(reference: Reference) -> None:
    options: dict[str, float] = {"conf": float(reference["conf"]), "iou": float(reference["iou"])}
    scale, zero_point, raw = float(reference["scale"]), int(reference["zp"]), reference["raw_i8"]
    indices, _ = kept(reference)
    shifted = (raw.astype(np.int16) + 128).astype(np.uint8)
    for array, zero in ((raw, zero_point), (shifted, zero_point + 128), (raw.astype(np.int16), zero_point)):
        for view in (array, array[None], np.ascontiguousarray(array.T), np.ascontiguousarray(array.T)[None]):
            people = decode(view, scale=scale, zero_point=zero, **options)  # type: ignore[arg-type]
            assert [person.index for person in people] == indices


@pytest.mark.parametrize("case", QUANTISED + FLOATS)
def test_source_pixels_equal_the_peers(case: str) -> None:
    check_source_pixels_equal_the_peers(load(case))


def check_source_pixels_equal_the_peers(reference: Reference) -> None:
    """From raw output to source pixels, where no tie decides who is kept."""
    raw, _ = floats(reference)
    side = side_of(reference)
    net = network(raw[None].shape, side=side)
    width, height = map(int, reference["orig_wh"])
    placement = Placement.fit("letterbox", (width, height), (side, side))
    options = {"conf": float(reference["conf"]), "iou": float(reference["iou"])}
    poses = YoloPose().decode(Answer(net, {"head": raw[None]}, {}, placement), **options)
    indices = [person.index for person in decode(raw, **options)]  # type: ignore[arg-type]
    same = [
        (pose, row)
        for pose, index in zip(poses, indices, strict=True)
        for row, other in enumerate(reference["ultra_keep_idx"].ravel())
        if index == other
    ]
    assert same or not indices
    for pose, row in same:
        assert pose.box is not None
        assert np.abs(pose.box - reference["ultra_boxes_orig"][row]).max() < 0.5
        assert np.abs(pose.keypoints[:, :2] - reference["ultra_kpts_orig"][row][:, :2]).max() < 0.5


@every_case
@pytest.mark.parametrize("transposed", [False, True])
def test_reduced_is_the_same(case: str, transposed: bool) -> None:
    check_reduced_is_the_same(load(case), transposed)


def check_reduced_is_the_same(reference: Reference, transposed: bool) -> None:
    raw, unit = floats(reference)
    outputs: list[tuple[NDArray[Any], float | None, int]] = [(raw, None, 0)]
    if "raw_i8" in reference:
        outputs.append((reference["raw_i8"], float(reference["scale"]), int(reference["zp"])))
    for matrix, scale, zero_point in outputs:
        array = np.ascontiguousarray(matrix.T if transposed else matrix)[None]
        net = network(array.shape, str(array.dtype), scale, zero_point, pixels=unit == 1)
        requests = YoloPose().returns(net)
        assert requests is not None
        reduced = answer(net, {"head": array}, requests, None)
        assert YoloPose().complete(reduced)
        for options in ({}, {"conf": 0.5}, {"max_poses": 1}, {"iou": 0.99}):
            same(YoloPose().decode(reduced, **options), YoloPose().decode(Answer(net, {"head": array}), **options))


def test_outputs_of_real_networks(shared: Path) -> None:
    """Everything above, of outputs that may not be part of the project."""
    cases = {path.stem: arrays_of(path) for path in sorted((shared / "refs/yolo_pose").glob("*.npz"))}
    assert len(cases) == 10
    for reference in cases.values():
        check_equals_the_peers(reference)
        for transposed in (False, True):
            check_reduced_is_the_same(reference, transposed)
        if "raw_pixels_f32" not in reference:
            check_source_pixels_equal_the_peers(reference)
        if "raw_i8" in reference:
            check_int8_keeps_the_same(reference)


def same(ours: list[Any], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.score == b.score
        assert np.array_equal(a.keypoints, b.keypoints) and np.array_equal(a.box, b.box)


# ---- against the slow reading


@st.composite
def heads(draw: st.DrawFn) -> NDArray[np.float32]:
    """[8, N]: boxes on a coarse grid, so that overlaps are exact, and few scores, so that many are equal."""
    count = draw(st.integers(1, 30))
    eighths = st.integers(0, 8).map(lambda n: n / 8)
    rows = draw(
        st.lists(
            st.tuples(eighths, eighths, eighths, eighths, st.sampled_from([0.0, 0.25, 0.5, 0.75, float("nan")])),
            min_size=count,
            max_size=count,
        )
    )
    head = np.zeros((8, count), np.float32)
    head[:5] = np.array(rows, np.float32).T
    head[5:] = np.arange(3 * count).reshape(3, count)
    return head


@given(heads(), st.sampled_from([0.25, 0.5, 0.6]), st.sampled_from([0.0, 0.3, 0.71, 1.0]), st.integers(1, 10))
def test_rules(head: NDArray[np.float32], conf: float, iou: float, most: int) -> None:
    people = decode(head, conf=conf, iou=iou, max_poses=most, keypoints=1)
    assert [person.index for person in people] == slow(head, conf, iou, most)
    for person in people:
        assert person.score == head[4, person.index]
        assert person.keypoints.tolist() == [head[5:, person.index].tolist()]


@given(heads(), st.integers(1, 20))
def test_reduced_or_told(head: NDArray[np.float32], limit: int) -> None:
    """Either all candidates came, and the poses are the same, or the result says that it is not complete."""
    net = network(head[None].shape, keypoints=1)
    request = reduce.above(0, net.outputs["head"], 0.25, channels=8, channel=4, columns=True)
    request = replace(request, k=limit)
    data, count = device(head, request)
    rows = reduce.parse(data, request, net.outputs["head"], count)
    reduced = Answer(net, {}, {"head": rows})
    if YoloPose().complete(reduced):
        same(YoloPose().decode(reduced), YoloPose().decode(Answer(net, {"head": head[None]})))
    else:
        assert count > limit
        with pytest.raises(BadInput, match=f"{count} candidates passed, but the device returned only {limit}"):
            YoloPose().decode(reduced)


def test_everything_passes() -> None:
    """As many people as anchors: nothing overlaps, and max_poses holds."""
    head = np.zeros((56, 400), np.float32)
    head[0], head[1], head[2:4], head[4] = np.arange(400) % 20, np.arange(400) // 20, 0.5, 0.9
    assert [person.index for person in decode(head, max_poses=400)] == list(range(400))
    assert len(decode(head)) == 20
    assert decode(np.zeros((56, 400), np.float32)) == []


# ---- shapes and options


@pytest.mark.parametrize(
    ("shape", "keypoints", "axis"),
    [
        ((56, 1344), 17, 0),
        ((1344, 56), 17, 1),
        ((56, 56), 17, 0),
        ((44, 756), 17, 0),
        ((2100, 44), 17, 1),
        ((44, 56), 13, 0),
        ((8, 11), 17, 0),
        ((11, 8), 17, 1),
    ],
)
def test_channel_axis(shape: tuple[int, int], keypoints: int, axis: int) -> None:
    assert channel_axis(shape, keypoints) == axis


@pytest.mark.parametrize("shape", [(56,), (2, 56, 10), (55, 10), (5, 4), (56, 0), (1, 1, 56, 10)])
def test_no_head(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=r"5 \+ 3K"):
        decode(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conf": 1.5}, "conf is 1.5"),
        ({"conf": float("nan")}, "conf is nan"),
        ({"conf": "high"}, "conf is 'high'"),
        ({"iou": -0.1}, "iou is -0.1"),
        ({"max_poses": 0}, "max_poses is 0"),
        ({"max_poses": 2.5}, "max_poses is 2.5"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        decode(np.zeros((56, 10), np.float32), **options)
    with pytest.raises(BadInput, match=message):
        YoloPose().returns(network((1, 56, 10)), **options)


def test_integers_need_a_scale() -> None:
    with pytest.raises(BadInput, match="without a scale"):
        decode(np.zeros((56, 10), np.int8))


def test_numpy_options() -> None:
    head = np.zeros((56, 1), np.float32)
    head[4] = 0.25
    found = decode(head, conf=np.float32(0.25), max_poses=np.int64(1))  # type: ignore[arg-type]
    assert [type(person) for person in found] == [Person]


# ---- in a result


def network(
    shape: tuple[int, ...],
    dtype: str = "float32",
    scale: float | None = None,
    zero_point: int = 0,
    *,
    side: int = 256,
    keypoints: int = 0,
    pixels: bool = False,
    toml: str = "",
) -> Network:
    names = [f"k{i}" for i in range(keypoints)]
    text = f'task = "yolo-pose"\nkeypoints = {names}\n{toml}\n' + ('output.coordinates = "pixels"' if pixels else "")
    loaded = card.load(text, base=None, name="net")
    image = spec("image", (1, side, side, 3), "uint8", 1 / 255)
    return Network("net", {"image": image}, {"head": spec("head", shape, dtype, scale, zero_point)}, loaded)


def one_person(unit: float = 1.0) -> NDArray[np.float32]:
    head = np.zeros((1, 56, 3), np.float32)
    head[0, :5, 1] = (0.5 * unit, 0.5 * unit, 0.25 * unit, 0.5 * unit, 0.8)
    head[0, 5:, 1] = np.tile([0.5 * unit, 0.75 * unit, 0.9], 17)
    return head


@pytest.mark.parametrize("pixels", [False, True])
def test_poses(pixels: bool) -> None:
    head = one_person(256 if pixels else 1)
    placement = Placement.fit("letterbox", (512, 256), (256, 256))
    net = network(head.shape, pixels=pixels)
    (pose,) = YoloPose().decode(Answer(net, {"head": head}, {}, placement))
    assert pose.box is not None
    assert np.allclose(pose.box, [192, 0, 320, 256])
    assert np.allclose(pose.keypoints, [[256, 256, 0.9]] * 17)
    assert not pose.outside.any(), "on the edge"
    head[0, 6, 1] *= 1.1
    (pose,) = YoloPose().decode(Answer(net, {"head": head}, {}, placement))
    assert pose.outside.tolist() == [True] + [False] * 16 and pose["nose"].tolist()[:2] == [256, 256]
    assert pose.score == pytest.approx(0.8) and pose.names == COCO_NAMES


def test_per_channel_outputs() -> None:
    head, net = one_person(), network((1, 56, 3), "int8", 1.0)
    steps = np.full(56, 1 / 100, np.float32)
    steps[4] = 1 / 50
    output = net.outputs["head"]
    output = type(output)(
        "head", output.shape, output.dtype, output.size, scales=steps, zero_points=np.zeros(56, np.int32), axis=1
    )
    net = Network("net", net.inputs, {"head": output}, net.card)
    assert YoloPose().returns(net) is None
    (pose,) = YoloPose().decode(Answer(net, {"head": output.quantize(head)}))
    assert pose.box is not None and np.allclose(pose.box, [96, 64, 160, 192], atol=3)
    assert pose.score == pytest.approx(0.8)


def test_card_options_and_callers() -> None:
    head = one_person()
    net = network(head.shape, toml="decode.conf = 0.85")
    assert YoloPose().decode(Answer(net, {"head": head})) == []
    assert len(YoloPose().decode(Answer(net, {"head": head}), conf=0.5)) == 1
    requests = YoloPose().returns(net)
    assert requests is not None
    reduced = answer(net, {"head": head}, requests, None)
    with pytest.raises(BadInput, match="conf=0.5 is lower than in the request"):
        YoloPose().decode(reduced, conf=0.5)
    requests = YoloPose().returns(net, conf=0.5)
    assert requests is not None
    assert len(YoloPose().decode(answer(net, {"head": head}, requests, None), conf=0.5)) == 1


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (network((1, 56, 3), keypoints=3, toml="decode.confidence = 1"), "unknown option 'confidence' from the card"),
        (network((1, 57, 4)), "is not a pose head"),
        (network((1, 56, 3), keypoints=3), "has 3 keypoints, but the network has 17"),
    ],
)
def test_cards_that_do_not_fit(net: Network, message: str) -> None:
    with pytest.raises(CardError, match=message):
        YoloPose().decode(Answer(net, {"head": np.zeros(net.outputs["head"].shape, np.float32)}))


def test_whole_results_are_complete() -> None:
    net = network((1, 56, 3))
    assert YoloPose().complete(Answer(net, {"head": one_person()}))
    assert YoloPose().returns(network((1, 56, 3), "int32")) is None
