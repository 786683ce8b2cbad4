"""Measures an open device: round trips, rates in both directions, damage, and the stages of each network.

Rates come from the upload and download of the network with the largest input, or output: bytes of tensors per second while they are on
their way. Inputs are random bytes with a fixed seed, so that a compressing driver does not change the figures.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from n6link.control.histogram import Histogram
from n6link.device import N6Device
from n6link.errors import BadInput, CardError, DeviceError
from n6link.json_types import Plain
from n6link.link.rate import BITS_PER_BYTE
from n6link.networks import PHOTO
from n6link.protocol import Encoding
from n6link.result import Result
from n6link.session.info import Ping
from n6link.session.rates import Attempt
from n6link.tensors.noise import noise

PINGS: Final = 100
LAST_PINGS: Final = 10
"""after all other measurements; with the first ones they show the drift of the clocks"""
SEED: Final = 6
ENCODE: Final = "jpeg:95"
"""a quality at which the accuracy of pose networks was as that of raw pictures"""
RUNS: Final = 3
"""measured inferences per network and kind of answer; medians of few runs ignore one that was disturbed"""


@dataclass(frozen=True, slots=True)
class Stages:
    """Medians of one network, in seconds of the host's clock."""

    upload: float
    npu: float
    download: float
    answer: int
    """bytes of outputs that arrived per inference"""

    @property
    def total(self) -> float:
        """One inference after the other: the sum."""
        return self.upload + self.npu + self.download

    @property
    def longest(self) -> float:
        """Overlapped inferences: the slowest stage."""
        return max(self.upload, self.npu, self.download)


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured; times in seconds, rates in bytes per second.

    Attributes:
        round_trips: of pings.
        up: tensor bytes per second to the device; None = no network; infinite = too fast for the comparison of the clocks.
        down: the same from the device.
        line: bytes per second that the line carries in one direction at its bit rate, with 8N1; None = not a UART.
        rates: bit rates that were tried, the highest first; empty = the rate cannot be changed.
        lost_up: share of chunks to the device that had to be sent again; None = a server has the line.
        lost_down: share of chunks from the device that arrived damaged; None = a server has the line.
        skipped: bytes outside of frames that arrived.
        clock_error: maximum error of the comparison of the clocks.
        drift: relative difference of the rates of the clocks, measured from the first to the last ping: 0.01 = the board's is 1 % slower than
            the rate that it reports; None = a server has the clock, and its estimate of it changes in steps.
        drift_error: maximum error of this.
        networks: stages by network, with all outputs.
        reduced: stages of those that the device can reduce, with reductions.
        encoded: stages of those that take pictures, with a photograph as :data:`ENCODE` and with reductions.
        failed: the device's error for each network that could not be run.
        shared: whether it was measured through a server (``n6link serve``): round trips are those to the server, and other programs may
            have used the board.
    """

    round_trips: Histogram
    up: float | None
    down: float | None
    line: float | None
    rates: tuple[Attempt, ...]
    lost_up: float | None
    lost_down: float | None
    skipped: int
    clock_error: float
    drift: float | None
    drift_error: float
    networks: Mapping[str, Stages]
    reduced: Mapping[str, Stages]
    encoded: Mapping[str, Stages]
    failed: Mapping[str, DeviceError]
    shared: bool = False

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return {
            "round_trips": self.round_trips.to_dict(),
            "histogram": [[edge, count] for edge, count in self.round_trips.bins()],
            "up": self.up,
            "down": self.down,
            "line": self.line,
            "rates": [{"baud": tried.baud, "obstacle": tried.obstacle} for tried in self.rates],
            "lost_up": self.lost_up,
            "lost_down": self.lost_down,
            "skipped": self.skipped,
            "clock_error": self.clock_error,
            "drift": self.drift,
            "drift_error": self.drift_error,
            "failed": {name: str(error) for name, error in self.failed.items()},
            "shared": self.shared,
        }


async def measure(device: N6Device) -> Measurements:
    """Measures an open device; takes seconds on a slow line.

    Raises:
        N6Error: as for :meth:`n6link.Network.run`.
    """
    rates = await device.connection.renew_rate()
    before = replace(device.counters)
    trips = Histogram()
    pings = [await device.ping() for _ in range(PINGS)]
    for ping in pings:
        trips.add(ping.rtt)
    whole: dict[str, Stages] = {}
    reduced: dict[str, Stages] = {}
    encoded: dict[str, Stages] = {}
    failed: dict[str, DeviceError] = {}
    for name, network in device.networks.items():
        inputs = {tensor: noise(spec, SEED) for tensor, spec in network.inputs.items()}
        try:
            whole[name] = await _stages(device, partial(network.run, inputs, reduce=False))
            if not network.card:
                continue
            stages = await _stages(device, partial(network.run, inputs, reduce=True))
            if stages.answer < whole[name].answer:
                reduced[name] = stages
            if len(network.inputs) == 1 and all(Encoding.JPEG in spec.encodings for spec in network.inputs.values()):
                # The card may not be one for pictures, or the extra for them may not be installed.
                with suppress(BadInput, CardError):
                    encoded[name] = await _stages(device, partial(network.run, PHOTO, reduce=True, encode=ENCODE))
        except DeviceError as error:  # the others can still be measured
            failed[name] = error
    after, shared = device.counters, bool(device.info.server)
    drift, drift_error = _drift(pings, [await device.ping() for _ in range(LAST_PINGS)])
    return Measurements(
        round_trips=trips,
        up=_rate([(device.networks[name].info.input_bytes, stages.upload) for name, stages in whole.items()]),
        down=_rate([(device.networks[name].info.output_bytes, stages.download) for name, stages in whole.items()]),
        line=device.info.baud / BITS_PER_BYTE if device.info.baud else None,
        rates=rates,
        lost_up=None if shared else _share(after.retransmits - before.retransmits, after.tx_chunks - before.tx_chunks),
        lost_down=None
        if shared
        else _share(
            after.rx_damaged - before.rx_damaged,
            after.rx_damaged - before.rx_damaged + after.rx_chunks - before.rx_chunks,
        ),
        skipped=after.skipped - before.skipped,
        clock_error=device.clock.error,
        drift=None if shared else drift,
        drift_error=drift_error,
        networks=whole,
        reduced=reduced,
        encoded=encoded,
        failed=failed,
        shared=shared,
    )


async def _stages(device: N6Device, run: Callable[[], Awaitable[Result]]) -> Stages:
    """Medians of some inferences after one that is not counted: it fills caches, and the host measures the rate of the line."""
    await run()
    before = device.counters.downloaded
    timings = [(await run()).timing for _ in range(RUNS)]
    return Stages(
        upload=statistics.median(timing.upload for timing in timings),
        npu=statistics.median(timing.npu for timing in timings),
        download=statistics.median(timing.download for timing in timings),
        answer=(device.counters.downloaded - before) // RUNS,
    )


def _drift(first: Sequence[Ping], last: Sequence[Ping]) -> tuple[float, float]:
    """Drift of the clocks, and its maximum error, from the fastest ping of each group: slower ones are less exact."""
    begin, end = (min(group, key=lambda ping: ping.rtt) for group in (first, last))
    span = max(end.device_time - begin.device_time, 1e-6)
    return (end.host_time - begin.host_time) / span - 1, (begin.error + end.error) / span


def _rate(moved: Sequence[tuple[int, float]]) -> float | None:
    """Bytes per second of the largest transfer; None = no transfer."""
    size, seconds = max(moved, default=(0, 0.0))
    if not size:
        return None
    return size / seconds if seconds > 0 else math.inf


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
