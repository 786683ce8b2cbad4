"""Converts readings of a device to the content of a screen. Without IO, clock and drawing.

A rate is the difference of two readings, divided by the difference of their device times: a slow link or a busy host does not
change it. With only one reading, rates are means since the statistics were reset. Latencies are the ``last`` inference time of each
reading in which a network ran, over the last :data:`WINDOW` readings. Epoch times are means since the statistics were reset.

A :class:`History` contains the data of a device. During a pause a copy is shown, and the original continues to collect.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np

from n6link.epochs.offload import OVERHEAD, TimeUse
from n6link.epochs.table import known
from n6link.epochs.timers import EpochStats
from n6link.link.rate import BITS_PER_BYTE
from n6link.monitor.clients import Clients
from n6link.monitor.view import (
    EpochRow,
    EpochSummary,
    Identity,
    KindRow,
    LinkRow,
    LogLine,
    NetworkRow,
    Order,
    State,
    View,
    clean,
)
from n6link.protocol import EpochKind, LogLevel
from n6link.session.sharing import ClientInfo
from n6link.session.stats import NetworkStats, Stats

WINDOW: Final = 120
"""number of readings, and of round trips, for percentiles and sparklines"""
RATE_WINDOW: Final = 5
"""number of readings for the mean of a rate"""
LOG_LINES: Final = 200

_NEVER_RAN: Final = NetworkStats(0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class History:
    """The data of a device, oldest first."""

    readings: deque[Stats] = field(default_factory=lambda: deque(maxlen=WINDOW))
    round_trips: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """seconds"""
    epochs: dict[str, EpochStats] = field(default_factory=dict)
    """the newest of each network that was selected"""
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    clients: Clients = field(default_factory=Clients)
    leased: dict[str, str] = field(default_factory=dict[str, str])
    """name of the program that has leased a network, by network"""

    def copy(self) -> History:
        """An independent copy."""
        return History(
            self.readings.copy(),
            self.round_trips.copy(),
            self.epochs.copy(),
            self.log.copy(),
            self.clients.copy(),
            self.leased.copy(),
        )


@dataclass(slots=True)
class Model:
    """Collects the data of a device. Times are those of one monotonic clock."""

    since: float = 0.0
    """start of the present state"""
    order: Order = "time"
    first: int = 0
    """first row of the epoch blocks on the screen"""
    message: str = ""
    log_level: LogLevel = LogLevel.INFO
    selected: str = ""
    """name of a network; it stays selected after a reconnection"""
    history: History = field(default_factory=History)
    _identity: Identity | None = None
    _state: State = "waiting"
    _reason: str = ""
    _held: History | None = None

    def connected(self, identity: Identity, at: float) -> None:
        """A device was connected. Measurements of an earlier connection are deleted; the log is kept."""
        self._identity = replace(
            identity,
            url=clean(identity.url),
            board=clean(identity.board),
            firmware=clean(identity.firmware),
            server=clean(identity.server),
            doctor=clean(identity.doctor),
            examined=clean(identity.examined),
            pools={
                name: [replace(pool, name=clean(pool.name)) for pool in identity.pools[name]] for name in identity.pools
            },
        )
        self._state, self.since, self._reason = "connected", at, ""
        self.reset()
        self.history.round_trips.clear()
        self.history.clients.readings.clear()
        self.history.leased.clear()
        if self.selected not in identity.networks:
            self.selected = next(iter(identity.networks), "")

    def absent(self, reason: str, at: float) -> None:
        """There is no connection; the last measurements stay on the screen."""
        if self._state == "connected":
            self._state, self.since = "lost", at
            self.add_log(LogLine(None, "ERROR", f"connection lost: {reason}"))
        self._reason = clean(reason)

    def returned(self, at: float, away: float, *, identity: Identity | None, changed: Sequence[str] = ()) -> None:
        """The device is connected again.

        Args:
            at: the present time.
            away: seconds for which it was not there.
            identity: of a device that was restarted; None = it has continued, and so do its measurements.
            changed: its networks that are not what they were.
        """
        text = f"connected again after {away:.1f} s"
        if identity:
            self.connected(identity, at)
            text += "; the device was restarted, and its statistics begin again"
        if changed:
            text += f"; changed networks: {', '.join(changed)}"
        self._state, self.since, self._reason = "connected", at, ""
        self.add_log(LogLine(None, "WARNING", text))

    def add(self, stats: Stats) -> None:
        """Adds a reading."""
        readings = self.history.readings
        # Another program has reset the statistics: differences to earlier readings would be wrong.
        if readings and stats.since != readings[-1].since:
            readings.clear()
        readings.append(stats)

    def reset(self) -> None:
        """The device's statistics were reset."""
        self.history.readings.clear()
        self.history.epochs.clear()

    def add_round_trip(self, seconds: float) -> None:
        """Adds a round trip."""
        self.history.round_trips.append(seconds)

    def add_clients(self, at: float, clients: Sequence[ClientInfo], leased: Mapping[str, str]) -> None:
        """Adds a reading of the programs that share the device, and of the networks that they have leased."""
        self.history.clients.readings.append((at, tuple(clients)))
        self.history.leased.clear()
        self.history.leased.update({clean(network): clean(holder) for network, holder in leased.items()})

    def add_epochs(self, network: str, epochs: EpochStats) -> None:
        """Adds accumulated epoch timers."""
        self.history.epochs[network] = epochs

    def add_log(self, line: LogLine) -> None:
        """Adds a log line."""
        self.history.log.append(replace(line, text=clean(line.text)))

    def select(self, step: int) -> None:
        """Moves the selection; after the last network follows the first."""
        names = self._identity.networks if self._identity else ()
        if names:
            self.selected, self.first = names[(names.index(self.selected) + step) % len(names)], 0

    @property
    def paused(self) -> bool:
        """Whether the screen is paused."""
        return self._held is not None

    def pause(self) -> None:
        """Pauses the screen, or continues with the present data."""
        self._held = None if self._held else self.history.copy()

    def view(self, now: float) -> View:
        """The content of the screen at this time."""
        history, identity = self._held or self.history, self._identity
        newest = history.readings[-1] if history.readings else None
        epochs = history.epochs.get(self.selected)
        use = _use(epochs, identity, newest, self.selected) if epochs else None
        return View(
            state=self._state,
            state_seconds=max(now - self.since, 0.0),
            reason=self._reason,
            identity=identity,
            uptime=newest.time if newest else 0.0,
            cpu_hz=newest.cpu_hz if newest else 0,
            npu_hz=newest.npu_hz if newest else 0,
            temperature=newest.temperature if newest else None,
            queue=newest.queue if newest else 0,
            free_bytes=newest.free_bytes if newest else 0,
            log_dropped=newest.log_dropped if newest else 0,
            networks=_network_rows(identity, history.readings, self.selected) if identity else (),
            clients=history.clients.rows(),
            leased=dict(history.leased),
            pools=tuple(identity.pools.get(self.selected, ())) if identity else (),
            summary=_summary(self.selected, epochs, use) if epochs and use else None,
            epochs=_epoch_rows(use, self.order) if epochs and epochs.runs and use else (),
            link=_link_row(history, identity.baud / BITS_PER_BYTE) if identity and newest else None,
            order=self.order,
            first=self.first,
            paused=self.paused,
            log=tuple(history.log),
            log_level=self.log_level.name,
            message=self.message,
        )


def _network_rows(identity: Identity, readings: deque[Stats], selected: str) -> tuple[NetworkRow, ...]:
    """One row per network; a device with very many networks reports only the first ones."""
    rows: list[NetworkRow] = []
    for index, name in enumerate(identity.networks):
        seen = [(r.time - r.since, r.networks[index]) for r in readings if index < len(r.networks)]
        rows.append(_network_row(clean(name), name == selected, seen))
    return tuple(rows)


def _network_row(name: str, selected: bool, seen: Sequence[tuple[float, NetworkStats]]) -> NetworkRow:
    """The row of a network from its counters, each with its time in seconds since the statistics were reset."""
    newest = seen[-1][1] if seen else _NEVER_RAN
    latencies = [new.last for (_, old), (_, new) in pairwise(seen) if new.runs > old.runs]
    if newest.runs and not latencies:
        latencies = [newest.last]
    p50, p95 = np.percentile(latencies, (50, 95)).tolist() if latencies else (None, None)
    return NetworkRow(
        name=name,
        selected=selected,
        runs=newest.runs,
        per_second=_rate([(at, counts.runs) for at, counts in seen[-RATE_WINDOW:]]),
        last=newest.last if newest.runs else None,
        mean=newest.mean if newest.runs else None,
        max=newest.max if newest.runs else None,
        p50=p50,
        p95=p95,
        latencies=tuple(latencies),
        errors=newest.errors,
        cancelled=newest.cancelled,
        late=newest.late,
        queued=newest.queued,
    )


def _rate(seen: Sequence[tuple[float, int]]) -> float:
    """The rate of a counter, from its values, each with its time in seconds since the counter was 0."""
    if not seen:
        return 0.0
    (begin, low), (end, high) = (seen[0] if len(seen) > 1 else (0.0, 0)), seen[-1]
    return (high - low) / (end - begin) if end > begin else 0.0


def _use(epochs: EpochStats, identity: Identity | None, newest: Stats | None, selected: str) -> TimeUse:
    """The use of time by the selected network, as a mean since the statistics were reset."""
    names = identity.networks if identity else ()
    index = names.index(selected) if selected in names else len(names)
    known = newest is not None and index < len(newest.networks)
    return epochs.use(newest.networks[index].mean if newest and known else 0.0)


def _epoch_rows(use: TimeUse, order: Order) -> tuple[EpochRow, ...]:
    rows = [
        EpochRow(block.span, clean(block.operation), block.kind, seconds, seconds / (use.inference or 1.0))
        for block, seconds in zip(use.table.blocks, use.total.tolist(), strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: -row.seconds) if order == "time" else rows)


def _summary(network: str, epochs: EpochStats, use: TimeUse) -> EpochSummary:
    table, shares, counts = use.table, use.by_kind(), use.table.block_counts
    kinds = (KindRow(kind, counts[kind], shares[kind.name] * use.inference, shares[kind.name]) for kind in EpochKind)
    return EpochSummary(
        network=clean(network),
        runs=epochs.runs,
        origin=epochs.origin,
        kinds=tuple(kinds),
        overhead=shares[OVERHEAD],
        offload_by_count=known(table.offload_by_count),
        offload_by_time=known(use.offload_by_time),
        offload_without_overhead=known(use.offload_without_overhead),
    )


def _link_row(history: History, line: float) -> LinkRow:
    """The link at the newest reading; ``line`` is the capacity in bytes per second, 0 = unknown."""
    recent = [(stats.time - stats.since, stats.link) for stats in list(history.readings)[-RATE_WINDOW:]]
    link = recent[-1][1]
    up = _rate([(at, counts.rx_bytes) for at, counts in recent])
    down = _rate([(at, counts.tx_bytes) for at, counts in recent])
    return LinkRow(
        up=up,
        down=down,
        up_share=up / line if line else None,
        down_share=down / line if line else None,
        up_bytes=link.rx_bytes,
        down_bytes=link.tx_bytes,
        up_frames=link.rx_frames,
        down_frames=link.tx_frames,
        errors=link.errors,
        resyncs=link.resyncs,
        skipped=link.skipped,
        naks=link.naks_sent + link.naks_received,
        retransmits=link.retransmits,
        duplicates=link.duplicates,
        credits_used=link.credits_used,
        round_trips=tuple(history.round_trips),
    )
