"""Reductions by the firmware's core on every target, where it computes them with scalars or with a vector unit, against an oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from e2e_fixtures import device_url, noise
from numpy.typing import NDArray
from reductions import device, equal

from n6link import DeviceError, N6Device, Network, TensorSpec
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.reduce import Reduced, Rows

__all__ = ["device_url"]


def requests(index: int, spec: TensorSpec, raw: NDArray[Any]) -> list[Return]:
    """Reductions of every kind that an output can have, of its own values and with ties."""
    width, middle = spec.shape[-1], float(np.median(spec.dequantize(raw)))
    made = [
        reduce.whole(index),
        reduce.part(index, spec, 1, raw.size - 2),
        reduce.argmax(index, spec),
        *(reduce.topk(index, spec, k, row=raw.size // width - 1) for k in (1, 5, 64)),
    ]
    made.append(reduce.class_map(index, spec, width))
    if width > 3 and spec.scale is not None:
        passing = reduce.above(index, spec, middle, channels=width, channel=3, columns=False)
        best = reduce.detections(index, spec, middle, channels=width, channel=1, scores=width - 2, columns=False)
        part = 1 if width % 2 else width // 2  # several rows in the last axis
        parts = reduce.above(index, spec, middle, channels=part, channel=0, columns=False)
        made += [passing, replace(passing, k=2), best, replace(best, k=2), parts]
    return made


@pytest.mark.parametrize("name", ["reference", "reference_colour"])
async def test_every_reduction(device_url: str, name: str) -> None:
    async with N6Device(device_url) as dev:
        net: Network = dev[name]
        data = noise(net, seed=4)
        whole = (await net.run(data)).outputs
        asked = 0
        for index, (output, spec) in enumerate(net.outputs.items()):
            if spec.dtype not in reduce.REDUCIBLE:
                continue
            for request in requests(index, spec, whole[output]):
                result = await net.run(data, reduce=[request])
                got: Reduced = {**result.outputs, **result.reduced}[output]
                expected, count = device(whole[output], request)
                assert equal(got, reduce.parse(expected, request, spec, count)), request
                asked += 1
        assert asked == 12


async def test_rows_that_another_request_selected(device_url: str) -> None:
    async with N6Device(device_url) as dev:
        net: Network = dev["reference"]
        index, spec = next((i, spec) for i, spec in enumerate(net.outputs.values()) if spec.dtype in reduce.REDUCIBLE)
        width, data = spec.row_length, noise(net, seed=4)
        raw = (await net.run(data)).outputs[spec.name]
        best = reduce.detections(
            index, spec, float(np.median(spec.dequantize(raw))), channels=width, channel=0, scores=width, columns=False
        )
        found = (await net.run(data, reduce=[best, reduce.same_rows(index, spec)])).reduced[spec.name]
        expected, _ = device(raw, best)
        selected = reduce.parse(expected, best, spec)
        assert isinstance(found, np.ndarray) and isinstance(selected, Rows) and len(found) > 1
        assert np.array_equal(found, raw.reshape(-1, width)[selected.indices])
        with pytest.raises(DeviceError, match="no selection of as many rows before it"):
            await net.run(data, reduce=[reduce.same_rows(index, spec)])
        assert (await net.run(data)).outputs[spec.name].tobytes() == raw.tobytes()
