"""From readings of the device to what a screen shows. No IO, no clock, no drawing.

Rates are differences of two readings, divided by the device's own time between them, so that a slow link or a busy
host does not distort them. Latencies are the ``last`` inference time of each reading in which a network ran, over the
last :data:`WINDOW` readings; epoch times are means since the statistics were reset.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import numpy as np

from n6link.epochs import EpochStats
from n6link.protocol import EpochKind
from n6link.stats import Stats

WINDOW: Final = 120
"""Readings that percentiles and sparklines look back on."""
LOG_LINES: Final = 200

Order = Literal["time", "index"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the device."""

    at: float
    """host's monotonic time, seconds"""
    stats: Stats
    round_trip: float
    """seconds"""
    epochs: EpochStats | None = None
    """of the selected network"""


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while a device is connected."""

    url: str
    board: str
    unique_id: str
    firmware: str
    protocol: str
    baud: int
    simulated: bool
    networks: tuple[str, ...]
    pools: Mapping[str, Sequence[PoolRow]]
    """by network"""


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A memory pool of a network, in bytes."""

    name: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One network; times in seconds, None before its first run."""

    name: str
    selected: bool
    runs: int
    per_second: float
    p50: float | None
    p95: float | None
    latencies: tuple[float, ...]
    errors: int
    cancelled: int
    late: int
    queued: int


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch block of the selected network."""

    label: str
    """its epochs: ``59`` or ``1-58``"""
    operation: str
    kind: EpochKind
    seconds: float
    """mean time"""
    share: float
    """of the time of all blocks, 0..1"""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """The link, seen from the host: up is towards the device; bytes a second."""

    up: float
    down: float
    errors: int
    resyncs: int
    naks: int
    retransmits: int
    credits_used: int
    round_trips: tuple[float, ...]
    """seconds"""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that the device, or something else on its line, has said."""

    at: float
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class View:
    """Everything on the screen."""

    state: Literal["connecting", "connected", "lost"]
    state_seconds: float
    """how long it has been so"""
    reason: str
    identity: Identity | None
    uptime: float
    cpu_hz: int
    npu_hz: int
    temperature: float | None
    round_trip: float
    queue: int
    free_bytes: int
    networks: tuple[NetworkRow, ...] = ()
    epochs: tuple[EpochRow, ...] = ()
    epochs_origin: str = ""
    epochs_of: str = ""
    epochs_runs: int = 0
    order: Order = "time"
    pools: tuple[PoolRow, ...] = ()
    link: LinkRow | None = None
    log: tuple[LogLine, ...] = ()
    log_level: str = "INFO"
    paused: bool = False
    message: str = ""
    """what the last key did"""

    def to_dict(self) -> dict[str, Any]:
        """The reading as plain values; the schema of ``n6link monitor --once --json`` (see the README)."""
        out = asdict(self)
        for row in out["epochs"]:
            row["kind"] = EpochKind(row["kind"]).name
        for key in ("paused", "message", "order"):
            del out[key]
        return out


@dataclass(slots=True)
class Model:
    """Collects readings; every method is plain bookkeeping."""

    selected: int = 0
    order: Order = "time"
    paused: bool = False
    message: str = ""
    log_level: str = "INFO"
    _identity: Identity | None = None
    _state: Literal["connecting", "connected", "lost"] = "connecting"
    _since: float = 0.0
    _reason: str = ""
    _readings: deque[Reading] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LOG_LINES))

    def connected(self, identity: Identity, at: float) -> None:
        """A device answers. Readings of an earlier connection are forgotten, the log stays."""
        self._identity, self._state, self._since, self._reason = identity, "connected", at, ""
        self._readings.clear()
        self.selected = min(self.selected, max(len(identity.networks) - 1, 0))

    def lost(self, reason: str, at: float) -> None:
        """The device does not answer any more; the last readings stay on the screen."""
        if self._state != "lost":
            self._state, self._since = "lost", at
        self._reason = reason

    def log(self, line: LogLine) -> None:
        """A log line has come."""
        self._log.append(line)

    def reset(self) -> None:
        """The device's statistics were reset."""
        self._readings.clear()

    def select(self, step: int) -> None:
        """Moves the selection, round and round."""
        count = len(self._identity.networks) if self._identity else 0
        self.selected = (self.selected + step) % count if count else 0

    @property
    def selected_name(self) -> str | None:
        """Name of the selected network."""
        return self._identity.networks[self.selected] if self._identity and self._identity.networks else None

    def add(self, reading: Reading) -> None:
        """A new reading; ignored while paused."""
        if not self.paused:
            self._readings.append(reading)

    def view(self, now: float) -> View:
        """What to show at a monotonic time."""
        newest = self._readings[-1] if self._readings else None
        stats = newest.stats if newest else None
        epochs = newest.epochs if newest else None
        name = self.selected_name or ""
        return View(
            state=self._state,
            state_seconds=max(now - self._since, 0.0),
            reason=self._reason,
            identity=self._identity,
            uptime=stats.time if stats else 0.0,
            cpu_hz=stats.cpu_hz if stats else 0,
            npu_hz=stats.npu_hz if stats else 0,
            temperature=stats.temperature if stats else None,
            round_trip=newest.round_trip if newest else 0.0,
            queue=stats.queue if stats else 0,
            free_bytes=stats.free_bytes if stats else 0,
            networks=self._network_rows(),
            epochs=self._epoch_rows(epochs) if epochs else (),
            epochs_origin=epochs.origin if epochs else "",
            epochs_of=name,
            epochs_runs=epochs.runs if epochs else 0,
            order=self.order,
            pools=tuple(self._identity.pools.get(name, ())) if self._identity else (),
            link=self._link_row(),
            log=tuple(self._log),
            log_level=self.log_level,
            paused=self.paused,
            message=self.message,
        )

    def _network_rows(self) -> tuple[NetworkRow, ...]:
        if not self._identity:
            return ()
        readings = list(self._readings)
        rows = []
        for index, name in enumerate(self._identity.networks):
            history = [(r.stats.time, n) for r in readings for n in r.stats.networks if n.index == index]
            pairs = itertools.pairwise(history)
            latencies = tuple(after.last for (_, before), (_, after) in pairs if after.runs > before.runs)
            if not latencies and history and history[-1][1].runs:
                latencies = (history[-1][1].last,)
            newest = history[-1][1] if history else None
            recent = [(t, n.runs) for t, n in history[-5:]]
            seconds = recent[-1][0] - recent[0][0] if recent else 0.0
            rows.append(
                NetworkRow(
                    name=name,
                    selected=index == self.selected,
                    runs=newest.runs if newest else 0,
                    per_second=(recent[-1][1] - recent[0][1]) / seconds if seconds > 0 else 0.0,
                    p50=float(np.percentile(latencies, 50)) if latencies else None,
                    p95=float(np.percentile(latencies, 95)) if latencies else None,
                    latencies=latencies,
                    errors=newest.errors if newest else 0,
                    cancelled=newest.cancelled if newest else 0,
                    late=newest.late if newest else 0,
                    queued=newest.queued if newest else 0,
                )
            )
        return tuple(rows)

    def _epoch_rows(self, epochs: EpochStats) -> tuple[EpochRow, ...]:
        if not epochs.runs:
            return ()
        mean = epochs.mean
        total = float(mean.sum()) or 1.0
        rows = [
            EpochRow(block.span, block.operation, block.kind, float(seconds), float(seconds) / total)
            for block, seconds in zip(epochs.table.blocks, mean, strict=True)
        ]
        return tuple(sorted(rows, key=lambda row: -row.seconds) if self.order == "time" else rows)

    def _link_row(self) -> LinkRow | None:
        if not self._readings:
            return None
        newest, recent = self._readings[-1].stats, [r.stats for r in list(self._readings)[-3:]]
        seconds = recent[-1].time - recent[0].time
        link = newest.link
        return LinkRow(
            up=(link.bytes_received - recent[0].link.bytes_received) / seconds if seconds > 0 else 0.0,
            down=(link.bytes_sent - recent[0].link.bytes_sent) / seconds if seconds > 0 else 0.0,
            errors=link.errors,
            resyncs=link.resyncs,
            naks=link.naks_sent + link.naks_received,
            retransmits=link.retransmits,
            credits_used=link.credits_used,
            round_trips=tuple(r.round_trip for r in self._readings),
        )
