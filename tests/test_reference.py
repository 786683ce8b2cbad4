"""The reference NPU against its definition.

:class:`Model` below is written in numpy from the operator definitions at the head of reference_networks.py: it knows nothing
of the C code, its tables, its folded biases or its arena. Every build of the C code has to give the same bytes.
"""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import m55
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from n6link.tensors import card

NPU: Final = m55.FIRMWARE / "npu"
sys.path.insert(0, str(NPU))  # the scripts are not part of the package
reference_networks: Any = importlib.import_module("reference_networks")
reference_weights: Any = importlib.import_module("reference_weights")

Array = np.ndarray[Any, Any]
POSE, COLOUR = reference_networks.networks()
NETWORKS: Final = {network.name: (index, network) for index, network in enumerate((POSE, COLOUR))}
RGB: Final = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
}


# ---------------------------------------------------------------------------------------- the operators in numpy


def rounded(product: Array, shift: int) -> Array:
    """floor(product / 2**shift + 1/2)."""
    return np.asarray(np.floor_divide(product + 2 ** (shift - 1), 2**shift))


def factor(real: float) -> tuple[int, int]:
    """The m / 2**s with m in [2**30, 2**31) that is nearest to a number."""
    shift = next(s for s in range(1, 63) if 2**30 <= round(Fraction(real) * 2**s) < 2**31)
    return round(Fraction(real) * 2**shift), shift


def clamped(real: Array, layer: Any) -> Array:
    low = layer.output.zero_point if layer.relu else -128
    return np.asarray(np.clip(real + layer.output.zero_point, low, 127))


def windows(layer: Any, x: Array) -> Array:
    """[rows, columns, channels, kernel, kernel] of x - zero point, real zeros around."""
    real = np.pad(x[0] - layer.inputs[0].zero_point, [(layer.pad,) * 2, (layer.pad,) * 2, (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(real, (layer.kernel, layer.kernel), axis=(0, 1))
    return np.asarray(views[:: layer.stride, :: layer.stride])


def requantised(layer: Any, sums: Array) -> Array:
    """Sums in the last axis' channels to int8."""
    columns = []
    for channel, scale in enumerate(layer.scales):
        m, s = factor(layer.inputs[0].scale * float(scale) / layer.output.scale)
        columns.append(rounded(sums[..., channel] * m, s))
    return clamped(np.stack(columns, axis=-1), layer)


def conv(layer: Any, x: Array) -> Array:
    sums = np.einsum("yxcij,oijc->yxo", windows(layer, x), layer.weights.astype(np.int64)) + layer.bias
    return requantised(layer, sums)[None]


def depthwise(layer: Any, x: Array) -> Array:
    sums = np.einsum("yxcij,ijc->yxc", windows(layer, x), layer.weights.astype(np.int64)) + layer.bias
    return requantised(layer, sums)[None]


def dense(layer: Any, x: Array) -> Array:
    weights = layer.weights[:, 0, 0, :].astype(np.int64)
    return requantised(layer, (x.reshape(1, -1) - layer.inputs[0].zero_point) @ weights.T + layer.bias)


def add(layer: Any, x: Array, y: Array) -> Array:
    ratios = [tensor.scale / layer.output.scale for tensor in layer.inputs]
    _, shift = factor(max(ratios))
    mx, my = (round(Fraction(ratio) * 2**shift) for ratio in ratios)
    zx, zy = (tensor.zero_point for tensor in layer.inputs)
    return clamped(rounded((x - zx) * mx + (y - zy) * my, shift), layer)


def resize(layer: Any, x: Array) -> Array:
    """Bilinear at half-pixel centres, from the textbook's coordinates rather than from neighbours."""
    size = x.shape[1]
    centre = (np.arange(2 * size) + 0.5) / 2 - 0.5
    low = np.floor(centre).astype(int)
    high_weight = np.rint(4 * (centre - low)).astype(int)
    matrix = np.zeros((2 * size, size), dtype=np.int64)
    for row, (index, weight) in enumerate(zip(low, high_weight, strict=True)):
        matrix[row, np.clip(index, 0, size - 1)] += 4 - weight
        matrix[row, np.clip(index + 1, 0, size - 1)] += weight
    return np.asarray(np.floor_divide(np.einsum("ay,bx,yxc->abc", matrix, matrix, x[0]) + 8, 16))[None]


def softmax(layer: Any, x: Array) -> Array:
    exponentials = np.rint(65536 * np.exp((x - x.max()) * layer.inputs[0].scale)).astype(np.int64)
    total = exponentials.sum()
    return np.asarray(np.minimum((256 * exponentials + total // 2) // total - 128, 127))


def argmax(layer: Any, x: Array) -> Array:
    return np.array([np.flatnonzero(x == x.max())[0]])


OPERATORS: Final[dict[str, Callable[..., Array]]] = {
    "Conv": conv,
    "Depthwise": depthwise,
    "Dense": dense,
    "Add": add,
    "Resize": resize,
    "Softmax": softmax,
    "ArgMax": argmax,
}


def evaluate(network: Any, inputs: list[Array]) -> list[Array]:
    """The raw outputs of a network for raw int8 inputs."""
    values = dict(zip(network.inputs, (x.astype(np.int64) for x in inputs), strict=True))
    for layer in network.layers:
        values[layer.output] = OPERATORS[layer.op](layer, *(values[x] for x in layer.inputs))
        assert values[layer.output].shape == layer.output.shape
    return [values[output].astype(np.int8 if output.scale else np.int32) for output in network.outputs]


# ------------------------------------------------------------------------------------------- running the C code


Runner = Callable[[str, list[list[Array]]], list[tuple[list[Array], Array]]]


def runner(folder: Path, command: Callable[[], subprocess.CompletedProcess[str]]) -> Runner:
    """Runs a network over several inputs; gives the outputs and [block, (start, pre, core, post)] for each."""

    def run(name: str, samples: list[list[Array]]) -> list[tuple[list[Array], Array]]:
        index, network = NETWORKS[name]
        offsets, _ = reference_weights.slot_offsets(network)
        data = bytearray(index.to_bytes(4, "little"))
        for inputs in samples:
            base = len(data)
            for tensor, value in zip(network.inputs, inputs, strict=True):
                data += bytes(base + offsets[tensor] - len(data)) + value.astype(np.int8).tobytes()
        (folder / "reference.in").write_bytes(data)
        (folder / "reference.out").unlink(missing_ok=True)
        done = command()
        assert done.returncode == 0, done.stderr
        raw = (folder / "reference.out").read_bytes()
        results = []
        at = 0
        for _ in samples:
            outputs = []
            for tensor in network.outputs:
                dtype = np.int8 if tensor.scale else np.int32
                outputs.append(np.frombuffer(raw[at : at + tensor.size], dtype).reshape(tensor.shape))
                at += tensor.size
            times = np.frombuffer(raw[at : at + 32 * len(network.blocks)], "<u8").reshape(-1, 4)
            at += times.nbytes
            results.append((outputs, times))
        assert at == len(raw)
        return results

    return run


SOURCES: Final = (NPU / "reference_run.c", NPU / "reference.c")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The C code on this machine, with the sanitizers where the compiler has them."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    folder = tmp_path_factory.mktemp("reference")
    program = folder / "reference_run"
    options = (*m55.WARNINGS, "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    include = [f"-I{m55.FIRMWARE / 'core' / layer}" for layer in ("seam", "wire")]
    subprocess.run([compiler, *options, *include, *map(str, SOURCES), "-o", str(program)], check=True)
    return runner(
        folder, lambda: subprocess.run([program], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    )


def noise(network: Any, seed: int, count: int) -> list[list[Array]]:
    """Inputs of all kinds: noise of several contrasts, and the extremes."""
    random = np.random.default_rng(seed)
    samples = []
    for index in range(count):
        contrast = (256, 64, 8)[index % 3]
        centre = random.integers(-128, 128)
        samples.append(
            [
                np.clip(centre + random.integers(-contrast // 2, contrast // 2 + 1, tensor.shape), -128, 127)
                for tensor in network.inputs
            ]
        )
    return samples + [[np.full(tensor.shape, value) for tensor in network.inputs] for value in (-128, 127)]


def check(run: Runner, name: str, samples: list[list[Array]]) -> None:
    for inputs, (outputs, _) in zip(samples, run(name, samples), strict=True):
        for tensor, ours, theirs in zip(
            NETWORKS[name][1].outputs, evaluate(NETWORKS[name][1], inputs), outputs, strict=True
        ):
            np.testing.assert_array_equal(theirs, ours, err_msg=tensor.name)


@pytest.mark.parametrize("name", NETWORKS)
def test_host_equals_the_definition(host: Runner, name: str) -> None:
    check(host, name, noise(NETWORKS[name][1], seed=1, count=24))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_digest_of_check_follows_from_the_definition(name: str) -> None:
    """The stored input of reference.c, and the digest of the outputs that it has."""
    network = NETWORKS[name][1]
    pixel, channel = np.divmod(np.arange(6912), 3)
    colour = 1 + (pixel % 48 // 6 + pixel // 48 // 6) % 7
    stored = np.where(colour >> channel & 1, 100 - pixel % 28, pixel % 28 - 100)
    places, _ = reference_weights.slot_offsets(network)
    inputs = [stored[places[x] : places[x] + x.size].reshape(x.shape) for x in network.inputs]
    digest = 0
    for tensor, output in zip(network.outputs, evaluate(network, inputs), strict=True):
        digest = zlib.crc32(output.astype(np.int8 if tensor.scale else np.int32).tobytes(), digest)
    assert f"{digest:#x}" in re.findall(r"digests\[.*\] = {(\w+), (\w+)}", (NPU / "reference.c").read_text())[0]


@settings(max_examples=25)
@given(st.lists(st.integers(-128, 127), min_size=7, max_size=7), st.integers(0, 2**32 - 1))
def test_any_prior(host: Runner, prior: list[int], seed: int) -> None:
    image = np.random.default_rng(seed).integers(-128, 128, (1, 16, 16, 3))
    check(host, "reference_colour", [[image, np.array([prior])]])


@pytest.mark.arm_gcc
@pytest.mark.qemu
@pytest.mark.parametrize(("kernels", "instruction"), [(0, None), (1, "smlad"), (2, "vmladavat.s8")])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_kernel_on_the_cortex_m55_equals_the_definition(
    tmp_path: Path, name: str, kernels: int, instruction: str | None
) -> None:
    option = f"-DN6_REFERENCE_KERNELS={kernels}"
    for other in ("smlad", "vmladavat.s8"):
        assert (f"\t{other}\t" in m55.assembly(NPU / "reference.c", option)) == (other == instruction)
    elf = tmp_path / "reference_run.elf"
    m55.compile_hosted(SOURCES, elf, option)
    check(runner(tmp_path, lambda: m55.emulate(elf, folder=tmp_path)), name, noise(NETWORKS[name][1], 2, 4))


# ------------------------------------------------------------------------------------- what the networks are for


def markers(places: dict[str, tuple[float, float]], background: int = 0, radius: float = 3.5) -> Array:
    """An image with round markers at (x, y) pixels, as raw int8 [1, 48, 48, 3]."""
    y, x = np.mgrid[:48, :48] + 0.5
    image = np.full((48, 48, 3), background)
    for colour, (cx, cy) in places.items():
        image[(x - cx) ** 2 + (y - cy) ** 2 <= radius**2] = RGB[colour]
    return (image - 128)[None]


@pytest.mark.parametrize("background", [0, 96, 255])
def test_peaks_follow_the_markers(host: Runner, background: int) -> None:
    random = np.random.default_rng(background)
    scenes = []
    for _ in range(20):
        cells = random.permutation([(x, y) for x in (7, 24, 41) for y in (7, 24, 41)])[: len(RGB)]
        scenes.append(dict(zip(RGB, (tuple(cell + random.uniform(-3, 3, 2)) for cell in cells), strict=True)))
    for scene, (outputs, _) in zip(scenes, host("reference", [[markers(s, background)] for s in scenes]), strict=True):
        heatmaps = outputs[0].astype(int)[0]
        for channel, (colour, place) in enumerate(scene.items()):
            row, column = np.unravel_index(heatmaps[..., channel].argmax(), heatmaps.shape[:2])
            found = (np.array([column, row]) + 0.5) * 4
            assert np.abs(found - place).max() < 4, (colour, place, found)
            assert heatmaps[..., channel].max() + 128 > 0.25 * 256


def test_no_marker_no_score(host: Runner) -> None:
    ((outputs, _),) = host("reference", [[markers({"red": (20, 30)}, background=128)]])
    scores = (outputs[0].astype(int).max(axis=(0, 1, 2)) + 128) / 256
    assert scores[0] > 0.3
    assert scores[1:].max() < 0.05


def test_classes_and_the_weight_of_the_prior(host: Runner) -> None:
    names = [*RGB, "grey"]
    images = [np.broadcast_to(np.array(rgb) - 128, (1, 16, 16, 3)) for rgb in [*RGB.values(), (128, 128, 128)]]
    nothing, blue_not_red = np.zeros((1, 7), int), np.array([[-128, 0, 127, 0, 0, 0, 0]])
    for expected, (outputs, _) in enumerate(host("reference_colour", [[image, nothing] for image in images])):
        probabilities = (outputs[0][0].astype(int) + 128) / 256
        assert names[outputs[1][0]] == names[expected]
        assert probabilities[expected] > 0.5
        assert probabilities.sum() == pytest.approx(1, abs=0.02)
    ((outputs, _),) = host("reference_colour", [[images[0], blue_not_red]])
    assert names[outputs[1][0]] == "blue"


def real_layer(layer: Any, operands: list[Array]) -> Array:
    """A layer in floating point, with the weights as they are after quantisation."""
    if layer.op == "Add":
        result = operands[0] + operands[1]
    elif layer.op == "Resize":
        result = resize(layer, operands[0] * 2**30) / 2**30
    else:
        borders = [(0, 0), (layer.pad, layer.pad), (layer.pad, layer.pad), (0, 0)]
        padded = np.pad(operands[0].reshape(layer.inputs[0].shape), borders)[0]
        views = np.lib.stride_tricks.sliding_window_view(padded, (layer.kernel,) * 2, axis=(0, 1))
        by_channel = layer.scales if layer.op == "Depthwise" else layer.scales[:, None, None, None]
        rule = "yxcij,ijc->yxc" if layer.op == "Depthwise" else "yxcij,oijc->yxo"
        result = np.einsum(rule, views[:: layer.stride, :: layer.stride], layer.weights * by_channel)
        result = result + layer.bias * layer.scales * layer.inputs[0].scale
    return np.asarray(np.maximum(result, 0) if layer.relu else result).reshape(layer.output.shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_quantisation_stays_near_the_real_arithmetic(name: str) -> None:
    """Every layer gives what the same layer gives in floating point for the same operands, within one step."""
    network = NETWORKS[name][1]
    for inputs in noise(network, seed=3, count=6):
        raw = dict(zip(network.inputs, (x.astype(np.int64) for x in inputs), strict=True))
        for layer in network.layers:
            raw[layer.output] = OPERATORS[layer.op](layer, *(raw[x] for x in layer.inputs))
            if layer.op in ("Softmax", "ArgMax"):
                continue
            real = real_layer(layer, [(raw[x] - x.zero_point) * x.scale for x in layer.inputs])
            steps = np.clip(real / layer.output.scale + layer.output.zero_point, -128, 127)
            assert np.abs(raw[layer.output] - steps).max() <= 0.51, layer.op


# ------------------------------------------------------------------------------------------------- descriptions


@pytest.mark.parametrize("name", NETWORKS)
def test_times_of_blocks(host: Runner, name: str) -> None:
    """The clock counts its readings: three a block; hardware blocks work in core, software blocks in post."""
    network = NETWORKS[name][1]
    ((_, times),) = host(name, noise(network, 4, 1)[:1])
    for index, (block, (start, pre, core, post)) in enumerate(zip(network.blocks, times, strict=True)):
        assert start == 3 * index
        assert (pre, core, post) == ((0, 0, 2) if block.kind == "SW" else (1, 1, 0))


def test_header_is_fresh() -> None:
    assert reference_weights.HEADER.read_text() == reference_weights.header()


def test_a_changed_weight_changes_the_digest() -> None:
    _, network = NETWORKS["reference"]
    before, _ = reference_weights.emit(reference_weights.Writer(), network)
    network.layers[0].weights[0, 0, 0, 0] += 1
    try:
        after, _ = reference_weights.emit(reference_weights.Writer(), network)
    finally:
        network.layers[0].weights[0, 0, 0, 0] -= 1
    assert before != after
    assert before in reference_weights.header()


@pytest.mark.parametrize("name", NETWORKS)
def test_tensors_that_live_together_do_not_overlap(name: str) -> None:
    network = NETWORKS[name][1]
    offsets, size = reference_weights.place(network)
    for index, layer in enumerate(network.layers):
        later = [x for other in network.layers[index:] for x in other.inputs] + list(network.outputs)
        alive = {tensor for tensor in later if tensor in offsets} - {x.output for x in network.layers[index + 1 :]}
        used = np.zeros(size, dtype=int)
        for tensor in alive | {layer.output}:
            assert offsets[tensor] % reference_weights.ALIGNMENT == 0
            used[offsets[tensor] : offsets[tensor] + tensor.size] += 1
        assert used.max() == 1


@pytest.mark.parametrize("name", NETWORKS)
def test_card_can_be_read(name: str) -> None:
    text = NETWORKS[name][1].card
    read = card.load(text, base=None, name=name)
    if name == "reference":
        assert read.task == "pose-heatmap"
        assert read.keypoints == tuple(RGB)
        assert read.edges is not None and len(read.edges) == 6
    else:
        assert read.labels == (*RGB, "grey")
