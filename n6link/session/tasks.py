"""Background work that ends with the block that started it."""

from __future__ import annotations

from types import TracebackType

import anyio
from anyio.abc import TaskGroup


class Background:
    """A task group that ends with its block, whose own exceptions it leaves as they are."""

    async def __aenter__(self) -> TaskGroup:
        self._group = anyio.create_task_group()
        return await self._group.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)
