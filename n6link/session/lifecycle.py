"""Base class of objects that are opened and closed: by methods, or by an ``async with`` block; by any task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Lifecycle(ABC):
    """An ``async with`` block from ``open()`` and ``aclose()``.

    One task may open the object and another task may close it, such as in fixtures, exit stacks, generators, start-up and shut-down
    handlers, and the cells of a notebook: no cancel scope is active in between.
    """

    @abstractmethod
    async def open(self) -> Self:
        """Opens it, and returns it."""

    @abstractmethod
    async def aclose(self) -> None:
        """Closes it. A second call does nothing."""

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
