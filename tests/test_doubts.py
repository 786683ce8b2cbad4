"""Results that are implausible: each finding is said once, and correct results cause none."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reductions import Answer, Network, spec, tensor

from n6link import decoders
from n6link.decoders.doubts import EQUAL, EXAMINED, Doubts
from n6link.tensors import card
from n6link.tensors.image import Placement

SIDE = 64
POINTS = 'task = "pose-points"'
HEATMAPS = 'task = "pose-heatmap"'
BOXES = 'task = "yolo"\nlabels = ["cat"]\ndecode.head = "yolov8"'


def network(array: NDArray[Any], toml: str, scale: float | None = None, zero_point: int = 0) -> Network:
    image = {"image": spec("image", (1, SIDE, SIDE, 3), "uint8")}
    return Network("net", image, {"out": tensor("out", array, scale, zero_point)}, card.load(toml, base=None))


def doubts_of(array: NDArray[Any], toml: str, scale: float | None = None, zero_point: int = 0) -> list[str]:
    """The findings about a result, decoded twice."""
    net = network(array, toml, scale, zero_point)
    result = Answer(net, {"out": array}, {}, Placement.fit("letterbox", (128, 64), (SIDE, SIDE)))
    doubts = Doubts(net)
    for image in range(2):
        doubts.examine(result, decoders.for_network(net).decode(result), image)
    return doubts.found


def coordinates(low: float, high: float, score: float = 0.5) -> NDArray[np.float32]:
    """17 points, y, x, score."""
    values = np.random.default_rng(1).uniform(low, high, (1, 1, 17, 3)).astype(np.float32)
    values[..., 2] = score
    return values


def box(*values: float) -> NDArray[np.float32]:
    raw = np.zeros((1, 5, 84), np.float32)
    raw[0, :, 1] = values
    return raw


def heatmaps() -> NDArray[np.int8]:
    """13 peaks in the middle rows, which the picture covers."""
    maps = np.full((1, 12, 12, 13), -128, np.int8)
    for point in range(13):
        maps[0, 4 + point % 4, point % 12, point] = 60
    return maps


PLAUSIBLE = [
    (coordinates(0.3, 0.7), POINTS, None, 0),
    (coordinates(0.0, 1.0, 1.02), POINTS, None, 0),
    (coordinates(15, 45), POINTS + '\noutput.coordinates = "pixels"', None, 0),
    (box(0.5, 0.5, 0.2, 0.3, 0.9), BOXES, None, 0),
    (box(0, 0, 0, 0, 0), BOXES, None, 0),
    (heatmaps(), HEATMAPS, 1 / 256, -128),
    (np.array([[1, 2, 3]], np.float32), 'task = "image-classification"', None, 0),
    (np.zeros((1, 8, 8, 3), np.float32), 'task = "segmentation"', None, 0),
]


@pytest.mark.parametrize(("array", "toml", "scale", "zero_point"), PLAUSIBLE)
def test_plausible_results(array: NDArray[Any], toml: str, scale: float | None, zero_point: int) -> None:
    assert doubts_of(array, toml, scale, zero_point) == []


IMPLAUSIBLE = [
    (
        coordinates(0.3, 0.7, 1.25),
        POINTS,
        None,
        0,
        "network 'net' has a score of 1.25, but scores are 0..1; its output may be",
    ),
    (coordinates(0.3, 0.7, np.nan), POINTS, None, 0, "has a score of nan"),
    (box(0.5, 0.5, 0.2, 0.3, 3.5), BOXES, None, 0, "has a score of 3.5"),
    (
        np.array([[-2, 7]], np.float32),
        'task = "image-classification"\ndecode.activation = "none"',
        None,
        0,
        "has a score of 7",
    ),
    (
        coordinates(15, 45),
        POINTS,
        None,
        0,
        "all points of network 'net' are outside of the picture; output.coordinates in its card",
    ),
    (box(30, 30, 8, 8, 0.9), BOXES, None, 0, "all points of network 'net' are outside of the picture"),
    (
        coordinates(0.3, 0.7),
        POINTS + '\noutput.coordinates = "pixels"\ninput.fit = "stretch"',
        None,
        0,
        "outside of the picture; output.coordinates in its card is 'pixels'",
    ),
    (
        heatmaps(),
        HEATMAPS,
        0.004,
        0,
        "values of output 'out' of network 'net' are -0.512..0.508, but its scores are 0..1",
    ),
]


@pytest.mark.parametrize(("array", "toml", "scale", "zero_point", "text"), IMPLAUSIBLE)
def test_implausible_results(
    array: NDArray[Any], toml: str, scale: float | None, zero_point: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "n6link.results"):
        (found,) = doubts_of(array, toml, scale, zero_point)
    assert text in found
    assert caplog.messages == [found], "once"


def test_all_points_in_one_place() -> None:
    net = network(np.zeros((1, 12, 12, 13), np.int8), HEATMAPS, 1 / 256, -128)
    result, doubts = Answer(net, {"out": np.zeros((1, 12, 12, 13), np.int8)}), Doubts(net)
    doubts.examine(result, decoders.for_network(net).decode(result), None)
    (found,) = doubts.found
    assert found.startswith(
        "all points of network 'net' are in one place, (3, 3); its output may be constant, or output.coordinates"
    )


@pytest.mark.parametrize(("outputs", "said"), [("same", True), ("few", False), ("other", False)])
def test_outputs_that_do_not_change(outputs: str, said: bool) -> None:
    maps = heatmaps()
    maps[0, :, :, 0] += np.arange(12, dtype=np.int8)[:, None] if outputs != "few" else np.int8(0)
    net = network(maps, HEATMAPS, 1 / 256, -128)
    doubts = Doubts(net)
    for image in (1, 1, 1, 2, 2, 3):
        if outputs == "other":
            maps[0, 0, 0, 0] = image
        result = Answer(net, {"out": maps})
        doubts.examine(result, decoders.for_network(net).decode(result), image)
    text = f"the outputs of network 'net' were equal for {EQUAL} different inputs"
    assert [found.startswith(text) for found in doubts.found] == [True] * said


def test_only_the_first_results_are_examined() -> None:
    wrong = coordinates(0.3, 0.7, 2.0)
    net = network(wrong, POINTS)
    right, doubts = Answer(net, {"out": coordinates(0.3, 0.7)}), Doubts(net)
    for _ in range(EXAMINED):
        assert doubts.open
        doubts.examine(right, decoders.for_network(net).decode(right), None)
    last = Answer(net, {"out": wrong})
    doubts.examine(last, decoders.for_network(net).decode(last), None)
    assert not doubts.open and doubts.found == []


def test_a_network_without_a_card_is_not_examined() -> None:
    """Its results cannot be decoded, so that a checksum of each input would be for nothing."""
    assert not Doubts(replace(network(coordinates(0.3, 0.7), POINTS), card=None)).open
