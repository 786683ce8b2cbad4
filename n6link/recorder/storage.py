"""Where the blocks of a recording go: a file that grows, or a ring in memory that is written when something fails.

Files are written by threads, never by the event loop: a disk may take seconds. What waits for a slow disk is bounded; blocks
above that are dropped, and an event says how many.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Final, TypeAlias

from n6link import ambient
from n6link.recorder.pcapng import Parts

INTERVAL: Final = 0.02
"""seconds for which blocks are collected for one write: a program that is killed loses what is younger"""
WAITING: Final = 64 << 20
"""bytes that may wait for a slow disk"""
PAUSE: Final = 10.0
"""seconds between two writes of a ring; a failure in between is written with the next one, or at closing"""

Gap: TypeAlias = Callable[[int], Parts]
"""the event that says how many blocks are missing"""
_Entry: TypeAlias = tuple[int, Parts, int]
"""number, block, bytes"""
_logger = logging.getLogger("n6link.recorder")


class Storage(ABC):
    """Takes blocks, in order, from any thread. No method except :meth:`close` waits for a disk."""

    @abstractmethod
    def put(self, block: Parts) -> None:
        """Adds a block."""

    def opening(self) -> None:  # noqa: B027  only a ring needs to know
        """The blocks that follow open or resume a session."""

    def opened(self, *, described: bool) -> None:  # noqa: B027
        """The session is open; whether the blocks since :meth:`opening` contain the description of the device."""

    @abstractmethod
    def failed(self) -> None:
        """Something has failed: what is stored is wanted on the disk."""

    @abstractmethod
    def close(self) -> None:
        """Waits until all that is wanted on the disk is there."""


class Growing(Storage):
    """A file that holds everything.

    Args:
        path: of the file.
        head: its first blocks.
        gap: makes an event.
        again: add to the file, instead of replacing it.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, head: bytes, gap: Gap, *, again: bool) -> None:
        self._path = path
        self._file = path.open("ab" if again else "wb", buffering=0)
        _write_all(self._file, head)
        self._gap = gap
        self._dropped = 0
        self._waiting: list[bytes] = []
        self._size = 0
        self._lock, self._filled, self._urgent = threading.Lock(), threading.Event(), threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._write, name="n6link recorder", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def put(self, block: Parts) -> None:
        """See :class:`Storage`."""
        size = sum(map(len, block))
        with self._lock:
            if self._over or self._size + size > WAITING:
                self._dropped += 1
                return
            if self._dropped:
                self._waiting += self._gap(self._dropped)
                self._dropped = 0
            self._waiting += block
            self._size += size
        self._filled.set()

    def failed(self) -> None:
        """See :class:`Storage`."""
        self._urgent.set()
        self._filled.set()

    def close(self) -> None:
        """See :class:`Storage`."""
        self._over = True
        self.failed()
        self._thread.join()
        atexit.unregister(self.close)

    def _write(self) -> None:
        over = False
        with self._file as file:
            while not over:
                self._filled.wait()
                self._urgent.wait(INTERVAL)
                self._filled.clear()
                self._urgent.clear()
                over = self._over
                with self._lock:
                    parts, self._waiting, self._size = self._waiting, [], 0
                try:
                    _write_all(file, b"".join(parts))
                except OSError as error:
                    self._over = over = True
                    _logger.warning("the recording %s ends here: %s", self._path, error.strerror or error)


def _write_all(file: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


class Ring(Storage):
    """The last bytes, and the description of the device, in memory; a failure writes them to a file, which has the newest failure.

    Args:
        path: of the file; it is replaced as a whole, so it is complete at any time.
        head: its first blocks.
        gap: makes an event.
        size: bytes that are kept, apart from the description.
    """

    def __init__(self, path: Path, head: bytes, gap: Gap, size: int) -> None:
        self._path, self._head, self._gap, self._limit = path, head, gap, size
        self._count = self._size = 0
        self._described: list[_Entry] = []
        self._opening: list[_Entry] | None = None
        self._opening_size = 0
        self._newest: deque[_Entry] = deque()
        self._due = False
        self._written = float("-inf")
        self._writer: threading.Thread | None = None
        self._lock = threading.RLock()

    def put(self, block: Parts) -> None:
        """See :class:`Storage`."""
        with self._lock:
            self._add(block)

    def _add(self, block: Parts) -> None:
        self._count += 1
        entry = self._count, block, sum(map(len, block))
        if self._opening is None:
            self._keep(entry)
        else:
            self._opening.append(entry)
            self._opening_size += entry[2]
            if self._opening_size > self._limit:
                self._spill()
        if self._due:
            self.failed()

    def opening(self) -> None:
        """See :class:`Storage`."""
        with self._lock:
            self._spill()
            self._opening, self._opening_size = [], 0

    def opened(self, *, described: bool) -> None:
        """See :class:`Storage`."""
        with self._lock:
            if described and self._opening is not None:
                self._described, self._opening = self._opening, None
            self._spill()

    def failed(self) -> None:
        """See :class:`Storage`."""
        now = ambient.monotonic()
        with self._lock:
            busy = self._writer is not None and self._writer.is_alive()
            self._due = busy or now < self._written + PAUSE
            if not self._due:
                self._written = now
                # Not a daemon: the interpreter waits for it.
                self._writer = threading.Thread(target=self._write, args=(self._blocks(),), name="n6link recorder")
                self._writer.start()

    def close(self) -> None:
        """See :class:`Storage`."""
        if self._due:
            self._written = float("-inf")
            if self._writer:
                self._writer.join()
            self.failed()
        if self._writer:
            self._writer.join()

    def _keep(self, entry: _Entry) -> None:
        self._newest.append(entry)
        self._size += entry[2]
        while self._size > self._limit:
            self._size -= self._newest.popleft()[2]

    def _spill(self) -> None:
        opening, self._opening = self._opening, None
        for entry in opening or ():
            self._keep(entry)

    def _blocks(self) -> list[bytes]:
        parts, last = [self._head], 0
        for number, block, _ in sorted((*self._described, *self._newest, *(self._opening or ()))):
            if number > last + 1:
                parts += self._gap(number - last - 1)
            parts += block
            last = number
        return parts

    def _write(self, parts: list[bytes]) -> None:
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            new.write_bytes(b"".join(parts))
            new.replace(self._path)
        except OSError as error:
            _logger.warning("the recording %s cannot be written: %s", self._path, error.strerror or error)
