"""A series of inputs through all boards of a pool; see :meth:`n6link.pool.network.PoolNetwork.map`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Self

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from n6link import ambient
from n6link.control import source as source_
from n6link.control.source import Source
from n6link.errors import BadInput, LocalProtocolError, N6Error, TransportError
from n6link.result import Frame, Result, Run
from n6link.session.lifecycle import Lifecycle
from n6link.session.tasks import Background
from n6link.tensors.inputs import Data

_ENDS: Final = (TransportError, LocalProtocolError)
"""no board is left, or the pool was closed"""


@dataclass(slots=True, eq=False)
class _Entry:
    """An input that was read; it is done when it has a result or an error."""

    sequence: int
    captured: float
    result: Result | None = None
    error: Exception | None = None


class Map(Lifecycle):
    """Created by :meth:`PoolNetwork.map`: an async context manager (or opened and closed), and the async iterator of the results.

    Every input is read once, and each gives one result or one error. The source is not read further while ``window`` inputs are in
    work or wait for the consumer: memory is bounded, and a consumer that is too slow stops the source.

    Args:
        run: runs the network on one input.
        inputs: as the source of :meth:`n6link.Network.stream`.
        ordered: results in the order of the inputs; else as they are completed.
        window: maximum number of inputs in work, and of results that wait.
    """

    def __init__(self, run: Run, inputs: Source, *, ordered: bool, window: int) -> None:
        if window < 1:
            raise BadInput(f"window={window} must be 1 or more")
        source_.check(inputs)
        self._run = run
        self._inputs = inputs
        self._ordered = ordered
        self._window = window
        self._begun: deque[_Entry] = deque()
        """ordered: in order of the inputs; else in order of completion"""
        self._open = 0
        """inputs in work"""
        self._read = 0
        self._ended = False
        self._failure: Exception | None = None
        self._background: Background | None = None
        self._tasks: TaskGroup
        self._room: anyio.Semaphore
        self._feeding: anyio.CancelScope
        self._changed: anyio.Event

    async def open(self) -> Self:
        """Begins to read inputs.

        Raises:
            LocalProtocolError: it was open before.
        """
        if self._background:
            raise LocalProtocolError("a map can be opened only once; call PoolNetwork.map again")
        self._background = Background(self._lose)
        self._room, self._feeding, self._changed = anyio.Semaphore(self._window), anyio.CancelScope(), anyio.Event()
        self._tasks = await self._background.__aenter__()
        self._tasks.start_soon(self._feed)
        return self

    async def aclose(self) -> None:
        """Ends it: stops the work on the boards, and drops what was not delivered. Closing again does nothing.

        Raises:
            LocalProtocolError: it was opened in another event loop that still runs.
        """
        if self._background:
            self._background.check_home("this map")
            self._ended = True
            await self._background.__aexit__(None, None, None)
            self._begun.clear()
            self._open = 0
            self._change()

    async def _feed(self) -> None:
        with self._feeding:
            try:
                await source_.read(self._inputs, self._take)
            except Exception as error:  # noqa: BLE001  an error of the source is raised by the iteration
                self._failure = self._failure or error
        self._ended = True
        self._change()

    async def _take(self, data: Data, captured: float) -> None:
        await self._room.acquire()
        entry = _Entry(self._read, captured)
        self._read += 1
        self._open += 1
        if self._ordered:
            self._begun.append(entry)
        self._tasks.start_soon(self._work, entry, data)

    async def _work(self, entry: _Entry, data: Data) -> None:
        try:
            entry.result = await self._run(data, captured=entry.captured)
        except Exception as error:  # noqa: BLE001  raised by the iteration
            entry.error = error
            if isinstance(error, N6Error):
                error.add_note(f"input {entry.sequence} of the map")
            if isinstance(error, _ENDS):
                self._lose(error)
        self._open -= 1
        if not self._ordered:
            self._begun.append(entry)
        self._change()

    def _lose(self, error: Exception) -> None:
        """No board is left: the map ends with this error, after the results that are ready."""
        self._failure = self._failure or error
        self._feeding.cancel()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        """The next result; its ``frame.sequence`` is the number of the input, from 0.

        Raises:
            BadInput: an input cannot be used; its number is in the notes of the exception. The iteration may go on.
            N6Error: an inference failed, on two boards or on the only one. The iteration may go on.
            NoDeviceError: no board could be used for too long; the map ends.
            Exception: an error of the source; the map ends.
        """
        if not self._background:
            raise LocalProtocolError("the map was not entered; use: async with net.map(...) as results")
        while True:
            entry = self._begun[0] if self._begun else None
            if entry and (entry.result or entry.error):
                self._begun.popleft()
                self._room.release()
                if entry.error is None and entry.result:
                    return _delivered(entry, entry.result)
                if entry.error and not isinstance(entry.error, _ENDS):
                    raise entry.error
            elif self._open or not self._ended:
                # On asyncio, anyio cancels only tasks whose wait is not over yet; see control/stream.py.
                await anyio.lowlevel.checkpoint_if_cancelled()
                await self._changed.wait()
            elif self._failure:
                error, self._failure = self._failure, None
                raise error
            else:
                raise StopAsyncIteration


def _delivered(entry: _Entry, result: Result) -> Result:
    age = ambient.monotonic() - entry.captured
    result.frame = Frame(entry.sequence, entry.captured, age, range(0))
    return result
