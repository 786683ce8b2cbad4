"""Peripherals on a bus: registers with reset values, and what happens to accesses that silicon refuses.

Source: ST's CMSIS device header stm32n657xx.h for base addresses and bits (header). That a peripheral without its clock reads zero and
ignores writes, and that a RIF entry that is missing does the same, is our reading of the reference manual's introductions
to RCC and RIF; the manual leaves the first one undefined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

WORD: Final = 0xFFFF_FFFF
SECURE: Final = 0x1000_0000
"""added to an address of the non-secure alias"""


@dataclass(slots=True)
class Problem:
    """An access that silicon refuses."""

    kind: str
    place: str
    address: int
    pc: int

    def __str__(self) -> str:
        return f"{self.kind}: {self.place} at {self.address:#010x}, pc {self.pc:#010x}"


class Peripheral:
    """A block of registers. Subclasses give behaviour to some of them; the rest remember what was written."""

    def __init__(self, name: str, base: int, size: int, reset: dict[int, int] | None = None) -> None:
        self.name = name
        self.base = base
        self.size = size
        self.reset_values = reset or {}
        self.registers: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        """Reset values."""
        self.registers = dict(self.reset_values)

    def read(self, offset: int) -> int:
        """A word."""
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """A word."""
        self.registers[offset] = value

    def write_part(self, offset: int, value: int, size: int) -> None:
        """Less than a word; most peripherals merge it into the word."""
        shift = 8 * (offset & 3)
        mask = ((1 << 8 * size) - 1) << shift
        self.write(offset & ~3, (self.registers.get(offset & ~3, 0) & ~mask) | (value << shift & mask))


@dataclass(slots=True)
class Write:
    """A register write, for the comparison of two start-ups."""

    peripheral: str
    offset: int
    value: int
    pc: int


@dataclass
class Bus:
    """Dispatches accesses to peripherals; keeps what was refused, what was not modelled, and all writes."""

    pc: Callable[[], int]
    gate: Callable[[Peripheral], str] = lambda peripheral: ""
    """empty, or why the peripheral does not answer"""
    peripherals: list[Peripheral] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unmodelled: Counter[int] = field(default_factory=Counter)
    writes: list[Write] = field(default_factory=list)
    recording: bool = False
    """writes are kept"""
    _pages: dict[int, list[Peripheral]] = field(default_factory=dict)
    _plain: dict[int, int] = field(default_factory=dict)

    def add(self, *peripherals: Peripheral) -> None:
        """Puts peripherals at their addresses."""
        for peripheral in peripherals:
            self.peripherals.append(peripheral)
            for page in range(peripheral.base >> 10, (peripheral.base + peripheral.size + 1023) >> 10):
                self._pages.setdefault(page, []).append(peripheral)

    def reset(self) -> None:
        """Reset values everywhere; what was refused stays."""
        self._plain.clear()
        for peripheral in self.peripherals:
            peripheral.reset()

    def find(self, address: int) -> Peripheral | None:
        """The peripheral at an address."""
        for peripheral in self._pages.get(address >> 10, ()):
            if peripheral.base <= address < peripheral.base + peripheral.size:
                return peripheral
        return None

    def problem(self, kind: str, place: str, address: int) -> None:
        """Keeps a refused access."""
        self.problems.append(Problem(kind, place, address, self.pc()))

    def read(self, address: int, size: int) -> int:
        """Any size."""
        peripheral = self.find(address)
        if peripheral is None:
            self.unmodelled[address & ~3] += 1
            word = self._plain.get(address & ~3, 0)
        else:
            reason = self.gate(peripheral)
            if reason:
                self.problem(reason, peripheral.name, address)
                return 0
            word = peripheral.read((address - peripheral.base) & ~3)
        return word >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        """Any size."""
        peripheral = self.find(address)
        if peripheral is None:
            self.unmodelled[address & ~3] += 1
            self._plain[address & ~3] = value
            if self.recording:
                self.writes.append(Write("?", address, value, self.pc()))
            return
        reason = self.gate(peripheral)
        if reason:
            self.problem(reason, peripheral.name, address)
            return
        if self.recording:
            self.writes.append(Write(peripheral.name, address - peripheral.base, value, self.pc()))
        if size == 4:
            peripheral.write(address - peripheral.base, value)
        else:
            peripheral.write_part(address - peripheral.base, value, size)
