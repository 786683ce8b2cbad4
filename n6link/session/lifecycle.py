"""What is opened and closed: by methods, or by an ``async with`` block; by any task, in any order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Lifecycle(ABC):
    """Has ``open()`` and ``aclose()``, and so an ``async with`` block.

    The task that closes need not be the one that opened: fixtures, exit stacks, generators, start-up and shut-down handlers and the cells of
    a notebook may share one. No cancel scope is held in between.
    """

    @abstractmethod
    async def open(self) -> Self:
        """Opens it, and returns it."""

    @abstractmethod
    async def aclose(self) -> None:
        """Closes it. Closing again does nothing."""

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
