"""Background work that is independent of the caller's tasks.

The task group runs in a separate task: a task of the event loop with asyncio, a system task with trio. One task may therefore start
it and another task may end it, and its cancel scopes do not include code of the caller. A cancel scope that is entered in one task
and left in another would cancel the wrong task.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from types import TracebackType

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from n6link.errors import LocalProtocolError


class Background:
    """A task group that one task may enter and another task may leave; leaving it cancels its tasks.

    Args:
        crashed: called if a task raises an exception. This is a bug and ends all tasks: it must wake the callers that wait for them.

    Attributes:
        over: whether all tasks have ended; also if the event loop has ended.
    """

    def __init__(self, crashed: Callable[[Exception], None]) -> None:
        self._crashed = crashed
        self._group = anyio.create_task_group()
        self.over = False
        self._ready, self._ended = anyio.Event(), anyio.Event()
        self._error: BaseException | None = None
        self._host: object = None
        self._home: object = None

    async def __aenter__(self) -> TaskGroup:
        self._host = _spawn(self._run)
        self._home = anyio.lowlevel.current_token()
        try:
            await self._ready.wait()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self._group

    def check_home(self, what: str) -> None:
        """Checks that the tasks run in the present event loop, or have ended.

        Raises:
            LocalProtocolError: they run in another event loop; ``what`` is the name of their owner.
        """
        if not self.over and self._home != anyio.lowlevel.current_token():
            raise LocalProtocolError(f"{what} was opened in another event loop that still runs; close it there")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the tasks.

        Raises:
            Exception: the exception of a task, which is a bug: tasks handle expected errors.
        """
        if self.over:
            if self._error:
                raise self._error
            return
        with anyio.CancelScope(shield=True):
            await self._ready.wait()
            self._group.cancel_scope.cancel()
            await self._ended.wait()
        if self._error:
            raise self._error

    async def _run(self) -> None:
        try:
            async with self._group:
                self._ready.set()
                await anyio.sleep_forever()
        except Exception as error:  # noqa: BLE001  raised again by __aexit__(); a system task of trio must not raise
            self._error = error
            self._crashed(error)
        finally:
            self.over = True
            self._ready.set()
            self._ended.set()


def _spawn(function: Callable[[], Coroutine[object, object, None]]) -> object:
    """Starts a task without a parent, in a copy of this context."""
    if "trio" in sys.modules:
        import trio.lowlevel

        if trio.lowlevel.in_trio_task():
            return trio.lowlevel.spawn_system_task(function, name="n6link", context=copy_context())
    return asyncio.get_running_loop().create_task(function(), name="n6link", context=copy_context())
