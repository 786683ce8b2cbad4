"""The networks of the reference NPU, and the arithmetic that it owes them.

The weights are constructed, not trained, so that the networks do something that can be seen and predicted:

``reference`` finds six coloured markers. Colour-opponent features (red minus the others, differences of pairs, ...) are
taken with a binomial blur at half resolution, smoothed, and combined into one map a colour by a 1x1 convolution; a
second blur at quarter resolution lets the colours compete. A coarse path at an eighth adds context after a resize. The
head keeps the six colours. One heatmap cell is four pixels.

``reference_colour`` takes the same features over the whole image, turns them into logits of seven colours by a fully
connected layer, adds the caller's prior, and ends in softmax and argmax.

Arithmetic (``reference.c`` follows it, ``tests/test_reference.py`` checks it from these definitions). A tensor is
``real = (raw - zero_point) * scale``; weights are int8 with one scale an output channel and zero point 0.

==========  =====================================================================================================
Requantise  ``requantise(a) = floor(a * m / 2**s + 1/2)``: one rounding, halves upwards, with ``m`` in [2**30, 2**31)
            and ``m / 2**s`` the nearest such number to the real factor; then the zero point is added, then clamped
            to int8 (with ReLU: to [zero point, 127])
Conv        ``a = bias + sum((x - zero_point) * w)`` in int32, factor ``scale_in * scale_w / scale_out``; the border is real 0
Depthwise   the same for each channel alone
Dense       a convolution over a single pixel
Add         ``a = (x - zx) * mx + (y - zy) * my`` in int64, one shared shift for both factors, rounded once
Resize      twice the size, bilinear with half-pixel centres: ``floor((9p + 3q + 3r + t + 8) / 16)`` of the four nearest
            pixels, the border repeated
Softmax     ``e(d) = round(2**16 * exp(-d * scale))`` of the distance d to the maximum, then
            ``floor((256 e + sum // 2) / sum) - 128``, at most 127
ArgMax      the first maximum, as int32
==========  =====================================================================================================

All of it is exact integer arithmetic: every build on every machine gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

COLOURS: Final = ("red", "green", "blue", "yellow", "cyan", "magenta")


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """An activation; ``scale`` 0 means not quantised (int32)."""

    name: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * (1 if self.scale else 4)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer. ``weights`` is int8 [out, kernel, kernel, in], of a depthwise layer [kernel, kernel, channels]."""

    op: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    weights: np.ndarray | None = None
    scales: np.ndarray | None = None
    bias: np.ndarray | None = None
    stride: int = 1
    pad: int = 0
    relu: bool = False

    @property
    def kernel(self) -> int:
        """Side of the square window."""
        return 1 if self.weights is None else self.weights.shape[-2]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Layers that run in one epoch block."""

    kind: str
    operation: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A quantised network with its description."""

    name: str
    card: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    blocks: tuple[Block, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers in the order in which they run."""
        return tuple(layer for block in self.blocks for layer in block.layers)


# --------------------------------------------------------------------------------------------- building networks


def image(size: int) -> Tensor:
    """RGB, real 0..1."""
    return Tensor("image", (1, size, size, 3), 1 / 255, -128)


def positive(name: str, shape: tuple[int, ...], largest: float) -> Tensor:
    """An activation after a ReLU."""
    return Tensor(name, shape, largest / 255, -128)


def convolution(op: str, x: Tensor, y: Tensor, real: np.ndarray, bias: Sequence[float] = (), **options: Any) -> Layer:
    """A Conv, Depthwise or Dense layer with its real weights quantised for each output channel."""
    axes = (0, 1) if op == "Depthwise" else (1, 2, 3)
    largest = np.abs(real).max(axis=axes)
    scales = np.where(largest > 0, largest, 1.0) / 127
    by_channel = scales if op == "Depthwise" else scales[:, None, None, None]
    weights = np.rint(real / by_channel).astype(np.int8)
    offsets = np.array(bias or [0.0] * len(scales))
    return Layer(op, (x,), y, weights, scales, np.rint(offsets / (x.scale * scales)).astype(np.int32), **options)


def window(taps: Sequence[int]) -> np.ndarray:
    """A separable window with sum 1."""
    return np.asarray(np.outer(taps, taps) / sum(taps) ** 2)


def mixed(matrix: np.ndarray, taps: Sequence[int]) -> np.ndarray:
    """Weights [out, k, k, in] that blur and mix channels by ``matrix`` [out, in]."""
    return np.asarray(matrix[:, None, None, :] * window(taps)[None, :, :, None])


def repeated(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Depthwise weights [k, k, channels]: the same kernel for every channel."""
    return np.repeat(kernel[:, :, None], channels, axis=2)


BLUR: Final = (1, 3, 3, 1)
SMOOTH: Final = (1, 6, 1)
FEATURES: Final = np.array(
    [
        (1, -0.5, -0.5), (-0.5, 1, -0.5), (-0.5, -0.5, 1),
        (1, -1, 0), (-1, 1, 0), (1, 0, -1), (-1, 0, 1), (0, 1, -1), (0, -1, 1),
        (1, 0, 0), (0, 1, 0), (0, 0, 1),
    ],
    dtype=np.float64,
)  # fmt: skip
"""Red, green, blue against the other two; the six differences; the colours themselves; each after a ReLU."""
PRIMARIES: Final = ((0, 7, 8), (1, 5, 6), (2, 3, 4))
"""Red, green, blue: the feature that must be there, and two of the others that must not differ."""
PAIRS: Final = ((9, 10, 11, 3, 4), (10, 11, 9, 7, 8), (9, 11, 10, 5, 6))
"""Yellow, cyan, magenta: two features that must be there, one that must not, two that must not differ."""


def colour_matrix() -> np.ndarray:
    """[8, 12]: the six colours, grey, and chroma, of :data:`FEATURES`."""
    matrix = np.zeros((8, len(FEATURES)))
    for row, (alone, *differences) in enumerate(PRIMARIES):
        matrix[row, alone] = 1
        matrix[row, differences] = -1
    for row, (a, b, absent, *differences) in enumerate(PAIRS, 3):
        matrix[row, [a, b]] = 0.5
        matrix[row, [absent, *differences]] = -1
    matrix[6, 9:12] = 1 / 3
    matrix[6, 3:9] = -0.5
    matrix[7, 3:9] = 0.5
    return matrix


def competition() -> np.ndarray:
    """[8, 8]: each colour is held down a little by the others; grey and chroma pass."""
    matrix = np.eye(8)
    matrix[:6, :6] -= 0.2 * (1 - np.eye(6))
    matrix[:6, 6] = -0.2
    return matrix


def listed(names: Iterable[str]) -> str:
    """The items of a TOML list of texts."""
    return ", ".join(f'"{name}"' for name in names)


def pose_network() -> Network:
    """Markers in an image to heatmaps."""
    x = image(48)
    features = positive("features", (1, 24, 24, 12), 1.0)
    smooth = positive("smooth", (1, 24, 24, 12), 1.0)
    colours = positive("colours", (1, 24, 24, 8), 1.0)
    compete = positive("compete", (1, 12, 12, 8), 1.0)
    fine = positive("fine", (1, 12, 12, 8), 1.0)
    coarse = positive("coarse", (1, 6, 6, 8), 0.25)
    context = positive("context", (1, 12, 12, 8), 0.25)
    total = positive("total", (1, 12, 12, 8), 1.25)
    heatmaps = Tensor("heatmaps", (1, 12, 12, len(COLOURS)), 1 / 256, -128)
    stem = convolution("Conv", x, features, mixed(FEATURES, BLUR), stride=2, pad=1, relu=True)
    blur = convolution("Depthwise", features, smooth, repeated(window(SMOOTH), 12), pad=1, relu=True)
    mix = convolution("Conv", smooth, colours, mixed(colour_matrix(), (1,)), relu=True)
    down = convolution("Conv", colours, compete, mixed(competition(), BLUR), stride=2, pad=1, relu=True)
    peak = convolution("Depthwise", compete, fine, repeated(window(SMOOTH), 8), pad=1, relu=True)
    wide = convolution("Conv", fine, coarse, mixed(0.25 * np.eye(8), BLUR), stride=2, pad=1, relu=True)
    resize = Layer("Resize", (coarse,), context)
    add = Layer("Add", (fine, context), total, relu=True)
    head = convolution("Conv", total, heatmaps, mixed(1.2 * np.eye(6, 8), (1,)))
    card = f"""\
# Six coloured markers, found by the reference network.
task = "pose-heatmap"
keypoints = [{listed(COLOURS)}]
edges = [[0, 3], [3, 1], [1, 4], [4, 2], [2, 5], [5, 0]]
"""
    blocks = (
        Block("HW", "Conv", (stem,)),
        Block("EC", "Depthwise, Conv, Conv", (blur, mix, down)),
        Block("HW", "Depthwise", (peak,)),
        Block("HW", "Conv", (wide,)),
        Block("SW", "Resize", (resize,)),
        Block("EC", "Add, Conv", (add, head)),
    )
    return Network("reference", card, (x,), (heatmaps,), blocks)


def colour_network() -> Network:
    """The colour of an image, with a prior."""
    x = image(16)
    prior = Tensor("prior", (1, 7), 1 / 16, 0)
    features = positive("features", (1, 8, 8, 12), 1.0)
    mean = positive("mean", (1, 1, 1, 12), 1.0)
    evidence = Tensor("evidence", (1, 7), 1 / 16, 0)
    logits = Tensor("logits", (1, 7), 1 / 8, 0)
    probabilities = Tensor("probabilities", (1, 7), 1 / 256, -128)
    chosen = Tensor("class", (1,), 0.0, 0)
    stem = convolution("Conv", x, features, mixed(FEATURES, BLUR), stride=2, pad=1, relu=True)
    pool = convolution("Depthwise", features, mean, repeated(window((1,) * 8), 12), relu=True)
    decide = 6 * colour_matrix()[:7]
    decide[6] = -4 * colour_matrix()[7]
    dense = convolution("Dense", mean, evidence, decide[:, None, None, :], [0.0] * 6 + [3.0])
    add = Layer("Add", (evidence, prior), logits)
    softmax = Layer("Softmax", (logits,), probabilities)
    argmax = Layer("ArgMax", (logits,), chosen)
    blocks = (
        Block("HW", "Conv", (stem,)),
        Block("EC", "Depthwise, Dense", (pool, dense)),
        Block("HW", "Add", (add,)),
        Block("SW", "Softmax", (softmax,)),
        Block("SW", "ArgMax", (argmax,)),
    )
    card = f"""\
# The colour of an image, by the reference network; "prior" is added to its logits.
task = "image-classification"
labels = [{listed((*COLOURS, "grey"))}]
"""
    return Network("reference_colour", card, (x, prior), (probabilities, chosen), blocks)


def networks() -> tuple[Network, ...]:
    """All networks, in the order in which the runtime lists them."""
    return pose_network(), colour_network()
