"""Networks of the virtual board as converters write them: shapes that are known late, names, variables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tflite
from e2e_fixtures import litert

from n6link.device import N6Device
from n6link.errors import DeviceError
from n6link.protocol import TimerSource
from n6link.tensors import reduce

VALUES = np.arange(-4, 4, dtype=np.int8).reshape(1, 4, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    litert()
    return tmp_path / "net.tflite"


async def test_a_batch_that_may_vary_and_an_output_that_grows(path: Path) -> None:
    """The shape that is stored is that of the input; that of the output is only known when the network has run."""
    tflite.write_growing(path)
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        assert [spec.shape for spec in (*net.inputs.values(), *net.outputs.values())] == [(1, 4, 2), (1, 4, 2)]
        assert net.info.timer_source is TimerSource.LITERT_PROFILER and len(net.epochs) > 2
        for values in (VALUES, VALUES[:, ::-1]):
            result = await net.run(np.ascontiguousarray(values))
            assert np.array_equal(result.outputs["result"], np.maximum(values * 2, 0))


async def test_an_output_whose_shape_depends_on_values(path: Path) -> None:
    """Its shape is that of a run on zeros. A run that gives another one fails, and the next one is good."""
    tflite.write_range(path)
    async with N6Device(f"sim:{path}") as dev, dev.logs() as lines:
        net = dev["net"]
        assert [spec.shape for spec in (*net.inputs.values(), *net.outputs.values())] == [(), (8,)]
        with pytest.raises(DeviceError):
            await net.run(np.array(2, np.int32))
        async for line in lines:
            assert line.text == "net: the shape of output result depends on the values of the inputs"
            break
        result = await net.run(np.array(0, np.int32))
        assert np.array_equal(result.outputs["result"], np.arange(8))


async def test_variables_begin_as_the_file_says(path: Path) -> None:
    """The run on zeros, when the network is loaded, leaves no mark."""
    tflite.write_memory(path)
    async with N6Device(f"sim:{path}") as dev:
        net = dev["net"]
        got = [float((await net.run(np.full((1, 1), x, np.float32))).outputs["result"].item()) for x in (1, 1, 0)]
        assert got == [2, 4, 5]


async def test_names_that_are_too_long(path: Path) -> None:
    """The end stays, cut between characters; a number tells equal ones apart."""
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
