"""An emulated board: the chip, its memories, an image, resets, and the passing of time.

Source of the memory map: stm32n657xx.h and the linker scripts of ST's examples; of the boot: ST's application notes as quoted in
firmware/README.md. The boot loader puts the image where it runs and enters its vector table; a reset does so again, and keeps the
rest of AXISRAM1 and 2. A power loss keeps nothing. In development mode a reset ends in the boot ROM, which is silent.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import unicorn as u
from elftools.elf.elffile import ELFFile

from emulation.bus import SECURE, Bus, Peripheral
from emulation.clocks import Clocks, Power
from emulation.coherence import NOTICED, Area, Coherence
from emulation.core import BASE, System
from emulation.cpu import Cpu, Lockup
from emulation.dma import Dma
from emulation.npu import CONTROLLER_ADDRESS, CacheAxi, Npu
from emulation.npu import IRQ as NPU_IRQ
from emulation.small import Crc, Fuses, Isolation, RamSwitches, Rng, Thermometer, Watchdog
from emulation.usart import IRQ as USART_IRQ
from emulation.usart import Usart
from emulation.xspi import Flash, Memory, Psram, Xspi

MB: Final = 1 << 20
FLASH, PSRAM = 0x7000_0000, 0x9000_0000
BANKS: Final = {
    1: (0x3400_0000, 0x3410_0000),
    2: (0x3410_0000, 0x3420_0000),
    3: (0x3420_0000, 0x3427_0000),
    4: (0x3427_0000, 0x342E_0000),
    5: (0x342E_0000, 0x3435_0000),
    6: (0x3435_0000, 0x343C_0000),
}
"""AXI SRAM"""
REQUESTS: Final = (107, 108)
"""DMA requests of USART1: receive, transmit"""
FAST_FLASH, FAST_PSRAM = 1 << 15, 1 << 16
FUSE_WORD: Final = 124
KEPT_MAGIC: Final = 0x6E36_FA17
"""mark of a valid record, as in ports/stm32n6/startup.c"""
SLICE: Final = 4000
"""instructions at most between two looks at interrupts"""
SHORT: Final = 64
"""instructions that a slice counts for, if it ended before its count: Unicorn does not say how many they were"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A board."""

    name: str
    flash_size: int
    flash_id: bytes
    psram_size: int


KINDS: Final = {
    "stm32n6570-dk": Kind("stm32n6570-dk", 128 * MB, b"\xc2\x84\x3b", 32 * MB),
    "nucleo-n657x0-q": Kind("nucleo-n657x0-q", 64 * MB, b"\xc2\x80\x3a", 0),
}


class Image:
    """A linked ELF file with its symbols."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            elf = ELFFile(file)
            table = elf.get_section_by_name(".symtab")
            entries = list(table.iter_symbols())
            self.symbols: dict[str, int] = {s.name: int(s["st_value"]) for s in entries}
            self.sizes: dict[str, int] = {s.name: int(s["st_size"]) for s in entries}
            functions = sorted(
                (int(s["st_value"]) & ~1, int(s["st_size"]), s.name)
                for s in entries
                if s["st_info"]["type"] == "STT_FUNC"
            )
            self.parts = [
                (int(s["sh_addr"]), bytes(s.data()))
                for s in elf.iter_sections()
                if s["sh_flags"] & 2 and s["sh_type"] != "SHT_NOBITS" and s["sh_size"]
            ]
        self._starts = [at for at, _, _ in functions]
        self._functions = functions

    def where(self, pc: int) -> str:
        """A place in words."""
        i = bisect.bisect(self._starts, pc) - 1
        if i < 0:
            return hex(pc)
        at, _, name = self._functions[i]
        return f"{name}+{pc - at:#x}"


@dataclass(slots=True)
class Reset:
    """A reset that happened, with its cause and when."""

    cause: str
    seconds: float
    where: str
    record: str
    """what the firmware has kept of its end"""


@dataclass
class Board:
    """The whole. Time passes in run_slice() only."""

    kind: Kind
    image: Image
    fuses: int = FAST_FLASH | FAST_PSRAM
    host_baud: int = 921_600
    seed: int = 1
    development: bool = False
    pace: int = 4
    """cycles that an instruction counts for: 4 gives times in the range of silicon's; more lets a loop that waits end sooner"""
    flash: bytearray = field(default_factory=bytearray)
    resets: list[Reset] = field(default_factory=list)
    slept: float = 0.0
    sleeps_for_ever: bool = False
    """nothing wakes the CPU"""
    stopped: str = ""
    """why nothing runs any longer; empty while something does"""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.coherence = Coherence()
        self.system = System()
        self.cpu = Cpu(self.system)
        self.bus = Bus(lambda: self.cpu.now_pc, self._gate)
        self.power, self.clocks = Power(), Clocks()
        self.dma = Dma(self, self.bus.problem)
        self.usart = Usart(self.clocks, self.dma, REQUESTS, self.host_baud)
        self.isolation = Isolation()
        self.npu = Npu(self.clocks, self, lambda: self.isolation.master(Isolation.NPU))
        self.switches = RamSwitches(self._map_banks)
        self.watchdog = Watchdog(lambda: self.request_reset("watchdog"))
        self.watchdog.frozen = lambda: self.system.debugger
        self.rng = Rng(self.seed)
        self.otp = Fuses({FUSE_WORD: self.fuses, 5: 0x0042_0017, 6: 0x3135_510B, 7: 0x3030_3034})
        self.flash_chip = Flash(self.kind.flash_size, self.kind.flash_id, lambda: self.flash)
        self.psram_chip = Psram(self.kind.psram_size, bytearray)
        self._mapped: set[int] = set()
        self._slow: dict[int, str] = {}
        self.xspi2 = Xspi("XSPI2", 0x5802_A000, self.flash_chip, lambda on: self._map_memory(FLASH, on))
        psram = self.psram_chip if self.kind.psram_size else None
        self.xspi1 = Xspi("XSPI1", 0x5802_5000, psram, lambda on: self._map_memory(PSRAM, on))
        self.bus.add(
            self.power, self.clocks, self.dma, self.usart, self.isolation, self.npu, self.switches, self.watchdog
        )
        self.bus.add(self.rng, self.otp, self.xspi1, self.xspi2, Crc(), Thermometer())
        self.bus.add(CacheAxi(self.coherence.maintain_npu), *self._plain())
        self.clocks.on_change = self._map_banks
        self.clocks.on_reset_bit = self._reset_peripheral
        self._connect_core()
        self.cycles = 0
        self._last_cycles = 0
        self.seconds = 0.0
        self.asleep = False
        self._wanted_reset = ""
        self._bank_content = {bank: bytes(end - first) for bank, (first, end) in BANKS.items()}
        self._psram_content = b""
        self._watch()
        self.boot("power-on")

    def _plain(self) -> list[Peripheral]:
        gpio = [Peripheral(f"GPIO{c}", 0x5602_0000 + 0x400 * i, 0x400) for i, c in enumerate("ABCDEFGH")]
        gpio += [Peripheral(f"GPIO{c}", 0x5602_3400 + 0x400 * i, 0x400) for i, c in enumerate("NOPQ")]
        return [
            *gpio,
            Peripheral("SYSCFG", 0x5600_8000, 0x400),
            Peripheral("XSPIM", 0x5802_B400, 0x400),
            Peripheral("DBGMCU", 0x4400_1000 + SECURE, 0x1000),
        ]

    def _connect_core(self) -> None:
        system, cpu = self.system, self.cpu
        system.cycles = lambda: self.cycles
        system.on_reset = lambda: self.request_reset("software")
        system.on_fpu = cpu.set_fpu
        system.on_data_cache = self._data_cache
        system.on_maintenance = self._maintain
        system.lines = {**self.dma.irqs(), USART_IRQ: self.usart.line, NPU_IRQ: self.npu.line}
        cpu.on_breakpoint = self._breakpoint
        cpu.map_device(0x4000_0000, 0x2000_0000, lambda a, s: self.bus.read(_secure(a), s), self._write)
        cpu.map_device(BASE, 0x10_0000, self._read_core, self._write_core)
        cpu.uc.mem_map(0xF000_0000, 0x1000)  # trace ports that CMSIS looks at
        cpu.uc.mem_map(0x1000_0000, 0x1_0000)  # instruction TCM

    # ---- accesses

    def _write(self, address: int, size: int, value: int) -> None:
        self.bus.write(_secure(address), size, value)

    def _read_core(self, address: int, size: int) -> int:
        return self.system.read(address - BASE & ~3) >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def _write_core(self, address: int, size: int, value: int) -> None:
        if size == 4:
            self.system.write(address - BASE, value)
        else:
            self.system.write_part(address - BASE, value, size)

    def _gate(self, peripheral: Peripheral) -> str:
        return "" if self.clocks.clocked(peripheral.name) else "access without a clock"

    def _maintain(self, operation: str, address: int | None) -> None:
        place = self.image.where(self.cpu.link)
        if address is None:
            self.coherence.maintain_all(operation, place)
        else:
            self.coherence.maintain(operation, address, place)

    def _data_cache(self, on: bool) -> None:
        self.coherence.cached = on

    def master_read(self, master: str, address: int, size: int) -> bytes:
        """DMA or NPU reads memory."""
        self.coherence.master(master, address, size, writes=False, place=self._master_place())
        try:
            return bytes(self.cpu.uc.mem_read(address, size))
        except u.UcError:
            self.bus.problem(f"{master} reads what does not answer", "memory", address)
            return bytes(size)

    def master_write(self, master: str, address: int, data: bytes) -> None:
        """DMA or NPU writes memory."""
        self.coherence.master(master, address, len(data), writes=True, place=self._master_place())
        try:
            self.cpu.uc.mem_write(address, data)
        except u.UcError:
            self.bus.problem(f"{master} writes what does not answer", "memory", address)

    def _master_place(self) -> str:
        return f"epoch blob {self.npu.blobs} at {self.npu.registers.get(CONTROLLER_ADDRESS, 0):#x}"

    # ---- memory that comes and goes

    def _map_banks(self) -> None:
        for bank, (first, end) in BANKS.items():
            on = self.clocks.clocked(f"AXISRAM{bank}") and self.switches.on(bank)
            if on and first not in self._mapped:
                self.cpu.uc.mem_map(first, end - first)
                self.cpu.uc.mem_write(first, self._bank_content[bank])
                self._mapped.add(first)
            elif not on and first in self._mapped:
                self._bank_content[bank] = bytes(self.cpu.uc.mem_read(first, end - first))
                self.cpu.uc.mem_unmap(first, end - first)
                self._mapped.discard(first)

    def _map_memory(self, base: int, on: bool) -> None:
        chip: Memory = self.flash_chip if base == FLASH else self.psram_chip
        size = max(chip.size, MB)
        if not on:
            if base in self._mapped:
                if base == PSRAM and chip.present:
                    self._psram_content = bytes(self.cpu.uc.mem_read(base, size))
                self.cpu.uc.mem_unmap(base, size)
                self._mapped.discard(base)
            return
        controller = self.xspi2 if base == FLASH else self.xspi1
        self._mapped.add(base)
        if not controller.readable:  # nothing drives the lines; what is written is lost
            self.cpu.map_device(base, size, lambda _address, width: (1 << 8 * width) - 1, lambda *_: None)
            return
        self.cpu.uc.mem_map(base, size, u.UC_PROT_READ | u.UC_PROT_EXEC if base == FLASH else u.UC_PROT_ALL)
        content = bytes(self.flash) if base == FLASH else self._psram_content
        if base == FLASH:
            content += b"\xff" * (size - len(content))
        self.cpu.uc.mem_write(base, content)

    def _watch(self) -> None:
        symbols, sizes = self.image.symbols, self.image.sizes
        for name in ("ring", "out", "node"):
            if name in symbols and sizes[name]:
                self.coherence.watch(name, symbols[name], symbols[name] + sizes[name])
        for name, at in symbols.items():
            if name.startswith("_ec_blob_") and sizes[name] and BANKS[1][0] <= at < BANKS[1][1]:
                self.coherence.watch("blobs", at, at + sizes[name])
        if not self.kind.psram_size and "_n6_inner" in symbols:
            self.coherence.watch("slots and results", symbols["_n6_inner"], symbols["_sstack"])
        for bank in range(2, 7):
            self.coherence.watch(f"AXISRAM{bank}", *BANKS[bank])
        if self.kind.psram_size:
            self.coherence.watch("PSRAM", PSRAM, PSRAM + self.kind.psram_size)
        for area in self.coherence.areas:
            self.cpu.uc.hook_add(u.UC_HOOK_MEM_READ, self._reader(area), None, area.first, area.end - 1)
            self.cpu.uc.hook_add(u.UC_HOOK_MEM_WRITE, self._writer(area), None, area.first, area.end - 1)

    def _reader(self, area: Area) -> Callable[..., None]:
        def read(_uc: u.Uc, _kind: int, address: int, size: int, _value: int, _data: object) -> None:
            self.cpu.leave_block()
            line = (address - area.first) >> 5
            place = self.image.where(self.cpu.now_pc) if area.state[line] & NOTICED else ""
            self.coherence.cpu_read(area, address, size, place)

        return read

    def _writer(self, area: Area) -> Callable[..., None]:
        def write(_uc: u.Uc, _kind: int, address: int, size: int, _value: int, _data: object) -> None:
            self.cpu.leave_block()
            self.coherence.cpu_write(area, address, size)

        return write

    # ---- resets

    def request_reset(self, cause: str) -> None:
        """A reset for one of the causes of clocks.RESETS, before the next instruction."""
        self._wanted_reset = cause
        self.cpu.uc.emu_stop()

    def _reset_peripheral(self, name: str) -> None:
        for peripheral in self.bus.peripherals:
            if peripheral.name == name:
                peripheral.reset()

    def _record(self) -> str:
        kept = self.image.symbols.get("kept")
        if kept is None:
            return ""
        magic = int.from_bytes(self.cpu.uc.mem_read(kept, 4), "little")
        text = bytes(self.cpu.uc.mem_read(kept + 8, self.image.sizes["kept"] - 8)).split(b"\0")[0]
        return text.decode("ascii", "replace") if magic == KEPT_MAGIC else ""

    def fault(self, address: int) -> None:
        """The CPU accesses what does not answer, wherever it is."""
        self.asleep = False
        self.cpu.fault("bus error", address)

    def power_cycle(self) -> None:
        """Power off and on."""
        self._reset("power-on")

    def _reset(self, cause: str) -> None:
        self.resets.append(Reset(cause, self.seconds, self.image.where(self.cpu.pc), self._record()))
        if cause in ("power-on", "brown-out"):
            self.flash_chip.power_on()
            self.psram_chip.power_on()
            for first in (BANKS[1][0], BANKS[2][0]):
                self.cpu.uc.mem_write(first, self.random.randbytes(MB))
            self._psram_content = self.random.randbytes(self.kind.psram_size)
        if self.development:
            self.stopped = f"boot ROM in development mode, after a reset by {cause}"
            return
        self.boot(cause)

    def boot(self, cause: str) -> None:
        """As the boot loader does: the image to its place, then to its entry."""
        self.clocks.note(cause)
        self.bus.reset()
        self.system.reset()
        self.coherence.forget()
        self._map_banks()
        for address, data in self.image.parts:
            self.cpu.uc.mem_write(address, data)
        self.cpu.uc.ctl_flush_tb()
        self.cpu.reset(self.image.symbols["g_pfnVectors"], sp=0x3410_0000 + 0xFF00)
        self.asleep = False
        self._wanted_reset = ""

    def _breakpoint(self, pc: int) -> None:
        if self.system.debugger:
            self.stopped = f"breakpoint at {self.image.where(pc)}"
        else:
            self.cpu.fault("breakpoint without a debugger", pc)

    # ---- time

    def _due(self) -> float:
        """Seconds until something happens while the CPU waits."""
        hertz = self.clocks.cpu
        times: list[float] = [0.001]
        tick = self.system.next_tick
        if tick is not None:
            times.append((tick - self.cycles) / hertz)
        if self.clocks.clocked("USART1", asleep=True):
            arriving = self.usart.due()
            if arriving is not None:
                times.append(max(arriving, 20e-6))
        if self.npu.due is not None and self.clocks.clocked("NPU", asleep=True):
            times.append(self.npu.due)
        if self.watchdog.due is not None:
            times.append(self.watchdog.due)
        return max(min(times), 1e-6)

    def run_slice(self) -> bool:
        """Runs a little; True if the CPU had nothing to do."""
        if self.stopped:
            return True
        if self._wanted_reset:
            cause, self._wanted_reset = self._wanted_reset, ""
            self._reset(cause)
        waited = self.asleep
        if self.asleep:
            step = self._due()
            self.slept += step
            if self.system.sleep_stops_cycles:
                self.system.skipped += int(step * self.clocks.cpu) + 1
            self.cycles += int(step * self.clocks.cpu) + 1
        else:
            tick = self.system.next_tick
            count = SLICE if tick is None else max(16, min(SLICE, (tick - self.cycles) // self.pace + 1))
            before = self.cycles
            try:
                self.asleep = self.cpu.run(count)
                count = count if self.cpu.complete else min(count, SHORT)
            except Lockup as lockup:
                self.bus.problem("lock-up", str(lockup), 0)
                self._wanted_reset = "lockup"
            self.cycles = before + count * self.pace
        if self._wanted_reset:
            cause, self._wanted_reset = self._wanted_reset, ""
            self._reset(cause)
            return False
        self._pass()
        try:
            if self.sleeps_for_ever and self.asleep:
                return waited
            if self.cpu.take_pending() or (self.cpu.event and self.asleep):
                self.asleep = False
                self.cpu.event = False
        except Lockup as lockup:
            self.bus.problem("lock-up", str(lockup), 0)
            self._reset("lockup")
        return waited

    def _pass(self) -> None:
        passed = self.cycles - self._last_cycles
        self._last_cycles = self.cycles
        seconds = passed / self.clocks.cpu
        self.seconds += seconds
        tick = self.system.next_tick
        if tick is not None and self.cycles >= tick:
            self.system.tick()
        asleep = self.asleep
        if self.clocks.clocked("USART1", asleep=asleep) and self.clocks.clocked("GPDMA1", asleep=asleep):
            self.usart.pending_fifo()
            self.usart.advance(seconds)
        if self.clocks.clocked("NPU", asleep=asleep):
            self.npu.advance(seconds)
        self.watchdog.advance(seconds)
        if self._wanted_reset:
            cause, self._wanted_reset = self._wanted_reset, ""
            self._reset(cause)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Runs for a time of the chip; True as soon as the condition holds."""
        end = self.seconds + seconds
        while self.seconds < end and not self.stopped:
            if until():
                return True
            self.run_slice()
        return until()

    def load_flash(self, files: Sequence[tuple[int, bytes]]) -> None:
        """Programs the external flash; the rest is erased."""
        for address, data in files:
            offset = address - FLASH
            if len(self.flash) < offset + len(data):
                self.flash.extend(b"\xff" * (offset + len(data) - len(self.flash)))
            self.flash[offset : offset + len(data)] = data


def _secure(address: int) -> int:
    """The secure alias of a peripheral; the model does not distinguish them."""
    return address | SECURE
