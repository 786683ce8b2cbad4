"""The option --mcap: what a command does with its boards, in a file for the tools of robotics."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from n6link.cli.boards import Boards
from n6link.device import N6Device
from n6link.errors import N6Error, RecordingError
from n6link.pool.pool import N6Pool
from n6link.result import Result
from n6link.session.info import DeviceInfo
from n6link.session.state import AWAY, State
from n6link.session.subscription import LogRecord

if TYPE_CHECKING:
    from n6link.robotics.mcap_file import McapFile


class Recording:
    """Records results, and what boards report; without a path, nothing.

    The topics of one board begin with ``/n6link/NETWORK``, those of a pool with ``/n6link/BOARD/NETWORK``, where BOARD is the board's unique
    id, with a number if several boards have the same id.

    Args:
        path: of the file, which is created when boards are open.
        threshold: keypoints with a smaller score are not drawn.
    """

    def __init__(self, path: Path | None, threshold: float = 0.25) -> None:
        self._path = path
        self._threshold = threshold
        self._file: McapFile | None = None
        self._pool: N6Pool | None = None
        self._tasks: TaskGroup | None = None
        self._devices: dict[int, N6Device] = {}
        """by their position in the pool"""
        self._names: dict[int, str] = {}
        self._gave: dict[tuple[str, int], int] = {}
        """boards by :func:`_start`"""
        self._aside: dict[int, int] = {}

    @property
    def opened(self) -> Callable[[int, N6Device], None] | None:
        """For :func:`n6link.cli.boards.connect_all`; None = nothing is recorded."""
        return self._opened if self._path else None

    @asynccontextmanager
    async def of(self, boards: Boards) -> AsyncGenerator[None]:
        """A block in which open boards are recorded; the file is complete at its end, also after an error or Ctrl-C.

        Raises:
            RecordingError: the file cannot be written.
            MissingExtra: the package mcap is not installed.
        """
        if self._path is None:
            yield
            return
        from n6link.robotics import McapFile

        self._pool = boards if isinstance(boards, N6Pool) else None
        with McapFile(self._path) as self._file:
            try:
                async with anyio.create_task_group() as self._tasks:
                    for number, device in self._devices.items():
                        self._tasks.start_soon(self._follow, number, device)
                    yield
                    self._note_reasons()
                    self._tasks.cancel_scope.cancel()
            finally:
                self._tasks = self._file = None

    async def add(self, picture: object, result: Result, meaning: object) -> None:
        """Adds a result, and its picture; None = it is not a picture.

        Raises:
            RecordingError: the file cannot be written.
        """
        if file := self._file:
            self._note_reasons()
            root = self._root(self._number(result))
            await anyio.to_thread.run_sync(
                lambda: file.add(result, meaning, picture=picture, threshold=self._threshold, root=root)
            )

    def _opened(self, number: int, device: N6Device) -> None:
        self._devices[number] = device
        self._gave[_start(device.info)] = number
        if number not in self._names:
            name = device.info.unique_id or "board"
            same = sum(taken == name or taken.startswith(f"{name}_") for taken in self._names.values())
            self._names[number] = f"{name}_{same + 1}" if same else name
        if self._tasks:
            self._tasks.start_soon(self._follow, number, device)

    async def _follow(self, number: int, device: N6Device) -> None:
        from n6link.robotics import follow

        assert self._file
        if device.state is State.OPEN or device.state in AWAY:
            try:
                await follow(device, self._file, root=self._root(number))
            except* RecordingError:
                raise
            except* N6Error:
                pass  # the pool has closed the board

    def _root(self, number: int) -> str:
        """The beginning of a board's topics."""
        from n6link.robotics.mcap_file import ROOT
        from n6link.robotics.messages import topic_name

        return f"{ROOT}/{topic_name(self._names[number])}" if self._pool else ROOT

    def _number(self, result: Result) -> int:
        """The board that gave a result. Virtual boards have the same id, and every board another nonce after a restart."""
        for number, device in self._devices.items():
            if device.state is State.OPEN:
                self._gave[_start(device.info)] = number
        wanted = _start(result.network.device)
        if wanted in self._gave:
            return self._gave[wanted]
        return next(number for (unique_id, _), number in self._gave.items() if unique_id == wanted[0])

    def _note_reasons(self) -> None:
        """Adds why boards were set aside."""
        for number, board in enumerate(self._pool.boards if self._pool else ()):
            if board.aside > self._aside.get(number, 0) and number in self._names:
                assert self._file
                self._aside[number] = board.aside
                line = LogRecord(logging.WARNING, f"the board is set aside: {board.reason}", None)
                self._file.add_log(line, root=self._root(number))


def _start(device: DeviceInfo) -> tuple[str, int]:
    """Identifies a board since one start."""
    return device.unique_id, device.boot_nonce
