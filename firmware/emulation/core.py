"""What is in the core next to the CPU: NVIC, SysTick, SCB, cycle counter, debug registers, cache maintenance by address.

Source: Armv8-M Architecture Reference Manual (DDI 0553) and the Cortex-M55 Technical Reference Manual (101051) for addresses and bits.
The cycle counter counts while the CPU sleeps, unless `sleep_stops_cycles` is set: silicon's behaviour is not known to us.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import unicorn as u

from emulation.bus import WORD, Peripheral

BASE: Final = 0xE000_0000
CYCCNT, DWT_CTRL = 0x1004, 0x1000
SYST_CSR, SYST_RVR, SYST_CVR, SYST_CALIB = 0xE010, 0xE014, 0xE018, 0xE01C
ISER, ICER, ISPR, ICPR, PRIORITY = 0xE100, 0xE180, 0xE200, 0xE280, 0xE400
ICSR, VTOR, AIRCR, SCR, CCR, SHPR3 = 0xED04, 0xED08, 0xED0C, 0xED10, 0xED14, 0xED20
CFSR, HFSR, MMFAR, BFAR, CPACR = 0xED28, 0xED2C, 0xED34, 0xED38, 0xED88
CTR, CCSIDR, CLIDR, CSSELR = 0xED7C, 0xED80, 0xED78, 0xED84
DHCSR, DEMCR = 0xEDF0, 0xEDFC
INVALIDATE, CLEAN, CLEAN_INVALIDATE = 0xEF5C, 0xEF68, 0xEF70
INVALIDATE_SET, CLEAN_SET, CLEAN_INVALIDATE_SET = 0xEF60, 0xEF6C, 0xEF74
KEY: Final = 0x05FA
C_DEBUGEN: Final = 1
DATA_CACHE: Final = 1 << 16
VECTORS: Final = 16 + 195
SYSTICK: Final = 15


class System(Peripheral):
    """System control space of a Cortex-M55, as far as firmware looks at it."""

    def __init__(self) -> None:
        self.pending: set[int] = set()
        self.enabled: set[int] = set()
        self.lines: dict[int, Callable[[], bool]] = {}
        self.cycles: Callable[[], int] = lambda: 0
        self.on_reset: Callable[[], None] = lambda: None
        self.on_maintenance: Callable[[str, int | None], None] = lambda operation, address: None
        self.on_fpu: Callable[[bool], None] = lambda on: None
        self.on_data_cache: Callable[[bool], None] = lambda on: None
        self.debugger = False
        self.sleep_stops_cycles = False
        self.skipped = 0
        """cycles of sleep that the counter did not count"""
        self._cycle_base = 0
        self._tick_base = 0
        super().__init__("core", BASE, 0x10_0000, {CTR: 0x8303_C003, CCSIDR: 0xF01F_E019, CLIDR: 0x0900_0003, VTOR: 0})

    def reset(self) -> None:
        super().reset()
        self.pending.clear()
        self.enabled.clear()

    # ---- interrupts

    def set_pending(self, irq: int) -> None:
        """An interrupt of a peripheral, by its number in the vector table less 16."""
        self.pending.add(16 + irq)

    def priority(self, number: int) -> int:
        """Lower is more urgent."""
        if number < 4:
            return number - 4
        if number == SYSTICK:
            return self.registers.get(SHPR3, 0) >> 24
        return self.registers.get(PRIORITY + (number - 16 & ~3), 0) >> 8 * (number - 16 & 3) & 0xFF

    def most_urgent(self, active: list[int]) -> int | None:
        """The pending exception that interrupts what is active."""
        for irq, level in self.lines.items():
            if 16 + irq in self.enabled and level():
                self.pending.add(16 + irq)
        ready = [n for n in self.pending if n < 16 or n in self.enabled]
        if not ready:
            return None
        number = min(ready, key=lambda n: (self.priority(n), n))
        running = min((self.priority(n) for n in active), default=1 << 16)
        return number if self.priority(number) < running else None

    def take(self, number: int) -> None:
        """It is entered now."""
        self.pending.discard(number)

    def vector(self, number: int, uc: u.Uc) -> int:
        """Address of a handler."""
        return int.from_bytes(uc.mem_read(self.registers.get(VTOR, 0) + 4 * number, 4), "little")

    def tick(self) -> None:
        """SysTick has counted to zero."""
        self._tick_base = self.cycles()
        if self.registers.get(SYST_CSR, 0) & 2:
            self.pending.add(SYSTICK)

    @property
    def next_tick(self) -> int | None:
        """Cycle of SysTick's next zero; None if it is off."""
        if not self.registers.get(SYST_CSR, 0) & 1:
            return None
        return self._tick_base + self.registers.get(SYST_RVR, 0) + 1

    def set_fault(self, kind: str, address: int) -> None:
        """Fault status of a fault that is escalated."""
        self.registers[HFSR] = 1 << 30
        if kind == "bus error":
            self.registers[CFSR] = 1 << 15 | 1 << 9
            self.registers[BFAR] = address
        else:
            bits = {"no coprocessor": 19, "stack overflow": 20}
            self.registers[CFSR] = 1 << bits.get(kind, 16)

    # ---- registers

    def read(self, offset: int) -> int:
        if offset == CYCCNT:
            return (self.cycles() - self.skipped - self._cycle_base) & WORD
        if offset == SYST_CVR:
            reload = self.registers.get(SYST_RVR, 0)
            return reload - (self.cycles() - self._tick_base) % (reload + 1)
        if offset == SYST_CSR:
            return self.registers.get(offset, 0) | 1 << 16
        if offset == DHCSR:
            return C_DEBUGEN if self.debugger else 0
        if ISER <= offset < ISER + 0x40:
            return sum(1 << i for i in range(32) if 16 + (offset - ISER) * 8 + i in self.enabled)
        if ISPR <= offset < ISPR + 0x40:
            return sum(1 << i for i in range(32) if 16 + (offset - ISPR) * 8 + i in self.pending)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        for base, change in (
            (ISER, self.enabled.add),
            (ICER, self.enabled.discard),
            (ISPR, self.pending.add),
            (ICPR, self.pending.discard),
        ):
            if base <= offset < base + 0x40:
                for i in range(32):
                    if value >> i & 1:
                        change(16 + (offset - base) * 8 + i)
                return
        for register, operation in (
            (INVALIDATE, "invalidate"),
            (CLEAN, "clean"),
            (CLEAN_INVALIDATE, "clean+invalidate"),
        ):
            if offset == register:
                self.on_maintenance(operation, value & ~31)
                return
        for register, operation in (
            (INVALIDATE_SET, "invalidate"),
            (CLEAN_SET, "clean"),
            (CLEAN_INVALIDATE_SET, "clean+invalidate"),
        ):
            if offset == register:
                if value == 0:  # firmware walks all sets and ways; the first one is taken for all
                    self.on_maintenance(operation, None)
                return
        if offset == AIRCR:
            if value >> 16 == KEY and value & 4:
                self.on_reset()
            return
        if offset in (CFSR, HFSR):
            self.registers[offset] = self.registers.get(offset, 0) & ~value
            return
        if offset == CYCCNT:
            self._cycle_base = self.cycles() - self.skipped - value
        if offset in (SYST_CVR, SYST_CSR, SYST_RVR):
            self._tick_base = self.cycles()
        if offset == CCR:
            self.on_data_cache(bool(value & DATA_CACHE))
        if offset == CPACR:
            self.on_fpu(bool(value >> 20 & 3))
        super().write(offset, value)
