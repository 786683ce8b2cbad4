"""The content of a screen of the monitor as plain data. Sizes are in bytes, times in seconds, rates per second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from n6link.json_types import Plain
from n6link.protocol import EpochKind

Order = Literal["time", "index"]
State = Literal["waiting", "connected", "lost"]
SCREEN_ONLY: Final = ("state", "state_seconds", "reason", "order", "first", "paused", "log", "log_level", "message")
"""fields of a :class:`View` that are not part of a reading"""


def clean(text: str) -> str:
    """Text from a device as one line without control characters: they could change the terminal."""
    return "".join(letter if letter.isprintable() else "·" for letter in text.rstrip().expandtabs(4))


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A memory pool of a network."""

    name: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Data that do not change while a device is connected."""

    url: str
    board: str
    unique_id: str
    firmware: str
    protocol: str
    baud: int
    """bit rate of the link; 0 = not a UART"""
    simulated: bool
    networks: tuple[str, ...]
    pools: Mapping[str, Sequence[PoolRow]]
    """by network"""
    server: str = ""
    """name and version of the server through which it is used; empty = directly"""
    doctor: str = ""
    """the last sentence of ``n6link doctor`` on this board; empty = there is none"""
    examined: str = ""
    """its date and time, ISO 8601"""


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One network. Times are None, and latencies empty, before its first run."""

    name: str
    selected: bool
    runs: int
    per_second: float
    last: float | None
    mean: float | None
    max: float | None
    p50: float | None
    p95: float | None
    latencies: tuple[float, ...]
    """newest last"""
    errors: int
    cancelled: int
    late: int
    queued: int


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A program that shares the board. Counts are since it connected, rates are of the last readings."""

    id: int
    name: str
    read_only: bool
    runs: int
    per_second: float
    up: float
    """bytes per second from it"""
    down: float
    """bytes per second to it"""
    queued: int
    """its inferences that wait or run"""
    leases: int
    """networks that it has for itself"""
    wait: float | None
    """mean seconds for which its inferences of the last readings have waited in the server; None = there were none"""
    waited: float
    """seconds of all these waits"""


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch block of the selected network."""

    label: str
    """its epochs: ``59`` or ``1-58``"""
    operation: str
    kind: EpochKind
    seconds: float
    """mean per run"""
    share: float
    """of the mean time of an inference, 0..1"""


@dataclass(frozen=True, slots=True)
class KindRow:
    """All blocks of one kind."""

    kind: EpochKind
    blocks: int
    seconds: float
    share: float
    """of the mean time of an inference, 0..1"""


@dataclass(frozen=True, slots=True)
class EpochSummary:
    """The sums of all blocks of the selected network."""

    network: str
    runs: int
    """number of runs in the mean"""
    origin: str
    """source of the times"""
    kinds: tuple[KindRow, ...]
    overhead: float
    """share of the mean time of an inference that is between the blocks, 0..1"""
    offload_by_count: float | None
    """share of the epochs that run on the NPU, 0..1"""
    offload_by_time: float | None
    """share of an inference in which the NPU computes, 0..1; see :mod:`n6link.epochs.offload`"""
    offload_without_overhead: float | None
    """the same, as a share of the time of all blocks"""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """The link; up is from the host to the device.

    Rates count all bytes on the line, including framing and repeats, in bytes per second. Shares are relative to the line's
    bit rate, 0..1; None if the line does not have a bit rate.
    """

    up: float
    down: float
    up_share: float | None
    down_share: float | None
    up_bytes: int
    down_bytes: int
    up_frames: int
    down_frames: int
    errors: int
    """frames with a wrong checksum of header or payload"""
    resyncs: int
    skipped: int
    naks: int
    retransmits: int
    duplicates: int
    credits_used: int
    round_trips: tuple[float, ...]
    """newest last"""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log line of the device, or other text on its line."""

    at: float | None
    """device time; None = unknown"""
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class View:
    """The content of the screen; pools, epochs and summary are those of the selected network."""

    state: State
    state_seconds: float
    """duration of this state so far"""
    reason: str
    """why the device is not connected"""
    identity: Identity | None
    uptime: float
    cpu_hz: int
    npu_hz: int
    temperature: float | None
    """degrees Celsius"""
    queue: int
    free_bytes: int
    log_dropped: int
    networks: tuple[NetworkRow, ...]
    clients: tuple[ClientRow, ...]
    """of the server; empty = the board is used directly"""
    leased: Mapping[str, str]
    """name of the program that has leased a network, by network"""
    pools: tuple[PoolRow, ...]
    summary: EpochSummary | None
    epochs: tuple[EpochRow, ...]
    link: LinkRow | None
    order: Order
    first: int
    """first row of the epochs on the screen"""
    paused: bool
    log: tuple[LogLine, ...]
    log_level: str
    message: str
    """effect of the last key"""

    def to_dict(self) -> Plain:
        """One reading as plain values, as ``n6link monitor --once --json`` prints it.

        All times are in seconds, sizes in bytes, rates in bytes per second; shares are 0..1.

        ===================== ======================================================================================
        key                   value
        ===================== ======================================================================================
        ``identity``          ``url``, ``board``, ``unique_id``, ``firmware``, ``protocol``, ``baud`` (0 = no UART),
                              ``simulated``, ``networks`` (names in the firmware's order), ``server`` (empty = none),
                              ``doctor``, ``examined`` (last sentence of ``n6link doctor``, and its time)
        ``uptime``            since the device started
        ``cpu_hz``            clock of the CPU; 0 = unknown
        ``npu_hz``            clock of the NPU; 0 = unknown
        ``temperature``       degrees Celsius, or null
        ``queue``             inferences that wait, are queued or run
        ``free_bytes``        of input slots and result buffers
        ``log_dropped``       log lines that the device could not send
        ``networks``          for each: ``name``, ``selected``, ``runs``, ``errors``, ``cancelled``, ``late`` (dropped by
                              their deadline), ``queued``, all since the statistics were reset; ``per_second``; ``last``,
                              ``mean``, ``max``, ``p50``, ``p95`` (null before the first run), ``latencies``
        ``clients``           programs that share the board: ``id``, ``name``, ``read_only``, ``runs``, ``per_second``, ``up``,
                              ``down``, ``queued`` (wait or run), ``leases``, ``wait`` (mean seconds in the server, by its clock, of the
                              inferences of the last readings, or null), ``waited`` (seconds of all); empty without a server
        ``leased``            the program that has leased a network, by network
        ``pools``             of the selected network: ``name``, ``used``, ``total``
        ``summary``           of its epochs, or null: ``network``, ``runs``, ``origin`` (source of the times),
                              ``overhead``, ``offload_by_count``, ``offload_by_time``, ``offload_without_overhead``, ``kinds`` (``kind``,
                              ``blocks``, ``seconds``, ``share``)
        ``epochs``            its epoch blocks, slowest first: ``label`` (which epochs), ``operation``, ``kind``,
                              ``seconds`` (mean per run), ``share``; empty before the first run
        ``link``              ``up``, ``down`` (all bytes on the line), ``up_share``, ``down_share`` (of the line, or null);
                              ``up_bytes``, ``down_bytes``, ``up_frames``, ``down_frames``, ``errors``, ``resyncs``,
                              ``skipped``, ``naks``, ``retransmits``, ``duplicates``, ``credits_used``, ``round_trips``
        ===================== ======================================================================================

        With one reading, rates are means since the statistics were reset, and percentiles are of the last run.
        """
        out = asdict(self)
        for name in SCREEN_ONLY:
            del out[name]
        if out["identity"]:
            del out["identity"]["pools"]
        kinds = out["summary"]["kinds"] if out["summary"] else ()
        for row in (*out["epochs"], *kinds):
            row["kind"] = EpochKind(row["kind"]).name
        return out
