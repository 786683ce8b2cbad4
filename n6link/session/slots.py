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
    ready: anyio.Event
    slot: int | None = None


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
        # If it may have one now, it is before all that wait: these may not.
        if self._allows(priority):
            return self._give(priority, network)
        waiter = _Waiter(priority, network, anyio.Event())
        self._waiting.append(waiter)
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
        while self._waiting:
            first = min(self._waiting, key=lambda waiter: (-waiter.priority, self._served.get(waiter.network, 0)))
            if not self._allows(first.priority):
                return
            self._waiting.remove(first)
            first.slot = self._give(first.priority, first.network)
            first.ready.set()

    def _allows(self, priority: int) -> bool:
        """Whether there is a slot for work of this priority."""
        free = len(self._free)
        return free > self._kept or (free > 0 and priority > max(self._held.values(), default=-1))

    def _give(self, priority: int, network: int) -> int:
        self._turns += 1
        self._served[network] = self._turns
        slot = self._free.pop(0)
        self._held[slot] = priority
        return slot
