"""The NPU: its units' version registers, the interrupt controller, the epoch controller, and its cache (CACHEAXI).

Source: the register names and offsets of ST's ATON.h, the version of each unit as LL_ATON's own assertions expect them, and LL_ATON's
sources for what starts and ends an epoch (header). What an epoch reads and writes is taken from the epoch's blob: its words set up stream
engines, whose registers ATON.h names; LL_Streng_TensorInit() in ll_aton.c shows what they mean. How a word of the blob selects registers is
our reading alone, without a document. What an engine reads is read, what one writes is written with a pattern that follows from all that
was read in this blob before. Numbers mean nothing. Engines of one epoch run at the same time; here they run in the order of the blob.

Without its entry in RIFSC (compartment 1, secure, privileged) the NPU reads zero, and what it writes vanishes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from emulation.bus import WORD, Peripheral
from emulation.clocks import Clocks

ENGINES: Final = 10
FIRST_ENGINE: Final = 0x5000
INTERRUPTS: Final = 0x1000
INTERRUPT_REGISTER, INTERRUPT_SET, INTERRUPT_CLEAR = 0x1008, 0x100C, 0x1010
OR_MASK, AND_MASK = 0x1014, 0x1024
CONTROLLER: Final = 0x1E000
CONTROLLER_ADDRESS, CONTROLLER_IRQ = CONTROLLER + 8, CONTROLLER + 0xC
CONTROLLER_DONE: Final = 1 << 28
"""the epoch controller's bit in the interrupt register"""
CONTROLLER_ERROR: Final = 1 << 30
MAGIC: Final = 0xCA05_7A7A
IRQ: Final = 53
VERSION: Final = 4

# Type, major and minor version of each unit, as ST's ATON.h has them; by the unit's offset.
VERSIONS: Final[dict[int, int]] = {
    **dict.fromkeys((0x0000,), 0x121F),
    **dict.fromkeys((0x1000,), 0x111E),
    **dict.fromkeys((0x2000, 0x3000), 0x501D),
    **dict.fromkeys((0x4000,), 0x1600),
    **dict.fromkeys(range(0x5000, 0xF000, 0x1000), 0x5001),
    **dict.fromkeys(range(0xF000, 0x13000, 0x1000), 0x5117),
    **dict.fromkeys((0x13000, 0x14000), 0x1A19),
    **dict.fromkeys((0x15000, 0x16000), 0x111B),
    **dict.fromkeys(range(0x17000, 0x1B000, 0x1000), 0x101A),
    **dict.fromkeys((0x1B000, 0x1C000), 0x111C),
    0x1D000: 0x3220,
    0x1E000: 0x1121,
}


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes that a stream engine reads or writes."""

    engine: int
    address: int
    size: int
    writes: bool


# Registers of a stream engine, in words.
CONTROL, ADDRESS, SIZE, DEPTH, STRIDE, FRAME_OFFSET, FRAME_REPEAT, REPEAT_OFFSET = 0, 2, 3, 4, 5, 6, 7, 8
LIMIT_ENABLE, FRAMES, CID = 0xC, 0xD, 0x12
SET_ONE, SET_SEVERAL = 0x7C00, 3
"""forms of a blob's word that sets registers: the control register, or so many as its upper bits say"""
MOST_RUNS: Final = 1 << 16
LARGEST: Final = 1 << 24


def moved(engine: int, registers: Mapping[int, int]) -> Iterator[Range]:
    """What an engine with these registers moves.

    Raw engines move elements in one piece. Others move frames: at each of width times height places, as many elements as the depth says.
    Frames are repeated at an offset, and so are groups of them.
    """
    control, size = registers.get(CONTROL, 0), registers.get(SIZE, 0)
    element = max(1, ((control >> 16 & 15) + (control >> 20 & 15) + (control >> 24 & 15) + 7) // 8)
    frames, group = max(1, registers.get(FRAMES, 1)), registers.get(FRAME_REPEAT, 0)
    loops = [(min(group, frames) or frames, registers.get(FRAME_OFFSET, 0))]
    if group:
        loops.append((-(-frames // group), registers.get(REPEAT_OFFSET, 0)))
    if control >> 8 & 1:
        run = size * element
    else:
        depth, stride = registers.get(DEPTH, 0), registers.get(STRIDE, 0)
        run = max(1, depth & 0xFFFF) * element
        loops.append((size & 0xFFFF, depth >> 16 | registers.get(LIMIT_ENABLE, 0) >> 16 << 16))
        loops.append((size >> 16, stride & 0xFFFF | registers.get(CID, 0) >> 16 << 16))
    outer: list[tuple[int, int]] = []
    for count, step in sorted(loops, key=lambda loop: loop[1]):
        if step == run:
            run *= count
        elif step and count > 1:
            outer.append((count, step))
    places = [registers.get(ADDRESS, 0)]
    for count, step in outer:
        if len(places) * count > MOST_RUNS:
            return
        places = [place + i * step for i in range(count) for place in places]
    if 0 < run < LARGEST:
        for place in sorted(set(places)):
            yield Range(engine, place, run, bool(control >> 3 & 1))


def ranges(blob: bytes) -> Iterator[Range]:
    """What the stream engines move that a blob sets up, in its order."""
    words = struct.unpack(f"<{len(blob) // 4}I", blob)
    current, registers = 0, dict[int, int]()
    at = 0
    while at < len(words) - 1:
        engine, register = divmod((words[at] >> 16) - FIRST_ENGINE // 4, 0x400)
        form, count = words[at] & 0xFFFF, (words[at] & 0xFFFF) >> 5
        at += 1
        if not 0 <= engine < ENGINES:
            continue
        if register == CONTROL and form == SET_ONE:
            if ADDRESS in registers:
                yield from moved(current, registers)
            current, registers = engine, {CONTROL: words[at]}
            at += 1
        elif engine == current and form & 0x1F == SET_SEVERAL and 0 < count <= 0x20 - register:
            registers.update(enumerate(words[at : at + count], register))
            at += count
    if ADDRESS in registers:
        yield from moved(current, registers)


class NpuMemory(Protocol):
    """What the NPU sees."""

    def master_read(self, master: str, address: int, size: int) -> bytes: ...
    def master_write(self, master: str, address: int, data: bytes) -> None: ...


class Npu(Peripheral):
    """Registers of the NPU. An epoch takes `epoch_seconds` of the chip's time."""

    def __init__(self, clocks: Clocks, memory: NpuMemory, allowed: Callable[[], bool], base: int = 0x580E_0000) -> None:
        self.clocks = clocks
        self.memory = memory
        self.allowed = allowed
        self.dead = False
        self.hang_at: int | None = None
        """number of the blob that does not end"""
        self.bus_error_at: int | None = None
        self.epoch_seconds = 100e-6
        self.blobs = 0
        self.read_bytes = 0
        self.written_bytes = 0
        super().__init__("NPU", base, 0x2_0000)

    def reset(self) -> None:
        super().reset()
        self._running: float | None = None
        self._pending = 0
        self._engines = 0

    def line(self) -> bool:
        """Interrupt level of line 0: one of what the OR mask shows, or all of what the AND mask shows."""
        shown = ~self.registers.get(AND_MASK, 0) & WORD
        return bool(self._pending & ~self.registers.get(OR_MASK, 0)) or bool(shown and self._pending & shown == shown)

    def read(self, offset: int) -> int:
        if self.dead:
            return 0
        if offset & 0xFFF == VERSION:
            return VERSIONS.get(offset & ~0xFFF, 0)
        if offset == INTERRUPT_REGISTER:
            return self._pending
        if offset == CONTROLLER:
            return super().read(offset) & ~(1 << 31) | (1 << 31 if self._running is not None else 0)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if self.dead:
            return
        if offset == INTERRUPT_CLEAR:
            self._pending &= ~value
            return
        if offset == INTERRUPT_SET:
            self._pending |= value
            return
        if offset & 0xFFF == 0:
            value &= ~0x4000_0002  # clearing is done at once
        super().write(offset, value)
        engine = (offset - FIRST_ENGINE) >> 12
        if offset == CONTROLLER and value & 1 and self._running is None:
            self._running = self.epoch_seconds
            self.blobs += 1
        elif offset & 0xFFF == 0 and 0 <= engine < ENGINES and value & 1:
            self._engines |= 1 << engine
            self._running = self.epoch_seconds

    def advance(self, seconds: float) -> None:
        """Lets time pass for what runs."""
        if self._running is None or self.dead:
            return
        if self.hang_at is not None and self.blobs >= self.hang_at:
            return
        self._running -= seconds
        if self._running > 0:
            return
        self._running = None
        if self._engines:
            self._plain_epoch()
            return
        self.registers[CONTROLLER] = self.registers.get(CONTROLLER, 0) & ~1
        if self.bus_error_at is not None and self.blobs >= self.bus_error_at:
            self.registers[CONTROLLER_IRQ] = 1 << 1
            self._pending |= CONTROLLER_ERROR
            return
        self._epoch()
        self.registers[CONTROLLER_IRQ] = 1
        self._pending |= CONTROLLER_DONE

    @property
    def due(self) -> float | None:
        """Seconds until an epoch ends."""
        return self._running

    def _epoch(self) -> None:
        address = self.registers.get(CONTROLLER_ADDRESS, 0)
        head = self.memory.master_read("NPU", address, 8)
        magic, count = struct.unpack("<II", head)
        if magic != MAGIC:
            return
        self._move(ranges(self.memory.master_read("NPU", address, 8 + 4 * count)))

    def _plain_epoch(self) -> None:
        """Engines that the CPU has set up itself."""
        found: list[Range] = []
        for engine in range(ENGINES):
            at = FIRST_ENGINE + 0x1000 * engine
            if self._engines >> engine & 1:
                registers = {i: self.registers.get(at + 4 * i, 0) for i in range(0x20)}
                self.registers[at] = registers[CONTROL] & ~1
                found += moved(engine, registers)
        self._move(sorted(found, key=lambda part: part.writes))
        self._pending |= self._engines
        self._engines = 0

    def _move(self, parts: Iterable[Range]) -> None:
        digest = 0
        for part in parts:
            if not self.allowed():
                continue
            if part.writes:
                # Not a number and its CRC: the CRC of any such pair is the same.
                pattern = struct.pack("<II", digest, digest * 0x9E37_79B1 & WORD)
                data = (pattern * (part.size // len(pattern) + 1))[: part.size]
                self.memory.master_write("NPU", part.address, data)
                self.written_bytes += part.size
            else:
                digest = zlib.crc32(self.memory.master_read("NPU", part.address, part.size), digest)
                self.read_bytes += part.size


class CacheAxi(Peripheral):
    """The cache in front of the NPU's external accesses; done at once."""

    INVALIDATE, CLEAN, CLEAN_INVALIDATE = 0, 1, 3

    def __init__(self, on_command: Callable[[str, int, int], None], base: int = 0x580D_FC00) -> None:
        self.on_command = on_command
        super().__init__("CACHEAXI", base, 0x400)

    def read(self, offset: int) -> int:
        return 0x12 if offset == 4 else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == 0 and value & 2:
            self.on_command("invalidate", 0, 1 << 32)
            value &= ~2
        if offset == 0x100 and value & 1:
            names = {1: "clean", 2: "invalidate", 3: "clean+invalidate"}
            first, last = self.registers.get(0x104, 0), self.registers.get(0x108, 0)
            self.on_command(names.get(value >> 1 & 3, "clean"), first, last + 1)
            value &= ~1
        super().write(offset, value)
