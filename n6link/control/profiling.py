"""Profiling: combines many inferences of one network into a :class:`~n6link.epochs.profile.Profile`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from n6link.epochs.profile import Profile, Sample
from n6link.errors import BadInput
from n6link.result import Result, Run
from n6link.tensors.inputs import Data
from n6link.tensors.tensor import TensorSpec


async def collect(
    run: Run,
    specs: Mapping[str, TensorSpec],
    *,
    inputs: Data | None = None,
    runs: int = 20,
    warmup: int = 3,
    progress: Callable[[int, int], object] | None = None,
) -> Profile:
    """Runs a network several times and returns its profile.

    Args:
        run: runs the network once.
        specs: its inputs, by name.
        inputs: as for an inference; default: zeros, if times do not depend on the data.
        runs: number of measured inferences, at least 1.
        warmup: number of inferences before the measurement.
        progress: is called after each inference with the numbers of completed and of all inferences, such as
            :class:`n6link.progress.Progress`.

    Raises:
        BadInput: runs or warmup is out of range, an input does not fit, or the network does not have epoch timers.
        N6Error: as for an inference.
    """
    if runs < 1:
        raise BadInput(f"runs={runs} must be 1 or more")
    if warmup < 0:
        raise BadInput(f"warmup={warmup} must be 0 or more")
    if inputs is None:
        inputs = {name: np.zeros(spec.shape, spec.dtype) for name, spec in specs.items()}
    # The first runs are slower: they fill caches, and the host measures the rate of the link.
    results: list[Result] = []
    for number in range(-warmup, runs):
        result = await run(inputs, timers=True)
        if number >= 0:
            results.append(result)
        if progress:
            progress(warmup + number + 1, warmup + runs)
    return profile(results)


def profile(results: Sequence[Result]) -> Profile:
    """The profile of results of runs with ``timers=True``.

    Args:
        results: of one network, at least one, in any order; the inferences may overlap.

    Raises:
        BadInput: there are no results, or one does not have epoch timers.
    """
    samples = [
        Sample(result.epochs, result.captured, [seconds for _, seconds in result.timing.stages()])
        for result in results
        if result.epochs is not None
    ]
    if not samples or len(samples) != len(results):
        name = results[0].network.name if results else "a network"
        raise BadInput(
            f"{len(samples)} of {len(results)} results of {name} have epoch timers; run all of them with timers=True"
        )
    network = results[0].network
    encoding = ", ".join(dict.fromkeys(result.encoding for result in results))
    return Profile.of(network.name, f"{network.device.board} {network.device.firmware}", samples, encoding)
