"""Detections: what ST's C post-processing makes of the same outputs, a slow reading of the rules, and outputs that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from effort import work
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from reductions import Answer, Network, answer, spec, tensor
from references import DATA, arrays_of

from n6link import decoders
from n6link.decoders.boxes import Detection, keep
from n6link.errors import BadInput, CardError
from n6link.tensors import card, reduce
from n6link.tensors.image import Placement

SIDE = 200
GRID = "anchors = [[0.5, 0.5], [0.07, 0.25], [0.23, 0.7]]"
HEADS = {
    "ssd_corners": 'task = "ssd"\nlabels = ["a", "b", "c", "d"]',
    "ssd_centres": 'task = "ssd"\nlabels = ["a", "b", "c"]\ndecode.coding = "centres"',
    "yolov8": 'task = "yolo"\nlabels = ["a", "b", "c"]',
    "yolov5": 'task = "yolo"\nlabels = ["a", "b", "c"]',
    "yolox": f'task = "yolo-grid"\nlabels = ["a", "b"]\n{GRID}',
    "yolov2": 'task = "yolo-grid"\nlabels = ["a"]\nanchors = [[0.5, 0.5], [0.07, 0.25]]',
}
"""Cards for the files of the same name."""


def network(outputs: dict[str, NDArray[Any]], toml: str, scale: float | None = None, zero_point: int = 0) -> Network:
    specs = {name: tensor(name, array, scale, zero_point) for name, array in outputs.items()}
    image = {"image": spec("image", (1, SIDE, SIDE, 3), "uint8")}
    return Network("net", image, specs, card.load(toml, base=None, name="net"))


def decode(net: Network, outputs: dict[str, NDArray[Any]], **options: object) -> list[Detection]:
    decoders.check(net)
    found = decoders.for_network(net).decode(Answer(net, outputs), **options)
    assert isinstance(found, list)
    return found


def rows(found: list[Detection]) -> NDArray[Any]:
    return np.array([[*d.box, d.score, d.index] for d in found]).reshape(-1, 6)


@pytest.mark.parametrize("name", HEADS)
def test_equals_st(name: str) -> None:
    """ST's files list centre x and y, width, height (0..1), score, class of what is kept, best first."""
    reference = arrays_of(DATA / "boxes" / f"{name}.npz")
    kept, conf, iou = (reference.pop(key) for key in ("kept", "conf", "iou"))
    found = rows(decode(network(reference, HEADS[name]), reference, conf=float(conf), iou=float(iou)))
    half = kept[:, 2:4] / 2
    boxes = np.clip(np.concatenate([kept[:, :2] - half, kept[:, :2] + half], axis=1) * SIDE, 0, SIDE)
    assert len(found) == len(kept) > 20
    assert np.allclose(found[:, 4], kept[:, 4], atol=1e-6)
    assert np.array_equal(found[:, 5], kept[:, 5])
    assert np.allclose(found[:, :4], boxes, atol=1e-3)


def answered(net: Network, outputs: dict[str, NDArray[Any]], **options: object) -> Answer:
    """What a device returns of the decoder's reductions."""
    decoder = decoders.for_network(net)
    requests = decoder.returns(net, **options)
    assert requests is not None and requests != [reduce.whole(index) for index in range(len(outputs))]
    reduced = answer(net, outputs, requests, None)
    assert decoder.complete(reduced)
    return reduced


@pytest.mark.parametrize("name", HEADS)
def test_reduced_is_the_same(name: str) -> None:
    """A device selects the candidates whose score passes: the boxes are the same from less data."""
    reference = arrays_of(DATA / "boxes" / f"{name}.npz")
    del reference["kept"], reference["conf"], reference["iou"]
    net = network(reference, HEADS[name])
    reduced, decoder = answered(net, reference, conf=0.5), decoders.for_network(net)
    again = decoder.decode(reduced, conf=0.6)
    assert isinstance(again, list) and again
    assert np.array_equal(rows(again), rows(decode(net, reference, conf=0.6)))
    with pytest.raises(BadInput, match="conf=0.3 is lower than in the request"):
        decoder.decode(reduced, conf=0.3)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("classes", [1, 3])
def test_heads_of_either_layout_are_reduced(classes: int, dtype: str, transposed: bool) -> None:
    raw = arrays_of(DATA / "boxes" / "yolov8.npz")["raw"][:, : 4 + classes]
    if dtype == "int8":
        raw = np.rint(raw * 250 - 120).astype(np.int8)
    raw = np.ascontiguousarray(raw.transpose(0, 2, 1) if transposed else raw)
    labels = ["a", "b", "c"][:classes]
    scale = 1 / 250 if dtype == "int8" else None
    net = network({"raw": raw}, f'task = "yolo"\nlabels = {labels}\ndecode.head = "yolov8"', scale, -120)
    found = decoders.for_network(net).decode(answered(net, {"raw": raw}, conf=0.7), conf=0.7)
    assert isinstance(found, list) and len(found) > 5
    assert {one.index for one in found} == set(range(classes))
    assert np.array_equal(rows(found), rows(decode(net, {"raw": raw}, conf=0.7)))


def test_what_devices_cannot_select_is_sent_whole() -> None:
    half = network({"raw": np.zeros((1, 7, 756), np.float16)}, HEADS["yolov8"])
    assert decoders.for_network(half).returns(half) is None
    shapes = {"s": (1, 20, 1), "b": (1, 20, 8)}
    toml = 'task = "landmark-boxes"\ndecode.grids = [[4, 1], [2, 1]]'
    coarse = network({name: np.zeros(shape, np.float16) for name, shape in shapes.items()}, toml)
    assert decoders.for_network(coarse).returns(coarse) is None
    processed = {"b": (1, 3, 4), "c": (1, 3), "s": (1, 3), "n": (1,)}
    ready = network({name: np.zeros(shape, np.float32) for name, shape in processed.items()}, 'task = "ssd"')
    decoder = decoders.for_network(ready)
    assert decoder.returns(ready) is None
    assert decoder.complete(Answer(ready))
    halves: dict[str, NDArray[Any]] = {"s": np.zeros((1, 9, 3), np.float32), "b": np.zeros((1, 9, 4), np.float16)}
    mixed = network(halves | {"a": np.zeros((1, 9, 4), np.float32)}, HEADS["ssd_centres"].replace(', "c"', ""))
    requests = decoders.for_network(mixed).returns(mixed)
    assert (
        requests is not None
        and requests[1] == reduce.whole(1)
        and requests[2] == reduce.same_rows(2, mixed.outputs["a"])
    )


def test_too_many_candidates_are_fetched_whole() -> None:
    """A device returns at most as many rows as fit in the bytes of the output."""
    reference = arrays_of(DATA / "boxes" / "ssd_centres.npz")
    del reference["kept"], reference["conf"], reference["iou"]
    net = network(reference, HEADS["ssd_centres"])
    decoder = decoders.for_network(net)
    requests = decoder.returns(net, conf=0.5)
    assert requests is not None
    reduced = answer(net, reference, [replace(requests[0], k=2), *requests[1:]], None)
    assert not decoder.complete(reduced)
    with pytest.raises(BadInput, match=r"candidates passed, but the device returned only 2; run with reduce=False"):
        decoder.decode(reduced, conf=0.5)


def test_a_nan_among_scores_is_not_the_best() -> None:
    raw = np.full((1, 7, 756), 0.1, np.float32)
    raw[0, 4:, 5] = np.nan, 0.75, 0.75
    net = network({"raw": raw}, HEADS["yolov8"])
    for found in decode(net, {"raw": raw}), decoders.for_network(net).decode(answered(net, {"raw": raw})):
        assert isinstance(found, list)
        assert [(one.label, one.score) for one in found] == [("b", 0.75)]


def test_quantised_heads() -> None:
    """Raw values are compared and dequantised only where they pass: the same boxes as from the real values."""
    raw = arrays_of(DATA / "boxes" / "yolov8.npz")["raw"]
    quantised = np.rint(raw * 250 - 120).astype(np.int8)
    real = ((quantised.astype(np.float32) + 120) / np.float32(250)).astype(np.float32)
    found = decode(network({"raw": quantised}, HEADS["yolov8"], float(np.float32(1 / 250)), -120), {"raw": quantised})
    expected = decode(network({"raw": real}, HEADS["yolov8"]), {"raw": real})
    assert len(found) == len(expected) > 20
    assert np.allclose(rows(found), rows(expected), atol=1e-3)


def test_infinite_boxes_do_not_disturb_the_others() -> None:
    """A network that has gone wrong: no warning of numpy either."""
    raw = arrays_of(DATA / "boxes" / "yolov8.npz")["raw"].copy()
    expected = decode(network({"raw": raw}, HEADS["yolov8"]), {"raw": raw}, conf=0.9, iou=1.0, max_boxes=1000)
    lowest = raw[0, 4:].max(axis=0).argmin()
    raw[0, :5, lowest] = 0.5, 0.5, np.inf, np.nan, 1.0
    first, *others = decode(network({"raw": raw}, HEADS["yolov8"]), {"raw": raw}, conf=0.9, iou=1.0, max_boxes=1000)
    assert (first.score, first.index) == (1, 0)
    assert len(others) > 5 and np.array_equal(rows(others), rows(expected))


def test_the_edge_of_the_picture() -> None:
    """Parts outside of the picture are cut off; less than half a pixel is not called cut."""
    net = network(
        {"raw": np.zeros((1, 4, 6), np.float32)}, 'task = "yolo"\ndecode.head = "end"\noutput.coordinates = "pixels"'
    )
    raw = np.array(
        [
            [10, 20, 110, 60, 0.9, 0],
            [-0.4, 20, 110, 60, 0.8, 0],
            [-0.6, 20, 110, 60, 0.7, 0],
            [10, -5, 210, 60, 0.6, 0],
            [10, 20, 110, 200.6, 0.5, 0],
            [210, 300, 220, 310, 0.4, 0],
        ],
        np.float32,
    )[None]
    net = replace(net, outputs={"raw": tensor("raw", raw)})
    found = decode(net, {"raw": raw})
    assert [one.cut for one in found] == [False, False, True, True, True, True]
    assert rows(found)[:, :4].tolist() == [
        [10, 20, 110, 60],
        [0, 20, 110, 60],
        [0, 20, 110, 60],
        [10, 0, 200, 60],
        [10, 20, 110, 200],
        [200, 200, 200, 200],
    ]
    where = Placement((400, 100), (SIDE, SIDE), (0.5, 0.5), (0.0, 75.0))  # a letterbox: y from 75 to 125
    placed = decoders.for_network(net).decode(Answer(net, {"raw": raw}, {}, where))
    assert isinstance(placed, list) and (placed[0].box.tolist(), placed[0].cut) == ([20, 0, 220, 0], True)


def test_end_to_end_rows() -> None:
    """The network has removed repetitions: rows only have to pass; pixels of the input become pixels of the picture."""
    raw = np.zeros((1, 300, 6), np.float32)
    raw[0, 0] = 20, 50, 120, 150, 0.9, 2
    raw[0, 1] = 20, 50, 120, 150, 0.8, 2
    raw[0, 2] = 30, 60, 90, 80, 0.7, 0
    net = network({"raw": raw}, 'task = "yolo"\nlabels = ["a", "b", "c"]\noutput.coordinates = "pixels"')
    placement = Placement.fit("letterbox", (400, 200), (SIDE, SIDE))
    found = decoders.for_network(net).decode(Answer(net, {"raw": raw}, {}, placement), conf=0.75)
    assert isinstance(found, list)
    assert [(d.label, d.index, round(d.score, 5)) for d in found] == [("c", 2, 0.9), ("c", 2, 0.8)]
    assert found[0].box.tolist() == [40, 0, 240, 200] and not found[0].cut
    raw[0, 0] = -5, 10, 150, 190, 0.9, 2
    cut = decoders.for_network(net).decode(Answer(net, {"raw": raw}, {}, placement), conf=0.85)
    assert isinstance(cut, list)
    wide: Detection = cut[0]
    assert wide.cut and wide.to_dict()["cut"] is True and wide.box.tolist() == [0, 0, 300, 200]


def test_the_outputs_of_tflite_post_processing() -> None:
    outputs = {
        "boxes": np.array([[[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1], [0, 0, 1, 1]]], np.float32),
        "classes": np.array([[1, 0, 0]], np.float32),
        "scores": np.array([[0.9, 0.6, 0.95]], np.float32),
        "count": np.array([2], np.float32),
    }
    found = decode(network(outputs, 'task = "ssd"\nlabels = ["a", "b"]'), outputs)
    assert [(d.label, d.box.tolist()) for d in found] == [
        ("b", pytest.approx([40, 20, 120, 100])),
        ("a", [0, 0, SIDE, SIDE]),
    ]


def test_anchors_in_a_file(tmp_path: Path) -> None:
    reference = arrays_of(DATA / "boxes" / "ssd_corners.npz")
    np.save(tmp_path / "anchors.npy", reference["anchors"][0])
    outputs = {name: reference[name] for name in ("scores", "boxes")}
    toml = HEADS["ssd_corners"] + '\noutput.anchors = "anchors.npy"'
    net = network(outputs, toml)
    net = Network("net", net.inputs, net.outputs, card.load(toml, base=tmp_path, name="net"))
    whole = {name: reference[name] for name in ("scores", "boxes", "anchors")}
    assert np.array_equal(rows(decode(net, outputs)), rows(decode(network(whole, HEADS["ssd_corners"]), whole)))
    reduced = decoders.for_network(net).decode(answered(net, outputs))
    assert isinstance(reduced, list) and np.array_equal(rows(decode(net, outputs)), rows(reduced))


# ---- cells


def test_cells_that_touch_are_one_object() -> None:
    """As Edge Impulse's code: of a class, also at a corner; its box has all cells, its score is the largest."""
    raw = np.zeros((1, 10, 10, 3), np.float32)
    raw[0, :, :, 0] = 1
    for row, column, label, score in (
        (1, 1, 1, 0.6),
        (2, 2, 1, 0.9),
        (2, 1, 2, 0.7),
        (3, 1, 1, 0.8),
        (8, 9, 2, 0.5),
        (8, 7, 2, 0.49),
    ):
        raw[0, row, column] = (1 - score, 0, 0)
        raw[0, row, column, label] = score
    net = network({"raw": raw}, 'task = "fomo"\nlabels = ["a", "b"]')
    found = decode(net, {"raw": raw})
    assert [(one.label, round(one.score, 4), one.box.round(3).tolist()) for one in found] == [
        ("a", 0.9, [20, 20, 60, 80]),
        ("b", 0.7, [20, 40, 40, 60]),
        ("b", 0.5, [180, 160, 200, 180]),
    ]
    reduced = decoders.for_network(net).decode(answered(net, {"raw": raw}))
    assert isinstance(reduced, list) and np.array_equal(rows(reduced), rows(found))
    assert len(decode(net, {"raw": raw}, conf=0.4)) == 4
    assert decode(net, {"raw": raw}, conf=0.95) == []
    assert len(decode(net, {"raw": raw}, max_boxes=1)) == 1


def test_long_objects_of_cells() -> None:
    raw = np.zeros((1, 6, 6, 2), np.int8)
    raw[0, :, 0, 1] = raw[0, 5, :, 1] = raw[0, :, 5, 1] = 100  # a U
    net = network({"raw": raw}, 'task = "fomo"', 0.01)
    (found,) = decode(net, {"raw": raw})
    assert found.label == "class_0" and found.box.tolist() == [0, 0, SIDE, SIDE]


# ---- landmarks


def test_landmarks_of_two_grids() -> None:
    """BlazeFace: two pairs of outputs; values are pixels of the input relative to the centres of the anchors."""
    outputs = {
        "scores16": np.full((1, 512, 1), -20, np.float32),
        "boxes16": np.zeros((1, 512, 16), np.float32),
        "boxes8": np.zeros((1, 384, 16), np.float32),
        "scores8": np.full((1, 384, 1), -20, np.float32),
    }
    outputs["scores8"][0, 6 * (8 * 2 + 3) + 4] = 2  # row 2, column 3
    outputs["boxes8"][0, 6 * (8 * 2 + 3) + 4, :8] = 4, -4, 32, 16, 1, 2, -3, 0
    names = [f"p{i}" for i in range(6)]
    net = network(outputs, f'task = "landmark-boxes"\nlabels = ["face"]\nkeypoints = {names}')
    net = Network("net", {"image": spec("image", (1, 128, 128, 3), "uint8")}, net.outputs, net.card)
    (face,) = decode(net, outputs)
    x, y = 3.5 * 16, 2.5 * 16
    assert face.label == "face" and face.score == pytest.approx(1 / (1 + np.exp(-2)))
    assert face.box.tolist() == pytest.approx([x + 4 - 16, y - 4 - 8, x + 4 + 16, y - 4 + 8])
    points = {name: face[name].tolist() for name in names}
    assert points["p0"] == pytest.approx([x + 1, y + 2])
    assert points["p1"] == pytest.approx([x - 3, y])
    assert points["p5"] == pytest.approx([x, y])
    plain = face.to_dict()["landmarks"]
    assert isinstance(plain, dict)
    assert plain == {name: {"x": x, "y": y, "outside": False} for name, (x, y) in points.items()}
    with pytest.raises(BadInput, match="unknown landmark 'chin'; the network has p0, p1"):
        face["chin"]
    assert decode(net, outputs, conf=0.95) == []
    reduced = decoders.for_network(net).decode(answered(net, outputs))
    assert isinstance(reduced, list) and [one.to_dict() for one in reduced] == [face.to_dict()]


def test_grids_that_the_card_lists() -> None:
    outputs = {"scores": np.zeros((1, 20, 1), np.float32), "rows": np.zeros((1, 20, 8), np.float32)}
    toml = 'task = "landmark-boxes"'
    with pytest.raises(CardError, match=r"has 20 anchors, which are unknown; add decode.grids"):
        decode(network(outputs, toml), outputs)
    assert len(decode(network(outputs, toml + "\ndecode.grids = [[4, 1], [2, 1]]"), outputs)) == 20
    with pytest.raises(CardError, match=r"has 20 anchors, which are not those of \(\(4, 2\),\)"):
        decode(network(outputs, toml + "\ndecode.grids = [[4, 2]]"), outputs)
    with pytest.raises(CardError, match=r"decode.grids contains \[4\]; it must be a pair"):
        decode(network(outputs, toml + "\ndecode.grids = [[4]]"), outputs)


# ---- rules


@given(
    arrays.arrays(np.int8, st.tuples(st.integers(0, 12), st.just(4)), elements=st.integers(0, 8)),
    st.sampled_from([0.0, 0.3, 0.71, 1.0]),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_rules(raw: NDArray[np.int8], iou: float, limit: int, random: Any) -> None:
    """The same as one box at a time, in whole numbers, with two classes."""
    boxes = np.concatenate([raw[:, :2], raw[:, :2] + raw[:, 2:]], axis=1).astype(np.float32)
    classes = np.array([random.randrange(2) for _ in boxes], np.intp)

    def overlap(a: NDArray[Any], b: NDArray[Any]) -> tuple[int, int]:
        w, h = (max(0, int(min(a[i + 2], b[i + 2]) - max(a[i], b[i]))) for i in (0, 1))
        union = sum(int((c[2] - c[0]) * (c[3] - c[1])) for c in (a, b)) - w * h
        return w * h, union

    kept: list[int] = []
    for index in range(len(boxes)):
        shares = [overlap(boxes[index], boxes[other]) for other in kept if classes[index] == classes[other]]
        if len(kept) < limit and all(common <= iou * union for common, union in shares):
            kept.append(index)
    assert keep(boxes.tolist(), range(len(boxes)), iou, limit, classes.tolist()) == kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conf": 2}, "conf is 2; it must be a number from 0 to 1"),
        ({"iou": "x"}, "iou is 'x'"),
        ({"max_boxes": 0}, "max_boxes is 0; it must be a whole number, 1 or more"),
        ({"max_poses": 1}, "unknown option 'max_poses' from the caller"),
    ],
)
@pytest.mark.parametrize("name", ["ssd_corners", "yolov8", "yolox"])
def test_options_out_of_range(name: str, options: dict[str, Any], message: str) -> None:
    reference = arrays_of(DATA / "boxes" / f"{name}.npz")
    del reference["kept"], reference["conf"], reference["iou"]
    with pytest.raises(BadInput, match=message):
        decode(network(reference, HEADS[name]), reference, **options)


BAD = [
    ("yolo", {"raw": (1, 3, 756)}, "", "is not a YOLO head"),
    ("yolo", {"raw": (1, 84, 756)}, 'labels = ["a"]', r"has 84 values per candidate: 80 classes \(yolov8\) or 79"),
    (
        "yolo",
        {"raw": (1, 84, 756)},
        'decode.head = "yolov9"',
        "head='yolov9' is not a head of the YOLO families; choose yolov8, yolov5, end",
    ),
    ("yolo", {"raw": (1, 84, 756)}, 'decode.head = "end"', "does not have rows of 6 values"),
    ("yolo-grid", {"raw": (1, 6, 6, 18)}, "", "does not have the key anchors"),
    (
        "yolo-grid",
        {"raw": (1, 6, 6, 18)},
        "anchors = [[0.5, 0.5], [0.1, 0.2]]\nlabels = ['a']",
        "has 1 labels, but the",
    ),
    ("yolo-grid", {"raw": (1, 6, 6, 17)}, "anchors = [[0.5, 0.5], [0.1, 0.2]]", "is not a grid of 2 anchors"),
    (
        "ssd",
        {"s": (1, 9, 3), "b": (1, 8, 4)},
        "",
        r"must have scores \(1, N, C\) and boxes \(1, N, 4\), but has s \(1, 9",
    ),
    ("ssd", {"s": (1, 9, 3), "b": (1, 9, 4)}, "", "does not have an output with anchors; add output.anchors"),
    ("ssd", {"s": (1, 9, 3), "b": (1, 9, 4), "a": (1, 9, 4)}, 'labels = ["a"]', "has 1 labels, but the network has 3"),
    ("fomo", {"raw": (1, 12, 12, 1)}, "", r"it must be \(1, h, w, 1 \+ C\)"),
    (
        "fomo",
        {"raw": (1, 12, 12, 3)},
        'labels = ["background", "a", "b"]',
        "has 3 labels, but the network has 2 classes",
    ),
    ("landmark-boxes", {"s": (1, 896, 1), "b": (1, 800, 16)}, "", "are not boxes with landmarks"),
]


@pytest.mark.parametrize(("task", "shapes", "toml", "message"), BAD)
def test_cards_that_do_not_fit(task: str, shapes: dict[str, tuple[int, ...]], toml: str, message: str) -> None:
    net = network({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, f'task = "{task}"\n{toml}')
    with pytest.raises((CardError, BadInput), match=message):
        decoders.check(net)


def python_calls(action: Callable[[], object]) -> int:
    """Functions in Python that are called, without those in C, when what is computed once is there."""
    action()
    with work() as done:
        action()
    return done.python


@pytest.mark.parametrize("name", ["yolov8", "ssd_corners", "yolox"])
def test_a_decoder_does_not_work_for_each_candidate(name: str) -> None:
    """Calls in Python are most of the time of a decoder; only objects that are found may add some."""
    reference = arrays_of(DATA / "boxes" / f"{name}.npz")
    del reference["kept"], reference["conf"], reference["iou"]
    net = network(reference, HEADS[name])
    decoder, result = decoders.for_network(net), Answer(net, reference)
    objects = len(decode(net, reference, conf=0.5))
    assert objects > 10
    assert python_calls(lambda: decoder.decode(result, conf=0.5)) <= 80 + 3 * objects
    assert python_calls(lambda: decoder.decode(result, conf=1.0)) <= 80
