"""The description of a device and of its networks: :class:`DeviceInfo`, :class:`NetworkInfo`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochTable
from n6link.link.events import Opened
from n6link.link.rate import BITS_PER_BYTE
from n6link.protocol import (
    VERSION_MAJOR,
    VERSION_MINOR,
    Coded,
    Feature,
    FieldTag,
    Limit,
    ResetCause,
    TimerSource,
    VoltageMode,
    records,
)
from n6link.protocol.fields import unpack_fields
from n6link.sheet import Grid, Sheet, Shown, facts
from n6link.tensors.card import Card
from n6link.tensors.tensor import TensorSpec

E = TypeVar("E", bound=Coded)

_NO_TEMPERATURE: Final = int(Limit.NO_TEMPERATURE)
MAX_NETWORKS: Final = 256
"""maximum number of networks per device"""
SLOW_BAUD: Final = 10_000_000
"""maximum bit rate of a slow UART: with 1 MB/s or less the transfer of a float heatmap takes longer than the network"""


@dataclass(frozen=True, slots=True)
class Ping:
    """A round trip. Times are seconds."""

    rtt: float
    """from the host to the device and back"""
    device_time: float
    """of the device's clock, which starts at 0 with the device"""
    host_time: float
    """``time.monotonic()`` at the middle of the round trip"""

    @property
    def offset(self) -> float:
        """Host time minus device time."""
        return self.host_time - self.device_time

    @property
    def error(self) -> float:
        """Maximum error of the offset, for any ratio of the two directions' times."""
        return self.rtt / 2


@dataclass(frozen=True, slots=True)
class Region:
    """A memory region of the board, in bytes."""

    name: str
    used: int
    total: int


@dataclass(frozen=True, slots=True, repr=False)
class DeviceInfo(Shown):
    """Board, firmware and limits of a device, read when it was opened; rates in Hz, sizes in bytes, times in seconds."""

    board: str
    firmware: str
    """version"""
    build: str
    """build id"""
    protocol: str
    """version of the protocol that the session uses: the smaller minor of both ends"""
    unique_id: str
    """of the chip, hexadecimal; empty if unknown"""
    boot_nonce: int
    """random number; it changes when the device is restarted"""
    uptime: float
    tick_hz: int
    """rate of the clock for the device's times"""
    cpu_hz: int
    """0 = unknown, for all rates"""
    npu_hz: int
    bus_hz: int
    npu_ram_hz: int
    """clock of the NPU's memories"""
    voltage: VoltageMode
    """of the core; it limits the clocks"""
    baud: int
    """bit rate of the link; 0 = not a UART"""
    ram_total: int
    ram_free: int
    temperature: float | None
    """degrees Celsius"""
    reset_cause: ResetCause
    timer_source: TimerSource
    """source of the epoch times"""
    features: tuple[Feature, ...]
    slots: int
    """input slots"""
    slot_size: int
    parts_size: int
    """maximum bytes of an upload with encoded pictures; 0 = the device does not decode pictures"""
    results: int
    """result buffers"""
    result_size: int
    chunk: int
    """bytes of tensor in one frame"""
    window: int
    """maximum bytes of tensors in flight to the device"""
    requests: int
    """maximum number of open requests"""
    runtime: str
    """name and version of the network runtime"""
    fault_record: str
    """registers of the last hard fault; empty if there was none"""
    memory: tuple[Region, ...]
    speed: int = 0
    """bytes per second that ``n6link doctor`` has measured on a line without a bit rate, and stored; 0 = not measured"""

    @classmethod
    def parse(cls, opened: Opened, payload: bytes) -> DeviceInfo:
        """Creates it from the opened session and the payload of an INFO reply.

        Raises:
            ValueError: the payload is too short.
        """
        raw, session = records.InfoReply.unpack(payload), opened.hello
        fields = opened.fields | unpack_fields(payload[raw.head :])
        return cls(
            board=raw.board,
            firmware=raw.firmware,
            build=session.build,
            protocol=f"{VERSION_MAJOR}.{min(session.minor, VERSION_MINOR)}",
            unique_id=session.unique_id.rstrip(b"\0").hex(),
            boot_nonce=session.boot_nonce,
            uptime=raw.uptime / session.tick_hz,
            tick_hz=session.tick_hz,
            cpu_hz=raw.cpu_hz,
            npu_hz=raw.npu_hz,
            bus_hz=raw.bus_hz,
            npu_ram_hz=raw.npu_ram_hz,
            voltage=_known(raw.voltage_mode, VoltageMode.UNKNOWN),
            baud=raw.baud,
            ram_total=raw.ram_total,
            ram_free=raw.ram_free,
            temperature=celsius(raw.temperature_dc),
            reset_cause=_known(raw.reset_cause, ResetCause.UNKNOWN),
            timer_source=_known(raw.timer_source, TimerSource.NONE),
            features=tuple(feature for feature in Feature if session.features & feature),
            slots=session.slots,
            slot_size=session.slot_size,
            parts_size=session.parts_kb * 1024 if session.features & Feature.ENCODINGS else 0,
            results=session.results,
            result_size=session.result_size,
            chunk=session.chunk,
            window=session.window,
            requests=session.requests,
            runtime=fields.get(FieldTag.NPU_RUNTIME, ""),
            fault_record=fields.get(FieldTag.FAULT_RECORD, ""),
            memory=_regions(fields.get(FieldTag.MEMORY, "")),
        )

    def brief(self) -> str:
        """Its board and firmware."""
        return f"{self.board}, firmware {self.firmware}, protocol {self.protocol}"

    def sheet(self) -> Sheet:
        """Its limits."""
        from n6link.console import duration, hertz, size

        about = {
            "board": self.board,
            "firmware": self.build or self.firmware,
            "unique id": self.unique_id,
            "running for": duration(self.uptime),
            "last reset": self.reset_cause.doc,
            "CPU": hertz(self.cpu_hz) if self.cpu_hz else "",
            "NPU": hertz(self.npu_hz) if self.npu_hz else "",
            "bit rate": self.baud or None,
            "temperature": None if self.temperature is None else f"{self.temperature:.1f} °C",
            "network runtime": self.runtime,
            "times": "simulated: not those of an NPU" if self.simulated else "measured by the board",
            "input slots": f"{self.slots} of {size(self.slot_size)}",
            "result buffers": f"{self.results} of {size(self.result_size)}",
            "last fault": self.fault_record,
        }
        memory = [(region.name, size(region.used), size(region.total)) for region in self.memory]
        return Sheet((facts(about), *((Grid(("memory", ">used", ">of"), memory),) if memory else ())))

    @property
    def slow(self) -> bool:
        """Whether the link is slow compared with the networks, so that reduced results are faster."""
        return 0 < (self.baud or self.speed * BITS_PER_BYTE) <= SLOW_BAUD

    @property
    def server(self) -> str:
        """Name and version of the server through which the device is used (``n6link serve``); empty = this program has it alone."""
        if Feature.CLIENTS not in self.features:
            return ""
        _, found, name = self.runtime.rpartition("through ")
        return name if found else "n6link serve"

    @property
    def simulated(self) -> bool:
        """Whether the device does not have an NPU: its times are not those of a board."""
        return Feature.SIMULATED in self.features


def celsius(tenths: int) -> float | None:
    """A temperature in tenths of degrees Celsius, as a float; None if the board does not have a sensor."""
    return None if tenths == _NO_TEMPERATURE else tenths / 10


@dataclass(frozen=True, slots=True, repr=False)
class NetworkInfo(Shown):
    """A network of a device, read when the device was opened."""

    name: str
    """name in the firmware"""
    index: int
    """its number in the protocol"""
    digest: int
    """changes if the network or its description changes"""
    input_bytes: int
    """size of an upload: all inputs"""
    output_bytes: int
    inputs: Mapping[str, TensorSpec]
    """tensors by name, in order"""
    outputs: Mapping[str, TensorSpec]
    pools: tuple[Pool, ...]
    """memory pools that it uses"""
    epochs: EpochTable
    """its epoch blocks"""
    timer_source: TimerSource
    """source of their times"""
    device: DeviceInfo
    """the device"""
    card_text: str
    """the card that its firmware reports: TOML, may be empty"""
    card: Card | None = None
    """the description of its tensors; None = there is none, or it cannot be used"""
    card_problem: str = ""
    """the error in the card that the firmware reports; empty = no error"""

    def brief(self) -> str:
        """Its name and tensors."""
        return f"{self.name}: {', '.join(map(shape_of, self.inputs.values()))} -> {len(self.outputs)} outputs"

    def sheet(self) -> Sheet:
        """Its tensors, and where its epochs run."""
        rows = [
            (way, spec.name, str(spec.dtype), " x ".join(map(str, spec.shape)), f"{spec.size:,}", spec.quantisation)
            for way, specs in (("input", self.inputs), ("output", self.outputs))
            for spec in specs.values()
        ]
        tensors = Grid(("", "tensor", "type", "shape", ">bytes", "quantisation"), rows)
        about = {"task": self.card.task if self.card else "no card", "on the NPU": self.epochs.offload}
        return Sheet((facts(about), tensors), (self.card_problem,) if self.card_problem else ())


def shape_of(spec: TensorSpec) -> str:
    """``image int8[1, 48, 48, 3]``."""
    return f"{spec.name} {spec.dtype}{list(spec.shape)}"


def _known(value: E | int, otherwise: E) -> E:
    return value if isinstance(value, type(otherwise)) else otherwise


def _regions(lines: str) -> tuple[Region, ...]:
    """Regions from lines with "name used total"; other lines are skipped."""
    regions: list[Region] = []
    for line in lines.splitlines():
        name, *numbers = line.rsplit(maxsplit=2)
        if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
            regions.append(Region(name, *map(int, numbers)))
    return tuple(regions)
