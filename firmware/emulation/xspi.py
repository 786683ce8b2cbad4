"""XSPI1 and XSPI2 in command and memory-mapped mode, and the memories on them.

Source: stm32n657xx.h for registers and ST's HAL (stm32n6xx_hal_xspi.c) for when a command starts (header); ST's component drivers
mx66uw1g45g, mx25um51245g and aps256xx for commands, register addresses and identifiers, which follow Macronix' and AP Memory's data sheets.
Not modelled: dummy cycles, DQS, calibration, timing, wrap reads, programming and erasing. What a wrong number of dummy cycles
would do on silicon is not found here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emulation.bus import Peripheral

CR, SR, FCR, DLR, AR, DR, PSMKR, PSMAR, CCR, IR = 0x00, 0x20, 0x24, 0x40, 0x48, 0x50, 0x80, 0x88, 0x100, 0x110
WIR: Final = 0x190
TE, TC, FT, SM, BUSY = 1, 2, 4, 8, 1 << 5
WRITE, READ, POLL, MAPPED = range(4)
"""FMODE"""
ABSENT: Final = 0xFF


class Memory:
    """A memory chip on the bus: answers commands, and may be mapped."""

    def __init__(self, size: int, content: Callable[[], bytearray]) -> None:
        self.size = size
        self.content = content
        self.present = True

    def power_on(self) -> None:
        """State after power-on; a reset of the chip alone does not reach the memory."""

    def command(self, instruction: int, lines: int, address: int, data: bytes) -> None:
        """A command without answer."""

    def answer(self, instruction: int, lines: int, address: int, count: int) -> bytes:
        """A command that reads."""
        return bytes([ABSENT]) * count

    def mappable(self, instruction: int, lines: int) -> bool:
        """Whether reads with this command give the content."""
        return True


class Flash(Memory):
    """Macronix octal flash: one line after power-on, eight after configuration register 2 says so."""

    READ_STATUS, WRITE_ENABLE, RESET_ENABLE, RESET, READ_ID = 0x05, 0x06, 0x66, 0x99, 0x9F
    READ_CFG2, WRITE_CFG2 = 0x71, 0x72
    OCTA_READ, OCTA_READ_DTR = 0xEC13, 0xEE11

    def __init__(self, size: int, identifier: bytes, content: Callable[[], bytearray]) -> None:
        super().__init__(size, content)
        self.identifier = identifier
        self.power_on()

    def power_on(self) -> None:
        self.mode = 0  # 1: octal, single rate; 2: octal, double rate
        self.cfg2: dict[int, int] = {}
        self.enabled = False
        self.reset_enabled = False

    def _plain(self, instruction: int, lines: int) -> int | None:
        """The command as on one line; None if the chip does not understand it in its mode."""
        if not self.present or (lines == 8) != (self.mode != 0):
            return None
        if lines == 8:
            high, low = instruction >> 8, instruction & 0xFF
            return high if high ^ low == 0xFF else None
        return instruction

    def command(self, instruction: int, lines: int, address: int, data: bytes) -> None:
        plain = self._plain(instruction, lines)
        if plain == self.WRITE_ENABLE:
            self.enabled = True
        elif plain == self.RESET_ENABLE:
            self.reset_enabled = True
            return
        elif plain == self.RESET and self.reset_enabled:
            self.power_on()
        elif plain == self.WRITE_CFG2 and self.enabled and data:
            self.cfg2[address] = data[0]
            self.enabled = False
            if address == 0:
                self.mode = data[0] & 3
        self.reset_enabled = False

    def answer(self, instruction: int, lines: int, address: int, count: int) -> bytes:
        plain = self._plain(instruction, lines)
        if plain == self.READ_STATUS:
            return bytes([2 if self.enabled else 0]) * count
        if plain == self.READ_ID:
            wide = self.identifier if self.mode != 2 else bytes(b for byte in self.identifier for b in (byte, byte))
            return (wide + bytes(count))[:count]
        if plain == self.READ_CFG2:
            return bytes([self.mode if address == 0 else self.cfg2.get(address, 0)]) * count
        return super().answer(instruction, lines, address, count)

    def mappable(self, instruction: int, lines: int) -> bool:
        wanted = {1: self.OCTA_READ, 2: self.OCTA_READ_DTR}.get(self.mode)
        return self.present and lines == 8 and instruction == wanted


class Psram(Memory):
    """AP Memory octal or hexadeca PSRAM."""

    READ_REG, WRITE_REG, RESET = 0x40, 0xC0, 0xFF

    def __init__(self, size: int, content: Callable[[], bytearray]) -> None:
        super().__init__(size, content)
        self.power_on()

    def power_on(self) -> None:
        self.mode_registers = {0: 0x09, 1: 0x8D, 2: 0xDF, 4: 0x40, 8: 0x05}

    def command(self, instruction: int, lines: int, address: int, data: bytes) -> None:
        if not self.present:
            return
        if instruction == self.RESET:
            self.power_on()
        elif instruction == self.WRITE_REG and data:
            self.mode_registers[address] = data[0]

    def answer(self, instruction: int, lines: int, address: int, count: int) -> bytes:
        if self.present and instruction == self.READ_REG:
            return bytes(self.mode_registers.get(address + i % 2, 0) for i in range(count))
        return super().answer(instruction, lines, address, count)

    def mappable(self, instruction: int, lines: int) -> bool:
        return self.present


class Xspi(Peripheral):
    """One controller. `on_map` is called when its memory becomes visible, or no longer is."""

    def __init__(self, name: str, base: int, memory: Memory | None, on_map: Callable[[bool], None]) -> None:
        self.memory = memory
        self.on_map = on_map
        super().__init__(name, base, 0x300)

    def reset(self) -> None:
        super().reset()
        self._flags = 0
        self._answer = bytearray()
        self._data = bytearray()
        self._mapped = False
        self.on_map(False)

    @property
    def _mode(self) -> int:
        return self.registers.get(CR, 0) >> 28 & 3

    def _lines(self) -> int:
        ccr = self.registers.get(CCR, 0)
        field = ccr & 7 or ccr >> 8 & 7
        return 8 if field >= 4 else 1 << max(field - 1, 0)

    def read(self, offset: int) -> int:
        if offset == SR:
            waiting = len(self._answer)
            return self._flags | FT | (min(waiting, 32) << 8)
        if offset == DR:
            return self._answer.pop(0) if self._answer else 0
        return super().read(offset)

    def write_part(self, offset: int, value: int, size: int) -> None:
        if offset == DR:
            self._feed(value)
        else:
            super().write_part(offset, value, size)

    def write(self, offset: int, value: int) -> None:
        if offset == DR:
            self._feed(value)
            return
        super().write(offset, value)
        ccr = self.registers.get(CCR, 0)
        if offset == FCR:
            self._flags &= ~value
        elif offset == CR:
            self._map(self._mode == MAPPED and bool(value & 1))
        elif (offset == IR and not ccr >> 8 & 7) or (offset == AR and ccr >> 8 & 7):
            self._start()

    def _start(self) -> None:
        ccr = self.registers.get(CCR, 0)
        instruction, address = self.registers.get(IR, 0), self.registers.get(AR, 0)
        count = self.registers.get(DLR, 0) + 1
        self._data.clear()
        if self.memory is None:
            self._flags |= TC
            if self._mode == READ:
                self._answer = bytearray([ABSENT] * count)
            return
        if not ccr >> 24 & 7:
            self.memory.command(instruction, self._lines(), address, b"")
            self._flags |= TC
        elif self._mode == READ:
            self._answer = bytearray(self.memory.answer(instruction, self._lines(), address, count))
            self._flags |= TC
        elif self._mode == POLL:
            value = int.from_bytes(self.memory.answer(instruction, self._lines(), address, count)[:4], "little")
            mask, match = self.registers.get(PSMKR, 0), self.registers.get(PSMAR, 0)
            if value & mask == match & mask:
                self._flags |= SM

    def _feed(self, value: int) -> None:
        self._data.append(value & 0xFF)
        if len(self._data) == self.registers.get(DLR, 0) + 1:
            if self.memory is not None:
                instruction, address = self.registers.get(IR, 0), self.registers.get(AR, 0)
                self.memory.command(instruction, self._lines(), address, bytes(self._data))
            self._data.clear()
            self._flags |= TC

    def _map(self, wanted: bool) -> None:
        if wanted != self._mapped:
            self._mapped = wanted
            self.on_map(wanted)

    @property
    def readable(self) -> bool:
        """Mapped reads give the memory's content."""
        return self.memory is not None and self.memory.mappable(self.registers.get(IR, 0), self._lines())
