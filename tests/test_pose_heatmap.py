"""Poses from heatmaps, against saved outputs of real networks and the peers' decodes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from reductions import Answer, Network, answer, spec
from references import DATA, arrays_of

from n6link.decoders.pose import BODY_EDGES, BODY_NAMES, COCO_EDGES, COCO_NAMES
from n6link.decoders.pose_heatmap import PoseHeatmap, decode
from n6link.errors import BadInput, CardError
from n6link.tensors import card
from n6link.tensors.card import Card
from n6link.tensors.image import Placement

CASES = {
    "movenet13": "astronaut astronaut_face astronaut_mirrored astronaut_small black both hopper hopper_turned noise white",
    "movenet17": "astronaut astronaut_mirrored hopper hopper_turned noise",
}
every_case = pytest.mark.parametrize(
    "case", [f"{net}_{name}" for net, names in CASES.items() for name in names.split()]
)


def slow(heatmap: NDArray[Any]) -> list[tuple[int, int, float]]:
    """Column, row and value of each channel's first maximum, cell by cell."""
    height, width, channels = heatmap.shape
    found = []
    for channel in range(channels):
        best: tuple[int, int, float] | None = None
        for row in range(height):
            for column in range(width):
                value = float(heatmap[row, column, channel])
                if best is None or value > best[2] or (np.isnan(best[2]) and not np.isnan(value)):
                    best = (column, row, value)
        assert best
        found.append(best)
    return found


@every_case
def test_equals_the_peers(case: str) -> None:
    reference = arrays_of(DATA / "heatmaps" / f"{case}.npz")
    heatmap, scale, zero_point = reference["heatmap"], float(reference["scale"]), int(reference["zero_point"])
    keypoints = decode(heatmap, scale=scale, zero_point=zero_point)
    size = heatmap.shape[0]
    assert keypoints.dtype == np.float32 and keypoints.shape == (heatmap.shape[2], 3)
    assert np.array_equal(keypoints[:, :2] * size - np.float32(0.5), reference["cells_xy"])
    assert np.array_equal(keypoints[:, 2], reference["score"])
    real = (heatmap.astype(np.float32) - zero_point) * np.float32(scale)
    unsigned = (heatmap.astype(np.int16) + 128).astype(np.uint8)
    assert np.array_equal(decode(real), keypoints)
    assert np.array_equal(decode(unsigned, scale=scale, zero_point=zero_point + 128), keypoints)
    assert np.array_equal(decode(heatmap[None], scale=scale, zero_point=zero_point), keypoints)


@every_case
def test_reduced_is_the_same(case: str) -> None:
    """Bit by bit, of int8 and of float32 outputs, whole or as peaks."""
    reference = arrays_of(DATA / "heatmaps" / f"{case}.npz")
    raw = reference["heatmap"][None]
    scale, zero_point = float(reference["scale"]), int(reference["zero_point"])
    placement = Placement.fit("letterbox", (640, 427), (192, 192))
    for array in (raw, (raw.astype(np.float32) - zero_point) * np.float32(scale)):
        quantised = array.dtype == np.int8
        net = network(array.shape, str(array.dtype), scale if quantised else None, zero_point if quantised else 0)
        requests = PoseHeatmap().returns(net)
        assert requests is not None
        reduced = answer(net, {"heat": array}, requests, placement)
        whole = Answer(net, {"heat": array}, {}, placement)
        assert PoseHeatmap().complete(reduced)
        (a,), (b,) = PoseHeatmap().decode(reduced), PoseHeatmap().decode(whole)
        assert np.array_equal(a.keypoints, b.keypoints) and a.score == b.score


@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(1, 4),
    st.sampled_from(["int8", "uint8", "int16", "float32"]),
    st.data(),
)
def test_first_maximum(height: int, width: int, channels: int, dtype: str, data: st.DataObject) -> None:
    values: list[Any] = [float("nan"), float("-inf"), -1.0, 1.0, 2.0] if dtype == "float32" else [1, 2, 3]
    size = height * width * channels
    flat = data.draw(st.lists(st.sampled_from(values), min_size=size, max_size=size))
    heatmap = np.array(flat, dtype).reshape(height, width, channels)
    scale = None if dtype == "float32" else 0.5
    for keypoint, (column, row, value) in zip(decode(heatmap, scale=scale, zero_point=1), slow(heatmap), strict=True):
        score = value if scale is None else (value - 1) * scale
        expected = np.array([(column + 0.5) / width, (row + 0.5) / height, score], np.float32)
        assert np.array_equal(keypoint, expected, equal_nan=True)


@pytest.mark.parametrize("shape", [(48, 48), (2, 48, 48, 13), (0, 48, 13), (1, 1, 48, 48, 13)])
def test_no_heatmap(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="shape"):
        decode(np.zeros(shape, np.int8))


def network(
    shape: tuple[int, ...], dtype: str = "int8", scale: float | None = 1 / 256, zero_point: int = -128, toml: str = ""
) -> Network:
    loaded = card.load(f'task = "pose-heatmap"\n{toml}', base=None, name="net")
    image = spec("image", (1, 192, 192, 3), "uint8")
    return Network("net", {"image": image}, {"heat": spec("heat", shape, dtype, scale, zero_point)}, loaded)


def test_source_pixels() -> None:
    """A peak in a known cell of the input is at a known pixel of the source."""
    heatmap = np.full((1, 48, 48, 13), -128, np.int8)
    heatmap[0, 24, 12, :] = 72
    net = network(heatmap.shape)
    placement = Placement.fit("letterbox", (400, 200), (192, 192))
    (pose,) = PoseHeatmap().decode(Answer(net, {"heat": heatmap}, {}, placement))
    x, y = (12.5 * 4) / 0.48, (24.5 * 4 - 48) / 0.48
    assert np.allclose(pose.keypoints, [[x, y, 200 / 256]] * 13)
    assert pose.score == pytest.approx(200 / 256) and pose.box is None
    (pose,) = PoseHeatmap().decode(Answer(net, {"heat": heatmap}))
    assert np.allclose(pose.keypoints[:, :2], [50, 98])


@pytest.mark.parametrize(
    ("count", "names", "edges"),
    [
        (13, BODY_NAMES, BODY_EDGES),
        (17, COCO_NAMES, COCO_EDGES),
        (2, ("keypoint_0", "keypoint_1"), ()),
    ],
)
def test_names_by_number(count: int, names: tuple[str, ...], edges: tuple[tuple[int, int], ...]) -> None:
    net = network((1, 4, 4, count))
    (pose,) = PoseHeatmap().decode(Answer(net, {"heat": np.zeros((1, 4, 4, count), np.int8)}))
    assert (pose.names, pose.edges) == (names, edges)


def test_names_by_card() -> None:
    net = network((1, 4, 4, 2), toml='keypoints = ["tip", "tail"]\nedges = [[0, 1]]')
    (pose,) = PoseHeatmap().decode(Answer(net, {"heat": np.zeros((1, 4, 4, 2), np.int8)}))
    assert (pose.names, pose.edges) == (("tip", "tail"), ((0, 1),))


def test_skeletons() -> None:
    """The 13 keypoints are COCO's without eyes and ears, and both skeletons join every keypoint."""
    assert (COCO_NAMES[0], *COCO_NAMES[5:]) == BODY_NAMES
    assert (COCO_NAMES[1], COCO_NAMES[4], COCO_NAMES[9], COCO_NAMES[16]) == (
        "left_eye",
        "right_ear",
        "left_wrist",
        "right_ankle",
    )
    for names, edges in ((COCO_NAMES, COCO_EDGES), (BODY_NAMES, BODY_EDGES)):
        assert {end for edge in edges for end in edge} == set(range(len(names)))
    bundled = card.bundled("movenet13")
    assert isinstance(bundled, Card) and (bundled.keypoints, bundled.edges) == (BODY_NAMES, BODY_EDGES)


@pytest.mark.parametrize(
    ("shape", "toml", "message"),
    [
        ((1, 4, 4, 2), 'keypoints = ["a"]', "has 1 keypoints, but the network has 2"),
        ((1, 4, 4, 2), "edges = [[0, 2]]", "an edge to keypoint 2, but the network has 2"),
        ((1, 4), "", "heatmaps must be"),
        ((2, 4, 4, 2), "", "heatmaps must be"),
        ((1, 4, 4, 2), "decode.conf = 0.5", "unknown option 'conf' from the card; pose-heatmap accepts no options"),
        ((1, 4, 4, 2), 'output.name = "other"', "output.name is 'other', but the network has heat"),
    ],
)
def test_cards_that_do_not_fit(shape: tuple[int, ...], toml: str, message: str) -> None:
    net = network(shape, toml=toml)
    with pytest.raises(CardError, match=message):
        PoseHeatmap().decode(Answer(net, {"heat": np.zeros(shape, np.int8)}))


def test_unknown_option() -> None:
    net = network((1, 4, 4, 2))
    with pytest.raises(BadInput, match="unknown option 'iou' from the caller"):
        PoseHeatmap().decode(Answer(net, {"heat": np.zeros((1, 4, 4, 2), np.int8)}), iou=0.5)


def test_types_that_devices_do_not_reduce() -> None:
    assert PoseHeatmap().returns(network((1, 4, 4, 2), "int32", 0.1)) is None


@pytest.mark.parametrize("what", ["x", None, np.zeros((4, 4, 2), np.int64)], ids=["text", "nothing", "int64"])
def test_what_is_no_heatmap_is_refused(what: Any) -> None:
    with pytest.raises(BadInput, match="array of int8, uint8, int16 or float32; got"):
        decode(what)
