"""Cost of epoch timers: inferences with and without them, alternately in one run.

``python benchmarks/timers_bench.py [URL] [--runs 300] [--network NAME]``

``npu`` is the device's own time from the start of the network to its end; ``total`` is the caller's time, including the
transfer of the timers. Cost is the median of the differences of neighbouring runs (on first, then off first, so
that drift cancels), divided by the median without timers, with the 95 % interval of that median (bootstrap, 2000 resamples).
"""

from __future__ import annotations

import argparse
from functools import partial

import anyio
import numpy as np
from numpy.typing import NDArray

from n6link.device import N6Device
from n6link.network import Network
from n6link.result import Result


async def measure(network: Network, runs: int) -> dict[str, NDArray[np.float64]]:
    """Seconds without and with timers, shape (runs, 2), by name of the measurement."""
    inputs = {name: np.zeros(spec.shape, spec.dtype) for name, spec in network.inputs.items()}
    samples: dict[str, list[list[float]]] = {"npu": [], "total": []}
    for number in range(-10, runs):
        order = (False, True) if number % 2 else (True, False)
        results: dict[bool, Result] = {}
        for timers in order:
            results[timers] = await network.run(inputs, timers=timers)
        if number >= 0:
            samples["npu"].append([results[timers].timing.npu for timers in (False, True)])
            samples["total"].append([results[timers].timing.total for timers in (False, True)])
    return {name: np.array(values) for name, values in samples.items()}


def interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the median."""
    rng = np.random.default_rng(7)
    medians = np.median(rng.choice(differences, (2000, len(differences))), axis=1)
    low, high = np.percentile(medians, (2.5, 97.5))
    return float(low), float(high)


async def run(url: str | None, runs: int, only: str | None) -> None:
    async with N6Device(url) as device:
        print(f"{device.info.board} {device.info.firmware}, {runs} pairs of runs")
        print(f"{'network':16}{'blocks':>7}{'':>8}{'off ms':>10}{'on ms':>10}{'cost':>9}   95 % interval")
        for name, network in device.networks.items():
            if only in (None, name):
                for what, values in (await measure(network, runs)).items():
                    off, on = np.median(values, axis=0)
                    differences = values[:, 1] - values[:, 0]
                    low, high = interval(differences)
                    cost = f"{np.median(differences) / off:9.2%}   {low / off:.2%} to {high / off:.2%}"
                    print(f"{name:16}{len(network.epochs):7}{what:>8}{off * 1e3:10.3f}{on * 1e3:10.3f}{cost}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="sim:")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--network")
    arguments = parser.parse_args()
    anyio.run(partial(run, arguments.url, arguments.runs, arguments.network))


if __name__ == "__main__":
    main()
