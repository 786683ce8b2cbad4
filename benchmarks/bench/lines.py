"""The lines between a program and a device: a socket or a serial port without limit, and serial ports with a rate and a delay.

A line with a rate is a process that passes bytes, each not earlier than the line could have carried it. All programs of a comparison use
the same kind of line, so that they differ in nothing else.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import select
import signal
import socket
import time
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Literal

FORK: Final = get_context("fork")
PIECE: Final = 0.0005
"""seconds of a line that are passed on together"""
QUEUE: Final = 4096
"""bytes that a line accepts before they are due, as the buffer of a serial port"""
UART: Final = 10
"""bits of a byte on a UART"""
PR_SET_PDEATHSIG, PR_SET_TIMERSLACK = 1, 29
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Line:
    """A kind of line.

    Attributes:
        kind: what the program opens.
        rate: bytes per second of each direction; 0 = no limit.
        delay: seconds that the bytes of the device are late.
        baud: the rate that the device announces, for a UART; 0 = none.
        uart: the rate of a device at first, if it keeps to its rate itself and the program may change it; 0 = none.
    """

    name: str
    kind: Literal["socket", "pty"] = "pty"
    rate: float = 0.0
    delay: float = 0.0
    baud: int = 0
    uart: int = 0


def uart(baud: int, delay: float = 0.0) -> Line:
    """A serial port with the speed of a UART."""
    return Line(f"{baud} baud" + _late(delay), "pty", baud / UART, delay, baud)


def usb(megabytes: float, delay: float = 0.0) -> Line:
    """A serial port with the speed of a USB connection."""
    return Line(f"{megabytes:g} MB/s" + _late(delay), "pty", megabytes * 1e6, delay)


def _late(delay: float) -> str:
    return f" +{delay * 1e3:g} ms" if delay else ""


SOCKET: Final = Line("socket", "socket")
PTY: Final = Line("pty")


@dataclass(frozen=True, slots=True)
class Port:
    """Where a program finds its device."""

    path: str
    line: Line

    @property
    def url(self) -> str:
        """For n6link; the rate of a UART is fixed, as it is on the line."""
        rate = f"?baud={self.line.baud}" if self.line.baud else ""
        return f"unix:{self.path}" if self.line.kind == "socket" else f"serial:{self.path}{rate}"


def settle() -> None:
    """At the start of a forked process: it ends with its parent, and its timers are exact."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_TIMERSLACK, 1000)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def process(function: Callable[[], None]) -> Iterator[None]:
    """A process that runs a function, and is killed at the end."""

    def start() -> None:
        settle()
        with suppress(ConnectionError):  # the other end was closed: the measurement is over
            function()

    child = FORK.Process(target=start, daemon=True)
    child.start()
    try:
        yield
    finally:
        child.kill()
        child.join()


@contextmanager
def connected(line: Line, folder: Path, device: Callable[[socket.socket], None]) -> Iterator[Port]:
    """A program's end of a line to a device, which is a function of a socket."""
    path = folder / f"device{next(_numbers)}"
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(str(path), family=socket.AF_UNIX))
        stack.enter_context(process(lambda: device(listener.accept()[0])))
        yield stack.enter_context(attached(line, path))


@contextmanager
def attached(line: Line, device: Path) -> Iterator[Port]:
    """A program's end of a line to a device that listens on a unix socket."""
    if line.kind == "socket":
        yield Port(str(device), line)
        return
    near, slave = os.openpty()
    tty.setraw(slave)  # it stays open here, so that the program may open and close it
    with socket.socket(socket.AF_UNIX) as far:
        far.connect(str(device))
        with process(lambda: carry(near, far.fileno(), line)):
            os.close(near)
            try:
                yield Port(os.ttyname(slave), line)
            finally:
                os.close(slave)


class Way:
    """One direction of a line."""

    def __init__(self, source: int, sink: int, rate: float, delay: float) -> None:
        self.source, self.sink, self.rate, self.delay = source, sink, rate, delay
        self.room = QUEUE + int(rate * (delay + PIECE)) if rate else 1 << 20
        self.waiting: deque[tuple[float, memoryview]] = deque()
        """the moment at which the first byte starts on the line, plus the delay; and the bytes"""
        self.size, self.free, self.full = 0, 0.0, False

    @property
    def reads(self) -> bool:
        """Whether it takes more bytes."""
        return self.size < self.room

    def read(self) -> None:
        """Takes what has arrived."""
        data = os.read(self.source, min(self.room - self.size, 65536))
        if not data:
            raise EOFError
        start = max(time.monotonic(), self.free)
        self.free = start + (len(data) / self.rate if self.rate else 0.0)
        self.waiting.append((start + self.delay, memoryview(data)))
        self.size += len(data)

    def write(self) -> None:
        """Passes on what is due."""
        self.full = False
        while self.waiting:
            start, data = self.waiting[0]
            passed = time.monotonic() - start
            due = int(passed * self.rate) if self.rate else len(data) * (passed >= 0)
            if due <= 0:
                return
            try:
                sent = os.write(self.sink, data[:due])
            except BlockingIOError:
                self.full = True
                return
            self.size -= sent
            if sent == len(data):
                self.waiting.popleft()
            else:
                self.waiting[0] = (start + (sent / self.rate if self.rate else 0.0), data[sent:])

    @property
    def next(self) -> float:
        """When more is due."""
        if not self.waiting or self.full:
            return float("inf")
        start, data = self.waiting[0]
        return start + (min(len(data) / self.rate, PIECE) if self.rate else 0.0)


def carry(near: int, far: int, line: Line) -> None:
    """Passes bytes, until one end is closed."""
    for file in (near, far):
        os.set_blocking(file, False)
    ways = Way(near, far, line.rate, 0.0), Way(far, near, line.rate, line.delay)
    with suppress(OSError, EOFError):
        while True:
            wait = min(way.next for way in ways) - time.monotonic()
            reads = [way.source for way in ways if way.reads]
            writes = [way.sink for way in ways if way.full]
            ready, _, _ = select.select(reads, writes, [], None if wait == float("inf") else max(wait, 0.0))
            for way in ways:
                if way.source in ready:
                    way.read()
                way.write()
