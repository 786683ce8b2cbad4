"""Small peripherals: fuses, random numbers, watchdog, temperature, CRC unit, memory switches, isolation, debug.

Source: stm32n657xx.h for registers, and ST's HAL of each peripheral for the flags that it waits for (header). The CRC unit follows
the reference manual's description; it is checked by zlib's own. The watchdog counts the LSI at 32 kHz.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from emulation.bus import WORD, Peripheral

LSI: Final = 32_000


class Fuses(Peripheral):
    """BSEC: OTP words, read only. Whoever writes one is stopped: that cannot be undone on silicon."""

    def __init__(self, words: dict[int, int], base: int = 0x5600_9000) -> None:
        self.words = words
        self.programmed: list[int] = []
        super().__init__("BSEC", base, 0x1000)

    def read(self, offset: int) -> int:
        return self.words.get(offset // 4, 0) if offset < 0x600 else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == 0xC04 and value & 1 << 13:  # OTPCR.PROG
            self.programmed.append(value & 0x1FF)
        super().write(offset, value)


class Rng(Peripheral):
    """Random numbers from a seed, so that runs repeat."""

    def __init__(self, seed: int, base: int = 0x5402_0000) -> None:
        self.dead = False
        self._state = seed
        super().__init__("RNG", base, 0x400)

    def read(self, offset: int) -> int:
        if offset == 4:
            return 0 if self.dead else 1
        if offset == 8:
            self._state = (self._state * 6364136223846793005 + 1442695040888963407) & ((1 << 64) - 1)
            return 0 if self.dead else self._state >> 32
        return super().read(offset)


class Watchdog(Peripheral):
    """IWDG. Once started it does not stop."""

    START, UNLOCK, FEED = 0xCCCC, 0x5555, 0xAAAA

    def __init__(self, on_bite: Callable[[], None], base: int = 0x5600_4800) -> None:
        self.on_bite = on_bite
        self.frozen: Callable[[], bool] = lambda: False
        super().__init__("IWDG", base, 0x400)

    def reset(self) -> None:
        super().reset()
        self.registers[8] = 0xFFF
        self.running = False
        self._left = 0.0
        self._open = False

    @property
    def period(self) -> float:
        """Seconds."""
        return (self.registers.get(8, 0xFFF) + 1) * (4 << (self.registers.get(4, 0) & 15)) / LSI

    def read(self, offset: int) -> int:
        return 0 if offset == 0xC else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == 0:
            if value == self.START:
                self.running = True
            self._open = value == self.UNLOCK
            if value in (self.START, self.FEED):
                self._left = self.period
        elif self._open:
            super().write(offset, value)
            self._left = self.period

    @property
    def due(self) -> float | None:
        """Seconds until it bites."""
        return self._left if self.running and not self.frozen() else None

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        if self.running and not self.frozen():
            self._left -= seconds
            if self._left <= 0:
                self.on_bite()


class Thermometer(Peripheral):
    """DTS: one sensor that has a value."""

    def __init__(self, base: int = 0x5600_A000) -> None:
        super().__init__("DTS", base, 0x1000)

    def read(self, offset: int) -> int:
        return {0x88: 0, 0x24: 1}.get(offset, super().read(offset))


def _reflect(value: int) -> int:
    return int(f"{value:032b}"[::-1], 2)


class Crc(Peripheral):
    """The CRC unit with the reset polynomial, in the two ways that it is used: bytes bit-reversed on their way in, or not."""

    def __init__(self, base: int = 0x5602_4C00) -> None:
        super().__init__("CRC", base, 0x400, {0x10: WORD, 0x14: 0x04C1_1DB7})

    def reset(self) -> None:
        super().reset()
        self._zlib = 0  # the register's complement, bit-reversed: zlib's value for what went in

    def read(self, offset: int) -> int:
        if offset == 0:
            register = ~self._zlib & WORD
            return register if self.registers.get(8, 0) >> 7 & 1 else _reflect(register)
        return super().read(offset)

    def write_part(self, offset: int, value: int, size: int) -> None:
        if offset == 0:
            self._take((value & ((1 << 8 * size) - 1)).to_bytes(size, "big"))
        else:
            super().write_part(offset, value, size)

    def write(self, offset: int, value: int) -> None:
        if offset == 0:
            self._take(value.to_bytes(4, "big"))
            return
        if offset == 8 and value & 1:
            self._zlib = _reflect(~self.registers.get(0x10, 0) & WORD)
            value &= ~1
        super().write(offset, value)

    def _take(self, data: bytes) -> None:
        if self.registers.get(8, 0) >> 5 & 3 != 1:
            data = bytes(_reflect(byte) >> 24 for byte in data)
        self._zlib = zlib.crc32(data, self._zlib)


class RamSwitches(Peripheral):
    """RAMCFG: banks 3 to 6 of the AXI SRAM are switched off after reset."""

    OFF: Final = 1 << 20

    def __init__(self, on_change: Callable[[], None], base: int = 0x5202_3000) -> None:
        self.on_change = on_change
        super().__init__("RAMCFG", base, 0x1000, {0x80 * bank: self.OFF for bank in (2, 3, 4, 5)})

    def on(self, bank: int) -> bool:
        """Bank 1 to 6 has power."""
        return not self.registers.get(0x80 * (bank - 1), 0) & self.OFF

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        self.on_change()


class Isolation(Peripheral):
    """RIFSC: attributes of masters and of peripherals."""

    MASTERS: Final = 0xC10
    NPU: Final = 1

    def __init__(self, base: int = 0x5402_4000) -> None:
        super().__init__("RIFSC", base, 0x1000)

    def master(self, index: int) -> bool:
        """The master is secure, privileged and of compartment 1."""
        value = self.registers.get(self.MASTERS + 4 * index, 0)
        return bool(value >> 8 & 1 and value >> 9 & 1 and value >> 4 & 7 == 1)
