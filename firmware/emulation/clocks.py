"""RCC and PWR: oscillators, PLLs, the clock tree, what is clocked awake and asleep, and why the chip was reset.

Source: stm32n657xx.h for offsets and bits; ST's HAL (stm32n6xx_hal_rcc.c) for how a frequency follows from the registers (header). The
limits of 600 MHz at nominal and 800 MHz at overdrive core voltage are the data sheet's. The sleep enables are taken as 0 after reset, the
worse case for firmware: nothing stays clocked in sleep that was not asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emulation.bus import WORD, Peripheral

HSI: Final = 64_000_000
HSE: Final = 48_000_000
CR, SR, CFGR1, CFGR2, RSR = 0x00, 0x04, 0x20, 0x24, 0x34
PLL1, IC1, CCIPR6, CCIPR13 = 0x80, 0xC4, 0x158, 0x174
ENABLE, SLEEP = 0x244, 0x284
SET, CLEAR = 0x800, 0x1000
RMVF: Final = 1 << 16
RESETS: Final = {"lockup": 17, "brown-out": 21, "pin": 22, "power-on": 23, "software": 24, "watchdog": 26}
"""bits of RSR"""
PLL_BITS: Final = (8, 9, 10, 11)

# Registers of clock enables from ENABLE on, a word each, in this order.
_WORDS: Final = ("BUS", "MISC", "MEM", "AHB1", "AHB2", "AHB3", "AHB4", "AHB5", "APB11", "APB12", "APB2")
GATES: Final[dict[str, tuple[str, int]]] = {
    "GPDMA1": ("AHB1", 4),
    "RAMCFG": ("AHB2", 12),
    "RNG": ("AHB3", 0),
    "RIFSC": ("AHB3", 9),
    **{f"GPIO{c}": ("AHB4", b) for c, b in zip("ABCDEFGHNOPQ", (*range(8), 13, 14, 15, 16), strict=True)},
    "PWR": ("AHB4", 18),
    "CRC": ("AHB4", 19),
    "XSPI1": ("AHB5", 5),
    "XSPI2": ("AHB5", 12),
    "XSPIM": ("AHB5", 13),
    "CACHEAXI": ("AHB5", 30),
    "NPU": ("AHB5", 31),
    "USART1": ("APB2", 4),
    "AXISRAM1": ("MEM", 7),
    "AXISRAM2": ("MEM", 8),
    "AXISRAM3": ("MEM", 0),
    "AXISRAM4": ("MEM", 1),
    "AXISRAM5": ("MEM", 2),
    "AXISRAM6": ("MEM", 3),
    "CACHEAXIRAM": ("MEM", 10),
}
"""what is enabled by which bit; a peripheral that is not here is always clocked"""
BOOT: Final = ("AXISRAM1", "AXISRAM2", "PWR")
"""what the boot ROM leaves enabled: it and the loader work in these memories"""


class Power(Peripheral):
    """PWR: voltages are reached at once."""

    def __init__(self, base: int = 0x5602_4800) -> None:
        super().__init__("PWR", base, 0x400)

    def read(self, offset: int) -> int:
        value = super().read(offset)
        if offset == 0x20:  # VOSCR: requested level, reached
            level = value & 1
            return level | 1 << 1 | level << 16 | 1 << 17
        if offset in (0x34, 0x38):
            return value | 1 << 16
        return value | 7 << 16 | 1 << 20 if offset == 0x3C else value

    @property
    def overdrive(self) -> bool:
        """Core voltage for the high frequencies."""
        return bool(self.registers.get(0x20, 0) & 1)


class Clocks(Peripheral):
    """RCC."""

    def __init__(self, base: int = 0x5602_8000) -> None:
        self.dead_plls: set[int] = set()
        self.on_change: Callable[[], None] = lambda: None
        self.on_reset_bit: Callable[[str], None] = lambda name: None
        self.cause = "power-on"
        super().__init__("RCC", base, 0x1400)

    def reset(self) -> None:
        super().reset()
        self.registers[CR] = 1 << 3
        for name in BOOT:
            word, bit = GATES[name]
            self.registers[self._at(ENABLE, word)] = self.registers.get(self._at(ENABLE, word), 0) | 1 << bit

    def note(self, cause: str) -> None:
        """The flag of a reset; flags add up until they are cleared. Power-on sets its own alone."""
        kept = 0 if cause == "power-on" else self._flags
        self._flags = kept | 1 << RESETS[cause] | 1 << RESETS["pin"]  # any reset drives the pin

    _flags: int = 1 << RESETS["power-on"] | 1 << RESETS["pin"]

    @staticmethod
    def _at(block: int, word: str) -> int:
        return block + 4 * _WORDS.index(word)

    def clocked(self, name: str, *, asleep: bool = False) -> bool:
        """Whether something has its clock."""
        gate = GATES.get(name)
        if gate is None:
            return True
        on = self.registers.get(self._at(ENABLE, gate[0]), 0) >> gate[1] & 1
        if asleep:
            on &= self.registers.get(self._at(SLEEP, gate[0]), 0) >> gate[1]
        return bool(on)

    # ---- registers

    def read(self, offset: int) -> int:
        if offset == SR:
            ready = self.registers.get(CR, 0)
            for pll in self.dead_plls:
                ready &= ~(1 << PLL_BITS[pll - 1])
            return ready
        if offset == CFGR1:
            value = self.registers.get(CFGR1, 0) & ~0x3030_0000
            return value | (value & 0x0303_0000) << 4
        if offset == RSR:
            return self._flags
        if SET <= offset < CLEAR:
            return super().read(offset - SET)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == RSR:
            if value & RMVF:
                self._flags = 0
            return
        target, mask = offset, value
        if SET <= offset < CLEAR:
            target, mask = offset - SET, self.registers.get(offset - SET, 0) | value
        elif offset >= CLEAR:
            target, mask = offset - CLEAR, self.registers.get(offset - CLEAR, 0) & ~value
        self.registers[target] = mask & WORD
        if 0x208 <= target < 0x240 and SET <= offset < CLEAR:
            for name, (word, bit) in GATES.items():
                if target == 0x204 + 4 * _WORDS.index(word) and value >> bit & 1:
                    self.on_reset_bit(name)
        self.on_change()

    # ---- frequencies

    def pll(self, number: int) -> int:
        """Output of a PLL, Hz; 0 if off or not locked."""
        if not self.read(SR) >> PLL_BITS[number - 1] & 1:
            return 0
        base = PLL1 + 0x10 * (number - 1)
        first, third = self.registers.get(base, 0), self.registers.get(base + 8, 0)
        source = HSE if first >> 28 & 7 == 2 else HSI
        if first >> 27 & 1:
            return source
        m, n = first >> 20 & 0x3F, first >> 8 & 0xFFF
        p1, p2 = third >> 27 & 7, third >> 24 & 7
        if not (m and n and p1 and p2) or not third >> 30 & 1:
            return 0
        return source * n // (m * p1 * p2)

    def ic(self, number: int) -> int:
        """Output of a divider IC1 to IC20, Hz."""
        value = self.registers.get(IC1 + 4 * (number - 1), 0)
        return self.pll((value >> 28 & 3) + 1) // ((value >> 16 & 0xFF) + 1)

    @property
    def cpu(self) -> int:
        """CPU, Hz."""
        return self.ic(1) if self.registers.get(CFGR1, 0) >> 16 & 3 == 3 else HSI

    @property
    def bus(self) -> int:
        """AXI bus, Hz."""
        return self.ic(2) if self.registers.get(CFGR1, 0) >> 24 & 3 == 3 else HSI

    @property
    def npu(self) -> int:
        """NPU, Hz."""
        return self.ic(6) if self.registers.get(CFGR1, 0) >> 24 & 3 == 3 else HSI

    @property
    def apb2(self) -> int:
        """Bus of USART1, Hz."""
        dividers = self.registers.get(CFGR2, 0)
        return self.bus >> (dividers >> 20 & 7) >> (dividers >> 4 & 7)

    @property
    def usart1(self) -> int:
        """Kernel clock of USART1, Hz; 0 for a source that is not modelled."""
        source = self.registers.get(CCIPR13, 0) & 7
        return {0: self.apb2, 6: HSI}.get(source, 0)
