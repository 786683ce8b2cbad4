"""Profiling: many inferences of one network become a :class:`~n6link.epochs.profile.Profile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from n6link.epochs.profile import Profile, Sample
from n6link.errors import BadInput
from n6link.result import Result, Run
from n6link.tensors.tensor import Array, TensorSpec


async def collect(
    run: Run,
    specs: Mapping[str, TensorSpec],
    *,
    inputs: Mapping[str, Array] | None = None,
    runs: int = 20,
    warmup: int = 3,
) -> Profile:
    """Runs a network and gives back its profile.

    Args:
        run: runs the network once.
        specs: its inputs, by name.
        inputs: an array for each input; by default zeros, which is right for times that do not depend on the data.
        runs: inferences that count, at least 1.
        warmup: inferences before them that do not.

    Raises:
        BadInput: runs or warmup is impossible, an input does not fit, or the network gives no epoch timers.
        N6Error: whatever an inference may raise.
    """
    if runs < 1 or warmup < 0:
        raise BadInput(f"A profile needs at least 1 run and no negative warm-up, not {runs} and {warmup}.")
    if inputs is None:
        inputs = {name: np.zeros(spec.shape, spec.dtype) for name, spec in specs.items()}
    for _ in range(warmup):
        await run(inputs, timers=True)
    return profile([await run(inputs, timers=True) for _ in range(runs)])


def profile(results: Sequence[Result]) -> Profile:
    """The profile of results that were asked for with ``timers=True``.

    Args:
        results: of one network, at least one, in any order, also of inferences that overlapped.

    Raises:
        BadInput: there is no result, or one without epoch timers.
    """
    samples = [
        Sample(result.epochs, result.captured, [seconds for _, seconds in result.timing.stages()])
        for result in results
        if result.epochs is not None
    ]
    if not samples or len(samples) != len(results):
        name = results[0].network.name if results else "a network"
        raise BadInput(f"{len(samples)} of {len(results)} results of {name} have epoch timers; all must have.")
    network = results[0].network
    return Profile.of(network.name, f"{network.device.board} {network.device.firmware}", samples)
