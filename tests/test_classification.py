"""Classes of pictures and sounds, maps of classes, tables of points: right values, and cards that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reductions import Answer, Network, answer, spec, tensor

from n6link import decoders
from n6link.decoders.classification import Classification
from n6link.decoders.pose import BODY_NAMES, COCO_NAMES, Pose
from n6link.decoders.proposal import proposals
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput, CardError
from n6link.tensors import card
from n6link.tensors.image import Placement

SIDE = 64
PICTURE = {"image": spec("image", (1, SIDE, SIDE, 3), "uint8")}
LABELS = 'labels = ["cat", "dog", "owl"]'


def network(array: NDArray[Any], toml: str, scale: float | None = None, zero_point: int = 0) -> Network:
    return Network("net", PICTURE, {"out": tensor("out", array, scale, zero_point)}, card.load(toml, base=None))


def decode(
    array: NDArray[Any],
    toml: str,
    scale: float | None = None,
    zero_point: int = 0,
    placement: Placement | None = None,
    **options: object,
) -> object:
    net = network(array, toml, scale, zero_point)
    decoders.check(net)
    return decoders.for_network(net).decode(Answer(net, {"out": array}, {}, placement), **options)


def classify(array: NDArray[Any], toml: str, *quantisation: Any) -> Classification:
    found = decode(array, toml, *quantisation)
    assert isinstance(found, Classification)
    return found


@pytest.mark.parametrize("task", ["image-classification", "audio-classification"])
def test_logits_and_probabilities(task: str) -> None:
    toml = f'task = "{task}"\n{LABELS}'
    logits = np.array([[1.0, 3.0, 2.0]], np.float32)
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum()
    best = classify(logits, toml)
    assert best.label == "dog" and best.probability == pytest.approx(shares[1])
    assert [name for name, _ in best.top(2)] == ["dog", "owl"]
    assert list(best.probabilities) == ["cat", "dog", "owl"]
    # what the network already normalised is not normalised again
    assert classify(shares[None].astype(np.float32), toml).probability == pytest.approx(shares[1], abs=1e-6)
    raw = np.array([[-128, 100, -100]], np.int8)
    assert classify(raw, toml, 1 / 256, -128).probabilities == {"cat": 0, "dog": 228 / 256, "owl": 28 / 256}
    assert classify(logits.reshape(1, 1, 1, 3), toml).label == "dog"


@pytest.mark.parametrize("classes", [10, 1000])
def test_probabilities_that_the_network_has_dequantised(classes: int) -> None:
    """A softmax of 8 bits with a float output: after rounding, the sum is clearly not 1."""
    shares = np.random.default_rng(2).dirichlet(np.full(classes, 0.02 if classes > 100 else 0.5))
    values = (np.rint(shares * 256).clip(0, 255) / 256).astype(np.float32)[None]
    assert abs(values.sum() - 1) > 0.01 or classes == 10
    found = classify(values, 'task = "image-classification"')
    assert found.probability == values.max()
    logits = values * 3
    assert classify(logits, 'task = "image-classification"').probability < 0.9 * values.max()


def test_activations() -> None:
    toml = f'task = "image-classification"\n{LABELS}\ndecode.activation = '
    logits = np.array([[0.0, 2.0, 2.0]], np.float32)
    found = classify(logits, toml + '"sigmoid"')
    assert found.probabilities["cat"] == 0.5
    assert found.label == "dog" and found.probability == pytest.approx(1 / (1 + np.exp(-2)))
    assert classify(logits, toml + '"none"').probability == 2
    with pytest.raises(CardError, match="decode.activation is 'tanh'; choose softmax, sigmoid, none"):
        classify(logits, toml + '"tanh"')


def test_classes_without_labels_have_numbers() -> None:
    assert classify(np.array([[0, 5]], np.float32), 'task = "image-classification"').label == "class_1"


@pytest.mark.parametrize(
    ("shape", "toml", "message"),
    [
        ((1, 4), LABELS, "has 3 labels, but the network has 4 classes"),
        ((1, 2, 3), LABELS, "is not one row of classes"),
    ],
)
def test_outputs_that_are_not_classes(shape: tuple[int, ...], toml: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        decode(np.zeros(shape, np.float32), f'task = "image-classification"\n{toml}')


def test_an_output_that_is_not_a_number() -> None:
    with pytest.raises(BadInput, match="contains a value that is not finite"):
        classify(np.array([[0, np.nan, 1]], np.float32), f'task = "image-classification"\n{LABELS}')


# ---- segmentation


def segment(array: NDArray[Any], toml: str = "", **given: Any) -> Segmentation:
    found = decode(array, f'task = "segmentation"\n{toml}', **given)
    assert isinstance(found, Segmentation)
    return found


def test_the_largest_value_of_each_pixel() -> None:
    values = np.zeros((1, 4, 4, 3), np.float32)
    values[0, :2, :, 1] = 1
    values[0, 0, 0] = 2, 1, 2  # the first of equal ones
    found = segment(values, LABELS)
    assert found.classes.tolist() == [[0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    planar = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
    assert np.array_equal(segment(planar, LABELS).classes, found.classes)
    assert found.labels == ("cat", "dog", "owl")
    assert found.shares == {"cat": 9 / 16, "dog": 7 / 16}
    assert found.to_dict() == {"size": [4, 4], "shares": {"cat": 0.5625, "dog": 0.4375}}


@pytest.mark.parametrize("shape", [(1, 2, 2, 1), (1, 1, 2, 2), (1, 2, 2)])
def test_a_share_of_the_foreground(shape: tuple[int, ...]) -> None:
    values = np.array([0.2, 0.5, 0.6, 0.9], np.float32).reshape(shape)
    assert segment(values).classes.tolist() == [[0, 1], [1, 1]]
    assert segment(values, conf=0.55).classes.tolist() == [[0, 0], [1, 1]]
    assert segment(values).labels == ("background", "foreground")
    raw = np.array([0, 127, 128, 255], np.uint8).reshape(shape)
    assert segment(raw, scale=1 / 256).classes.tolist() == [[0, 0], [1, 1]]


def test_numbers_of_classes() -> None:
    found = segment(np.array([[[0, 2], [1, 2]]], np.int32), LABELS)
    assert found.classes.tolist() == [[0, 2], [1, 2]]
    assert found.labels == ("cat", "dog", "owl")


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("size", [(5, 6), (70, 80)])
def test_reduced_maps_are_the_same(size: tuple[int, int], planar: bool, dtype: str) -> None:
    values = np.random.default_rng(3).integers(-9, 9, (1, *size, 4)).astype(dtype)
    if dtype == "float32":
        values[0, 0, :5, 1] = values[0, 1, 2] = np.nan
    values = np.ascontiguousarray(values.transpose(0, 3, 1, 2)) if planar else values
    toml = 'task = "segmentation"\nlabels = ["a", "b", "c", "d"]'
    assert narrowed(values, toml, 0.1).tolist() == segment(values, toml.split("\n")[1], scale=0.1).classes.tolist()


@pytest.mark.parametrize("shape", [(1, 7, 9, 1), (1, 1, 7, 9), (1, 7, 9)])
def test_a_reduced_share_of_the_foreground(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(4).random(shape, np.float32)
    toml = 'task = "segmentation"'
    assert narrowed(values, toml, conf=0.3).tolist() == segment(values, conf=0.3).classes.tolist()
    with pytest.raises(BadInput, match=r"conf=0.4 is not that of the request to the device; run with reduce=False"):
        narrowed(values, toml, conf=0.3, again=0.4)


def test_maps_that_devices_do_not_reduce() -> None:
    for values, scale in (np.zeros((1, 4, 4), np.int32), None), (np.zeros((1, 4, 4, 3), np.float16), None):
        net = network(values, 'task = "segmentation"', scale)
        decoder = decoders.for_network(net)
        assert decoder.returns(net) is None


def narrowed(
    values: NDArray[Any], toml: str, scale: float | None = None, again: float | None = None, **options: Any
) -> NDArray[np.uint8]:
    """The classes from a device's map of classes."""
    net = network(values, toml, scale)
    decoder = decoders.for_network(net)
    requests = decoder.returns(net, **options)
    assert requests is not None
    reduced = answer(net, dict.fromkeys(net.outputs, values), requests, None)
    assert decoder.complete(reduced) and not reduced.outputs
    found = decoder.decode(reduced, **options if again is None else {"conf": again})
    assert isinstance(found, Segmentation)
    return found.classes


def test_the_map_in_the_picture() -> None:
    """A wide picture in a letterbox: the bars are not part of it, each pixel has the class at its centre."""
    values = np.zeros((1, 8, 8, 1), np.float32)
    values[0, 2:6, 4:] = 1
    values[0, :2] = 1
    found = segment(values, placement=Placement.fit("letterbox", (32, 16), (SIDE, SIDE)))
    mask = found.mask("foreground")
    assert mask.shape == (16, 32)
    assert mask[:, 16:].all() and not mask[:, :16].any()
    assert found.shares == {"background": 0.5, "foreground": 0.5}
    with pytest.raises(BadInput, match="unknown class 'sky'; the network has background, foreground"):
        found.mask("sky")


@pytest.mark.parametrize(
    ("shape", "toml", "message"),
    [
        ((1, 10), "", "does not have a value for each pixel"),
        ((1, 8, 8, 5), LABELS, "has 3 labels, but the network has 5 classes"),
        ((1, 600, 400, 300), "", "has 300 classes; at most 256"),
    ],
)
def test_outputs_that_are_not_maps(shape: tuple[int, ...], toml: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        decode(np.zeros(shape, np.uint8), f'task = "segmentation"\n{toml}', 1.0)


# ---- points


def points(array: NDArray[Any], toml: str = "", placement: Placement | None = None) -> Pose:
    found = decode(array, f'task = "pose-points"\n{toml}', placement=placement)
    assert isinstance(found, list)
    (pose,) = found
    assert isinstance(pose, Pose)
    return pose


def test_movenet_coordinates() -> None:
    """y, x, score, 0..1 of the input, as MoveNet with its own decoding returns them."""
    values = np.random.default_rng(1).uniform(0, 1, (1, 1, 17, 3)).astype(np.float32)
    placement = Placement.fit("letterbox", (128, 64), (SIDE, SIDE))
    pose = points(values, placement=placement)
    assert pose.names == COCO_NAMES
    expected = (values[0, 0, :, [1, 0]].T * SIDE - (0, 16)) * 2
    assert np.allclose(pose.keypoints[:, :2], expected, atol=1e-3)
    assert np.array_equal(pose.keypoints[:, 2], values[0, 0, :, 2])
    assert pose.score == pytest.approx(float(values[..., 2].mean()))
    assert np.array_equal(pose["nose"], pose.keypoints[0])
    with pytest.raises(BadInput, match="unknown keypoint 'tail'; the network has nose, left_eye"):
        pose["tail"]
    plain = pose.to_dict()["keypoints"]
    assert isinstance(plain, dict) and plain["nose"]["score"] == round(float(values[0, 0, 0, 2]), 4)
    in_the_bar = (values[0, 0, :, 0] < 0.25) | (values[0, 0, :, 0] > 0.75)
    assert 0 < in_the_bar.sum() < 17 and np.array_equal(pose.outside, in_the_bar)
    assert [point["outside"] for point in plain.values()] == in_the_bar.tolist()
    values[0, 0, 3] = np.nan
    assert points(values, placement=placement).outside[3]


def test_a_mesh_in_one_row() -> None:
    values = np.arange(63, dtype=np.float32)[None]
    pose = points(values, 'decode.order = "xyz"\noutput.coordinates = "pixels"')
    assert len(pose.names) == 21
    assert pose.keypoints[1].tolist() == [3, 4, 1]


@pytest.mark.parametrize(
    ("shape", "toml", "message"),
    [
        ((1, 5, 4), "", "is not a table of K points with 3 values"),
        ((1, 12, 3), f"keypoints = {list(BODY_NAMES)}", "is not a table of 13 points"),
        ((1, 13, 3), 'decode.order = "zyx"', "decode.order is 'zyx'; choose yxs, xys, xyz, xy"),
        ((1, 48, 48, 3), "", "is not a table of K points"),
    ],
)
def test_outputs_that_are_not_points(shape: tuple[int, ...], toml: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        points(np.zeros(shape, np.float32), toml)


# ---- what tensors look like

LOOKS = [
    ("pose-heatmap", (1, 1, 17, 3), "pose-points"),
    ("pose-points", (1, 16, 16, 17), "pose-heatmap"),
    ("pose-heatmap", (1, 56, 84), "yolo-pose"),
    ("yolo-pose", (1, 84, 84), "yolo"),
    ("yolo-pose", (1, 300, 6), "yolo"),
    ("yolo", (1, 300, 57), "yolo-pose"),
    ("pose-heatmap", (1, 1000), "image-classification"),
    ("image-classification", (1, 64, 64, 21), "segmentation"),
]


@pytest.mark.parametrize(("task", "shape", "likely"), LOOKS)
def test_a_card_that_does_not_fit_names_the_likely_task(task: str, shape: tuple[int, ...], likely: str) -> None:
    net = network(np.zeros(shape, np.float32), f'task = "{task}"')
    with pytest.raises(CardError, match=rf'looks like .*: task = "{likely}"$'):
        decoders.check(net)
    without = Network("net", net.inputs, net.outputs, None)
    with pytest.raises(CardError, match=f'task = "{likely}"; pass one: N6Device'):
        decoders.for_network(without)


def test_shapes_that_no_decoder_has() -> None:
    assert proposals(network(np.zeros((1, 5, 7, 9, 2), np.float32), 'task = "yolo"')) == []
