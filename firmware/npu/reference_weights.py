"""The compiler of the reference NPU: builds its networks and writes ``reference_weights.h``.

Usage: ``python firmware/npu/reference_weights.py [--check]`` (``--check`` fails if the header is stale).

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
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

HEADER: Final = Path(__file__).with_name("reference_weights.h")
COLOURS: Final = ("red", "green", "blue", "yellow", "cyan", "magenta")
ALIGNMENT: Final = 16
"""Of a tensor in the arena, in bytes."""


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
    """An activation behind a ReLU."""
    return Tensor(name, shape, largest / 255, -128)


def convolution(
    op: str, x: Tensor, y: Tensor, real: np.ndarray, bias: Sequence[float] = (), **options: Any
) -> Layer:
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
    return np.outer(taps, taps) / sum(taps) ** 2


def mixed(matrix: np.ndarray, taps: Sequence[int]) -> np.ndarray:
    """Weights [out, k, k, in] that blur and mix channels by ``matrix`` [out, in]."""
    return matrix[:, None, None, :] * window(taps)[None, :, :, None]


def repeated(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Depthwise weights [k, k, channels]: the same kernel for every channel."""
    return np.repeat(kernel[:, :, None], channels, axis=2)


BLUR: Final = (1, 3, 3, 1)
SMOOTH: Final = (1, 2, 1)
FEATURES: Final = np.array(
    [
        (1, -1, -1), (-1, 1, -1), (-1, -1, 1),
        (1, -1, 0), (-1, 1, 0), (1, 0, -1), (-1, 0, 1), (0, 1, -1), (0, -1, 1),
        (1, 0, 0), (0, 1, 0), (0, 0, 1),
    ],
    dtype=np.float64,
)  # fmt: skip
"""Red, green, blue alone; the six differences; the colours themselves; each behind a ReLU."""
PAIRS: Final = ((9, 10, 11, 3, 4), (10, 11, 9, 7, 8), (9, 11, 10, 5, 6))
"""Yellow, cyan, magenta: two features that must be there, one that must not, two that must not differ."""


def colour_matrix() -> np.ndarray:
    """[8, 12]: the six colours, grey, and chroma, of :data:`FEATURES`."""
    matrix = np.zeros((8, len(FEATURES)))
    matrix[range(3), range(3)] = 1
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
    head = convolution("Conv", total, heatmaps, mixed(0.75 * np.eye(6, 8), (1,)))
    card = f"""\
# Six coloured markers, found by the firmware's reference network.
task = "pose-heatmap"

[keypoints]
names = [{", ".join(f'"{colour}"' for colour in COLOURS)}]
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
    return Network("reference_colour", "", (x, prior), (probabilities, chosen), blocks)


def networks() -> tuple[Network, ...]:
    """All networks, in the order in which the runtime lists them."""
    return pose_network(), colour_network()


# --------------------------------------------------------------------------------------------------- compilation


def fixed_point(factor: float) -> tuple[int, int]:
    """``(m, s)`` with m in [2**30, 2**31) and ``m / 2**s`` nearest to a factor."""
    mantissa, exponent = math.frexp(factor)
    multiplier, shift = round(mantissa * 2**31), 31 - exponent
    return (multiplier // 2, shift - 1) if multiplier == 2**31 else (multiplier, shift)


def add_factors(layer: Layer) -> tuple[int, int, int]:
    """``(mx, my, s)`` of an Add: the larger factor is normalised, the other one shares its shift."""
    first, second = (tensor.scale / layer.output.scale for tensor in layer.inputs)
    _, shift = fixed_point(max(first, second))
    return round(first * 2**shift), round(second * 2**shift), shift


def exponentials(scale: float) -> list[int]:
    """e(d) of the Softmax for every distance d of two int8 numbers."""
    return [round(65536 * math.exp(-distance * scale)) for distance in range(256)]


def place(network: Network) -> tuple[dict[Tensor, int], int]:
    """Offsets of the tensors in the arena, and its size: first fit among the tensors that live at the same time."""
    born = {layer.output: index for index, layer in enumerate(network.layers)}
    dies = {tensor: index for index, layer in enumerate(network.layers) for tensor in layer.inputs}
    dies |= dict.fromkeys(network.outputs, len(network.layers))
    offsets: dict[Tensor, int] = {}
    for tensor, birth in born.items():
        alive = sorted((offsets[other], other.size) for other in offsets if dies[other] >= birth)
        start = 0
        for offset, size in alive:
            if start + tensor.size <= offset:
                break
            start = max(start, -(-(offset + size) // ALIGNMENT) * ALIGNMENT)
        offsets[tensor] = start
    return offsets, max(offsets[tensor] + tensor.size for tensor in offsets)


def slot_offsets(network: Network) -> tuple[dict[Tensor, int], int]:
    """Offsets of the inputs in an input slot (multiples of 32), and the bytes of an upload."""
    offsets: dict[Tensor, int] = {}
    end = 0
    for tensor in network.inputs:
        offsets[tensor] = -(-end // 32) * 32
        end = offsets[tensor] + tensor.size
    return offsets, end


def scratch(layer: Layer) -> int:
    """Bytes of a layer's input with its border."""
    if layer.weights is None or not layer.pad:
        return 0
    _, height, width, channels = layer.inputs[0].shape
    return (height + 2 * layer.pad) * (width + 2 * layer.pad) * channels


# ------------------------------------------------------------------------------------------------------- emission


@dataclass(slots=True)
class Writer:
    """Collects the lines of the header and sums up the bytes of the constants."""

    lines: list[str] = field(default_factory=list)
    constants: int = 0

    def array(self, kind: str, width: int, name: str, values: Iterable[int]) -> str:
        """An array of constants; returns its name."""
        numbers = [str(int(value)) for value in values]
        self.constants += width * len(numbers)
        self.lines.append(f"static const {kind} {name}[{len(numbers)}] = {{")
        row = "   "
        for number in numbers:
            if len(row) + len(number) > 115:
                self.lines.append(row)
                row = "   "
            row += f" {number},"
        self.lines += [row, "};"]
        return name

    def table(self, kind: str, name: str, rows: Iterable[str]) -> None:
        """An array of structs."""
        rows = list(rows)
        self.lines += [f"static const {kind} {name}[{len(rows)}] = {{", *(f"    {{{row}}}," for row in rows), "};"]


def quoted(text: str) -> str:
    """A C string, one line a line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(f'    "{line}\\n"' for line in escaped.splitlines())


def layer_row(out: Writer, prefix: str, layer: Layer, where: dict[Tensor, str]) -> str:
    """The initialiser of one ``layer_t``; its constants are written first."""
    x, y = layer.inputs[0], layer.output
    members = {"op": f"OP_{layer.op.upper()}", "x": where[x], "y": where[y]}
    (_, height, width, channels) = x.shape if len(x.shape) == 4 else (1, 1, 1, x.shape[-1])
    (_, y_height, y_width, y_channels) = y.shape if len(y.shape) == 4 else (1, 1, 1, y.shape[-1])
    numbers = {
        "height": height, "width": width, "channels": channels,
        "y_height": y_height, "y_width": y_width, "y_channels": y_channels,
        "kernel": layer.kernel, "stride": layer.stride, "pad": layer.pad,
        "x_zero": x.zero_point, "y_zero": y.zero_point, "lowest": y.zero_point if layer.relu else -128,
    }  # fmt: skip
    members |= {name: str(number) for name, number in numbers.items()}
    if layer.weights is not None and layer.scales is not None and layer.bias is not None:
        factors = [fixed_point(x.scale * float(scale) / y.scale) for scale in layer.scales]
        axes = (0, 1) if layer.op == "Depthwise" else (1, 2, 3)
        folded = layer.bias - x.zero_point * layer.weights.astype(np.int32).sum(axis=axes)
        members["weights"] = out.array("int8_t", 1, f"{prefix}_weights", layer.weights.ravel())
        members["bias"] = out.array("int32_t", 4, f"{prefix}_bias", folded)
        members["multiplier"] = out.array("int32_t", 4, f"{prefix}_multiplier", (m for m, _ in factors))
        members["shift"] = out.array("uint8_t", 1, f"{prefix}_shift", (s for _, s in factors))
    elif layer.op == "Add":
        mx, my, shift = add_factors(layer)
        members |= {"x2": where[layer.inputs[1]], "x2_zero": str(layer.inputs[1].zero_point)}
        members["multiplier"] = out.array("int32_t", 4, f"{prefix}_multiplier", (mx, my))
        members["shift"] = out.array("uint8_t", 1, f"{prefix}_shift", (shift,))
    elif layer.op == "Softmax":
        members["bias"] = out.array("int32_t", 4, f"{prefix}_exponentials", exponentials(x.scale))
    return ", ".join(f".{name} = {value}" for name, value in members.items())


def tensor_row(tensor: Tensor, offset: int) -> str:
    """The initialiser of one ``n6_tensor_t``."""
    dtype = "N6_DTYPE_INT8" if tensor.scale else "N6_DTYPE_INT32"
    return (
        f'.name = "{tensor.name}", .dtype = {dtype}, .ndim = {len(tensor.shape)}, '
        f".shape = {{{', '.join(map(str, tensor.shape))}}}, .size = {tensor.size}, .offset = {offset}, "
        f".scale = {np.float32(tensor.scale)!s}f, .zero_point = {tensor.zero_point}"
    ).replace(" 0.0f", " 0")


def emit(out: Writer, network: Network) -> tuple[str, int]:
    """Writes the tables of one network; returns the initialiser of its ``network_t`` and the scratch it needs."""
    name = network.name
    arena, arena_size = place(network)
    slots, input_bytes = slot_offsets(network)
    where = {tensor: f"IN_SLOT | {offset}" for tensor, offset in slots.items()}
    where |= {tensor: str(offset) for tensor, offset in arena.items()}
    begin, out.constants = len(out.lines), 0
    rows = [layer_row(out, f"{name}_{index}", layer, where) for index, layer in enumerate(network.layers)]
    constants = out.constants
    out.table("layer_t", f"{name}_layer", rows)
    out.table("n6_tensor_t", f"{name}_input", (tensor_row(tensor, slots[tensor]) for tensor in network.inputs))
    out.table("n6_tensor_t", f"{name}_output", (tensor_row(tensor, 0) for tensor in network.outputs))
    ends = np.cumsum([len(block.layers) for block in network.blocks])
    out.table(
        "n6_block_t",
        f"{name}_block",
        (
            f".first = {end - len(block.layers) + 1}, .last = {end}, .kind = N6_EPOCH_KIND_{block.kind}, "
            f'.operation = "{block.operation}"'
            for block, end in zip(network.blocks, ends, strict=True)
        ),
    )
    out.array("uint16_t", 2, f"{name}_output_at", (arena[tensor] for tensor in network.outputs))
    if network.card:
        out.lines += [f"static const char {name}_card[] =", quoted(network.card) + ";"]
    digest = zlib.crc32("\n".join(out.lines[begin:]).encode())
    card = f".card = {name}_card, .card_bytes = sizeof {name}_card - 1, " if network.card else ""
    row = (
        f'.network = {{.name = "{name}", {card}.inputs = {len(network.inputs)}, .outputs = {len(network.outputs)}, '
        f".pools = N6_REFERENCE_POOLS, .blocks = {len(network.blocks)}, .epochs = {len(network.layers)}, "
        f".digest = 0x{digest:08x}u, .input_bytes = {input_bytes}, "
        f".output_bytes = {sum(tensor.size for tensor in network.outputs)}, "
        f".input = {name}_input, .output = {name}_output, .block = {name}_block}},\n"
        f"     .layer = {name}_layer, .output_at = {name}_output_at, "
        f".weights = {constants}, .activations = {arena_size}"
    )
    return row, max(scratch(layer) for layer in network.layers)


def header() -> str:
    """The whole text of ``reference_weights.h``."""
    out = Writer()
    compiled = networks()
    rows, needs = zip(*(emit(out, network) for network in compiled), strict=True)
    out.table("network_t", "reference_networks", rows)
    sizes = {
        "N6_REFERENCE_NETWORKS == %d": len(compiled),
        "N6_REFERENCE_MAX_BLOCKS >= %d": max(len(network.blocks) for network in compiled),
        "N6_REFERENCE_TOTAL_BLOCKS == %d": sum(len(network.blocks) for network in compiled),
        "N6_REFERENCE_MAX_INPUT == %d": max(slot_offsets(network)[1] for network in compiled),
        "N6_REFERENCE_MAX_OUTPUT == %d": max(sum(t.size for t in network.outputs) for network in compiled),
        "N6_REFERENCE_ARENA >= %d": max(place(network)[1] for network in compiled),
        "N6_REFERENCE_SCRATCH >= %d": max(needs),
        "MAX_CHANNELS >= %d": max(layer.output.shape[-1] for network in compiled for layer in network.layers),
        "MAX_PATCH >= %d": max(
            layer.weights[0].size
            for network in compiled
            for layer in network.layers
            if layer.weights is not None and layer.op != "Depthwise"
        ),
    }
    asserts = [f'_Static_assert({text % number}, "reference.h");' for text, number in sizes.items()]
    head = (
        "/*\n * reference_weights.h - the networks of the reference NPU.\n *\n"
        " * GENERATED by reference_weights.py: do not edit. Included by reference.c alone.\n */\n"
        "/* clang-format off */\n"
    )
    return head + "\n".join([*asserts, "", *out.lines]) + "\n/* clang-format on */\n"


def main() -> int:
    """Writes the header, or with ``--check`` compares it."""
    text = header()
    if "--check" not in sys.argv[1:]:
        HEADER.write_text(text)
    elif not HEADER.exists() or HEADER.read_text() != text:
        print(f"{HEADER} is stale: run python {Path(__file__).name}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
