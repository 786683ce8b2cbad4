"""Allocates the input slots of a device.

Waiting inferences are served in this order: larger priority; then the network that was served longest ago, so that networks share
the NPU equally for any number of waiting frames; then in order of arrival.

If a device has three or more slots, the last free one is reserved for work with a larger priority than all work in the other slots:
the input of an urgent inference is then uploaded while others compute, and it is the next on the NPU. With two slots, none is
reserved, because two slots are required to upload and compute at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio


@dataclass(slots=True, eq=False)
class _Waiter:
    priority: int
    network: int
    slot: int | None = None
    ready: anyio.Event | None = None


class SlotPool:
    """See the top of this module."""

    def __init__(self, count: int) -> None:
        self._free = list(range(count))
        self._kept = 1 if count > 2 else 0
        self._held: dict[int, int] = {}
        """priority by slot"""
        self._waiting: list[_Waiter] = []
        self._turns = 0
        self._served: dict[int, int] = {}
        """sequence number of its last allocation, by network"""

    async def acquire(self, priority: int = 0, network: int = 0) -> int:
        """A slot for the caller, until it is released."""
        waiter = _Waiter(priority, network)
        self._waiting.append(waiter)
        self._deal()
        if waiter.slot is not None:
            return waiter.slot
        waiter.ready = anyio.Event()
        try:
            await waiter.ready.wait()
        except BaseException:
            # Cancelled at the moment of the allocation: the slot would be lost.
            if waiter.slot is None:
                self._waiting.remove(waiter)
            else:
                self.release(waiter.slot)
            raise
        assert waiter.slot is not None
        return waiter.slot

    def release(self, slot: int) -> None:
        """Frees a slot; the next waiting inference gets it."""
        del self._held[slot]
        self._free.append(slot)
        self._deal()

    def _deal(self) -> None:
        while self._free and self._waiting:
            first = min(self._waiting, key=lambda waiter: (-waiter.priority, self._served.get(waiter.network, 0)))
            if len(self._free) <= self._kept and first.priority <= max(self._held.values(), default=-1):
                return
            self._waiting.remove(first)
            self._turns += 1
            self._served[first.network] = self._turns
            first.slot = self._free.pop(0)
            self._held[first.slot] = first.priority
            if first.ready:
                first.ready.set()
