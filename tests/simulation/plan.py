"""The scenario of a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from n6link.protocol import MessageType
from n6link.transport.faults import OF_BYTES, WAYS, Fault
from simulation.bench import Port
from simulation.faults import RESTART, Recipe

CONFIGS: Final[Mapping[str, Port]] = {
    # The two ports of firmware/ports/stm32n6: USART1 on the ST-Link, and USB.
    "uart": Port(24576, 2048, 4, 92160.0, 1e-3, 32768, 2048, flow=False, baud=921600),
    "usb": Port(65536, 8192, 4, 4.5e6, 125e-6, 65536, 8192, flow=True),
    # The virtual board of `sim:` on a socket.
    "sim": Port(262144, 8192, 4, 300e6, 20e-6, 262144, 65536, flow=True, host=212992),
    # The same UART, whose rate the host chooses; Plan.port adds what its line can carry.
    "rated": Port(24576, 2048, 4, 92160.0, 1e-3, 32768, 2048, flow=False, baud=921600, uart=True),
    # As little as a small microcontroller has.
    "small": Port(4096, 1024, 2, 92160.0, 1e-3, 8192, 1024, flow=False, baud=921600),
}
BOARDS: Final = ("uart", "usb", "sim", "small")
"""of servers"""
SERVED: Final = "served"
"""two programs and a server, with faults on the line of the board, which is one of BOARDS"""
CLIENTS: Final = "clients"
"""the same, with faults on the connection of the first program"""
SHARED: Final = (SERVED, CLIENTS)
KINDS: Final = (
    "none",
    *OF_BYTES,
    "mix",
    "lose",
    "stall",
    "silence",
    "slow",
    "freeze",
    "reset",
    "cut",
    "unplug",
    "sleep",
    "stop",
    "taken",
    "restart",
    "chaos",
)
WORKLOADS: Final = (
    "single",
    "many",
    "steady",
    "large",
    "cancel",
    "deadlines",
    "priorities",
    "streams",
    "subscriptions",
    "reductions",
    "failing",
    "resets",
    "mixed",
    "encoded",
)
BEST: Final = (3_000_000, 2_500_000, 1_800_000, 1_000_000)
"""the highest undamaged rates of lines"""
FOR_EVER: Final = 0.3
"""share of the lines that damage bytes for as long as they are used; others get well"""
_LOST: Final[list[MessageType]] = [kind for kind in MessageType if kind is not MessageType.ERROR]


@dataclass(frozen=True)
class Plan:
    """A run of the simulation: everything follows from these four."""

    seed: int
    kind: str
    workload: str
    config: str

    @classmethod
    def draw(cls, seed: int, kind: str = "", workload: str = "", config: str = "") -> Plan:
        """The plan of a seed; what is given is not drawn."""
        draw = random.Random(f"plan {seed}")
        drawn = draw.choice(KINDS), draw.choice(WORKLOADS), draw.choice((*CONFIGS, *SHARED))
        return cls(seed, kind or drawn[0], workload or drawn[1], config or drawn[2])

    @property
    def shared(self) -> bool:
        """Whether two programs use the board, through a server."""
        return self.config in SHARED

    @property
    def port(self) -> Port:
        """The board's port and its line."""
        if self.shared:
            return CONFIGS[random.Random(f"board {self.seed}").choice(BOARDS)]
        port = CONFIGS[self.config]
        if not port.uart:
            return port
        draw = random.Random(f"line {self.seed}")
        rates = draw.choice(BEST), draw.choice(BEST)
        return replace(
            port, clean=((0.0, rates[0]), (draw.uniform(0.5, 8.0), rates[1])), spoilt=10 ** draw.uniform(-4.5, -0.5)
        )

    @property
    def reconnect(self) -> float:
        """Seconds for which the program searches for a lost board: longer than any outage, or 0."""
        return random.Random(f"reconnect {self.seed}").choice([0.0, 30.0])

    @cached_property
    def recipe(self) -> Recipe:
        """Faults for it."""
        draw = random.Random(f"faults {self.seed} {self.kind}")
        span = draw.choice([0.5, 1.0]) if self.port.flow else draw.choice([2.0, 8.0])
        end = span * draw.uniform(1.0, 4.0)
        # A chunk of 4096 bytes is whole with a probability of a seventh at least.
        rate = 10 ** draw.uniform(-4.5, -3.0) * min(1.0, 2048 / min(self.port.chunk, 4096))
        burst = draw.choice([1, 8, 40, 600])
        if self.kind in (*OF_BYTES, "mix") and draw.random() < FOR_EVER:
            end = math.inf
        if self.kind in OF_BYTES:
            return Recipe({self.kind: rate / (1 + burst / 100)}, burst, end=end)
        if self.kind == RESTART and not self.shared:
            return Recipe()
        if self.kind in _TIMED:
            return Recipe(timed=_TIMED[self.kind](draw, span), end=end)
        if self.kind == "mix":
            return Recipe(dict.fromkeys(OF_BYTES, rate / 5 / (1 + burst / 100)), burst, end=end)
        if self.kind == "lose":
            types = draw.sample(_LOST, draw.randint(1, 3))
            return Recipe(losses={MessageType(kind): 10 ** draw.uniform(-2.0, -0.7) for kind in types}, end=end)
        if self.kind == "chaos":
            timed = tuple(
                fault
                for kind in draw.sample([kind for kind in _TIMED if kind != RESTART], 2)
                for fault in _TIMED[kind](draw, span)
            )
            losses = dict.fromkeys(draw.sample(_LOST, 2), 0.02)
            return Recipe(dict.fromkeys(OF_BYTES, rate / 10), burst, losses, timed, end)
        return Recipe()


def _several(
    kind: str, count: tuple[int, int], size: tuple[float, float]
) -> Callable[[random.Random, float], tuple[Fault, ...]]:
    def draw(draw: random.Random, span: float) -> tuple[Fault, ...]:
        return tuple(
            Fault(kind, draw.choice(WAYS), round(draw.uniform(0.0, span), 6), round(draw.uniform(*size), 6))
            for _ in range(draw.randint(*count))
        )

    return draw


_TIMED: Final = {
    "stall": _several("stall", (1, 12), (0.01, 3.0)),
    "silence": _several("silence", (1, 8), (0.01, 2.0)),
    "slow": _several("slow", (1, 8), (0.05, 3.0)),
    "freeze": _several("freeze", (1, 4), (0.05, 3.0)),
    "reset": _several("reset", (1, 3), (0.1, 0.6)),
    "cut": _several("cut", (1, 4), (0.0, 0.0)),
    "unplug": _several("unplug", (1, 3), (0.1, 12.0)),
    "sleep": _several("sleep", (1, 3), (1.0, 20000.0)),
    "stop": _several("stop", (1, 4), (0.05, 12.0)),
    "taken": _several("taken", (1, 3), (0.05, 3.0)),
    RESTART: _several(RESTART, (1, 3), (0.05, 3.0)),
}
