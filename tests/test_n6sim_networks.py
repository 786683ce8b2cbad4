"""Networks of the virtual board: .tflite files in LiteRT, good and bad, and tables that say what ST's compiler made of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np
import pytest
from e2e_fixtures import litert, noise
from n6sim import REFERENCE, Client, refusal, running
from tflite import write_fully_connected, write_growing

from n6link.device import N6Device
from n6link.epochs import st_report
from n6link.epochs.pools import Pool
from n6link.epochs.predict import Prediction
from n6link.errors import DeviceError
from n6link.protocol import EpochKind, MessageType, Status, TimerSource, records

DATA: Final = Path(__file__).parent / "data"
NETWORKS: Final = Path(__file__).parents[1] / "n6link" / "networks"
MOVENET: Final = NETWORKS / "movenet13" / "movenet13_192_int8.tflite"
TINYBERT: Final = NETWORKS / "tinybert" / "tinybert_textgen.tflite"
WEIGHTS: Final = np.array([[1, 2], [3, 4], [5, -6]], np.int8)

Change = Callable[[Any, Any, Any], None]
"""of a model, given the schema, the model, and its graph"""


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    """A network of one layer: int8 (1, 4, 2) times WEIGHTS gives int8 (1, 4, 3)."""
    path = tmp_path / "dense.tflite"
    write_fully_connected(path, WEIGHTS, rows=4)
    return path


def changed(path: Path, change: Change) -> Path:
    """The file, with its network changed."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    change(schema, model, model.subgraphs[0])
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path


def setting(**values: object) -> Change:
    """Sets members of the input tensor."""

    def change(schema: Any, model: Any, graph: Any) -> None:
        for name, value in values.items():
            setattr(graph.tensors[graph.inputs[0]], name, value)

    return change


def gather(schema: Any, model: Any, graph: Any) -> None:
    """Looks rows up instead, which can fail: there is no row 3."""
    layer = graph.operators[0]
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.GATHER
    model.operatorCodes[0].version = 1
    layer.inputs = [1, 0]
    layer.builtinOptionsType, layer.builtinOptions = schema.BuiltinOptions.GatherOptions, schema.GatherOptionsT()
    setting(type=schema.TensorType.INT32, shape=[4], quantization=None)(schema, model, graph)
    graph.tensors[2].shape = [4, 2]


def network(path: Path, **files: Path) -> tuple[str, ...]:
    """The command line for one network, called ``x``, with a card or blocks."""
    spec = ";".join([f"x={path}", *(f"{key}={file}" for key, file in files.items())])
    return "--litert", litert(), "--network", spec


def size_of(path: Path) -> int:
    return path.stat().st_size


def loaded(path: Path, **files: Path) -> Any:
    return running("--tcp", "0", *network(path, **files))


# ---- good ones


async def test_a_network_runs(dense: Path) -> None:
    size = size_of(dense)
    with loaded(dense) as program:
        async with N6Device(program.url) as dev:
            net = dev["x"]
            (window,), (logits,) = net.inputs.values(), net.outputs.values()
            assert (window.name, window.shape, window.dtype, window.scale, window.zero_point) == (
                *("window", (1, 4, 2), np.dtype(np.int8)),
                *(1.0, 0),
            )
            assert (logits.shape, logits.dtype) == ((1, 4, 3), np.dtype(np.int8))
            values = np.array([[[1, 2], [3, 4], [-5, 6], [127, -128]]], np.int8)
            result = await net.run(values)
            wanted = np.clip(values.astype(int) @ WEIGHTS.T, -128, 127)
            assert np.array_equal(result.outputs[logits.name], wanted)
            assert net.info.timer_source is TimerSource.LITERT_PROFILER and dev.info.simulated
            assert net.pools == (Pool("host", 0, size + 20, size + 20, size, 20),)


async def test_every_operator_is_a_block_with_a_time() -> None:
    """They follow each other within the run, and leave little of it unexplained."""
    with loaded(MOVENET) as program:
        async with N6Device(program.url) as dev:
            net = dev["x"]
            assert len(net.epochs) > 20
            assert all(block.operation and block.epochs == 1 for block in net.epochs.blocks)
            assert not any("(" in block.operation for block in net.epochs.blocks)
            result = await net.run(noise(net))
            timers = result.epochs
            assert timers and timers.table == net.epochs
            assert all(one <= other for one, other in pairwise(timers.start))
            assert (timers.start + timers.total <= timers.duration + 1e-6).all()
            assert 0 < timers.total.sum() <= timers.duration


async def test_two_networks_side_by_side(dense: Path) -> None:
    """In one process, with LiteRT and without, in any order."""
    with running("--tcp", "0", *network(dense), "--network", f"m={MOVENET}", *REFERENCE) as program:
        async with N6Device(program.url) as dev, anyio.create_task_group() as group:
            alone = {name: (await net.run(noise(net))).outputs for name, net in dev.networks.items()}
            assert list(alone) == ["x", "m", "reference"]

            async def run(name: str) -> None:
                net = dev[name]
                for _ in range(4):
                    outputs = (await net.run(noise(net))).outputs
                    assert all(np.array_equal(array, alone[name][key]) for key, array in outputs.items())

            for name in dev.networks:
                group.start_soon(run, name)


def test_a_run_that_is_stopped_makes_way_for_the_next() -> None:
    """LiteRT may still be at work on the old one when the new one is there."""
    random = np.random.default_rng(1)
    one, other = random.bytes(192 * 192 * 3), random.bytes(192 * 192 * 3)
    with loaded(MOVENET) as program, Client(program.url) as client:
        wanted = client.result(client.infer(one))
        for _ in range(10):
            client.ask(MessageType.CANCEL, records.Cancel(target=client.infer(other)).pack())
            assert client.result(client.infer(one)) == wanted


async def test_a_run_that_fails_says_why_and_the_next_one_is_good(dense: Path) -> None:
    with loaded(changed(dense, gather)) as program:
        async with N6Device(program.url) as dev, dev.logs() as lines:
            net = dev["x"]
            (name,) = net.outputs
            with pytest.raises(DeviceError) as error:
                await net.run(np.array([0, 1, 2, 3], np.int32))
            assert error.value.status is Status.NPU_FAULT
            async for line in lines:
                assert line.text.startswith("x: ") and "gather index out of bounds" in line.text
                break
            result = await net.run(np.array([2, 1, 0, 2], np.int32))
            assert np.array_equal(result.outputs[name], WEIGHTS[[2, 1, 0, 2]])
            stats = (await dev.stats()).networks[0]
            assert (stats.runs, stats.errors) == (1, 1)


async def test_scales_of_every_channel(dense: Path) -> None:
    def change(schema: Any, model: Any, graph: Any) -> None:
        known = graph.tensors[graph.inputs[0]].quantization
        known.scale, known.zeroPoint = np.array([0.5, 0.25], np.float32), np.array([1, -2], np.int64)
        known.quantizedDimension = 2

    with loaded(changed(dense, change)) as program:
        async with N6Device(program.url) as dev:
            spec = dev["x"].inputs["window"]
            assert spec.scales is not None and spec.zero_points is not None
            assert (spec.scales.tolist(), spec.zero_points.tolist(), spec.axis) == ([0.5, 0.25], [1, -2], 2)


def add(schema: Any, model: Any, graph: Any) -> None:
    """Two inputs instead of one, whose names differ at their ends, and their sum."""
    layer = graph.operators[0]
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    model.operatorCodes[0].version = 2
    layer.builtinOptionsType, layer.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    layer.inputs = graph.inputs = [0, 1]
    graph.tensors[0].name, graph.tensors[1].name = b"n" * 40 + b"0", b"n" * 40 + b"1"
    graph.tensors[1].buffer = 0
    for tensor in graph.tensors:
        tensor.shape = [4, 2]


async def test_a_long_name_keeps_its_end(dense: Path) -> None:
    """A TensorRecord has room for 31 bytes of a name."""
    one, other = ".." + "n" * 28 + "0", ".." + "n" * 28 + "1"
    with loaded(changed(dense, add)) as program:
        async with N6Device(program.url) as dev:
            net = dev["x"]
            assert list(net.inputs) == [one, other]
            assert [spec.offset for spec in net.inputs.values()] == [0, 32]
            values = np.arange(8, dtype=np.int8).reshape(4, 2), np.full((4, 2), 10, np.int8)
            result = await net.run({one: values[0], other: values[1]})
            assert np.array_equal(result.outputs["logits"], values[0] + values[1])


async def test_a_tensor_without_a_name(dense: Path) -> None:
    with loaded(changed(dense, setting(name=b""))) as program:
        async with N6Device(program.url) as dev:
            assert list(dev["x"].inputs) == ["input_0"]


def test_verbose_lets_litert_speak(dense: Path) -> None:
    for options, speaks in (((), False), (("--verbose",), True)):
        with running("--tcp", "0", *options, *network(dense), stderr=subprocess.PIPE) as program:
            program.process.terminate()
            assert program.process.stderr
            assert bool(program.process.stderr.read()) is speaks


# ---- bad ones


def cut(path: Path) -> None:
    path.write_bytes(MOVENET.read_bytes()[:100_000])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_text("no network at all"), "it is not a TensorFlow Lite file"),
        (lambda path: path.write_bytes(b""), "it is not a TensorFlow Lite file"),
        (lambda path: path.write_bytes(b"\x10\0\0\0TFL3"), "LiteRT cannot read it (status "),
        (cut, "does not load: "),
        (lambda path: path.unlink(), "No such file or directory"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
    ids=["text", "empty", "head", "cut", "missing", "folder"],
)
def test_a_file_that_is_no_network(dense: Path, spoil: Callable[[Path], object], says: str) -> None:
    spoil(dense)
    error = refusal("--pty", *network(dense))
    assert error.startswith(f"--network x: {dense} does not load: ") and says in error


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (setting(type=5), "tensor window has elements of type 5, which no n6link tensor has"),
        (setting(shape=[1, 1, 1, 1, 1, 4, 2]), "tensor window has 7 dimensions, more than 6"),
        (setting(shape=[1, 0, 2]), "tensor window has no values: its dimension 1 is 0"),
        (setting(shape=[1, 1 << 15, 1 << 15]), "tensor window is too large"),
        (setting(quantization=None), "LiteRT cannot prepare it: "),
        (lambda schema, model, graph: setattr(graph, "inputs", []), "it has 0 inputs"),
        (lambda schema, model, graph: setattr(graph, "outputs", []), "it has 0 outputs"),
        (
            lambda schema, model, graph: setattr(graph, "outputs", [2, 2]),
            "two of its tensors have the name 'logits'",
        ),
        (lambda schema, model, graph: setattr(graph, "outputs", [2, 0]), "tensor window is one tensor with another"),
        (
            lambda schema, model, graph: setattr(model.operatorCodes[0], "version", 99),
            "LiteRT cannot prepare it (status 3): Didn't find op for builtin opcode 'FULLY_CONNECTED' version '99'",
        ),
    ],
    ids=["text", "dimensions", "shape", "size", "quantisation", "inputs", "outputs", "twice", "echo", "version"],
)
def test_a_network_that_cannot_be_used(dense: Path, change: Change, says: str) -> None:
    assert f"{dense} does not load: {says}" in refusal("--pty", *network(changed(dense, change)))


def test_a_card_that_is_too_long(dense: Path, tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text("#" * 65536)
    assert "its card is longer than 65535 bytes" in refusal("--pty", *network(dense, card=tmp_path / "card.toml"))


def test_a_library_that_is_not_litert(dense: Path) -> None:
    math = Path("/proc/self/maps").read_text().split() if Path("/proc/self/maps").exists() else []
    library = next((word for word in math if "/libm.so" in word or "/libm-" in word), None)
    if library is None:
        pytest.skip("no shared library is known on this system")
    error = refusal("--pty", "--litert", library, "--network", f"x={dense}")
    assert error == f"{library} has no LiteRtCreateEnvironment: n6link needs ai-edge-litert >=2.1.6,<2.4"


# ---- predicted kinds


@pytest.mark.parametrize("file", [MOVENET, TINYBERT], ids=["movenet", "tinybert"])
async def test_blocks_have_the_predicted_kinds(virtual_board: None, file: Path) -> None:
    """Every operation is found again, also those that XNNPACK calls otherwise."""
    predicted = Prediction.of(file).table
    async with N6Device(f"sim:{file}") as dev:
        (net,) = dev.networks.values()
        assert [(block.kind, block.operation) for block in net.epochs.blocks] == [
            (block.kind, block.operation) for block in predicted.blocks
        ]
        timers = (await net.run(noise(net))).epochs
        assert timers and timers.origin.endswith("; kinds of blocks: predicted, or from the report in the URL")


async def test_what_the_compiler_would_remove_is_no_epoch(virtual_board: None, tmp_path: Path) -> None:
    """LiteRT computes a shape while the network runs; ST's compiler does it before."""
    file = tmp_path / "growing.tflite"
    write_growing(file)
    async with N6Device(f"sim:{file}") as dev:
        net = dev["growing"]
        assert [block.operation for block in net.epochs.blocks if block.kind is EpochKind.EXTRA] == ["SHAPE", "GATHER"]
        assert net.epochs.epochs == len(net.epochs) - 2
        assert net.epochs.offload_by_count == 1.0


async def test_operations_that_are_not_known_keep_their_own_names(tmp_path: Path) -> None:
    """A prediction that does not fit: XNNPACK counts as HW, LiteRT's own kernels as SW."""
    file = tmp_path / "x.operations"
    file.write_text("SW SOFTMAX\n- SHAPE\n")
    with loaded(MOVENET, operations=file) as program:
        async with N6Device(program.url) as dev:
            assert {block.kind for block in dev["x"].epochs.blocks} == {EpochKind.HW}
            assert "Resize Bilinear" in {block.operation for block in dev["x"].epochs.blocks}


@pytest.mark.parametrize("text", ["HW\n", "EC CONV_2D\n", "HW ADD\nSW \n", "CONV_2D"])
def test_operations_that_cannot_be_read(dense: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.operations"
    file.write_text(text)
    said = refusal("--pty", *network(dense, operations=file))
    assert f"{dense} does not load: its operations: a line is not 'kind operation'" in said


# ---- block tables


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Writes a block table."""

    def write(text: str) -> Path:
        path = tmp_path / "x.blocks"
        path.write_text(text)
        return path

    yield write


async def test_a_table_takes_the_place_of_the_operators(table: Callable[[str], Path]) -> None:
    blocks = table(
        "# a comment, and an empty line\n\n"
        "EC 1 58 0 0\r\n"
        "  SW 59 59 0 0 Resize (bilinear) \n"
        "HW 60 61 10 20 Conv2D, Relu\n"
        "pool cpuRAM2 0x34100000 1048576 884736 1 884735\n"
        "HYBRID 62 62 0 0\n"
        "pool flash 1880621056 63438848 3066040 3066040 0\n"
        "EXTRA 63 65535 1 9223372036854775807"
    )
    with loaded(MOVENET, blocks=blocks) as program:
        async with N6Device(program.url) as dev:
            net = dev["x"]
            assert [(b.kind, b.first, b.last, b.operation) for b in net.epochs.blocks] == [
                (EpochKind.EC, 1, 58, ""),
                (EpochKind.SW, 59, 59, "Resize (bilinear)"),
                (EpochKind.HW, 60, 61, "Conv2D, Relu"),
                (EpochKind.HYBRID, 62, 62, ""),
                (EpochKind.EXTRA, 63, 65535, ""),
            ]
            assert [(b.estimated_npu, b.estimated_total) for b in net.epochs.blocks[2::2]] == [(10, 20), (1, 2**63 - 1)]
            assert net.pools == (
                Pool("cpuRAM2", 0x34100000, 1048576, 884736, 1, 884735),
                Pool("flash", 0x70180000, 63438848, 3066040, 3066040, 0),
            )
            assert net.info.timer_source is TimerSource.LITERT_PROFILER, "times are LiteRT's all the same"


@pytest.mark.parametrize(
    ("blocks", "shares"),
    [
        ("EC 1 58 0 0\nSW 59 59 0 0\nEC 60 60 0 0\n", [58, 1, 1]),
        ("HW 1 1 5 300\nHW 2 2 5 100\nSW 3 3 0 600\n", [3, 1, 6]),
        ("HW 1 4 0 400\nEC 5 8 0 0\nSW 9 9 0 100\nSW 10 10 0 0\n", [4, 4, 1, 1]),
    ],
    ids=["epochs", "estimates", "mean"],
)
async def test_times_are_spread_over_the_table(table: Callable[[str], Path], blocks: str, shares: list[int]) -> None:
    """By estimates; a block without one counts by its epochs. To the nanosecond, in ticks of the device."""
    with loaded(MOVENET, blocks=table(blocks)) as program:
        async with N6Device(program.url) as dev:
            net = dev["x"]
            timers = (await net.run(noise(net))).epochs
            assert timers
            software = np.array([block.kind is EpochKind.SW for block in net.epochs.blocks])
            assert (timers.core[software] == 0).all() and (timers.post[~software] == 0).all()
            assert (timers.pre == 0).all()
            measured = timers.total.sum()
            assert 0 < measured <= timers.duration
            assert np.allclose(timers.total, np.array(shares) / sum(shares) * measured, atol=len(shares) * 2e-9)
            assert np.allclose(timers.gaps[1:-1], 0, atol=len(shares) * 2e-9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no block in it"),
        ("# nothing\n\npool a 0 1 1 1 0\n", "no block in it"),
        ("NPU 1 1 0 0\n", "line 1 is not 'kind first last estimated_npu estimated_total operation': NPU 1 1 0 0"),
        ("\n\nHW 2 1 0 0\n", "line 3 is not 'kind first"),
        ("HW 1 1 0\n", "line 1 is not 'kind first"),
        ("HW 1 1 0 0x\n", "line 1 is not 'kind first"),
        ("HW 1 65536 0 0\n", "line 1 is not 'kind first"),
        ("HW 1 -1 0 0\n", "line 1 is not 'kind first"),
        ("HW 1 1 0 9223372036854775808\n", "line 1 is not 'kind first"),
        ("HW 1 1 0 99999999999999999999\n", "line 1 is not 'kind first"),
        ("epochs\nHW 1 1 0 0\n", "line 1 is not 'epochs number': epochs"),
        ("epochs 1 2\nHW 1 1 0 0\n", "line 1 is not 'epochs number'"),
        ("epochs 65536\nHW 1 1 0 0\n", "line 1 is not 'epochs number'"),
        ("HW 1 1 0 0\npool a 0 1 1 1\n", "line 2 is not 'pool name base total used weights activations': pool a 0 1"),
        ("HW 1 1 0 0\npool a 0 1 1 1 0 0\n", "line 2 is not 'pool name"),
        ("HW 1 1 0 0\npool a 0x100000000 1 1 1 0\n", "line 2 is not 'pool name"),
        ("HW 1 1 0 0\npool\n", "line 2 is not 'pool name"),
        ("HW 1 1 0 0\n" + "pool a 0 1 1 1 0\n" * 256, "line 257 is one too many"),
        ("HW 1 1 0 0\n" * 65536, "line 65536 is one too many"),
    ],
)
def test_a_table_that_cannot_be_read(dense: Path, table: Callable[[str], Path], text: str, says: str) -> None:
    assert f"{dense} does not load: its block table: {says}" in refusal("--pty", *network(dense, blocks=table(text)))


async def test_a_report_makes_a_network_look_like_the_compiled_one(virtual_board: None) -> None:
    """From the report to what a client sees."""
    report = st_report.read(DATA / "movenet")
    assert report.table
    url = f"sim:movenet13?report={DATA / 'movenet'}"
    async with N6Device(url) as dev:
        net = dev["movenet13"]
        assert net.epochs.blocks == report.table.blocks
        assert net.pools == tuple(pool for pool in report.pools if pool.total)
        assert (net.epochs.epochs, net.epochs.counts[EpochKind.EC], net.epochs.counts[EpochKind.SW]) == (75, 71, 4)
        timers = (await net.run(noise(net))).epochs
        assert timers and timers.simulated
        share = np.array([block.epochs for block in net.epochs.blocks]) / 75
        assert np.allclose(timers.total / timers.total.sum(), share, atol=1e-4)


async def test_numbers_with_gaps_do_not_change_what_a_board_shows(virtual_board: None) -> None:
    """The headline is the report's, with the report joined and without it."""
    file = DATA / "reports" / "gaps_studio_log.txt"
    report = st_report.read(file).table
    assert report
    async with N6Device(f"sim:movenet13?report={file}") as dev:
        net = dev["movenet13"]
        assert net.epochs.offload == report.offload == "84.6% of 39 epochs, 7.7% hybrid"
        assert net.epochs.counts == report.counts
        profile, disagreements = (await net.profile(runs=1, warmup=0)).joined(report)
    assert disagreements == ()
    assert profile.table.offload == report.offload
    assert [block.label for block in profile.table.blocks] == [block.label for block in report.blocks]
