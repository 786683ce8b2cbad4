"""What the device counts: one STATS reply or event as plain dataclasses. Epoch timers are in :mod:`n6link.epochs.timers`.

All times are seconds of the device clock; all counters count since :attr:`Stats.since`.
"""

from __future__ import annotations

from dataclasses import dataclass

from n6link.protocol import records
from n6link.session.info import celsius


@dataclass(frozen=True, slots=True)
class LinkStats:
    """The device's end of the link: it receives what the host sends. Names are those of StatsReply, as in :class:`n6link.link.frames.Counters`."""

    rx_bytes: int
    tx_bytes: int
    rx_frames: int
    tx_frames: int
    header_errors: int
    payload_errors: int
    skipped: int
    """bytes skipped while searching a frame"""
    resyncs: int
    naks_sent: int
    naks_received: int
    retransmits: int
    duplicates: int
    credits_used: int
    """tensor bytes sent and not yet granted again by the host"""

    @property
    def errors(self) -> int:
        """Frames that were damaged."""
        return self.header_errors + self.payload_errors


@dataclass(frozen=True, slots=True)
class NetworkStats:
    """One network. Times are of runs that ended well."""

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
    """time that the runs waited in the queue, in all"""

    @property
    def mean(self) -> float:
        """Mean time of a run; 0 before the first."""
        return self.total / self.runs if self.runs else 0.0


@dataclass(frozen=True, slots=True)
class Stats:
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

    @classmethod
    def parse(cls, payload: bytes | memoryview, tick_hz: int) -> Stats:
        """Reads the payload of a STATS frame.

        Raises:
            ValueError: it is too short.
        """
        raw = records.StatsReply.unpack(payload)
        link = LinkStats(**{name: getattr(raw, name) for name in LinkStats.__slots__})
        networks = records.NetworkStats.unpack_all(payload, raw.networks, raw.SIZE)
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
