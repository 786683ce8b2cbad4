"""Networks of the virtual board as converters write them: shapes that are known late, names, variables."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tflite
from e2e_fixtures import litert
from n6sim import running

from n6link.device import N6Device
from n6link.errors import DeviceError, TransportError, UnknownName
from n6link.network import Network
from n6link.protocol import EpochKind, TimerSource
from n6link.tensors import reduce
from n6link.transport import interpreter

VALUES = np.arange(-4, 4, dtype=np.int8).reshape(1, 4, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    litert()
    return tmp_path / "net.tflite"


@pytest.mark.parametrize("last", [True, False])
async def test_a_batch_that_may_vary_and_an_output_that_grows(path: Path, last: bool) -> None:
    """The shape that is stored is that of the input; that of the output is only known when the network has run."""
    tflite.write_growing(path, last=last)
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        assert [spec.shape for spec in (*net.inputs.values(), *net.outputs.values())] == [(1, 4, 2), (1, 4, 2)]
        assert net.info.timer_source is TimerSource.LITERT_PROFILER and len(net.epochs) > 2
        for values in (VALUES, VALUES[:, ::-1]):
            result = await net.run(np.ascontiguousarray(values))
            (output,) = result.outputs.values()
            assert np.array_equal(output, np.maximum(values * 2, 0) if last else values * 2)


@pytest.mark.parametrize("last", [True, False])
async def test_an_output_whose_shape_depends_on_values(path: Path, last: bool) -> None:
    """Its shape is that of a run on zeros. A run that gives another one fails, and the next one is good."""
    tflite.write_range(path, last=last)
    async with N6Device(f"sim:{path}") as dev, dev.logs() as lines:
        net = dev["net"]
        assert [spec.shape for spec in (*net.inputs.values(), *net.outputs.values())] == [(), (8,)]
        with pytest.raises(DeviceError):
            await net.run(np.array(2, np.int32))
        (name,) = net.outputs
        async for line in lines:
            assert line.text == f"net: the shape of output {name} depends on the values of the inputs"
            break
        result = await net.run(np.array(0, np.int32))
        assert np.array_equal(result.outputs[name], np.arange(8))


async def test_a_network_that_does_not_run_on_zeros(path: Path) -> None:
    tflite.write_remainder(path)
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        with pytest.raises(DeviceError):
            await net.run(np.array([0], np.int32))
        assert (await net.run(np.array([4], np.int32))).outputs["rest"] == 3


async def test_variables_begin_as_the_file_says(path: Path) -> None:
    """The run on zeros, when the network is loaded, leaves no mark."""
    tflite.write_memory(path)
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        got = [float((await net.run(np.full((1, 1), x, np.float32))).outputs["result"].item()) for x in (1, 1, 0)]
        assert got == [2, 4, 5]


async def test_names_that_are_too_long(path: Path) -> None:
    """The end of the name is kept, cut between characters; a number distinguishes equal ones."""
    names = "serving_default/" + "head/" * 5 + "output:0", "é" * 20, "x" * 31 + "/" + "y" * 29, "y" * 40, "short"
    tflite.write_copies(path, [name.encode() for name in names])
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        wanted = ["..d/head/head/head/head/output:0", ".." + "é" * 14, ".." + "y" * 29, ".." + "y" * 27 + "_1", "short"]
        assert list(net.outputs) == [wanted[0].replace("..d/", "../"), *wanted[1:]]
        assert all(len(name.encode()) <= 31 for name in net.outputs)
        result = await net.run(np.arange(6, dtype=np.int8).reshape(2, 3))
        assert [values.reshape(-1).tolist() for values in result.outputs.values()] == [list(range(6))] * 5


async def test_one_value_without_dimensions(path: Path) -> None:
    tflite.write_copies(path, [b"one"], scalar=True)
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        result = await net.run(np.array([7], np.int8))
        assert result.outputs["one"].shape == () and result.outputs["one"] == 7
        reduced = await net.run(np.array([7], np.int8), reduce=[reduce.topk(0, net.outputs["one"], 1)])
        best = reduced.reduced["one"]
        assert isinstance(best, reduce.Peaks) and best.values.tolist() == [7]


# ---- in LiteRT's Interpreter


def runs_in_the_interpreter(net: Network) -> bool:
    (block,) = net.epochs.blocks
    return net.info.timer_source is TimerSource.HOST_CLOCK and block.kind is EpochKind.HYBRID


async def test_outputs_of_one_name(path: Path) -> None:
    """Keras writes Identity for all of them. The time is that of the whole network."""
    tflite.write_copies(path, [b"Identity", b"Identity", b"Identity_1"])
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        assert runs_in_the_interpreter(net)
        assert list(net.outputs) == ["Identity", "Identity_2", "Identity_1"]
        for values in (np.arange(6, dtype=np.int8).reshape(2, 3), np.full((2, 3), -7, np.int8)):
            result = await net.run(values)
            assert [output.shape for output in result.outputs.values()] == [(1, 6), (1, 6, 1), (1, 6, 1, 1)]
            assert all(np.array_equal(output.reshape(2, 3), values) for output in result.outputs.values())
            assert result.epochs and 0 < result.epochs.total.sum() <= result.epochs.duration


async def test_a_dimension_that_is_not_stored_is_one(path: Path) -> None:
    tflite.write_growing(path, stored=0)
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        assert runs_in_the_interpreter(net)
        assert np.array_equal((await net.run(VALUES)).outputs["result"], np.maximum(VALUES * 2, 0))


async def test_a_state_begins_with_zeros(path: Path) -> None:
    tflite.write_state(path)
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        assert runs_in_the_interpreter(net)
        got = [float((await net.run(np.full((1, 1), x, np.float32))).outputs["result"].item()) for x in (1, 1, 0)]
        assert got == [2, 4, 5]


async def test_a_network_on_which_the_compiled_model_crashes(path: Path) -> None:
    """It runs in the Interpreter, and the others run as they do without it."""
    tflite.write_copies(path, [b"copy"], signature=[None, None])
    async with N6Device(f"sim:movenet13,{path},reference:") as dev:
        assert list(dev.networks) == ["movenet13", "net", "reference"]
        assert runs_in_the_interpreter(dev["net"]) and len(dev["movenet13"].epochs) > 20
        values = np.arange(6, dtype=np.int8).reshape(2, 3)
        (copy,) = (await dev["net"].run(values)).outputs.values()
        assert np.array_equal(copy.reshape(2, 3), values)


async def test_one_file_that_cannot_be_used_does_not_take_the_others_along(path: Path, tmp_path: Path) -> None:
    tflite.write_unquantized(path)
    nonsense = tmp_path / "nonsense.tflite"
    nonsense.write_text("no network at all")
    tflite.write_copies(tmp_path / "good.tflite", [b"copy"])
    async with N6Device(f"sim:{path},{tmp_path / 'good.tflite'},{nonsense},reference:") as dev:
        assert list(dev.networks) == ["good", "reference"]
        assert np.array_equal((await dev["good"].run(np.ones((2, 3), np.int8))).outputs["copy"], np.ones((1, 6)))
        with pytest.raises(UnknownName, match="'net' cannot be used: .*net.tflite does not load: .* signal 6"):
            dev["net"]
        with pytest.raises(UnknownName, match="'nonsense' cannot be used: .* it is not a TensorFlow Lite file"):
            dev["nonsense"]
        with pytest.raises(UnknownName, match="does not have a network 'other'; it has good, reference"):
            dev["other"]


async def test_blocks_of_a_report_share_the_time_of_the_whole_network(path: Path, tmp_path: Path) -> None:
    tflite.write_copies(path, [b"Identity", b"Identity"])
    (tmp_path / "x.blocks").write_text("HW 1 1 5 300\nSW 2 2 0 600\n")
    arguments = "--litert", litert(), "--python", sys.executable, "--interpreter", str(interpreter.__file__)
    with running("--tcp", "0", *arguments, "--network", f"x={path};blocks={tmp_path / 'x.blocks'}") as program:
        async with N6Device(program.url) as dev:
            timers = (await dev["x"].run(np.zeros((2, 3), np.int8))).epochs
            assert timers and np.isclose(timers.total[1], 2 * timers.total[0], atol=2e-9)


async def test_a_network_on_which_all_of_litert_crashes(path: Path) -> None:
    tflite.write_unquantized(path)
    with pytest.raises(TransportError, match="does not load: LiteRT's Interpreter was ended by signal 6"):
        async with N6Device(f"sim:{path}"):
            pass


@pytest.fixture
def broken(path: Path) -> Path:
    tflite.write_growing(path)
    path.write_bytes(path.read_bytes()[:-60])
    return path


async def test_the_reason_is_that_of_the_interpreter(broken: Path) -> None:
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    with pytest.raises(ValueError) as wanted:
        interpreters.Interpreter(str(broken))
    with pytest.raises(TransportError) as error:
        async with N6Device(f"sim:{broken}"):
            pass
    assert str(wanted.value).strip().partition("\n")[0] in str(error.value)


# ---- the process of the Interpreter


def children(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    if not path.exists():
        pytest.skip("this system does not list the children of a process")
    return [int(child) for child in path.read_text().split()]


def wait_for_the_end(process: int) -> None:
    # It may end between any two steps.
    with suppress(FileNotFoundError, ProcessLookupError):
        while "zombie" not in Path(f"/proc/{process}/status").read_text():
            time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_board(path: Path, number: int) -> None:
    tflite.write_copies(path, [b"Identity", b"Identity"])
    arguments = "--litert", litert(), "--python", sys.executable, "--interpreter", str(interpreter.__file__)
    with running("--tcp", "0", *arguments, "--network", f"x={path}") as program:
        (child,) = children(program.process.pid)
        os.kill(program.process.pid, number)
        program.process.wait(30)
        wait_for_the_end(child)


async def test_the_others_live_on_when_it_ends(path: Path) -> None:
    tflite.write_copies(path, [b"Identity", b"Identity"])
    arguments = "--litert", litert(), "--python", sys.executable, "--interpreter", str(interpreter.__file__)
    networks = "--network", f"x={path}", "--network", "reference=reference:"
    with running("--tcp", "0", *arguments, *networks) as program:
        (child,) = children(program.process.pid)
        async with N6Device(program.url) as dev, dev.logs() as lines:
            os.kill(child, signal.SIGKILL)
            for _ in range(2):
                with pytest.raises(DeviceError):
                    await dev["x"].run(np.zeros((2, 3), np.int8))
                async for line in lines:
                    assert line.text == "x: LiteRT's Interpreter was ended by signal 9"
                    break
            spec = dev["reference"].inputs
            await dev["reference"].run({name: np.zeros(each.shape, each.dtype) for name, each in spec.items()})
