"""Statistics of the device: one STATS reply or event as plain dataclasses. Epoch times are in :mod:`n6link.epochs.timers`.

All times are seconds of the device clock; all counters count since :attr:`Stats.since`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from n6link.protocol import records
from n6link.protocol.codec import Buffer
from n6link.session.info import MAX_NETWORKS, celsius
from n6link.sheet import Grid, Sheet, Shown, facts

BATCH: Final = 16
"""pages of a reading that are requested at the same time"""


@dataclass(frozen=True, slots=True)
class LinkStats:
    """The device's side of the link (rx: from the host). Names are those of StatsReply, as in :class:`n6link.link.frames.Counters`."""

    rx_bytes: int
    tx_bytes: int
    rx_frames: int
    tx_frames: int
    header_errors: int
    payload_errors: int
    skipped: int
    """bytes skipped during the search for a frame"""
    resyncs: int
    naks_sent: int
    naks_received: int
    retransmits: int
    duplicates: int
    credits_used: int
    """tensor bytes that were sent and that the host has not yet granted again"""

    @property
    def errors(self) -> int:
        """Frames that were damaged."""
        return self.header_errors + self.payload_errors


@dataclass(frozen=True, slots=True)
class NetworkStats:
    """One network. Times are those of successful runs."""

    index: int
    runs: int
    errors: int
    cancelled: int
    late: int
    """dropped or stopped by their deadline"""
    queued: int
    total: float
    last: float
    min: float
    max: float
    waited: float
    """total waiting time of the runs in the queue"""

    @property
    def mean(self) -> float:
        """Mean time per run; 0 before the first."""
        return self.total / self.runs if self.runs else 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Stats(Shown):
    """One reading."""

    time: float
    since: float
    link: LinkStats
    networks: tuple[NetworkStats, ...]
    queue: int
    free_bytes: int
    """bytes of input slots and result buffers that are not in use"""
    log_dropped: int
    temperature: float | None
    """degrees Celsius"""
    cpu_hz: int
    npu_hz: int

    def brief(self) -> str:  # noqa: D102
        runs, errors = (sum(getattr(network, name) for network in self.networks) for name in ("runs", "errors"))
        return f"{runs} runs, {errors} errors, {self.link.errors} damaged frames in {self.time - self.since:.1f} s"

    def sheet(self) -> Sheet:  # noqa: D102
        from n6link.console import duration

        rows = [
            (
                *map(str, (one.index, one.runs, one.errors, one.cancelled, one.late, one.queued)),
                *map(duration, (one.mean, one.min, one.max) if one.runs else ()),
                *([] if one.runs else ["-"] * 3),
            )
            for one in self.networks
        ]
        head = (">network", ">runs", ">errors", ">cancelled", ">late", ">queued", ">mean", ">min", ">max")
        temperature = None if self.temperature is None else f"{self.temperature:.0f} degrees Celsius"
        return Sheet(
            (
                Grid(head, rows),
                facts({"queue": self.queue, "free bytes": f"{self.free_bytes:,}", "temperature": temperature}),
                facts({name.replace("_", " "): f"{getattr(self.link, name):,}" for name in LinkStats.__slots__}),
            )
        )

    @classmethod
    def parse(cls, payload: Buffer, tick_hz: int) -> Stats:
        """Reads the payload of a STATS frame, with one page of the networks.

        Raises:
            ValueError: it is too short.
        """
        raw = records.StatsReply.unpack(payload)
        link = LinkStats(**{name: getattr(raw, name) for name in LinkStats.__slots__})
        networks = records.NetworkStats.unpack_all(payload, raw.count, raw.head, raw.record)
        return cls(
            time=raw.time / tick_hz,
            since=raw.since / tick_hz,
            link=link,
            networks=tuple(_network(record, tick_hz) for record in networks),
            queue=raw.queue,
            free_bytes=raw.free_bytes,
            log_dropped=raw.log_dropped,
            temperature=celsius(raw.temperature_dc),
            cpu_hz=raw.cpu_hz,
            npu_hz=raw.npu_hz,
        )


class StatsPages:
    """Joins the pages of a reading; each page is one frame."""

    def __init__(self, tick_hz: int) -> None:
        self.tick_hz = tick_hz
        self._reading: Stats | None = None
        self._total = self._step = 1

    @property
    def known(self) -> int:
        """Number of networks received so far: the first index of the next page."""
        return len(self._reading.networks) if self._reading else 0

    @property
    def missing(self) -> list[int]:
        """The first indices of the pages that are missing, if all have the size of the last one; at most :data:`BATCH`."""
        return list(range(self.known, self._total, self._step))[:BATCH] if self._reading else [0]

    def add(self, payload: Buffer) -> Stats | None:
        """Adds a page; returns the reading if it is complete.

        A page is dropped if it does not continue the last one, or if it announces more networks than a device can have.

        Raises:
            ValueError: the payload is too short.
        """
        raw, page = records.StatsReply.unpack(payload), Stats.parse(payload, self.tick_hz)
        self._total, self._step = raw.total, max(raw.count, 1)
        if raw.total > MAX_NETWORKS:
            self._reading = None
        elif not raw.first:
            self._reading = page
        elif self._reading is None or raw.first != self.known or not page.networks:
            self._reading = None
        else:
            self._reading = replace(page, networks=self._reading.networks + page.networks)
        if self._reading is None or self.known < raw.total:
            return None
        reading, self._reading = self._reading, None
        return reading


def _network(raw: records.NetworkStats, tick_hz: int) -> NetworkStats:
    return NetworkStats(
        index=raw.index,
        runs=raw.runs,
        errors=raw.errors,
        cancelled=raw.cancelled,
        late=raw.late,
        queued=raw.queued,
        total=raw.sum / tick_hz,
        last=raw.last / tick_hz,
        min=raw.min / tick_hz if raw.runs else 0.0,
        max=raw.max / tick_hz,
        waited=raw.wait_sum / tick_hz,
    )
