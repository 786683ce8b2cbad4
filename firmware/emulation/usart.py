"""USART1 with DMA, idle line and line errors, at the bit rate that its registers and the clock tree give.

Source: stm32n657xx.h for registers, ST's HAL (stm32n6xx_hal_uart.c) for the acknowledge flags (header). A rate that is more than 3 % off the
other end's turns bytes into other bytes with framing errors. Time is the chip's: a byte takes ten bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from emulation.bus import Peripheral
from emulation.clocks import Clocks
from emulation.dma import Dma

CR1, CR2, CR3, BRR, RQR, ISR, ICR, RDR, TDR = 0x00, 0x04, 0x08, 0x0C, 0x18, 0x1C, 0x20, 0x24, 0x28
UE, RE, TE, IDLEIE, RXNEIE = 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
EIE, DMAR, DMAT, OVRDIS, DDRE = 1, 1 << 6, 1 << 7, 1 << 12, 1 << 13
PE, FE, NE, ORE, IDLE, RXNE, TC, TXE = (1 << i for i in range(8))
MARK: Final = 1 << 31
"""on a byte of the line: something happens when it passes"""
RX_REQUEST: Final = 0x69
IRQ: Final = 159
TOLERANCE: Final = 0.03
FIFO: Final = 16


class Usart(Peripheral):
    """USART1. `arrive` puts bytes on the line; what the chip sends is collected in `sent`."""

    def __init__(
        self, clocks: Clocks, dma: Dma, requests: tuple[int, int], host_baud: int, base: int = 0x5200_1000
    ) -> None:
        self.clocks = clocks
        self.dma = dma
        self.rx_request, self.tx_request = requests
        self.host_baud = host_baud
        self.incoming: deque[tuple[int, int]] = deque()
        self.sent = bytearray()
        self.lost = 0
        self.on_mark: Callable[[], None] = lambda: None
        super().__init__("USART1", base, 0x400)

    def reset(self) -> None:
        super().reset()
        self._flags = TC
        self._fifo: deque[int] = deque()
        self._debt = 0.0
        self._send_debt = self._leaving = 0.0
        self._quiet = True

    @property
    def baud(self) -> float:
        """Bit rate; 0 if the USART has no clock or divider."""
        divider = self.registers.get(BRR, 0)
        return self.clocks.usart1 / divider if divider else 0.0

    @property
    def in_step(self) -> bool:
        """The rate is near the other end's."""
        return abs(self.baud - self.host_baud) <= TOLERANCE * self.host_baud

    def arrive(self, data: bytes, errors: int = 0) -> None:
        """Bytes on the line, each with the error flags PE, FE, NE."""
        self.incoming.extend((byte, errors) for byte in data)

    def line(self) -> bool:
        """Interrupt level."""
        cr1, cr3 = self.registers.get(CR1, 0), self.registers.get(CR3, 0)
        return bool(
            (cr1 & IDLEIE and self._flags & IDLE)
            or (cr1 & RXNEIE and self._fifo)
            or (cr3 & EIE and self._flags & (FE | NE | ORE))
        )

    def read(self, offset: int) -> int:
        if offset == ISR:
            cr1 = self.registers.get(CR1, 0)
            enabled = (1 << 21 if cr1 & TE else 0) | (1 << 22 if cr1 & RE else 0)
            return self._flags | TXE | enabled | (RXNE if self._fifo else 0)
        if offset == RDR:
            return self._fifo.popleft() if self._fifo else 0
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == ICR:
            self._flags &= ~value
        elif offset == TDR:
            if self.registers.get(CR1, 0) & (UE | TE) == UE | TE:
                self._send(bytes([value & 0xFF]))
        elif offset == CR1 and not value & UE and not self._flags & TC:
            self.dma.problem("USART disabled while it sends", "the last bytes are lost", self.base + offset)
            del self.sent[-min(FIFO, len(self.sent)) :]
            super().write(offset, value)
        elif offset == BRR and self.registers.get(CR1, 0) & UE:
            self.dma.problem("write to a locked register", "USART1 BRR while UE is set", self.base + offset)
        else:
            super().write(offset, value)

    def _send(self, data: bytes) -> None:
        self.sent += data if self.in_step else bytes(byte ^ 0xA5 for byte in data)

    def advance(self, seconds: float) -> None:
        """Moves what the line and the DMA can move in a time."""
        cr1, cr3 = self.registers.get(CR1, 0), self.registers.get(CR3, 0)
        if not cr1 & UE:
            self.lost += len(self.incoming)
            self.incoming.clear()
            return
        self._receive(seconds, cr1, cr3)
        if cr1 & TE and cr3 & DMAT:
            self._send_debt = min(self._send_debt + seconds * self.baud / 10, 4096.0)
            data = self.dma.from_memory(self.tx_request, int(self._send_debt))
            self._send_debt = self._send_debt - len(data) if data else min(self._send_debt, FIFO)
            self._send(data)
            self._complete(len(data), seconds)

    def _complete(self, moved: int, seconds: float) -> None:
        """The last bytes that the DMA has moved are still in the FIFO for a time."""
        if moved:
            self._leaving = min(moved, FIFO) * 10 / max(self.baud, 1.0)
        else:
            self._leaving -= seconds
        self._flags = self._flags & ~TC if self._leaving > 0 else self._flags | TC

    def _receive(self, seconds: float, cr1: int, cr3: int) -> None:
        self._debt += seconds * self.host_baud / 10
        due = min(int(self._debt), len(self.incoming))
        if not self.incoming:
            self._debt = min(self._debt, 1.0)
        if due == 0:
            if not self.incoming and not self._quiet:
                self._quiet = True
                self._flags |= IDLE
            return
        self._debt -= due
        self._quiet = False
        batch = bytearray()
        for _ in range(due):
            byte, errors = self.incoming.popleft()
            if errors & MARK:
                errors = 0
                self.on_mark()
            if not self.in_step:
                byte, errors = byte ^ 0x5A, errors | FE
            self._flags |= errors
            batch.append(byte)
        if not cr1 & RE:
            self.lost += len(batch)
            return
        stopped = cr3 & DDRE and self._flags & (PE | FE | NE)
        taken = 0
        if cr3 & DMAR and not stopped and not (self._flags & ORE and not cr3 & OVRDIS):
            taken = self.dma.to_memory(self.rx_request, bytes(batch))
        for byte in batch[taken:]:
            if len(self._fifo) < FIFO:
                self._fifo.append(byte)
                continue
            self.lost += 1
            if not cr3 & OVRDIS:
                self._flags |= ORE

    def due(self) -> float | None:
        """Seconds until something happens by itself; None if nothing will."""
        if self.incoming:
            return 10 / self.host_baud
        return 0.0 if not self._quiet else None

    def pending_fifo(self, level: Callable[[], bool] = lambda: True) -> None:
        """Bytes that waited for a DMA channel go to it, as soon as there is one."""
        if self._fifo and self.registers.get(CR3, 0) & DMAR and level():
            data = bytes(self._fifo)
            taken = self.dma.to_memory(self.rx_request, data)
            for _ in range(taken):
                self._fifo.popleft()
