"""GPDMA1: linked lists, circular lists, and transfers between memory and the USART.

Source: stm32n657xx.h for registers; ST's reference manual and HAL (stm32n6xx_hal_dma.c, _dma_ex.c) for what BNDT, CLLR and the event flags do
(header). A channel that is started while BNDT is not 0 first finishes that block and only then loads its list: this is what makes a restart
after an error go on in the middle of a ring. Memory is secure, so a channel or a port that is not is refused. Registers of a channel that runs
are locked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol

from emulation.bus import Peripheral

CHANNELS: Final = 16
CLBAR, CCIDCFGR, CFCR, CSR, CCR = 0x00, 0x04, 0x0C, 0x10, 0x14
CTR1, CTR2, CBR1, CSAR, CDAR, CTR3, CBR2, CLLR = 0x40, 0x44, 0x48, 0x4C, 0x50, 0x54, 0x58, 0x7C
EN, RESET, SUSPEND = 1, 2, 4
DONE, HALF, ERROR = 1 << 8, 1 << 9, 1 << 10
FLAGS: Final = 0x7F00
SOURCE_SECURE, DESTINATION_SECURE = 1 << 15, 1 << 31
NODE: Final = ((31, CTR1), (30, CTR2), (29, CBR1), (28, CSAR), (27, CDAR), (26, CTR3), (25, CBR2), (16, CLLR))
FIRST_IRQ: Final = 84


class Memory(Protocol):
    """What a bus master sees."""

    def master_read(self, master: str, address: int, size: int) -> bytes: ...
    def master_write(self, master: str, address: int, data: bytes) -> None: ...


class Dma(Peripheral):
    """Channels of one controller."""

    def __init__(self, memory: Memory, problem: Callable[[str, str, int], None], base: int = 0x5002_1000) -> None:
        self.memory = memory
        self.problem = problem
        self.fail_next: set[int] = set()
        """channels whose next byte ends in a transfer error"""
        super().__init__("GPDMA1", base, 0x1000)

    def reset(self) -> None:
        super().reset()
        self._blocks: dict[int, int] = {}

    def _get(self, channel: int, register: int) -> int:
        return self.registers.get(0x50 + 0x80 * channel + register, 0)

    def _set(self, channel: int, register: int, value: int) -> None:
        self.registers[0x50 + 0x80 * channel + register] = value & 0xFFFF_FFFF

    def irqs(self) -> dict[int, Callable[[], bool]]:
        """Interrupt lines by number."""
        return {FIRST_IRQ + channel: partial(self._level, channel) for channel in range(CHANNELS)}

    def _level(self, channel: int) -> bool:
        return bool(self._get(channel, CSR) & self._get(channel, CCR) & FLAGS)

    def read(self, offset: int) -> int:
        if offset == 0x10:  # SMISR
            return sum(1 << channel for channel in range(CHANNELS) if self._level(channel))
        if offset >= 0x50 and (offset - 0x50) % 0x80 == CSR:
            channel = (offset - 0x50) // 0x80
            return self._get(channel, CSR) | (0 if self._get(channel, CCR) & EN else 1)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset < 0x50:
            super().write(offset, value)
            return
        channel, register = divmod(offset - 0x50, 0x80)
        if register == CFCR:
            self._set(channel, CSR, self._get(channel, CSR) & ~value)
        elif register == CCR:
            self._control(channel, value)
        elif register >= CTR1 and self._get(channel, CCR) & EN:
            self.problem("write to a locked register", f"GPDMA1 channel {channel}", self.base + offset)
        else:
            self._set(channel, register, value)

    def _control(self, channel: int, value: int) -> None:
        was = self._get(channel, CCR)
        if value & RESET:
            self._set(channel, CSR, 0)
            value &= ~(RESET | EN | SUSPEND)
        elif value & SUSPEND and was & EN:
            self._set(channel, CSR, self._get(channel, CSR) | 1 << 13)
        elif was & EN:
            value |= EN  # only a reset clears it
        self._set(channel, CCR, value)
        if value & EN and not was & EN:
            if self._get(channel, CBR1) & 0xFFFF == 0 and self._get(channel, CLLR):
                self._load(channel)
            self._blocks[channel] = self._get(channel, CBR1) & 0xFFFF

    def _load(self, channel: int) -> None:
        link = self._get(channel, CLLR)
        address = self._get(channel, CLBAR) & 0xFFFF_0000 | link & 0xFFFC
        count = sum(link >> bit & 1 for bit, _ in NODE)
        words = iter(struct.unpack(f"<{count}I", self.memory.master_read("DMA", address, 4 * count)))
        for bit, register in NODE:
            if link >> bit & 1:
                self._set(channel, register, next(words))
        self._blocks[channel] = self._get(channel, CBR1) & 0xFFFF

    def _refused(self, channel: int, bit: int) -> bool:
        secure = self.registers.get(0, 0) >> channel & 1 and self._get(channel, CTR1) & bit
        if not secure:
            self.problem("access of a DMA channel that is not secure", f"GPDMA1 channel {channel}", self.base)
        if channel in self.fail_next:
            self.fail_next.discard(channel)
            secure = 0
        if not secure:
            self._set(channel, CSR, self._get(channel, CSR) | ERROR)
            self._set(channel, CCR, self._get(channel, CCR) & ~EN)
        return not secure

    def _running(self, requests: Iterable[int]) -> Iterable[int]:
        for channel in range(CHANNELS):
            control = self._get(channel, CCR)
            if control & EN and not control & SUSPEND and self._get(channel, CTR2) & 0xFF in requests:
                yield channel

    def _advance(self, channel: int, count: int) -> None:
        left = (self._get(channel, CBR1) & 0xFFFF) - count
        block = self._blocks.get(channel, left + count)
        if left <= block // 2 < left + count:
            self._set(channel, CSR, self._get(channel, CSR) | HALF)
        self._set(channel, CBR1, self._get(channel, CBR1) & ~0xFFFF | left)
        if left == 0:
            self._set(channel, CSR, self._get(channel, CSR) | DONE)
            if self._get(channel, CLLR):
                self._load(channel)
            else:
                self._set(channel, CCR, self._get(channel, CCR) & ~EN)

    def to_memory(self, request: int, data: bytes) -> int:
        """Bytes of a peripheral's request; returns how many a channel took."""
        taken = 0
        while taken < len(data):
            channel = next(iter(self._running((request,))), None)
            if channel is None or self._refused(channel, DESTINATION_SECURE):
                break
            at = self._get(channel, CDAR)
            count = min(len(data) - taken, self._get(channel, CBR1) & 0xFFFF)
            self.memory.master_write("DMA", at, data[taken : taken + count])
            self._set(channel, CDAR, at + count)
            self._advance(channel, count)
            taken += count
        return taken

    def from_memory(self, request: int, room: int) -> bytes:
        """At most so many bytes for a peripheral's request."""
        found = bytearray()
        while len(found) < room:
            channel = next(iter(self._running((request,))), None)
            if channel is None or self._refused(channel, SOURCE_SECURE):
                break
            at = self._get(channel, CSAR)
            count = min(room - len(found), self._get(channel, CBR1) & 0xFFFF)
            found += self.memory.master_read("DMA", at, count)
            self._set(channel, CSAR, at + count)
            self._advance(channel, count)
        return bytes(found)
