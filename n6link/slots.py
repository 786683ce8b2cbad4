"""The input slots of a device, which the host deals out."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import anyio


@dataclass(order=True, slots=True)
class _Waiter:
    rank: tuple[int, int]
    ready: anyio.Event = field(compare=False)
    slot: int | None = field(default=None, compare=False)


class SlotPool:
    """Slots for those who wait, larger priority first, then in order."""

    def __init__(self, count: int) -> None:
        self._free = list(range(count))
        self._waiting: list[_Waiter] = []
        self._arrivals = 0

    async def acquire(self, priority: int = 0) -> int:
        """A slot that belongs to the caller until it is released."""
        if self._free and not self._waiting:
            return self._free.pop(0)
        self._arrivals += 1
        waiter = _Waiter((-priority, self._arrivals), anyio.Event())
        heapq.heappush(self._waiting, waiter)
        try:
            await waiter.ready.wait()
        except BaseException:
            if waiter.slot is not None:
                self.release(waiter.slot)
            else:
                self._waiting.remove(waiter)
                heapq.heapify(self._waiting)
            raise
        assert waiter.slot is not None
        return waiter.slot

    def release(self, slot: int) -> None:
        """Gives a slot to the next in order."""
        if self._waiting:
            waiter = heapq.heappop(self._waiting)
            waiter.slot = slot
            waiter.ready.set()
        else:
            self._free.append(slot)
