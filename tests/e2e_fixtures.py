"""Devices for tests: their URLs, virtual boards as programs, and bodies that run on both event loops."""

from __future__ import annotations

import functools
import inspect
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import anyio
import m55
import numpy as np
import pytest
from numpy.typing import NDArray

from n6link.errors import MissingExtra, TransportError
from n6link.tensors.tensor import TensorSpec
from n6link.transport import sim

REFERENCE: Final = ("reference=reference:reference", "reference_colour=reference:reference_colour")
"""the networks that every target has"""
SIM: Final = "sim:" + ",".join(REFERENCE)
LIMIT: Final = 200
"""seconds after which a body hangs"""

both_backends: Final = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@pytest.fixture(params=["sim", pytest.param("qemu", marks=[pytest.mark.arm_gcc, pytest.mark.qemu])])
def device_url(request: pytest.FixtureRequest) -> str:
    """A device with the networks ``reference`` and ``reference_colour``, on every target."""
    return sim_url() if request.param == "sim" else f"qemu:{m55.build('qemu') / 'n6qemu.elf'}"


def sim_url(**options: int) -> str:
    """A virtual board with the reference networks; the test is skipped where there is none."""
    executable()
    return SIM + "".join(f"{'&' if index else '?'}{key}={value}" for index, (key, value) in enumerate(options.items()))


def executable() -> str:
    """The virtual board's program; the test is skipped where there is none."""
    try:
        return str(sim.find_executable())
    except TransportError as error:
        pytest.skip(str(error))


def litert() -> str:
    """LiteRT's library; the test is skipped where there is none."""
    try:
        return str(sim.find_litert())
    except (MissingExtra, TransportError) as error:
        pytest.skip(str(error))


@dataclass(frozen=True)
class Board:
    """A virtual board as a program."""

    url: str
    process: subprocess.Popen[bytes]

    def die(self) -> None:
        """Ends it like a power failure."""
        self.process.kill()


@contextmanager
def board(*options: str, networks: Sequence[str] = REFERENCE) -> Iterator[Board]:
    """Starts a virtual board.

    Args:
        options: of n6sim, such as ``--tcp 0``.
        networks: that it loads.
    """
    command = [executable(), *options]
    for network in networks:
        command += ["--network", network]
    with subprocess.Popen([*command, "--parent-death"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield Board(json.loads(process.stdout.readline())["url"], process)
        finally:
            process.terminate()


def on_both_backends(body: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs the body of a test under asyncio and under trio, for :data:`LIMIT` at most."""

    def test(*, backend: str, **fixtures: Any) -> None:
        async def limited() -> None:
            with anyio.fail_after(LIMIT):
                await body(**fixtures)

        anyio.run(limited, backend=backend)

    functools.update_wrapper(test, body)
    own = inspect.signature(body)
    added = inspect.Parameter("backend", inspect.Parameter.KEYWORD_ONLY)
    vars(test)["__signature__"] = own.replace(parameters=[*own.parameters.values(), added])
    both_backends(test)
    return test


class HasInputs(Protocol):
    """A network, async or blocking."""

    @property
    def inputs(self) -> Mapping[str, TensorSpec]: ...


def noise(network: HasInputs, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Random values for all inputs of a network."""
    random = np.random.default_rng(seed)
    return {name: random.integers(-128, 128, spec.shape).astype(spec.dtype) for name, spec in network.inputs.items()}
